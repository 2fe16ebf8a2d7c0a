"""The network and the gradient that a scale is painted with, as settings and memory have it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from styled import vgg19
from styled.engine.network import precision
from styled.engine.network.features import FeatureExtractor
from styled.engine.network.graph_cache import GraphCache
from styled.engine.network.stepping import Gradient, Tensor
from styled.engine.objective.objective import Objective
from styled.engine.objective.photo_term import held_to
from styled.engine.objective.regions import Region
from styled.engine.objective.term_weights import photo_factor
from styled.engine.objective.tiled import TiledObjective
from styled.settings import Settings
from styled.sizing.memory_use import TilingChoice
from styled.vgg19.weights import Weights, identity, load_weights

_extractors: GraphCache[FeatureExtractor] = GraphCache(kept=2)
"""The networks used last: 52 MB each in bfloat16, 400 MB in float32 on a CPU."""


def extractor_for(settings: Settings, weights: Weights | None = None) -> FeatureExtractor:
    """Return the network down to the deepest layer that ``settings`` name: built once for weights, layers and precision.

    Args:
        settings: layers, pooling, precision.
        weights: VGG19; None loads what ``settings.weights`` names.

    Raises:
        WeightsError: the weights cannot be had.
    """
    layers = frozenset({*settings.content_layers, *settings.style_layers})
    names = [layer.name for layer in vgg19.up_to(vgg19.deepest(layers))]
    dtype = precision.dtype_for(settings.precision)

    def build() -> FeatureExtractor:
        return FeatureExtractor(
            load_weights(settings.weights, names) if weights is None else weights,
            layers,
            pooling=settings.pooling,
            padding=settings.padding,
            precision=dtype,
            fast=precision.prefers_winograd(dtype),
        )

    source = identity(settings.weights) if weights is None else weights.digest
    if not source:
        return build()
    return _extractors.get((source, layers, settings.pooling, settings.padding, dtype), build)


def gradient_for(
    extractor: FeatureExtractor,
    content: Tensor,
    styles: Iterable[Tensor],
    settings: Settings,
    *,
    tiling: TilingChoice,
    regions: Sequence[Region] | None = None,
) -> Gradient:
    """Compute the targets of one scale and return its objective's value and gradient, compiled.

    Args:
        extractor: from :func:`extractor_for`.
        content: float32, shape (1, H, W, 3), RGB 0..255: the content at this scale.
        styles: the styles at this scale, same shape, any dtype and size each; taken one after another.
        settings: layers and weights.
        tiling: whether and how to tile, from :func:`styled.sizing.memory_use.choose_all`.
        regions: which style goes where, at the content's size; None: all styles blend everywhere.
    """
    gradient: Gradient
    if tiling.blocks == 0:
        gradient = Objective(extractor, content, styles, settings, regions=regions).compiled(content)
    else:
        gradient = TiledObjective(
            extractor, content, styles, settings, blocks=tiling.blocks, tile=tiling.tile, regions=regions
        ).value_and_gradient
    factor = photo_factor(settings)
    return held_to(content, factor, gradient) if factor > 0 else gradient
