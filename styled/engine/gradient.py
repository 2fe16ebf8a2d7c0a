"""The network and the gradient that a scale is painted with, as settings and memory have it."""

from __future__ import annotations

from collections.abc import Sequence

import tensorflow as tf

from styled import vgg19
from styled.engine import precision
from styled.engine.features import FeatureExtractor
from styled.engine.footprint import Choice
from styled.engine.objective import Objective
from styled.engine.regions import Region
from styled.engine.stepping import Gradient, Tensor
from styled.engine.tiled import TiledObjective
from styled.engine.weights import Weights, load_weights
from styled.settings import Settings


def extractor_for(settings: Settings, weights: Weights | None = None) -> FeatureExtractor:
    """Build the network down to the deepest layer that ``settings`` name.

    Args:
        settings: layers, pooling, precision.
        weights: VGG19; None loads what ``settings.weights`` names.

    Raises:
        WeightsError: the weights cannot be had.
    """
    layers = {*settings.content_layers, *settings.style_layers}
    if weights is None:
        weights = load_weights(settings.weights, [layer.name for layer in vgg19.up_to(vgg19.deepest(layers))])
    dtype = precision.dtype_for(settings.precision)
    return FeatureExtractor(
        weights,
        layers,
        pooling=settings.pooling,
        padding=settings.padding,
        precision=dtype,
        fast=precision.prefers_winograd(dtype),
    )


def gradient_for(
    extractor: FeatureExtractor,
    content: Tensor,
    styles: Sequence[Tensor],
    settings: Settings,
    *,
    way: Choice,
    regions: Sequence[Region] | None = None,
) -> Gradient:
    """Compute the targets of one scale and return its objective's value and gradient, compiled.

    Args:
        extractor: from :func:`extractor_for`.
        content: float32, shape (1, H, W, 3), RGB 0..255: the content at this scale.
        styles: the styles at this scale, same form, any size each.
        settings: layers and weights.
        way: whether and how to tile, from :func:`styled.engine.footprint.choose_all`.
        regions: which style goes where, at the content's size; None: all styles blend everywhere.
    """
    if way.blocks == 0:
        objective = Objective(extractor, content, styles, settings, regions=regions)
        compiled: Gradient = tf.function(objective.value_and_gradient, autograph=False)
        return compiled
    return TiledObjective(
        extractor, content, styles, settings, blocks=way.blocks, tile=way.tile, regions=regions
    ).value_and_gradient
