"""Workers of this machine that outlived their daemon."""

from __future__ import annotations

import contextlib
import signal
import time
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import psutil
import structlog

from styled.backend.runner import Attempt, Ended, Queued, Report
from styled.children import kill_group

_LOOK_S = 0.02
"""Between two looks at a process that is no child of ours, and so cannot be waited for."""

_PATIENCE_S = 10.0
"""That workers have to write a checkpoint."""

_KILLED_S = 10.0
"""From SIGKILL until a process is taken for one that cannot be ended."""

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


class Orphans:
    """The workers of this machine that an earlier daemon has left.

    They are ended. One that the kernel does not end, because it waits for a GPU's driver or a disk that hangs, holds its
    job until it is gone: nobody else may write into that folder. It holds no other job.
    """

    def __init__(self) -> None:
        self._left: dict[str, psutil.Process] = {}
        """By job: those that cannot be ended."""
        self._untold: set[str] = set()
        self._log = structlog.get_logger("runner")

    def end(self, attempts: Sequence[Attempt]) -> frozenset[str]:
        """End the workers of this machine among the attempts of an earlier daemon, all at once, with their groups.

        They were stopped by the end of their daemon and may be writing a checkpoint: they are given some seconds for
        that. A process that merely has the same pid is left alone.

        Returns:
            the jobs whose worker cannot be ended.
        """
        found = {attempt.task.id: orphan for attempt in attempts if (orphan := _orphan(attempt.handle)) is not None}
        for orphan in found.values():
            with contextlib.suppress(psutil.NoSuchProcess, psutil.AccessDenied):
                orphan.terminate()
        stubborn = _left_after(_PATIENCE_S, found)
        for orphan in stubborn.values():
            kill_group(orphan.pid)
        self._left = _left_after(_KILLED_S, stubborn)
        self._untold = set(self._left)
        for job, orphan in found.items():
            if job in self._left:
                self._log.error("a worker that outlived its daemon cannot be ended", job=job, pid=orphan.pid)
            else:
                self._log.warning("ended a worker that outlived its daemon", job=job, pid=orphan.pid)
        return self.jobs

    @property
    def jobs(self) -> frozenset[str]:
        """The jobs whose worker could not be ended."""
        return frozenset(self._left)

    @property
    def trouble(self) -> str:
        """What cannot be ended, one line; empty if nothing is left."""
        return next((unending(job, orphan.pid) for job, orphan in self._left.items()), "")

    def poll(self) -> list[Report]:
        """Return why a job does not run, once, and its end when its worker is gone."""
        reports = []
        for job, orphan in list(self._left.items()):
            if _has_ended(orphan):
                del self._left[job]
                self._log.info("a worker that could not be ended is gone", job=job, pid=orphan.pid)
                reports.append(Report(job, Ended(-signal.SIGKILL, asked_to_stop=True)))
            elif job in self._untold:
                reports.append(Report(job, Queued(f"process {orphan.pid} of an earlier daemon cannot be ended")))
            self._untold.discard(job)
        return reports

    def let_go(self) -> None:
        """Forget them: the next daemon finds them by their handles."""
        self._left.clear()


def unending(job: str, pid: int) -> str:
    """Return what is said of a worker that SIGKILL does not end."""
    return f"process {pid}, the worker of {job}, cannot be ended: does a GPU or a disk hang?"


def _orphan(handle: str) -> psutil.Process | None:
    """Return the process that a handle means, if it is of this machine and lives."""
    process = Process.of(handle)
    if process is None:
        return None
    try:
        orphan = psutil.Process(process.pid)
        is_same = abs(orphan.create_time() - process.started_at) <= 1.0
    except psutil.NoSuchProcess:
        return None
    return orphan if is_same and not _has_ended(orphan) else None


def _left_after(seconds: float, processes: Mapping[str, psutil.Process]) -> dict[str, psutil.Process]:
    """Return which of some processes have not ended after so long."""
    left = dict(processes)
    until = time.monotonic() + seconds
    while left := {job: process for job, process in left.items() if not _has_ended(process)}:
        if time.monotonic() >= until:
            break
        time.sleep(_LOOK_S)
    return left


def _has_ended(process: psutil.Process) -> bool:
    """Return whether a process has ended. A zombie has: not every container has somebody who collects it."""
    try:
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True
