"""The objective at one scale: targets from the content and the styles, and its value and gradient.

``content_weight Σ v_l mse(F_l, P_l) + style_weight Σ w_l mse(G_l, A_l) / C_l² + tv_weight TV``
(Gatys et al. 2016, equations 5 and 7).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from styled.engine import losses
from styled.engine.features import FeatureExtractor
from styled.settings import Settings

Tensor = Any

TERMS = ("total", "content", "style", "tv")
"""What the first result of :meth:`Objective.value_and_gradient` holds, in order."""


def style_weights(settings: Settings, count: int) -> list[float]:
    """Return the weight of each of ``count`` styles, adding up to 1."""
    given = list(settings.style_weights) or [1.0] * count
    total = sum(given)
    return [weight / total for weight in given]


class Objective:
    """What one scale minimises.

    Several styles blend into one target: with weights that add up to 1, the gradient of the weighted sum of
    ``mse(G, A_i)`` equals the gradient of ``mse(G, Σ w_i A_i)``; only a constant of the value is lost.

    Args:
        extractor: must give all layers that ``settings`` name.
        content: float32, shape (1, H, W, 3), RGB 0..255: the content at this scale.
        styles: the styles at this scale, same form, any size each.
        settings: layers and weights.
    """

    def __init__(
        self, extractor: FeatureExtractor, content: Tensor, styles: Sequence[Tensor], settings: Settings
    ) -> None:
        self._extractor = extractor
        self._settings = settings
        self._content_layers = {name: weight for name, weight in settings.content_layers.items() if weight > 0}
        self._style_layers = {name: weight for name, weight in settings.style_layers.items() if weight > 0}
        # Run eagerly, each layer freed once the next has it: tracing a graph for one use would take longer.
        features = extractor(content)
        self._content_targets = {name: features[name] for name in self._content_layers}
        del features
        self._style_targets: dict[str, Tensor] = {}
        for weight, style in zip(style_weights(settings, len(styles)), styles, strict=True):
            features = extractor(style)
            for name in self._style_layers:
                gram = weight * losses.gram_matrix(features[name])
                self._style_targets[name] = self._style_targets[name] + gram if name in self._style_targets else gram

    def terms(self, image: Tensor) -> Tensor:
        """Return total, content, style and TV loss at ``image`` (1, H, W, 3): shape (4,), each weighted."""
        settings = self._settings
        features = self._extractor(image)
        zero = tf.zeros((), image.dtype)
        content = sum(
            (w * losses.content_loss(features[n], self._content_targets[n]) for n, w in self._content_layers.items()),
            zero,
        )
        style = sum(
            (
                w * losses.style_loss(losses.gram_matrix(features[n]), self._style_targets[n])
                for n, w in self._style_layers.items()
            ),
            zero,
        )
        content *= settings.content_weight
        style *= settings.style_weight
        tv = settings.tv_weight * losses.total_variation(image) if settings.tv_weight > 0 else zero
        return tf.stack([content + style + tv, content, style, tv])

    def value_and_gradient(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Return :meth:`terms` and the gradient of the total, shape and dtype of ``image``."""
        with tf.GradientTape() as tape:
            tape.watch(image)
            terms = self.terms(image)
            total = terms[0]
        return terms, tape.gradient(total, image)
