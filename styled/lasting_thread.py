"""Threads beside the daemon's loop: one that does one thing after another, and sorting that keeps nobody waiting."""

from __future__ import annotations

import heapq
import queue
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from itertools import islice
from typing import Any, TypeVar

Result = TypeVar("Result")

_PART = 2000
"""Sorted at once: a millisecond or two."""


class LastingThread:
    """Does what it is given, in order. One thread for all of its life: none is needed when threads have run out.

    It keeps nobody from ending: a dead file server may hold it for ever.

    Not a ``ThreadPoolExecutor``, whose threads are waited for when the program ends.

    Args:
        name: of the thread.
    """

    def __init__(self, name: str) -> None:
        self._tasks: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._began: float | None = None
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def submit(self, do: Callable[[], Result]) -> Future[Result]:
        """Have ``do`` called in the thread."""
        future: Future[Result] = Future()

        def run() -> None:
            try:
                result = do()
            except BaseException as error:  # noqa: BLE001  # raised again where the result is fetched
                future.set_exception(error)
            else:
                future.set_result(result)

        self._tasks.put(run)
        return future

    @property
    def at_it_s(self) -> float:
        """For how many seconds it has been at what it does now; 0 if it does nothing."""
        began = self._began
        return 0.0 if began is None else time.monotonic() - began

    @property
    def is_idle(self) -> bool:
        """Whether nothing more is to be done after what it does now."""
        return self._tasks.empty()

    def close(self, until: float) -> None:
        """End it after what it was given; wait for that until ``until``, monotonic seconds, at most."""
        self._tasks.put(None)
        self._thread.join(max(0.0, until - time.monotonic()))

    def _run(self) -> None:
        while (task := self._tasks.get()) is not None:
            self._began = time.monotonic()
            task()
            self._began = None


def gradually_sorted(entries: Iterable[tuple[Any, ...]]) -> Iterator[tuple[Any, ...]]:
    """Give tuples in order, as ``sorted`` does, in steps between which the interpreter can serve other threads.

    ``sorted`` of 150,000 names keeps the daemon's loop waiting for a good part of a second.
    """
    rest = iter(entries)
    parts = []
    while part := sorted(islice(rest, _PART)):
        parts.append(part)
    return heapq.merge(*parts)
