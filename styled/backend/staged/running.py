"""One attempt that is followed: what is known of it, and what ends it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from styled.backend.heard import Heard
from styled.backend.runner import Report, Task
from styled.backend.staged.mirror import Mirror
from styled.backend.staged.place import Place, is_missing
from styled.errors import BackendRefuses, DataDamaged, JobFileDamaged, StyledError
from styled.files.decoding import read_file
from styled.files.printable import one_line

_MOST_LOG = 2**20

MOST_REASON = 300
"""Characters of what a node printed that are shown."""


@dataclass(slots=True, eq=False)
class Running:
    """An attempt, and what is known of it."""

    task: Task
    name: str
    place: Place
    began_at: float
    """When it was submitted or taken over."""
    handle: str = ""
    mirror: Mirror | None = None
    reported: str = ""
    """The reason or the node that was reported last."""
    node: str = ""
    heard: Heard = field(default_factory=Heard)
    asked: bool = False
    overdue: bool = False
    """Its time to stop is over."""
    obeyed: bool = False
    """The scheduler has been given the wish to stop."""
    stalled: bool = False
    garbled: bool = False
    """That its worker wrote something that is no message was reported."""
    kill_at: float | None = None
    gone_at: float | None = None
    """Since when the scheduler knows it no more, or as ended."""
    moves: int = 0
    """How often another node was taken, the one before being unfit."""
    beats: int = 0
    beat_at: float = 0.0
    heard_at: float = 0.0
    cpu_seconds: float = 0.0
    refused: StyledError | None = None
    """Why it could not be begun, or not be gone on with."""
    reports: list[Report] = field(default_factory=list)


def lasting(error: StyledError | OSError, folder: Path) -> StyledError | None:
    """Return why an attempt can never be followed any more, None for what may pass.

    Args:
        error: that following it gave.
        folder: the job's; one whose ``evolution/`` is away may come back.
    """
    if isinstance(error, DataDamaged | BackendRefuses):
        return error
    if is_missing(folder) and not is_missing(folder.parent):
        return JobFileDamaged(f"{folder} is gone", "Drop the pair again as a new job.")
    if isinstance(error, JobFileDamaged) and not isinstance(error.__cause__, OSError):
        return error
    return None


def could_not_begin(running: Running) -> BackendRefuses:
    """Return what a node printed instead of running the attempt."""
    try:
        said = read_file(running.place.log, most=_MOST_LOG).decode(errors="replace").strip().splitlines()
    except (OSError, DataDamaged):
        said = []
    last = one_line(said[-1], MOST_REASON) if said else "it printed nothing"
    where = running.node or "a node"
    return BackendRefuses(f"{where} could not run it: {last}", "Is [backend] python the same program on all nodes?")
