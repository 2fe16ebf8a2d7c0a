"""How much each of several styles counts. Without TensorFlow, for what only looks at a job."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from styled.settings import Settings

OfStyle = TypeVar("OfStyle")


def style_weights(settings: Settings, count: int) -> list[float]:
    """Return the weight of each of ``count`` styles, adding up to 1."""
    given = list(settings.style_weights) or [1.0] * count
    total = sum(given)
    return [weight / total for weight in given]


def painted(of_styles: Sequence[OfStyle], settings: Settings, *, is_blended: bool) -> list[OfStyle]:
    """Return, of what there is for each style, that of the styles that are painted: not of one of weight 0.

    Args:
        of_styles: something for each style, in order.
        settings: ``style_weights`` is used.
        is_blended: all styles are painted everywhere; else each has a region of a mask, whatever its weight.
    """
    if not is_blended:
        return list(of_styles)
    weights = style_weights(settings, len(of_styles))
    return [each for weight, each in zip(weights, of_styles, strict=True) if weight > 0]
