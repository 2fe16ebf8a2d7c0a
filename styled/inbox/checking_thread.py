"""The threads that check pairs, so that a large or hostile image holds up neither the daemon's loop nor other pairs.

Each pair is first checked in the quick one, where an image may take :data:`QUICK_S`; a pair with an image that takes
longer goes on in the slow one. So a picture that takes minutes is waited for by its like, and by others for seconds.
"""

from __future__ import annotations

import queue
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import structlog

from styled import images
from styled.config import InboxConfig
from styled.errors import SlowImage
from styled.images.checking import SECONDS
from styled.inbox.checking import CheckResult, NotYet, PairChecker, Task
from styled.lasting_thread import LastingThread

QUICK_S = 3.0
"""In which an image is decoded unless it is huge: a JPEG of 24 Mpx takes a third of a second, a PNG of 250 Mpx ten."""

QUICK_BYTES = 200_000_000
"""Pairs with larger files begin in the slow thread: reading them takes seconds too."""

HANGS_S = 300.0
"""After which a pair that is being checked is trouble: longer than the longest image, and than two gigabytes take."""


class _Lane:
    def __init__(self, name: str, inbox: Path, config: InboxConfig, weights: str, seconds: float) -> None:
        self.thread = LastingThread(name)
        self.checker = images.Checker(max_bytes=config.max_bytes, max_pixels=config.max_pixels, seconds=seconds)
        self.pairs = PairChecker(inbox, config, self.checker, weights)
        self._stack = ExitStack()
        self._stack.enter_context(self.checker)

    def close(self, until: float) -> None:
        self.thread.submit(self._stack.close)
        self.thread.close(until)


class CheckingThreads:
    """Checks pairs in threads of its own.

    Args:
        inbox: the inbox.
        config: the limits.
        weights: the setting, for pairs that have none of their own.
        wake: called from a thread when there is a verdict; must return at once.
    """

    def __init__(self, inbox: Path, config: InboxConfig, *, weights: str, wake: Callable[[], None]) -> None:
        self._wake = wake
        self._verdicts: queue.SimpleQueue[CheckResult] = queue.SimpleQueue()
        self._closing = False
        self._quick = _Lane("styled-preparer", inbox, config, weights, QUICK_S)
        self._slow = _Lane("styled-slow-preparer", inbox, config, weights, SECONDS)

    def submit(self, task: Task) -> None:
        """Have a pair checked; a verdict follows."""
        large = any(signature.size > QUICK_BYTES for signature in task.signatures.values())
        lane, run = (self._slow, self._run_slow) if large else (self._quick, self._run_quick)
        lane.thread.submit(partial(run, task))

    def verdict(self) -> CheckResult | None:
        """Return the next verdict; None if none is ready."""
        try:
            return self._verdicts.get_nowait()
        except queue.Empty:
            return None

    @property
    def hangs(self) -> bool:
        """Whether a pair has been checked for longer than any takes."""
        return max(self._quick.thread.at_it_s, self._slow.thread.at_it_s) > HANGS_S

    def close(self, until: float) -> None:
        """End the threads after the pairs they are at, or at ``until``, monotonic seconds: nothing depends on their verdict."""
        self._closing = True
        self._quick.close(until)
        self._slow.close(until)

    def _run_quick(self, task: Task) -> None:
        try:
            self._check(self._quick.pairs, task)
        except SlowImage:
            self._slow.thread.submit(partial(self._run_slow, task))

    def _run_slow(self, task: Task) -> None:
        self._check(self._slow.pairs, task)
        if self._slow.thread.is_idle:
            self._slow.checker.close()  # 30 MB that are seldom needed

    def _check(self, pairs: PairChecker, task: Task) -> None:
        if self._closing:
            return
        try:
            verdict = pairs.check(task, is_patient=pairs is self._slow.pairs)
        except SlowImage:
            raise
        except Exception as error:  # noqa: BLE001  # logged with its traceback
            # One pair must not end the intake of all others: it is shown as waiting, and tried again later.
            structlog.get_logger("inbox").exception("a pair could not be checked", pair=task.pair.name)
            verdict = NotYet(task, task.pair.content, f"a look at the log: {type(error).__name__}")
        self._verdicts.put(verdict)
        self._wake()
