"""What the live page shows, read from the store, the daemon and the job folders. Nothing is written."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

import msgspec

from styled.daemon.control.seen import DaemonSeen, see_daemon
from styled.errors import StyledError
from styled.evolution import JobFolder, frames, read_losses
from styled.gallery.page import relative_url
from styled.job import ENDED, Job, JobState
from styled.messages import Progress
from styled.root import Root
from styled.store.reader import StoreReader
from styled.store.status import DaemonStatus
from styled.web.files import GALLERY

RUNNING_MOST = 8
QUEUE_MOST = 50
"""Waiting and paused jobs that are listed."""
RESULTS_MOST = 24
FAILED_MOST = 10

_LOSSES_MOST = 5000
"""Steps of a job in memory: a million of them would be half a gigabyte."""

_EVOLUTION = "evolution"


class Picture(NamedTuple):
    """A picture of a job for the page."""

    url: str
    """Relative to the page."""
    words: str
    """What it shows: ``step 120``."""


class Running(NamedTuple):
    """A job that is being painted."""

    job: Job
    losses: list[Progress]
    picture: Picture | None

    @property
    def last(self) -> Progress | None:
        """The last step painted."""
        return self.losses[-1] if self.losses else None


class Result(NamedTuple):
    """A job that is done."""

    job: Job
    url: str
    """Of the gallery where that has the job already, else of the picture."""
    picture: Picture | None


@dataclass(frozen=True, kw_only=True)
class Seen:
    """All that the page shows at one moment."""

    daemon: DaemonSeen
    status: DaemonStatus | None
    counts: dict[JobState, int] = field(default_factory=dict)
    running: list[Running] = field(default_factory=list)
    queue: list[Job] = field(default_factory=list)
    queue_count: int = 0
    failed: list[Job] = field(default_factory=list)
    results: list[Result] = field(default_factory=list)
    has_gallery: bool = False
    trouble: str = ""
    """Why the queue cannot be read."""


class Look:
    """Looks at a root; keeps the losses that it has read. For one thread.

    Args:
        root: whose queue.
        see: asks the daemon how it is.
    """

    def __init__(
        self,
        root: Root,
        *,
        see: Callable[[Root, DaemonStatus | None], tuple[DaemonSeen, DaemonStatus | None]] = see_daemon,
    ) -> None:
        self._root, self._see = root, see
        self._reader = StoreReader.open(root)
        self._losses: dict[str, _Losses] = {}
        self._frames: dict[str, _Frames] = {}

    def close(self) -> None:
        """Let go of the store."""
        self._reader.close()

    def __call__(self) -> Seen:
        """Look once."""
        try:
            left = self._reader.status()
            counts = self._reader.counts()
            running = self._reader.jobs([JobState.RUNNING], order="queue", limit=RUNNING_MOST)
            queue = self._reader.jobs([JobState.WAITING, JobState.PAUSED], order="queue", limit=QUEUE_MOST)
            done = self._reader.jobs([JobState.DONE], order="queue", limit=RESULTS_MOST)
            failed = self._reader.jobs(ENDED - {JobState.DONE}, order="queue", limit=FAILED_MOST)
        except StyledError as error:
            daemon, status = self._see(self._root, None)
            return Seen(daemon=daemon, status=status, trouble=str(error))
        daemon, status = self._see(self._root, left)
        self._losses = {job.id: self._losses.get(job.id, _Losses()) for job in running}
        self._frames = {job.id: self._frames.get(job.id, _Frames()) for job in running}
        evolution = self._root.evolution
        written_at = _changed_at(evolution / GALLERY)
        return Seen(
            daemon=daemon,
            status=status,
            counts=counts,
            running=[self._running(evolution, job) for job in running],
            queue=queue,
            queue_count=counts[JobState.WAITING] + counts[JobState.PAUSED],
            failed=failed,
            results=[_result(evolution, job, written_at) for job in done],
            has_gallery=written_at > 0,
        )

    def _running(self, evolution: Path, job: Job) -> Running:
        folder = JobFolder(evolution / job.id)
        try:
            newest = self._frames[job.id].newest(folder)
            losses = self._losses[job.id].read(folder)
        except OSError:  # the folder went away, or its disk: the row is there all the same
            return Running(job, [], None)
        picture = None
        if newest:
            step, path = newest
            picture = Picture(_url(job, "frames", path.name, at=_changed_at(path)), f"step {step}")
        return Running(job, losses, picture)


class _Frames:
    """The frames of one job, listed anew when their folder has changed."""

    def __init__(self) -> None:
        self._changed: int | None = None
        self._newest: tuple[int, Path] | None = None

    def newest(self, folder: JobFolder) -> tuple[int, Path] | None:
        """Return step and path of the newest; None if there is none: a cluster's job has no folder before the first."""
        try:
            changed = folder.frames.stat().st_mtime_ns
        except FileNotFoundError:
            self._changed = self._newest = None
            return None
        if changed != self._changed:
            found = frames(folder)
            self._changed, self._newest = changed, found[-1] if found else None
        return self._newest


class _Losses:
    """The losses of one job, read on from where the last look ended."""

    def __init__(self) -> None:
        self._found: list[Progress] = []
        self._offset = 0

    def read(self, folder: JobFolder) -> list[Progress]:
        while True:
            part = read_losses(folder, self._offset)
            self._found = [] if part.restarted else self._found
            self._found += [msgspec.structs.replace(each, layers=None) for each in part.losses]
            self._offset = part.offset
            if len(self._found) > _LOSSES_MOST:  # a plot of 120 columns needs no more of what is long ago
                half = len(self._found) // 2
                self._found = self._found[:half:2] + self._found[half:]
            if not part.losses:
                return self._found


def _result(evolution: Path, job: Job, written_at: float) -> Result:
    folder = JobFolder(evolution / job.id)
    url = _url(job, folder.result.name)
    if job.finished_at is not None and written_at > job.finished_at:
        url = f"{relative_url([_EVOLUTION, GALLERY])}#{quote(job.id, safe='')}"
    thumbnail = folder.views / "thumbnail.webp"
    for path in (thumbnail, folder.result, folder.timelapse):
        changed_at = _changed_at(path)
        if changed_at and path.suffix != ".tif":  # which no browser shows
            parts = path.relative_to(folder.path).parts
            return Result(job, url, Picture(_url(job, *parts, at=changed_at), "the result"))
    return Result(job, url, None)


def _url(job: Job, *names: str, at: float = 0.0) -> str:
    """Return the relative URL of a file of a job; ``at`` makes another one of it when the file has changed."""
    return relative_url([_EVOLUTION, job.id, *names]) + (f"?{int(at * 1000)}" if at else "")


def _changed_at(path: Path) -> float:
    """Return when a file changed, Unix seconds; 0 if it is not there or cannot be looked at."""
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0
