"""What a cluster's scheduler is asked for: to start a command on some node, to say how it is, to stop it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from styled.backend.staged.place import Place


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

    settles_s: float
    """From when a command has ended until all that it wrote is seen here, how it ended too: file servers are late."""

    def submit(
        self, name: str, module: str, folder: Path, *, avoid: frozenset[str] = frozenset(), only: str = ""
    ) -> str:
        """Have ``python -m module FOLDER`` run on some node, once; return its handle.

        Args:
            name: of the attempt; letters, digits and dashes.
            module: of styled, as the node has it installed.
            folder: in the spool; the node's twin of it where no disk is shared. ``engine.log`` in it gets what is printed.
            avoid: nodes that are not to run it.
            only: the one node that may.

        Raises:
            BackendRefuses: the scheduler does not take it, or does not answer.
        """

    def bring(self, place: Place) -> None:
        """Where no disk is shared, carry an attempt's files: to its node, then back what it paints.

        A bounded part in each call; files before the messages that tell of them, and how it ended last of all.

        Raises:
            BackendRefuses: the node does not take them.
            DataDamaged: the node sent what it may not.
            StorageRefuses: this machine's disk does not take it.
        """

    def nodes_to_choose_from(self) -> Sequence[str]:
        """Return the nodes that one may choose from by name; none where that is the scheduler's alone.

        Raises:
            BackendAway: the scheduler does not answer.
        """

    def close(self) -> None:
        """Let go of the scheduler; all commands go on."""

    def look(self) -> dict[str, Seen]:
        """Return the commands of this root by their name; those that ended a while ago may be missing.

        Raises:
            BackendAway: the scheduler does not answer.
            BackendRefuses: it is not safe to use.
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
