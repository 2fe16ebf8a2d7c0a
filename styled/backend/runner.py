"""The seam between the queue and whatever paints: what a back end is given, and what it reports.

Nothing above this seam knows where a job runs. A back end is a class with the methods of :class:`Runner`; all of them
pass the same tests (``tests/backend/contract``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from styled.messages import Failure, Progress, Result, WorkerMessage


@dataclass(frozen=True, slots=True)
class Ended:
    """The facts about a worker that has ended."""

    returncode: int
    """As ``subprocess`` has it: negative for a signal."""
    result: Result | None = None
    failure: Failure | None = None
    asked_to_stop: bool = False
    stalled: bool = False
    """It gave no sign of life and was ended for it."""
    killed_by_kernel: bool = False
    """The kernel's count of processes killed for memory rose while it ran."""
    progressed: bool = False
    """It wrote a checkpoint beyond the step it started from."""
    began: bool = True
    """It said that it has started: what it needs of this machine was there."""
    lost: str = ""
    """What was lost with it, and so how it ended is not known: a node's name; empty if it is known."""
    stopped_by: str = ""
    """What stopped it though the queue did not ask: its time limit, say; empty if nothing did."""
    elsewhere: bool = False
    """It painted on another disk than the daemon's: what that one refused is none of this one's troubles."""


@dataclass(frozen=True, slots=True)
class Queued:
    """The back end has taken a job and does not run it yet."""

    reason: str
    """Why, one printable line: ``in Slurm: Priority``."""


@dataclass(frozen=True, slots=True)
class Placed:
    """A job runs on a machine other than the daemon's."""

    node: str


@dataclass(frozen=True, slots=True)
class Task:
    """One attempt at one job."""

    id: str
    folder: Path
    number: int = 0
    """The job's."""
    is_delicate: bool = False
    """Its worker must have painted nothing before: it has a limit on memory, or an earlier attempt failed."""
    attempt: str = ""
    """Token of this attempt, ``[0-9a-f]+``; no other attempt ever has it."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """An attempt that an earlier daemon has submitted, as far as is known."""

    task: Task
    handle: str
    """What :meth:`Runner.submit` returned; empty if that daemon died before it could note it."""
    wanted: bool
    """Whether the job is still to be painted; if not, it was paused or cancelled."""


@dataclass(frozen=True, slots=True)
class Report:
    """Something that a worker said, or that happened to it; after ``Ended`` nothing more comes of that attempt."""

    id: str
    what: WorkerMessage | Queued | Placed | Ended


class Runner(Protocol):
    """Paints jobs somewhere. A back end need only run each task at least once: the checkpoints do the rest."""

    def capacity(self) -> int:
        """Return how many tasks may be given to it at once."""

    @property
    def trouble(self) -> str:
        """Why the back end cannot be reached now, one line; empty if it can. It is tried again by itself."""

    def attach(self, attempts: Sequence[Attempt]) -> frozenset[str]:
        """Take over what an earlier daemon has left; called once, before anything else.

        Attempts that run on are the runner's from then on, as if it had submitted them; those not wanted are stopped.
        All others have no worker any more when this returns.

        Returns:
            the jobs whose attempt runs on, as far as is known: each of them ends in one ``Ended`` too.
        """

    def prepare(self) -> None:
        """Make ready what a job will need, if that takes long: one is likely to come soon. Nothing may come of it."""

    def submit(self, task: Task) -> str:
        """Start a task; return what a later daemon can find it by, or an empty text where its name is enough.

        Raises:
            OSError: it could not be started.
        """

    def poll(self) -> list[Report]:
        """Return what happened since the last call, without waiting. Each task ends in exactly one ``Ended``."""

    def stop(self, job: str, grace_s: float) -> None:
        """Ask a job's worker to write its checkpoint and end, and kill it after ``grace_s`` seconds.

        A second call can only shorten the time. A job that does not run is passed over.
        """

    def detach(self, grace_s: float, /) -> None:
        """Prepare for the daemon's end: what cannot run on without it is stopped, all else runs on, and is let go of."""

    def progress(self, job: str) -> Progress | None:
        """Return the latest progress of a running job."""

    def running(self) -> frozenset[str]:
        """Return the jobs whose ``Ended`` was not yet returned."""

    def held(self) -> frozenset[str]:
        """Return which of :meth:`running` have a worker that cannot be ended: for days perhaps, nobody knows."""

    def wake_after(self) -> float | None:
        """Return in how many seconds :meth:`poll` has to be called though nobody speaks, None for no need."""

    def close(self) -> None:
        """Let go of everything; what was stopped has ended by then, or runs on."""
