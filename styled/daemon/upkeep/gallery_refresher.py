"""Keeps ``evolution/index.html`` up to date: has it written again, in a child process, after jobs have ended.

Until a writing has ended well the page counts as behind. What is due is kept nowhere: the next daemon begins with a writing.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterable
from typing import IO

import structlog

from styled.backend import launch
from styled.children import clean_search_path, ends_within
from styled.config import GalleryConfig
from styled.job import ENDED
from styled.root import Root
from styled.store.records import Event

SETTLE_S = 1.0
"""Jobs that end within this time share one writing."""
SHARE = 0.05
"""Of the time at most that the page is being written: the more results, the rarer."""
LONGEST_PAUSE_S = 3600.0
LIMIT_S = 1800.0
"""A writing that takes longer hangs, on a dead disk say, and is ended."""
RETRY_S = 60.0
"""After a failure, or while the disk is full; after each further failure twice as long, up to :data:`LONGEST_PAUSE_S`."""

_KILLED_S = 2.0
"""That closing waits for a writing that was killed."""

_LAST_WORDS = 500
"""Bytes of what a failed writing said that go to the log."""


class GalleryRefresher:
    """Writes the gallery after jobs have ended or were removed. Failures are logged, and what failed is tried again.

    Args:
        root: whose results.
        config: ``[gallery]``.
        is_stale: whether the page may be behind already: the last daemon may have stopped before it was written.
        may_write: whether the disk has room.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        root: Root,
        config: GalleryConfig,
        *,
        is_stale: bool = False,
        may_write: Callable[[], bool] = lambda: True,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._config = config
        self._root = root
        self._may_write = may_write
        self._clock = clock
        self._stale = is_stale
        self._failures = 0
        """In succession."""
        self._due_at = clock() + SETTLE_S
        self._began_at = 0.0
        self._process: subprocess.Popen[bytes] | None = None
        self._is_killed = False
        self._words: IO[bytes] | None = None
        self._log = structlog.get_logger("gallery")

    def reconfigure(self, config: GalleryConfig) -> None:
        """Go on by another configuration."""
        self._config = config

    def note(self, events: Iterable[Event]) -> None:
        """Take note of what happened to the queue."""
        ended = {str(state) for state in ENDED}
        if not self._stale and any(event.kind == "removed" or event.after in ended for event in events):
            self._stale = True
            self._due_at = max(self._due_at, self._clock() + SETTLE_S)

    def turn(self) -> None:
        """Collect a writing that has ended, or end one that hangs; start one when it is time."""
        now = self._clock()
        if self._process is not None:
            if self._process.poll() is None and now - self._began_at >= LIMIT_S and not self._is_killed:
                self._log.warning("writing the gallery took too long and is ended", pid=self._process.pid)
                self._is_killed = True
                self._process.kill()
            # It may live on for as long as a disk hangs; until then another one would only hang beside it.
            if self._process.poll() is not None:
                self._collect(self._process.returncode)
        elif self._config.auto and self._stale and now >= self._due_at:
            if self._may_write():
                self._start()
            else:
                self._due_at = now + RETRY_S

    def wake_after(self) -> float | None:
        """Return in how many seconds :meth:`turn` is due; the end of a writing wakes the loop by itself."""
        if self._is_killed:
            return None
        if self._process is not None:
            return max(0.0, self._began_at + LIMIT_S - self._clock())
        if self._config.auto and self._stale:
            return max(0.0, self._due_at - self._clock())
        return None

    def close(self) -> None:
        """End a writing in progress: the page is replaced whole or not at all."""
        if self._process is not None:
            self._process.kill()
            if not ends_within(self._process, _KILLED_S):
                self._log.warning("the writing of the gallery was killed and does not end", pid=self._process.pid)
            self._process = None
        if self._words is not None:
            self._words.close()
            self._words = None

    def _start(self) -> None:
        self._stale = self._is_killed = False
        self._began_at = self._clock()
        command = launch.command("styled", "gallery", "--root", str(self._root.path), nice=19)
        try:
            self._words = tempfile.TemporaryFile(dir=self._root.state)  # noqa: SIM115  # closed when the process has ended
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=self._words,
                cwd=self._root.path,
                env=clean_search_path(os.environ),
                start_new_session=True,
            )
        except OSError as error:
            self._log.warning("the gallery could not be written", error=str(error))
            self._try_again()

    def _collect(self, code: int) -> None:
        took = self._clock() - self._began_at
        self._due_at = self._clock() + min(LONGEST_PAUSE_S, took * (1.0 / SHARE - 1.0))
        if code != 0:
            self._try_again()
            self._log.warning("the gallery could not be written", exit_code=code, said=self._last_words())
        else:
            self._failures = 0
            self._log.debug("the gallery was written", seconds=round(took, 1))
        self._process = None
        self._is_killed = False
        self.close()

    def _try_again(self) -> None:
        self._stale = True
        pause = min(LONGEST_PAUSE_S, RETRY_S * 2.0 ** min(self._failures, 30))
        self._failures += 1
        self._due_at = max(self._due_at, self._clock() + pause)

    def _last_words(self) -> str:
        if self._words is None:
            return ""
        size = self._words.seek(0, os.SEEK_END)
        self._words.seek(max(0, size - _LAST_WORDS))
        return self._words.read().decode(errors="replace").strip()
