"""What each layer's loss is multiplied with: the weights of the settings, ``strength``, and the terms' own scale.

``strength`` s multiplies the style weight by q and divides the content weight by q, with ``q = 10^(3 s - 1.5)``: the
ratio of the two changes a thousandfold to either side of 0.5, where it is that of the weights. Below 0.5 the picture is
held to the photo's pixels besides, with a weight that grows as that ratio does: block4_conv2, which is all that sees the
content by default, does not see of which brightness an even ground is, nor a lattice of dots on it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from styled.engine.network import precision
from styled.settings import Settings

Tensor = Any

CONTENT_UNIT = 5e5
"""What a relative content loss is multiplied with: the typical ``mean(P²)`` of photos at block4_conv2, so that
``content_weight`` means about the same with ``normalize = "energy"`` and without."""

PHOTO_UNIT = 25.0
"""What ``content_weight`` is multiplied with for the squared distance to the photo, in levels, at half strength and a little
below it: chosen so that paper, sky, black and a face stay within a level at strength 0, and strokes are seen at 0.3."""

STYLE_UNITS = {
    ("gram", "none"): 1.0,
    ("wasserstein", "none"): 0.25,
    ("gram", "energy"): 1e5,
    ("wasserstein", "energy"): 2.5e4,
}
"""What a style distance is multiplied with, by ``statistic`` and ``normalize``, so that the default ``style_weight`` suits
each. Chosen by looking at three photos in three styles at 256 px."""


def content_and_style_weight(settings: Settings) -> tuple[float, float]:
    """Return the weights of content and style after ``strength`` and with the units of ``statistic`` and ``normalize``."""
    q = 10.0 ** (3.0 * settings.strength - 1.5)
    content, style = settings.content_weight / q, settings.style_weight * q
    style *= STYLE_UNITS[settings.statistic, settings.normalize]
    return (content * CONTENT_UNIT if settings.normalize == "energy" else content), style


def photo_factor(settings: Settings) -> float:
    """Return what the mean squared distance to the photo's pixels is multiplied with; 0 from half strength on."""
    if settings.strength >= 0.5:
        return 0.0
    ratio: float = 10.0 ** (6.0 * (0.5 - settings.strength))
    return settings.content_weight * PHOTO_UNIT * (ratio - 1.0)


def content_factors(settings: Settings, targets: Mapping[str, Tensor], *, unit: float = 1.0) -> dict[str, float]:
    """Return what ``mean((F - P)²)`` is multiplied with, by layer.

    Args:
        settings: weights and layers; those of weight 0 are left out.
        targets: the content's features at these layers.
        unit: of the features; relative losses do not see it.
    """
    weight, _ = content_and_style_weight(settings)
    return {
        name: weight * share / (_energy(targets[name]) if settings.normalize == "energy" else unit**-2)
        for name, share in settings.content_layers.items()
        if share > 0
    }


def style_factors(settings: Settings, *, unit: float = 1.0) -> dict[str, float]:
    """Return what a layer's style distance is multiplied with, by layer; those of weight 0 are left out.

    Args:
        settings: weights, layers and statistic.
        unit: of the features; relative distances do not see it.
    """
    _, weight = content_and_style_weight(settings)
    if settings.normalize == "none":
        weight *= unit**4 if settings.statistic == "gram" else unit**2
    return {name: weight * share for name, share in settings.style_layers.items() if share > 0}


def _energy(features: Tensor) -> float:
    return max(float(tf.reduce_mean(tf.square(precision.in_dtype_of_sums(features)))), 1e-30)
