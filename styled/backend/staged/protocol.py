"""What the daemon and its bridge say to each other: one JSON object a line, orders in, notices out."""

from __future__ import annotations

from pathlib import Path

import msgspec

from styled.backend.runner import Attempt, Ended, Placed, Queued, Task
from styled.config import BackendConfig
from styled.messages import WorkerMessage


class Handed(msgspec.Struct, frozen=True, kw_only=True):
    """An attempt as plain values."""

    job: str
    folder: str
    number: int
    attempt: str
    wanted: bool = True

    @classmethod
    def of(cls, attempt: Attempt) -> Handed:
        """Return an attempt as it is sent."""
        task = attempt.task
        return cls(
            job=task.id, folder=str(task.folder), number=task.number, attempt=task.attempt, wanted=attempt.wanted
        )

    def taken(self) -> Attempt:
        """Return it as it was."""
        return Attempt(Task(self.job, Path(self.folder), self.number, attempt=self.attempt), "", wanted=self.wanted)


class Open(msgspec.Struct, frozen=True, kw_only=True, tag="open", tag_field="order"):
    """The first order: what to use, and what an earlier daemon or bridge has left."""

    config: BackendConfig
    prefix: str
    worker: str
    stall_s: float
    attempts: tuple[Handed, ...]
    ended: tuple[Handed, ...] = ()
    """Attempts whose end was told, and is not yet noted."""


class Submit(msgspec.Struct, frozen=True, kw_only=True, tag="submit", tag_field="order"):
    """Paint this."""

    attempt: Handed


class Stop(msgspec.Struct, frozen=True, kw_only=True, tag="stop", tag_field="order"):
    """Paint this no more."""

    job: str
    grace_s: float


class Acknowledge(msgspec.Struct, frozen=True, kw_only=True, tag="acknowledge", tag_field="order"):
    """It is noted how this attempt ended: no later daemon asks for it."""

    attempt: Handed


class Notice(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One thing that the bridge tells; with none of the fields: that it lives."""

    job: str = ""
    message: WorkerMessage | None = None
    """Of the job's worker, as are progress and the others below."""
    progress: WorkerMessage | None = None
    queued: Queued | None = None
    placed: Placed | None = None
    ended: Ended | None = None
    trouble: str | None = None
    """Of the scheduler or the spool; empty when it is over."""
    crash: str = ""
    """The bridge ends: an error that nobody foresaw."""


Order = Open | Submit | Stop | Acknowledge
