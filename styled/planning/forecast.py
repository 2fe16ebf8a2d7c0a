"""When the waiting jobs will be done: what this machine's last jobs took, as many at once as the daemon paints.

Figures of daily work and no promise: another program, or a job of another kind, changes them; they follow within a job.
"""

from __future__ import annotations

import heapq
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from styled import evolution, images
from styled.errors import DoesNotFit, ImageError, SettingsError
from styled.evolution import JobFolder
from styled.job import Job, JobState
from styled.messages import Progress
from styled.planning import lessons, speeds
from styled.planning.lessons import Lesson
from styled.planning.plan import of_sizes
from styled.planning.speeds import Speeds
from styled.root import Root
from styled.settings import Settings, settings_from, whole_values
from styled.sizing.scales import content_size
from styled.store.reader import StoreReader

EVERY_S = 5.0
"""Between two forecasts, unless the queue changed."""

_FORESEEN = 200
"""Waiting jobs looked at one by one; those behind them are taken to be like these."""
_RECENT = 8
"""Jobs learned from."""
_UNKNOWN_SHAPE = (3, 2)
"""Of a content whose header cannot be read."""


class Forecast(NamedTuple):
    """When jobs end."""

    left: dict[str, float]
    """Seconds until each waiting job is done, by id; without those that cannot be foreseen."""
    all_done: float | None
    """Seconds until nothing runs or waits; None if that cannot be foreseen, or nothing does."""


class Work(NamedTuple):
    """What a job has to do."""

    kind: tuple[str, ...]
    scales: tuple[tuple[int, int], ...]
    """(pixels, steps); empty where it will fail at its start."""
    settings: Settings | None
    size: tuple[int, int]
    """Width and height of the content, px."""
    planned: float | None
    """Seconds by the speeds measured on this machine, where no job has run yet."""


class Running(NamedTuple):
    """A job that runs."""

    job: Job
    work: Work
    newest: Progress | None
    age: float
    """Seconds since its worker began."""


class Forecaster:
    """Estimates when waiting jobs end. For one thread.

    Args:
        root: where the jobs' files lie.
        reader: the queue.
        clock: Unix seconds.
    """

    def __init__(self, root: Root, reader: StoreReader, *, clock: Callable[[], float]) -> None:
        self._root, self._reader, self._clock = root, reader, clock
        self._due = -1e9
        self._key: tuple[int, int] = (-1, 0)
        self._forecast = Forecast({}, None)
        self._lessons: dict[str, Lesson | None] = {}
        self._work: dict[str, tuple[Mapping[str, Any], Work]] = {}
        """Of jobs that run or wait, by id: what each has to do, and the settings it was found for."""
        self._speeds: Speeds | None = None

    def forecast(self, slots: int = 1) -> Forecast:
        """Return when the waiting jobs end; ``slots`` jobs are painted at once.

        Raises:
            StoreError: the queue cannot be read.
        """
        key = (self._reader.last_event(), slots)
        if key != self._key or time.monotonic() >= self._due:
            self._forecast, self._key = self._foresee(slots), key
            self._due = time.monotonic() + EVERY_S
        return self._forecast

    def _foresee(self, slots: int) -> Forecast:
        waiting = self._reader.jobs([JobState.WAITING], limit=_FORESEEN, order="queue")
        running = [self._running(job) for job in self._reader.jobs([JobState.RUNNING])]
        if not waiting and not running:
            return Forecast({}, None)
        done = self._reader.jobs([JobState.DONE], limit=_RECENT, order="queue")
        learned = self._learned([*(one.job for one in running), *done])
        works = [(job, self._work_of(job)) for job in waiting]
        if not learned:
            running = [one._replace(work=self._planned(one.work)) for one in running]
            works = [(job, self._planned(work)) for job, work in works]
        looked_at = [*((one.job, one.work) for one in running), *works]
        self._work = {job.id: (job.settings, work) for job, work in looked_at}
        if not waiting:
            ends = [_left_of(one, learned) for one in running]
            known = [end for end in ends if end is not None]
            return Forecast({}, max(known) if len(known) == len(ends) else None)
        left = queue_eta(running, works, learned, self._clock(), slots=slots)
        if len(left) < len(waiting):
            return Forecast(left, None)
        last = max(left.values())
        more = self._reader.count([JobState.WAITING]) - len(waiting)
        return Forecast(left, last + last / len(waiting) * more)

    def _running(self, job: Job) -> Running:
        begun = self._reader.begun_at(job.id)
        began = begun[-1] if begun else self._clock()
        folder = JobFolder(self._root.evolution / job.id)
        newest = None
        try:
            if folder.losses.stat().st_mtime >= began:  # else they are those of an earlier go
                newest = evolution.last_loss(folder)
        except OSError:
            pass  # a figure less to go by
        return Running(job, self._work_of(job), newest, max(0.0, self._clock() - began))

    def _learned(self, jobs: Sequence[Job]) -> list[Lesson]:
        """Return what jobs teach, those that run first: it is the newest."""
        of_done = {job.id: self._lessons.get(job.id) or self._lesson(job) for job in jobs if job.state is JobState.DONE}
        of_running = [self._lesson(job) for job in jobs if job.state is not JobState.DONE]
        self._lessons = of_done
        return [lesson for lesson in (*of_running, *of_done.values()) if lesson is not None]

    def _lesson(self, job: Job) -> Lesson | None:
        begun = self._reader.begun_at(job.id)
        if len(begun) != 1:
            return None  # painted in several goes, with its pauses; or nothing is known of when
        try:
            return lessons.read_lesson(
                JobFolder(self._root.evolution / job.id), job.settings, begun[0], job.finished_at, self._clock()
            )
        except OSError:
            return None  # a figure less to go by

    def _work_of(self, job: Job) -> Work:
        found = self._work.get(job.id)
        # The settings of a job that waits can be changed, and with them its sizes and steps.
        return found[1] if found is not None and found[0] == job.settings else self._look(job)

    def _look(self, job: Job) -> Work:
        """Read the headers of a job's images."""
        kind = lessons.kind_of(job.settings)
        folder = self._root.evolution / job.id
        try:
            settings = settings_from(whole_values(job.settings))
        except SettingsError:
            return Work(kind, (), None, (0, 0), None)  # it fails soon after its start, with the reason
        size = _size(folder / job.content, settings) or (
            _UNKNOWN_SHAPE[0] * settings.size,
            _UNKNOWN_SHAPE[1] * settings.size,
        )
        try:
            scales = lessons.scales_of(settings, *content_size(*size, settings))
        except SettingsError:
            return Work(kind, (), None, (0, 0), None)
        return Work(kind, tuple(scales), settings, size, None)

    def _planned(self, work: Work) -> Work:
        """Add what ``styled plan`` says, as long as no job has run: by the speeds measured on this machine, if they were."""
        if self._speeds is None:
            self._speeds = speeds.load()
        if work.planned is not None or work.settings is None or not self._speeds.measured:
            return work
        try:
            return work._replace(planned=of_sizes(*work.size, [work.size], work.settings, self._speeds).seconds)
        except (SettingsError, DoesNotFit):
            return work


def _size(path: Path, settings: Settings) -> tuple[int, int] | None:
    """Return the width and height of an image, px; None if its header cannot be read."""
    try:
        info = images.probe(path, max_pixels=settings.max_pixels)
    except (ImageError, OSError):
        return None
    return info.width, info.height


def queue_eta(
    running: Sequence[Running],
    waiting: Sequence[tuple[Job, Work]],
    learned: Sequence[Lesson],
    now: float,
    *,
    slots: int = 1,
) -> dict[str, float]:
    """Let each waiting job, in order, follow the running one that ends first.

    Args:
        running: jobs that run.
        waiting: as they will run.
        learned: of this machine.
        now: Unix seconds.
        slots: jobs that are painted at once.

    Returns:
        seconds until each is done, by id; it ends before the first of which nothing can be said.
    """
    ends = [_left_of(one, learned) or 0.0 for one in running]
    ends += [0.0] * (slots - len(ends))
    heapq.heapify(ends)
    found: dict[str, float] = {}
    for job, work in waiting:
        own = _seconds(work, learned, job.step)
        if own is None:
            break
        # More may run than there are places, after the number was lowered: they are waited for.
        while len(ends) > max(1, slots):
            heapq.heappop(ends)
        starts = max(heapq.heappop(ends), job.not_before - now)
        found[job.id] = starts + own
        heapq.heappush(ends, found[job.id])
    return found


def _seconds(work: Work, learned: Sequence[Lesson], done: int) -> float | None:
    if not learned:
        return work.planned
    return lessons.job_seconds(learned, work.kind, work.scales, done=done)


def _left_of(one: Running, learned: Sequence[Lesson]) -> float | None:
    """Return the seconds until a running job is done; None if nothing is known of it yet."""
    whole = _seconds(one.work, learned, one.job.step)
    if one.newest is not None and whole is None:
        return one.newest.left_seconds  # by its own steps
    if one.newest is None or whole is None:
        return None if whole is None else max(0.0, whole - one.age)
    speeds_known = [speed for lesson in learned for speed in lesson.speeds if lesson.kind == one.work.kind]
    if not speeds_known:
        return one.newest.left_seconds
    left = lessons.steps_seconds(speeds_known, one.work.scales, done=one.newest.step)
    scales_left = max(0, len(one.work.scales) - one.newest.scale)
    return left + scales_left * lessons.SCALE_SECONDS
