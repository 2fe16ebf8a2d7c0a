"""A loss curve: log10 of the losses, few enough points to draw, no spike lost. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from styled.messages import LOSS_TERMS, Progress


class Point(NamedTuple):
    """One point of a line, in units of the plot: from 0 to 1, y down."""

    x: float
    y: float


class Curve(NamedTuple):
    """The lines of one job in one coordinate system."""

    lines: dict[str, list[Point]]
    """By term."""
    low: float
    """log10 of the loss at the plot's lower edge."""
    high: float
    """At the upper edge, above ``low``."""
    scales: list[float]
    """x of the first step of each scale but the first."""
    steps: int
    """At the right edge."""


def curve_of(losses: Sequence[Progress], *, columns: int = 120) -> Curve | None:
    """Return the curve of a job's steps; None when no step has a loss that can be drawn.

    Args:
        losses: in the order they were written.
        columns: of each, a line keeps the lowest and the highest value.
    """
    # A job that was resumed or retried has some steps twice: the later ones are the true ones.
    by_step = {progress.step: progress for progress in losses}
    ordered = [by_step[step] for step in sorted(by_step)]
    found = {term: _drawable(ordered, term) for term in LOSS_TERMS}
    kept = {term: values for term, values in found.items() if values}
    logs = [value for values in kept.values() for _, value in values]
    if "loss" not in kept:
        return None
    # The smallest terms may lie many decades below: five below the highest is as much as the eye can use.
    high, low = max(logs), max(min(logs), max(logs) - 5.0)
    if high - low < 0.1:
        high, low = high + 0.05, low - 0.05
    steps = max(ordered[-1].step, 2)

    def placed(step: int, value: float) -> Point:
        return Point((step - 1) / (steps - 1), min(1.0, (high - value) / (high - low)))

    lines = {term: [placed(*pair) for pair in _thinned(values, steps, columns)] for term, values in kept.items()}
    starts = [after.step for before, after in pairwise(ordered) if after.scale != before.scale]
    return Curve(lines, low, high, [(step - 1) / (steps - 1) for step in starts], steps)


def decades(curve: Curve) -> list[tuple[int, float]]:
    """Return the whole powers of ten inside the plot, with the y of each."""
    span = curve.high - curve.low
    return [(power, (curve.high - power) / span) for power in range(math.ceil(curve.low), math.floor(curve.high) + 1)]


def _drawable(losses: Sequence[Progress], term: str) -> list[tuple[int, float]]:
    """Return step and log10 of the values that have one."""
    values = ((progress.step, float(getattr(progress, term))) for progress in losses)
    return [(step, math.log10(value)) for step, value in values if value > 0.0 and math.isfinite(value)]


def _thinned(values: list[tuple[int, float]], steps: int, columns: int) -> list[tuple[int, float]]:
    """Return the first, the last, and each column's lowest and highest value, by step."""
    if len(values) <= 2 * columns:
        return values
    by_column: dict[int, list[tuple[int, float]]] = {}
    for pair in values:
        by_column.setdefault((pair[0] - 1) * columns // steps, []).append(pair)
    kept = {values[0], values[-1]}
    for pairs in by_column.values():
        kept |= {min(pairs, key=lambda pair: pair[1]), max(pairs, key=lambda pair: pair[1])}
    return sorted(kept)
