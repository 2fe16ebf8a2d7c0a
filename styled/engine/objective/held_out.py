"""How near a picture is to a style at layers that were not optimised: a figure that no objective has seen."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from styled import vgg19
from styled.engine.network.features import FeatureExtractor
from styled.engine.objective import losses
from styled.engine.objective.objective import TERMS, Objective, layer_terms
from styled.engine.objective.photo_term import added, photo_loss
from styled.engine.objective.regions import Region
from styled.engine.objective.style_pieces import mean_moments
from styled.engine.objective.style_weights import style_weights
from styled.engine.objective.term_weights import photo_factor
from styled.settings import Settings
from styled.vgg19.weights import Weights, load_weights

Pixels = npt.NDArray[np.uint8]

LAYERS = ("block1_conv2", "block2_conv2", "block3_conv3", "block4_conv3", "block5_conv2")
"""One of each block that is not among the default style layers."""


def scoring_weights(settings: Settings) -> Weights:
    """Load the layers that scoring needs: the settings' and the held-out ones.

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
    objective = Objective(extractor, _batch(content), [style[None] for style in styles], settings, regions=regions)
    terms, factor = objective.terms(_batch(picture)), photo_factor(settings)
    if factor > 0:
        terms = added(terms, photo_loss(_batch(picture), _batch(content), factor))
    names = [*TERMS, *layer_terms(settings)]
    return {name: float(value) for name, value in zip(names, terms.numpy(), strict=True)}


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
    grams = functools.partial(_grams, extractor, layers=layers)
    ours = grams(_batch(picture))
    theirs = [mean_moments(style[None], tf.float32, grams) for style in styles]
    shares = style_weights(settings, len(styles))
    found = {}
    for name in layers:
        target = sum(share * grams[name] for share, grams in zip(shares, theirs, strict=True))
        found[name] = float(tf.norm(ours[name] - target) / tf.norm(target))
    return found


def _grams(extractor: FeatureExtractor, image: tf.Tensor, layers: Sequence[str]) -> dict[str, tf.Tensor]:
    features = extractor(image)
    return {name: losses.gram_matrix(features[name]) for name in layers}


def _batch(image: Pixels) -> tf.Tensor:
    return tf.constant(image[None].astype(np.float32))
