"""Keeps each part of the daemon going: an error in one is logged, shown and tried again later, and the rest goes on."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

import structlog

from styled.errors import StorageRefuses, StyledError
from styled.files.printable import escaped
from styled.store.status import PartTrouble

RETRY_S = 1.0
"""Before something is tried again that stopped for a reason which may pass: a full disk, a locked database."""

BACKOFF_S = (1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 60.0)
"""Before a part is tried again that failed in another way; the last one repeats."""

FORGET_S = 60.0
"""A part that has worked for so long is as good as one that never failed."""

_LONGEST = 300
"""Characters of an error that are shown; the log has all of it."""


class Part(StrEnum):
    """The parts, by the words that users read."""

    ROOT = "root"
    SOCKET = "socket"
    DISPATCH = "dispatch"
    INTAKE = "intake"
    HOOKS = "hooks"
    GALLERY = "gallery"
    RETENTION = "retention"
    RECORDS = "records"
    STATUS = "status"
    EVENTS = "events"
    CONFIGURATION = "configuration"
    LOG = "log"


@dataclass(slots=True)
class _Failing:
    words: str
    since: float
    """Unix seconds."""
    failures: int = 0
    retry_at: float = 0.0
    """By the supervisor's clock."""
    works_since: float | None = None
    """By the supervisor's clock; None while it does not work."""


class Supervisor:
    """Does the parts' work, and keeps what they raise from everybody else.

    Args:
        refused: called with the reason when a disk does not take what a part writes: it is full, say.
        clock: monotonic seconds.
        wall: Unix seconds.
    """

    def __init__(
        self,
        *,
        refused: Callable[[str], object] = lambda _: None,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._refused = refused
        self._clock = clock
        self._wall = wall
        self._failing: dict[Part, _Failing] = {}
        self._watched: dict[Part, Callable[[], str]] = {}
        self._said: dict[Part, tuple[str, float]] = {}
        self._log = structlog.get_logger("daemon")

    def turn(self, part: Part, work: Callable[[], object]) -> bool:
        """Do a part's work, unless the part waits after an error; return whether it was done."""
        if self.waits(part):
            return False
        try:
            work()
        except Exception as error:  # noqa: BLE001  # this is the place that keeps the daemon alive; it is logged and shown
            self.failed(part, error)
            return False
        self._worked(part)
        return True

    def failed(self, part: Part, error: Exception) -> None:
        """Take note of an error of a part: log it, show it, and have the part wait for a while."""
        known = self._failing.get(part)
        words = _words(error)
        if known is None or known.works_since is not None:
            failures, logged = (known.failures, known.words) if known else (0, "")
            known = self._failing[part] = _Failing(logged, self._wall(), failures)
        passing = isinstance(error, StyledError) and error.may_pass
        wait = RETRY_S if passing else BACKOFF_S[min(known.failures, len(BACKOFF_S) - 1)]
        known.retry_at = self._clock() + wait
        if isinstance(error, StorageRefuses):
            self._refused(error.message)
        elif words != known.words and passing:
            self._log.error(f"{part} has to wait; it is tried again", reason=str(error))
        elif words != known.words:
            self._log.error(f"{part} failed; it is tried again, and all else goes on", seconds=wait, exc_info=error)
        if not passing:
            known.failures += 1
        known.words = words

    def waits(self, part: Part) -> bool:
        """Return whether a part is not to be called now."""
        return self.fails(part) and self._clock() < self._failing[part].retry_at

    def fails(self, part: Part) -> bool:
        """Return whether a part raised when it was called last."""
        failing = self._failing.get(part)
        return failing is not None and failing.works_since is None

    @property
    def any_waits(self) -> bool:
        """Whether what woke the loop may belong to a part that is not called now, so that it would wake it for ever."""
        return any(self.waits(part) for part in self._failing)

    def wake_after(self, part: Part, wanted: float | None) -> float | None:
        """Return in how many seconds a part is to be called.

        Args:
            part: which.
            wanted: what it asks for itself, None for nothing.
        """
        failing = self._failing.get(part)
        if failing is None or failing.works_since is not None:
            return wanted
        return max(0.0, failing.retry_at - self._clock())

    def hasten(self) -> None:
        """End all waits: something was changed that may help, or there is no time to wait."""
        for failing in self._failing.values():
            failing.retry_at = self._clock()
            failing.failures = 0

    def watch(self, part: Part, trouble: Callable[[], str]) -> None:
        """Let a part report what is wrong while it goes on as well as it can; ``trouble`` gives one line or none."""
        self._watched[part] = trouble

    def troubles(self) -> list[PartTrouble]:
        """Return the parts that do not work, or not as they should, the longest first."""
        wall, now = self._wall(), self._clock()
        found = [
            PartTrouble(part=part, trouble=it.words, since=it.since, retry_at=wall + max(0.0, it.retry_at - now))
            for part, it in self._failing.items()
            if it.works_since is None
        ]
        for part, trouble in self._watched.items():
            words = trouble()
            said, since = self._said.get(part, ("", 0.0))
            self._said[part] = (words, since if said else wall)
            if words:
                found.append(PartTrouble(part=part, trouble=words, since=self._said[part][1]))
        return sorted(found, key=lambda trouble: trouble.since)

    def _worked(self, part: Part) -> None:
        failing = self._failing.get(part)
        if failing is None:
            return
        if failing.works_since is None:
            failing.works_since = self._clock()
            self._log.info(f"{part} works again", part=part)
        elif self._clock() - failing.works_since >= FORGET_S:
            del self._failing[part]


def _words(error: Exception) -> str:
    """Return an error in one printable line: ours as they are, others with their class."""
    text = str(error) if isinstance(error, StyledError) else f"{type(error).__name__}: {error}".removesuffix(": ")
    return escaped(" ".join(text.split()))[:_LONGEST]
