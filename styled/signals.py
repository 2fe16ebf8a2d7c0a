"""Handlers of signals that leave alone what whoever started this program has it ignore."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterable
from types import FrameType


def handle(numbers: Iterable[signal.Signals], handler: Callable[[int, FrameType | None], object]) -> None:
    """Install a handler for those of the signals that are not ignored: under nohup a program outlives its terminal."""
    for number in numbers:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, handler)
