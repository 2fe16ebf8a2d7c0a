"""A database that is older than the job folders: ``.styled/`` was restored from a backup, and ``evolution/`` is newer.

The store is written before ``job.json``, and reports each second or two. So a job that ended, by its ``job.json``, after
all that the database knows of has ended after that copy was made. To paint it again would destroy what was painted.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from styled.errors import JobFileDamaged
from styled.evolution.job_file import JobFile, read_job_file
from styled.job import ENDED, Job, JobState
from styled.job_folder import JobFolder
from styled.store.adoption import job_fields
from styled.store.status import DaemonStatus

_AGE = "age_to_check"
"""Under which the store keeps its age until ``evolution/`` has been compared with it."""


class Age(NamedTuple):
    """What a database knew of when it was opened."""

    beat: float
    """The last report of a daemon, Unix seconds."""
    event: int
    """The number of the newest event."""


class Jobs(Protocol):
    """The part of the store that this module uses: :class:`styled.store.store.Store`."""

    age: Age | None

    def meta(self, key: str) -> str | None:
        """Return the value kept under a key."""

    def set_meta(self, key: str, value: str) -> None:
        """Keep a value under a key."""

    def status(self) -> DaemonStatus | None:
        """Return what the daemon last said about itself."""

    def last_event(self) -> int:
        """Return the number of the newest event."""

    def jobs(self, states: Iterable[JobState]) -> list[Job]:
        """Return the jobs in those states."""

    def noted_at(self, job_id: str, until: int | None = None) -> float:
        """Return when the newest event of a job was noted, of those up to a number."""

    def batch(self) -> AbstractContextManager[None]:
        """Make the changes inside one transaction."""

    def replace(self, job: Job, state: JobState, **changes: Any) -> None:
        """Have a job as its folder has it."""


def age_of(store: Jobs) -> Age | None:
    """Return the age of a store that was just opened; None if no daemon ever reported.

    It is kept until :func:`note_checked`: where ``evolution/`` is mounted late, this daemon and the next ones report and
    note events meanwhile, and the copy would look new.
    """
    if kept := store.meta(_AGE):
        beat, event = kept.split()
        return Age(float(beat), int(event))
    last = store.status()
    if last is None:
        return None
    age = Age(last.beat_at, store.last_event())
    store.set_meta(_AGE, f"{age.beat!r} {age.event}")
    return age


def note_checked(store: Jobs) -> None:
    """Note that ``evolution/`` was there, and was compared."""
    if store.meta(_AGE):
        store.set_meta(_AGE, "")


def take_ended(store: Jobs, evolution: Path, jobs: Iterable[Job] | None = None, *, is_first: bool = False) -> list[str]:
    """Take those jobs from their folders that ended after the database was last written.

    Args:
        store: has them; opened by no daemon since, or what it has done since is noted in it.
        evolution: where their folders are.
        jobs: as the store has them; by default all that have not ended there.
        is_first: ``evolution/`` was never there since the store's age was taken: what was noted since is no reason.

    Returns:
        what was taken, for the log.
    """
    if jobs is None:
        jobs = store.jobs([state for state in JobState if state not in ENDED])
    until = store.age.event if is_first and store.age else None
    found = [(job, file) for job in jobs if (file := _ended_later(job, evolution, store, until)) is not None]
    if not found:
        return []
    with store.batch():
        for job, file in found:
            fields = job_fields(file)
            del fields["id"], fields["state"]
            store.replace(job, file.state, **fields, attempts=0, not_before=0.0, handle="", node="")
    return [
        f"job {job.number:04d} ({job.name}) was {job.state} in the database, and has ended since ({file.state}):"
        " the database is an older copy, and the job is taken from its folder"
        for job, file in found
    ]


def _ended_later(job: Job, evolution: Path, store: Jobs, until: int | None) -> JobFile | None:
    """Return the ``job.json`` of a job that ended after the database was last written; None if that is not proved."""
    if store.age is None:
        return None
    try:
        file = read_job_file(JobFolder(evolution / job.id))
    except JobFileDamaged:
        return None  # missing, damaged or of a newer styled: whoever needs it says so
    ended = file.finished_at
    if file.id != job.id or file.state not in ENDED or ended is None or ended <= store.age.beat:
        return None
    # A daemon that was killed before its next report, or whose clock was set back, has noted more: that the user queued
    # the job again, say. And an end is as late as the start at least: see Store.move.
    return file if ended > max(store.noted_at(job.id, until), job.started_at or 0.0) else None
