"""The seam between the queue and whatever paints: what a back end is given, and what it reports."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
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


@dataclass(frozen=True, slots=True)
class Task:
    """One attempt at one job."""

    id: str
    folder: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    """Added to the worker's: the GPU it may use, the threads it may start."""


@dataclass(frozen=True, slots=True)
class Report:
    """Something that a worker said, or that it has ended; after ``Ended`` nothing more comes of that job."""

    id: str
    what: WorkerMessage | Ended


@dataclass(frozen=True, slots=True)
class Process:
    """The process that paints a job, so that a later daemon can recognise it."""

    pid: int
    started_at: float
    """Unix seconds; a pid alone is used again."""


class Runner(Protocol):
    """Paints jobs somewhere. A back end need only run each task at least once: the checkpoints do the rest."""

    def submit(self, task: Task) -> Process | None:
        """Start a task; None if it does not run as a process of this machine.

        Raises:
            OSError: it could not be started.
        """

    def poll(self) -> list[Report]:
        """Return what happened since the last call, without waiting. Each task ends in exactly one ``Ended``."""

    def stop(self, job: str, grace_s: float) -> None:
        """Ask a job's worker to write its checkpoint and end, and kill it after ``grace_s`` seconds.

        A second call can only shorten the time. A job that does not run is passed over.
        """

    def progress(self, job: str) -> Progress | None:
        """Return the latest progress of a running job."""

    def running(self) -> frozenset[str]:
        """Return the jobs whose ``Ended`` was not yet returned."""

    def wake_after(self) -> float | None:
        """Return in how many seconds :meth:`poll` has to be called though nobody speaks, None for no need."""
