from __future__ import annotations

import signal
from collections.abc import Iterator
from types import FrameType

import pytest

from styled import signals


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in (signal.SIGUSR1, signal.SIGUSR2)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def test_what_is_ignored_stays_ignored_and_all_else_is_handled() -> None:
    seen: list[int] = []

    def note(number: int, _frame: FrameType | None) -> None:
        seen.append(number)

    signal.signal(signal.SIGUSR1, signal.SIG_IGN)
    signals.handle((signal.SIGUSR1, signal.SIGUSR2), note)
    signal.raise_signal(signal.SIGUSR1)
    signal.raise_signal(signal.SIGUSR2)
    assert seen == [signal.SIGUSR2]
