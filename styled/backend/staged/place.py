"""An attempt's folder: what is laid out for a node, and what the node writes. Both sides read this; a node loads no more.

======================  ============================================  ============================
file                    what                                          written by
======================  ============================================  ============================
``<job>/``              a job's folder as ``evolution/`` has it       the bridge, then the worker
``order.json``          what to run                                   the bridge, last of all
``messages.jsonl``      what the worker sends                         the worker
``heartbeat.json``      that the node lives                           ``attempt``
``end.json``            how the worker ended                          ``attempt``, once
``engine.log``          what the scheduler or ``attempt`` printed     the scheduler
``taken``               how much of the log was brought over          the bridge
======================  ============================================  ============================
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import msgspec

from styled.job_folder import JobFolder

HEARTBEAT_S = 5.0
"""Between two heartbeats of a node."""


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """What a node is to do."""

    job: str
    """The job's id, and the name of its folder beside the order."""
    worker: str
    """Module to run."""
    versions: dict[str, str]
    """Of styled and the libraries that decide the pixels, as the daemon has them."""


class Heartbeat(msgspec.Struct, frozen=True, kw_only=True):
    """That an attempt lives. Its content changes with each one: no two clocks are compared."""

    beats: int
    cpu_seconds: float
    """Used by the worker."""


class End(msgspec.Struct, frozen=True, kw_only=True):
    """How a worker ended."""

    returncode: int
    """As ``subprocess`` has it: negative for a signal."""
    signalled: bool
    """The attempt was sent SIGTERM and passed it on."""
    killed_by_kernel: bool
    host: str
    unfit: str = ""
    """Why this node can paint nothing for this daemon: another version; empty if it can."""


@dataclass(frozen=True, slots=True)
class Place:
    """The paths of one attempt."""

    path: Path
    job: str

    @property
    def folder(self) -> JobFolder:
        """Where the worker paints."""
        return JobFolder(self.path / self.job)

    @property
    def order(self) -> Path:
        """What to run."""
        return self.path / "order.json"

    @property
    def messages(self) -> Path:
        """What the worker sends."""
        return self.path / "messages.jsonl"

    @property
    def heartbeat(self) -> Path:
        """That the node lives."""
        return self.path / "heartbeat.json"

    @property
    def end(self) -> Path:
        """How the worker ended."""
        return self.path / "end.json"

    @property
    def taken(self) -> Path:
        """How much of the worker's log was brought over; the bridge's own."""
        return self.path / "taken"

    @property
    def log(self) -> Path:
        """What the scheduler, or the attempt, printed."""
        return self.path / "engine.log"


def is_missing(path: Path) -> bool:
    """Return whether a path is surely not there: an error of a file server is no answer."""
    try:
        path.stat()
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return False


def foreign_versions(order: Order, here: dict[str, str]) -> str:
    """Return what of this node is another version than the daemon's, or an empty text.

    styled must be the same; of the libraries the first two numbers.
    """
    for name, wanted in order.versions.items():
        found = here.get(name)
        if found is None or found == wanted:
            continue  # TensorFlow may be installed under another name
        if name == "styled" or (name == "tensorflow" and found.split(".")[:2] != wanted.split(".")[:2]):
            return f"{name} {found} is installed there, and {wanted} where the daemon runs"
    return ""
