"""When the waiting jobs will be done: their pixels times steps, at the speed that recent jobs had.

A rough figure, shown as such. It does not know a content's shape before it is opened (3:2 is assumed), nor what
other settings cost; where no job has run yet there is none.
"""

from __future__ import annotations

import heapq
import time
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from statistics import median
from typing import Any

from styled import evolution
from styled.errors import SettingsError
from styled.evolution import JobFolder
from styled.job import Job, JobState
from styled.messages import Progress
from styled.root import Root
from styled.settings import settings_from
from styled.sizing.scales import plan_scales
from styled.store.reader import StoreReader

EVERY_S = 5.0
"""Between two forecasts, unless the queue changed."""

_FORESEEN = 200
"""Waiting jobs looked at; those behind them are too far away to estimate."""
_RECENT = 5
"""Jobs whose speed is taken."""
_COUNTING = ("size", "steps", "scales", "upscale")
"""Settings that the number of pixels and steps depends on."""


class Forecaster:
    """Estimates when waiting jobs end. Used by the poller's thread only.

    Args:
        root: where the jobs' losses lie.
        reader: the queue.
        clock: Unix seconds.
    """

    def __init__(self, root: Root, reader: StoreReader, *, clock: Callable[[], float]) -> None:
        self._root, self._reader, self._clock = root, reader, clock
        self._due = -1e9
        self._event = -1
        self._left: dict[str, float] = {}

    def left(self) -> dict[str, float]:
        """Return the seconds until each waiting job is done, by id; without those that cannot be foreseen.

        Raises:
            StoreError: the queue cannot be read.
        """
        event = self._reader.last_event()
        if event != self._event or time.monotonic() >= self._due:
            self._left, self._event = self._foresee(), event
            self._due = time.monotonic() + EVERY_S
        return self._left

    def _foresee(self) -> dict[str, float]:
        waiting = self._reader.jobs([JobState.WAITING], limit=_FORESEEN, order="queue")
        if not waiting:
            return {}
        running = [(job, self._newest(job)) for job in self._reader.jobs([JobState.RUNNING])]
        done = [self._newest(job) for job in self._reader.jobs([JobState.DONE], limit=_RECENT, order="queue")]
        speed = seconds_per_pixel([*(progress for _, progress in running), *done])
        return {} if speed is None else queue_eta(running, waiting, speed, self._clock())

    def _newest(self, job: Job) -> Progress | None:
        try:
            return evolution.last_loss(JobFolder(self._root.evolution / job.id))
        except OSError:
            return None  # a figure less to go by


def seconds_per_pixel(recent: Iterable[Progress | None]) -> float | None:
    """Return how long a step takes for each pixel, in seconds, as the median of some jobs; None if none has run."""
    speeds = [each.step_seconds / (each.width * each.height) for each in recent if each is not None]
    return median(speeds) if speeds else None


def queue_eta(
    running: Sequence[tuple[Job, Progress | None]], waiting: Sequence[Job], speed: float, now: float
) -> dict[str, float]:
    """Let each waiting job, in order, follow the running one that ends first.

    Args:
        running: jobs with their newest losses.
        waiting: as they will run.
        speed: seconds per pixel and step.
        now: Unix seconds.
    """
    ends = [_left_of(job, progress, speed) for job, progress in running] or [0.0]
    heapq.heapify(ends)
    found = {}
    for job in waiting:
        starts = max(heapq.heappop(ends), job.not_before - now)
        found[job.id] = starts + pixel_steps(job) * speed
        heapq.heappush(ends, found[job.id])
    return found


def _left_of(job: Job, progress: Progress | None, speed: float) -> float:
    if progress is not None and progress.left_seconds is not None:
        return progress.left_seconds
    return pixel_steps(job) * speed


def pixel_steps(job: Job) -> float:
    """Return the pixels of each step that a job still has to do, added up."""
    counting = tuple((name, _hashable(job.settings[name])) for name in _COUNTING if name in job.settings)
    left, passed = 0.0, 0
    for pixels, steps in _scales(counting):
        left += pixels * max(0, min(steps, passed + steps - job.step))
        passed += steps
    return left


@lru_cache(maxsize=256)
def _scales(counting: tuple[tuple[str, Any], ...]) -> tuple[tuple[int, int], ...]:
    """Return (pixels, steps) of each scale."""
    try:
        settings = settings_from(dict(counting))
        scales = plan_scales(3 * settings.size, 2 * settings.size, settings)
    except SettingsError:
        return ()  # it will fail soon after its start, with the reason
    return tuple((scale.pixels, scale.steps) for scale in scales)


def _hashable(value: object) -> object:
    return tuple(value) if isinstance(value, list) else value
