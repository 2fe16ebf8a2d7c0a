"""What the style loss compares with: moments of the styles, for the whole picture or region by region."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from styled import vgg19
from styled.engine.objective import regions
from styled.engine.objective.regions import Region
from styled.engine.objective.statistic import Distance, distance_to
from styled.engine.objective.style_weights import style_weights
from styled.settings import Settings

Tensor = Any


class StyleTarget(NamedTuple):
    """The style of one region of the picture."""

    share: float
    """Part of the picture's pixels, 0..1: the weight of this region's loss."""
    distances: dict[str, Distance]
    """Layer name to the distance from the style's moments there."""
    covers: dict[int, Tensor] | None
    """Stride to the part of each cell that belongs to the region, float32, shape (H, W); None: all of it."""

    def cover(self, name: str) -> Tensor | None:
        """Return the cover at the layer ``name``."""
        return None if self.covers is None else self.covers[vgg19.BY_NAME[name].stride]

    def positions(self, name: str, height: int, width: int) -> float:
        """Return how many cells of the layer ``name`` the region has in a picture of ``height`` x ``width`` pixels."""
        cover = self.cover(name)
        if cover is None:
            stride = vgg19.BY_NAME[name].stride
            return float((height // stride) * (width // stride))
        return float(tf.reduce_sum(cover))


def style_targets(
    styles: Sequence[Mapping[str, Tensor]], settings: Settings, painted: Sequence[Region] | None
) -> list[StyleTarget]:
    """Build the targets of a picture.

    Without regions, several styles blend into one target of averaged moments: with weights that add up to 1, the
    gradient of the weighted sum of ``mse(G, A_i)`` equals the gradient of ``mse(G, Σ w_i A_i)``; only a constant of
    the value is lost. With regions each has one style, and ``style_weights`` do not apply.

    Args:
        styles: for each style, layer name to its moments.
        settings: the weights of the styles, what their statistic is and whether it is normalised.
        painted: the regions at the picture's size, or None.
    """
    if painted is None:
        blend = {
            name: tf.add_n(
                [w * style[name] for w, style in zip(style_weights(settings, len(styles)), styles, strict=True)]
            )
            for name in styles[0]
        }
        return [StyleTarget(1.0, _distances(blend, settings), None)]
    return [_of_region(region, styles[region.style], settings) for region in painted if region.style is not None]


def _distances(moments: Mapping[str, Tensor], settings: Settings) -> dict[str, Distance]:
    relative = settings.normalize == "energy"
    return {name: distance_to(each, settings.statistic, relative=relative) for name, each in moments.items()}


def _of_region(region: Region, style: Mapping[str, Tensor], settings: Settings) -> StyleTarget:
    strides = {vgg19.BY_NAME[name].stride for name in style}
    covers = {stride: regions.cells(region.cover, stride) for stride in strides}
    # A region smaller than a deep layer's cell has no style there.
    seen = {name: each for name, each in style.items() if covers[vgg19.BY_NAME[name].stride].sum() > 0.5}
    held = {stride: tf.constant(cover) for stride, cover in covers.items()}
    return StyleTarget(float(np.mean(region.cover)), _distances(seen, settings), held)
