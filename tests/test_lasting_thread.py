from __future__ import annotations

import threading
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from styled import lasting_thread
from styled.lasting_thread import LastingThread, gradually_sorted
from tests.deadlines import patience, wait_until


@given(st.lists(st.tuples(st.integers(), st.text(max_size=3))))
def test_sorting_in_steps_gives_what_sorting_at_once_does(entries: list[tuple[int, str]]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lasting_thread, "_PART", 3)
        assert list(gradually_sorted(entries)) == sorted(entries)


def test_what_is_given_is_done_in_order_and_an_error_ends_nothing() -> None:
    thread = LastingThread("test")
    first, broken, last = (thread.submit(do) for do in (lambda: 1, lambda: 1 // 0, lambda: 3))
    assert last.result(patience(10)) == 3
    assert first.result() == 1
    assert isinstance(broken.exception(), ZeroDivisionError)
    thread.close(time.monotonic() + patience(10))


def test_what_takes_for_ever_is_seen_and_is_not_waited_for() -> None:
    thread, answer = LastingThread("test"), threading.Event()
    thread.submit(lambda: answer.wait(patience(60)))
    wait_until(lambda: thread.at_it_s > 0.0)
    assert thread.is_idle  # nothing more is to be done
    began = time.monotonic()
    thread.close(began + 0.05)
    assert time.monotonic() - began < patience(5)
    answer.set()
    wait_until(lambda: thread.at_it_s == 0.0)
