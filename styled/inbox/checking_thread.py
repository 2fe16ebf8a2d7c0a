"""The thread that prepares pairs, so that a large or hostile image never holds up the daemon's loop."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from pathlib import Path

import structlog

from styled import images
from styled.config import InboxConfig
from styled.inbox.checking import CheckResult, NotYet, PairChecker, Task


class CheckingThread:
    """Checks pairs in a thread of its own.

    Args:
        inbox: the inbox.
        config: the limits.
        weights: the setting, for pairs that have none of their own.
        wake: called from the thread when there is a verdict; must return at once.
    """

    def __init__(self, inbox: Path, config: InboxConfig, *, weights: str, wake: Callable[[], None]) -> None:
        self._inbox = inbox
        self._config = config
        self._weights = weights
        self._wake = wake
        self._tasks: queue.SimpleQueue[Task | None] = queue.SimpleQueue()
        self._verdicts: queue.SimpleQueue[CheckResult] = queue.SimpleQueue()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="styled-preparer", daemon=True)
        self._thread.start()

    def submit(self, task: Task) -> None:
        """Have a pair judged; a verdict follows."""
        self._tasks.put(task)

    def verdict(self) -> CheckResult | None:
        """Return the next verdict; None if none is ready."""
        try:
            return self._verdicts.get_nowait()
        except queue.Empty:
            return None

    def close(self) -> None:
        """End the thread after the pair it is at. A claim in progress is not here and not affected."""
        self._closing.set()
        self._tasks.put(None)
        self._thread.join(timeout=5.0)

    def _run(self) -> None:
        checker = images.Checker(max_bytes=self._config.max_bytes, max_pixels=self._config.max_pixels)
        with checker:
            judge = PairChecker(self._inbox, self._config, checker, self._weights)
            while (task := self._tasks.get()) is not None and not self._closing.is_set():
                self._verdicts.put(self._judge(judge, task))
                self._wake()

    @staticmethod
    def _judge(judge: PairChecker, task: Task) -> CheckResult:
        try:
            return judge.judge(task)
        except Exception as error:  # noqa: BLE001  # logged with its traceback
            # One pair must not end the intake of all others: it is shown as waiting, and tried again later.
            structlog.get_logger("inbox").exception("a pair could not be judged", pair=task.pair.name)
            return NotYet(task, task.pair.content, f"a look at the log: {type(error).__name__}")
