"""What a cluster's scheduler is asked for: to start a command on some node, to say how it is, to stop it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Protocol


class Phase(StrEnum):
    """Where a command is."""

    QUEUED = "queued"
    RUNNING = "running"
    ENDED = "ended"


class Outcome(StrEnum):
    """How a command ended, as far as the scheduler knows; the attempt itself knows better if it came so far."""

    UNKNOWN = "unknown"
    FAILED = "failed"
    """It could not be started, or ended without a word."""
    LOST = "lost"
    """Its node is gone, or was taken from it."""
    TIMED_OUT = "timed-out"
    OUT_OF_MEMORY = "out-of-memory"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class Seen:
    """What the scheduler says of one command."""

    handle: str
    phase: Phase
    node: str = ""
    reason: str = ""
    """Why it is queued, in the scheduler's word."""
    outcome: Outcome = Outcome.UNKNOWN


class Engine(Protocol):
    """A scheduler. Its methods may take seconds: they are called by the bridge, never by the daemon."""

    name: str
    """As people write it: ``Slurm``."""

    def submit(self, name: str, command: Sequence[str], log: Path) -> str:
        """Have a command run on some node, once; return its handle.

        Args:
            name: of the attempt; letters, digits and dashes.
            command: the program, by its absolute path, and its arguments.
            log: gets what it prints.

        Raises:
            BackendRefuses: the scheduler does not take it, or does not answer.
        """

    def look(self) -> dict[str, Seen]:
        """Return the commands of this root by their name; those that ended a while ago may be missing.

        Raises:
            BackendAway: the scheduler does not answer.
        """

    def last_outcome(self, handle: str) -> Outcome:
        """Return how a command ended that :meth:`look` no longer returns; UNKNOWN if nobody knows."""

    def ask(self, handle: str) -> None:
        """Send the command SIGTERM where it runs; one that is queued is taken out of the queue.

        Raises:
            BackendAway: the scheduler does not answer.
        """

    def kill(self, handle: str) -> None:
        """End the command and all it has started, at once.

        Raises:
            BackendAway: the scheduler does not answer.
        """
