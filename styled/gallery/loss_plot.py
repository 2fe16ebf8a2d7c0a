"""The loss curve as inline SVG. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from styled import figures
from styled.gallery.curve import Curve, Point, curve_of, decades
from styled.gallery.markup import Markup, join, tag
from styled.messages import Progress

WIDTH, HEIGHT = 400, 210
_LEFT, _TOP, _RIGHT, _BOTTOM = 44, 10, 392, 182

_NAMES = {"loss": "total", "content_loss": "content", "style_loss": "style", "tv_loss": "total variation"}


def loss_plot(losses: Sequence[Progress]) -> Markup | None:
    """Return the plot; None when there is nothing to draw. The script moves the line of class ``cursor``."""
    curve = curve_of(losses)
    if curve is None:
        return None
    cursor = tag("line", class_="cursor", x1=_RIGHT, x2=_RIGHT, y1=_TOP, y2=_BOTTOM)
    return tag(
        "svg",
        tag("title", f"Losses over {curve.steps} steps, logarithmic"),
        *_axes(curve),
        *[_line(term, points) for term, points in reversed(curve.lines.items())],
        cursor,
        viewBox=f"0 0 {WIDTH} {HEIGHT}",
        role="img",
        data_left=_LEFT,
        data_right=_RIGHT,
        data_steps=curve.steps,
    )


def legend(losses: Sequence[Progress]) -> Markup | None:
    """Return the terms with their last values, in the order of the drawing."""
    curve = curve_of(losses)
    if curve is None:
        return None
    entries = []
    for term in curve.lines:
        sample = tag(
            "svg", tag("line", class_=f"term {term}", x1=0, x2=24, y1=5, y2=5), viewBox="0 0 24 10", aria_hidden="true"
        )
        value = figures.loss(getattr(losses[-1], term))
        entries.append(tag("li", sample, tag("span", _NAMES[term]), tag("span", value, class_="value")))
    return tag("ul", *entries, class_="legend")


def _axes(curve: Curve) -> list[Markup]:
    parts = []
    marks = decades(curve)
    for power, y in marks:
        at = _TOP + y * (_BOTTOM - _TOP)
        label = join("10", tag("tspan", power, dy=-5, class_="power"))
        parts.append(tag("line", class_="grid", x1=_LEFT, x2=_RIGHT, y1=f"{at:.1f}", y2=f"{at:.1f}"))
        parts.append(tag("text", label, x=_LEFT - 6, y=f"{at + 4:.1f}", text_anchor="end"))
    if len(marks) < 2:  # less than a decade: its ends say more than one power of ten
        for value, at in ((curve.high, _TOP + 4), (curve.low, _BOTTOM)):
            parts.append(tag("text", figures.loss(10.0**value), x=_LEFT - 6, y=at, text_anchor="end", class_="end"))
    for x in curve.scales:
        at = _LEFT + x * (_RIGHT - _LEFT)
        parts.append(tag("line", class_="scale", x1=f"{at:.1f}", x2=f"{at:.1f}", y1=_TOP, y2=_BOTTOM))
    parts.append(tag("text", "1", x=_LEFT, y=_BOTTOM + 18, text_anchor="middle"))
    parts.append(tag("text", f"step {curve.steps}", x=_RIGHT, y=_BOTTOM + 18, text_anchor="end"))
    return parts


def _line(term: str, points: Sequence[Point]) -> Markup:
    pairs = " ".join(
        f"{_LEFT + point.x * (_RIGHT - _LEFT):.1f},{_TOP + point.y * (_BOTTOM - _TOP):.1f}" for point in points
    )
    return tag("polyline", class_=f"term {term}", points=pairs)
