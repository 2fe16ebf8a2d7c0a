"""The losses of one job in memory: bounded, complete enough to plot a million steps. Pure, no files."""

from __future__ import annotations

import math
from array import array
from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from styled.messages import Progress

Term = Literal["total", "content", "style", "tv"]
TERMS: tuple[Term, ...] = ("total", "content", "style", "tv")
"""The loss terms in the order they are shown."""


def terms_of(progress: Progress) -> tuple[float, float, float, float]:
    """Return the losses of a step in the order of ``TERMS``."""
    return progress.loss, progress.content_loss, progress.style_loss, progress.tv_loss


MAX_ROWS = 32_768
"""Rows kept; beyond it the older half is thinned, keeping each group's lowest and highest total."""


@dataclass(frozen=True, slots=True)
class ScaleStart:
    """Where a scale begins."""

    scale: int
    """From 1."""
    step: int
    """First step of the scale."""
    width: int
    """Of the picture at this scale, px."""
    height: int


class LossHistory:
    """Loss terms by step, growing at the end. A step that comes again (after a resume) replaces what followed it."""

    def __init__(self) -> None:
        self.steps = array("q")
        self.seconds = array("d")
        self.values: dict[Term, array[float]] = {term: array("d") for term in TERMS}
        self.scales: list[ScaleStart] = []
        self.latest: Progress | None = None

    def __len__(self) -> int:
        return len(self.steps)

    def extend(self, rows: Iterable[Progress]) -> None:
        """Add rows in the order they were written."""
        for row in rows:
            if self.steps and row.step <= self.steps[-1]:
                self._drop_from(row.step)
            if not self.scales or row.scale != self.scales[-1].scale:
                self.scales.append(ScaleStart(row.scale, row.step, row.width, row.height))
            self.steps.append(row.step)
            self.seconds.append(row.seconds)
            for term, value in zip(TERMS, terms_of(row), strict=True):
                self.values[term].append(value)
            self.latest = row
        if len(self.steps) > MAX_ROWS:
            self._thin()

    def best(self) -> float | None:
        """Return the lowest finite total of the current scale (totals of different scales do not compare)."""
        if not self.scales:
            return None
        start = bisect_left(self.steps, self.scales[-1].step)
        return min((value for value in self.values["total"][start:] if math.isfinite(value)), default=None)

    def before(self, steps: int) -> dict[Term, float]:
        """Return the terms ``steps`` steps ago; empty if that lies before the current scale or is not kept."""
        if not self.steps:
            return {}
        wanted = self.steps[-1] - steps
        index = bisect_left(self.steps, wanted)
        if wanted < self.scales[-1].step or self.steps[index] != wanted:
            return {}
        return {term: self.values[term][index] for term in TERMS}

    def fall_per_second(self, window_s: float = 10.0) -> float | None:
        """Return the relative change of the total per second over the last ``window_s`` seconds of this scale."""
        if len(self.steps) < 2:
            return None
        first = max(bisect_left(self.steps, self.scales[-1].step), 0)
        index = max(bisect_left(self.seconds, self.seconds[-1] - window_s), first)
        before, after = self.values["total"][index], self.values["total"][-1]
        elapsed = self.seconds[-1] - self.seconds[index]
        if elapsed <= 0.0 or before == 0.0 or not (math.isfinite(before) and math.isfinite(after)):
            return None
        return (after - before) / abs(before) / elapsed

    def _drop_from(self, step: int) -> None:
        index = bisect_left(self.steps, step)
        del self.steps[index:]
        del self.seconds[index:]
        for term in TERMS:
            del self.values[term][index:]
        self.scales = [scale for scale in self.scales if scale.step < step]

    def _thin(self) -> None:
        """Halve the older half: of every four rows keep the lowest and the highest total."""
        total = self.values["total"]
        keep: list[int] = []
        half = len(self.steps) // 2
        for start in range(0, half, 4):
            group = range(start, min(start + 4, half))
            # NaN compares false with everything; as a key of infinity it counts as the spike it is.
            ordered = sorted(group, key=lambda i: total[i] if math.isfinite(total[i]) else math.inf)
            keep.extend(sorted({ordered[0], ordered[-1]}))
        keep.extend(range(half, len(self.steps)))
        self.steps = array("q", (self.steps[i] for i in keep))
        self.seconds = array("d", (self.seconds[i] for i in keep))
        for term in TERMS:
            self.values[term] = array("d", (self.values[term][i] for i in keep))
