"""The loss curve in the coordinates of the page's SVG. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from styled.gallery.curve import curve_of, decades
from styled.messages import LOSS_TERMS, Progress


class PlotLine(NamedTuple):
    """One term's line."""

    term: str
    """Field of :class:`~styled.messages.Progress`."""
    name: str
    points: str
    """``x,y x,y`` …"""
    last: float
    """Its value at the last step."""


class LossPlot(NamedTuple):
    """What ``templates/losses.html`` draws. Lengths are in units of the drawing, y down."""

    lines: list[PlotLine]
    decades: list[tuple[int, float]]
    """Whole powers of ten inside the plot, with the y of each."""
    scales: list[float]
    """x of the first step of each scale but the first."""
    low: float
    """Loss at the lower edge."""
    high: float
    steps: int
    """At the right edge."""
    width: int = 400
    height: int = 210
    left: int = 44
    top: int = 10
    right: int = 392
    bottom: int = 182


def loss_plot(losses: Sequence[Progress]) -> LossPlot | None:
    """Return the plot; None when there is nothing to draw."""
    curve = curve_of(losses)
    if curve is None:
        return None
    plot = LossPlot([], [], [], 10.0**curve.low, 10.0**curve.high, curve.steps)
    across, down = plot.right - plot.left, plot.bottom - plot.top
    for term, points in curve.lines.items():
        pairs = " ".join(f"{plot.left + point.x * across:.1f},{plot.top + point.y * down:.1f}" for point in points)
        plot.lines.append(PlotLine(term, LOSS_TERMS[term], pairs, getattr(losses[-1], term)))
    return plot._replace(
        decades=[(power, plot.top + y * down) for power, y in decades(curve)],
        scales=[plot.left + x * across for x in curve.scales],
    )
