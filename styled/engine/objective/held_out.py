"""How near a picture is to a style at layers that were not optimised: a figure that no objective has seen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from styled import vgg19
from styled.engine.network.features import FeatureExtractor
from styled.engine.objective import losses
from styled.engine.objective.objective import TERMS, Objective, layer_terms
from styled.engine.objective.regions import Region
from styled.engine.objective.style_target import style_weights
from styled.settings import Settings
from styled.vgg19.weights import Weights, load_weights

Pixels = npt.NDArray[np.uint8]

LAYERS = ("block1_conv2", "block2_conv2", "block3_conv3", "block4_conv3", "block5_conv2")
"""One of each block that is not among the default style layers."""


def judge_weights(settings: Settings) -> Weights:
    """Load the layers that judging needs: the settings' and the held-out ones.

    Raises:
        WeightsError: they cannot be had.
    """
    deepest = vgg19.deepest({*settings.content_layers, *settings.style_layers, *LAYERS})
    return load_weights(settings.weights, [layer.name for layer in vgg19.up_to(deepest)])


def objective_terms(
    picture: Pixels,
    content: Pixels,
    styles: Sequence[Pixels],
    settings: Settings,
    weights: Weights,
    *,
    regions: Sequence[Region] | None = None,
) -> dict[str, float]:
    """Return the weighted losses at a picture, by name: total, content, style, tv, then the layers'.

    Args:
        picture: uint8, shape (H, W, 3).
        content: same shape.
        styles: same form, any size each.
        settings: layers and weights.
        weights: VGG19, at least as deep.
        regions: which style goes where, at the picture's size.
    """
    layers = {*settings.content_layers, *settings.style_layers}
    extractor = FeatureExtractor(weights, layers, pooling=settings.pooling, padding=settings.padding)
    objective = Objective(extractor, _batch(content), [_batch(style) for style in styles], settings, regions=regions)
    names = [*TERMS, *layer_terms(settings)]
    return {name: float(value) for name, value in zip(names, objective.terms(_batch(picture)).numpy(), strict=True)}


def held_out_distances(
    picture: Pixels, styles: Sequence[Pixels], settings: Settings, weights: Weights
) -> Mapping[str, float]:
    """Return ``|G - A| / |A|`` at each held-out layer (Frobenius norms of Gram matrices), 0 at the style itself.

    Layers among ``settings.style_layers`` are left out. A is the weighted mean of the styles' Gram matrices.
    """
    layers = [name for name in LAYERS if settings.style_layers.get(name, 0.0) == 0.0]
    if not layers:
        return {}
    extractor = FeatureExtractor(weights, layers, pooling=settings.pooling, padding=settings.padding)
    ours = _grams(extractor, picture, layers)
    theirs = [_grams(extractor, style, layers) for style in styles]
    shares = style_weights(settings, len(styles))
    found = {}
    for name in layers:
        target = sum(share * grams[name] for share, grams in zip(shares, theirs, strict=True))
        found[name] = float(np.linalg.norm(ours[name] - target) / np.linalg.norm(target))
    return found


def _grams(extractor: FeatureExtractor, image: Pixels, layers: Sequence[str]) -> dict[str, npt.NDArray[np.float32]]:
    features = extractor(_batch(image))
    return {name: losses.gram_matrix(features[name]).numpy() for name in layers}


def _batch(image: Pixels) -> tf.Tensor:
    return tf.constant(image[None].astype(np.float32))
