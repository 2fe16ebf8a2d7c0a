"""A thread that does one thing after another, and that can keep nobody from ending: a dead file server may hold it for ever."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

Result = TypeVar("Result")


class LastingThread:
    """Does what it is given, in order. One thread for all of its life: none is needed when threads have run out.

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
