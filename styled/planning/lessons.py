"""What this machine's last jobs took, start-up included, and what a job to come takes by them.

A job's time is its start (imports, weights, the network, tracing, targets) and its end, and its steps. Both are taken from what
was measured in daily work: when its worker began and ended, and when each step was done. Only jobs painted in one go count.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from statistics import median
from typing import Any, NamedTuple

from styled.evolution import JobFolder, all_losses
from styled.messages import Progress
from styled.settings import Settings, whole_values
from styled.sizing.scales import plan_scales

SCALE_SECONDS = 1.5
"""What one scale more adds to the start, where no job with as many scales was measured: graphs and targets."""

_KIND = ("optimizer", "statistic", "normalize", "precision", "content_layers", "style_layers", "memory_limit", "tiling")
"""Settings that jobs have in common whose steps of one size take the same time."""


class Speed(NamedTuple):
    """What a step took at one size."""

    pixels: int
    seconds: float


class Lesson(NamedTuple):
    """What one job took."""

    kind: tuple[str, ...]
    """Of its settings, those that decide the time of a step beside the size."""
    speeds: tuple[Speed, ...]
    """By scale."""
    start_seconds: float
    """All its time but that of its steps, for as many scales as it has speeds."""


def kind_of(settings: Mapping[str, Any]) -> tuple[str, ...]:
    """Return what decides the time of a step beside the size; ``settings`` are a job's, as the store has them."""
    known = whole_values(settings)
    return tuple(str(known.get(name)) for name in _KIND)


def lesson_of(steps: Sequence[Progress], settings: Mapping[str, Any], seconds: float) -> Lesson | None:
    """Return what a job teaches.

    Args:
        steps: lines of its losses, from its first step on; None is returned if the first is missing.
        settings: of the job, as the store has them.
        seconds: from the start of its worker to its end, or to the last of those lines.
    """
    if not steps or steps[0].step != 1:
        return None
    speeds, counted = [], 0.0
    for _, group in groupby(steps, key=lambda step: step.scale):
        rows = list(group)
        first, last = rows[0], rows[-1]
        # Between the first step, which compiles, and the last: saving frames and losses counts as the user waits for it too.
        of_one = (
            (last.seconds - first.seconds) / (last.step - first.step) if last.step > first.step else last.step_seconds
        )
        speeds.append(Speed(first.width * first.height, of_one))
        counted += of_one * (last.step - first.step + 1)
    return Lesson(kind_of(settings), tuple(speeds), max(0.0, seconds - counted))


def read_lesson(
    folder: JobFolder, settings: Mapping[str, Any], began: float, ended: float | None, now: float
) -> Lesson | None:
    """Return what a job teaches whose worker began, and ended, at these Unix seconds; None for ``ended``: it runs ``now``.

    Raises:
        OSError: its losses cannot be read.
    """
    steps = all_losses(folder)
    if ended is None and steps:
        ended = min(now, folder.losses.stat().st_mtime)  # a file server's clock may be ahead
    return None if ended is None else lesson_of(steps, settings, ended - began)


def job_seconds(
    lessons: Sequence[Lesson], kind: tuple[str, ...], scales: Sequence[tuple[int, int]], *, done: int = 0
) -> float | None:
    """Return how long a job takes from the start of its worker to its end; None if nothing was learned.

    Args:
        lessons: of this machine, the newest first.
        kind: of the job's settings.
        scales: (pixels, steps) of each.
        done: steps that a checkpoint has already.
    """
    alike = [lesson for lesson in lessons if lesson.kind == kind] or lessons
    speeds = [speed for lesson in alike for speed in lesson.speeds]
    if not speeds:
        return None
    return start_seconds(alike, len(scales)) + steps_seconds(speeds, scales, done=done)


def start_seconds(lessons: Sequence[Lesson], scales: int) -> float:
    """Return what a job takes beside its steps: the median of those with as many scales, or the nearest number of them."""
    distance = min(abs(len(lesson.speeds) - scales) for lesson in lessons)
    nearest = [lesson for lesson in lessons if abs(len(lesson.speeds) - scales) == distance]
    return median(max(0.0, lesson.start_seconds + (scales - len(lesson.speeds)) * SCALE_SECONDS) for lesson in nearest)


def steps_seconds(speeds: Iterable[Speed], scales: Sequence[tuple[int, int]], *, done: int = 0) -> float:
    """Return how long the steps of ``scales``, (pixels, steps) each, take that come after the first ``done``."""
    by_pixels: dict[int, list[float]] = {}
    for speed in speeds:
        by_pixels.setdefault(speed.pixels, []).append(speed.seconds)
    points = sorted((pixels, median(seconds)) for pixels, seconds in by_pixels.items())
    left, passed = 0.0, 0
    for pixels, steps in scales:
        left += step_seconds(points, pixels) * max(0, min(steps, passed + steps - done))
        passed += steps
    return left


def step_seconds(points: Sequence[tuple[int, float]], pixels: int) -> float:
    """Return the time of a step of that many pixels.

    ``points`` are (pixels, seconds) in their order, at least one. A step takes some time however small the picture is, and then
    the same for each pixel: between two sizes times lie on a line, and below the smallest they fall no faster than with the pixels.
    """
    if len(points) > 1:
        above = next((index for index, (size, _) in enumerate(points) if size >= pixels), len(points) - 1)
        (small, quick), (large, slow) = points[max(1, above) - 1 : max(1, above) + 1]
        slope = (slow - quick) / (large - small)
        if small <= pixels <= large:
            return quick + slope * (pixels - small)
        end, seconds = (small, quick) if pixels < small else (large, slow)
        return seconds + min(max(slope, 0.0), seconds / end) * (pixels - end)
    size, seconds = points[0]
    return seconds * pixels / size


def scales_of(settings: Settings, width: int, height: int) -> list[tuple[int, int]]:
    """Return (pixels, steps) of each scale of a job whose content has that size, px.

    Raises:
        SettingsError: it cannot be painted so.
    """
    return [(scale.pixels, scale.steps) for scale in plan_scales(width, height, settings)]
