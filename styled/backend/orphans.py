"""Workers of this machine that outlived their daemon."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import NamedTuple

import psutil
import structlog

from styled.backend.runner import Attempt
from styled.children import kill_group

_LOOK_S = 0.02
"""Between two looks at a process that is no child of ours, and so cannot be waited for."""

_HANDLE = "local"
"""What the handles of this back end begin with."""


class Process(NamedTuple):
    """The process that paints a job, so that a later daemon can recognise it."""

    pid: int
    started_at: float
    """Unix seconds; a pid alone is used again."""

    @property
    def handle(self) -> str:
        """The process as a text."""
        return f"{_HANDLE}:{self.pid}:{self.started_at:.3f}"

    @classmethod
    def running_as(cls, pid: int) -> Process:
        """Return the process that has a pid now."""
        try:
            return cls(pid, psutil.Process(pid).create_time())
        except psutil.Error:
            return cls(pid, 0.0)

    @classmethod
    def of(cls, handle: str) -> Process | None:
        """Return the process that a handle means; None if it is that of another back end, or damaged."""
        kind, _, rest = handle.partition(":")
        pid, _, started_at = rest.partition(":")
        try:
            process = cls(int(pid), float(started_at))
        except ValueError:
            return None
        return process if kind == _HANDLE and process.pid > 0 else None


def end_orphans(attempts: Sequence[Attempt]) -> None:
    """End the workers of this machine among the attempts of an earlier daemon."""
    for attempt in attempts:
        process = Process.of(attempt.handle)
        if process is not None and end_orphan(process):
            log = structlog.get_logger("runner")
            log.warning("ended a worker that outlived its daemon", job=attempt.task.id, pid=process.pid)


def end_orphan(process: Process, *, patience_s: float = 10.0) -> bool:
    """End a worker that outlived its daemon, with its whole group; return whether there was one.

    Such a worker was stopped by the end of its daemon and may be writing its checkpoint: it is given
    ``patience_s`` seconds for that. A process that merely has the same pid is left alone.

    Raises:
        psutil.TimeoutExpired: it cannot even be killed.
    """
    try:
        orphan = psutil.Process(process.pid)
        if abs(orphan.create_time() - process.started_at) > 1.0 or orphan.status() == psutil.STATUS_ZOMBIE:
            return False
        orphan.terminate()
    except psutil.NoSuchProcess:
        return False
    if not _ends_within(orphan, patience_s):
        kill_group(process.pid)
        if not _ends_within(orphan, patience_s):
            raise psutil.TimeoutExpired(patience_s, process.pid)
    return True


def _ends_within(process: psutil.Process, seconds: float) -> bool:
    """Return whether a process ends in time. A zombie has ended: not every container has somebody who collects it."""
    until = time.monotonic() + seconds
    while True:
        try:
            if not process.is_running() or process.status() == psutil.STATUS_ZOMBIE:
                return True
        except psutil.NoSuchProcess:
            return True
        if time.monotonic() >= until:
            return False
        time.sleep(_LOOK_S)
