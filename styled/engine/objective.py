"""The objective at one scale: targets from the content and the styles, and its value and gradient.

``content_weight Σ v_l mse(F_l, P_l) + style_weight Σ w_l mse(G_l, A_l) / C_l² + tv_weight TV``
(Gatys et al. 2016, equations 5 and 7); the settings ``statistic`` and ``normalize`` put other distances for the two
mean squares.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from styled.engine import losses
from styled.engine.features import FeatureExtractor
from styled.engine.regions import Region
from styled.engine.statistic import moments
from styled.engine.style_target import style_targets
from styled.engine.term_weights import content_factors, style_factors
from styled.settings import Settings

Tensor = Any

TERMS = ("total", "content", "style", "tv")
"""What the first result of :meth:`Objective.value_and_gradient` begins with; :func:`layer_terms` follow."""


def layer_terms(settings: Settings) -> list[str]:
    """Return the names of the layers' own terms, in order: ``content.block4_conv2``, ``style.block1_conv1`` ...

    Those whose weight is 0 are not computed and have none.
    """
    layers = (("content", settings.content_layers), ("style", settings.style_layers))
    return [f"{kind}.{name}" for kind, weights in layers for name, weight in weights.items() if weight > 0]


class Objective:
    """What one scale minimises.

    Args:
        extractor: must give all layers that ``settings`` name.
        content: float32, shape (1, H, W, 3), RGB 0..255: the content at this scale.
        styles: the styles at this scale, same form, any size each.
        settings: layers and weights.
        regions: which style goes where, at the content's size; None: all styles blend everywhere.
    """

    def __init__(
        self,
        extractor: FeatureExtractor,
        content: Tensor,
        styles: Sequence[Tensor],
        settings: Settings,
        *,
        regions: Sequence[Region] | None = None,
    ) -> None:
        self._extractor = extractor
        self._settings = settings
        self._style_factors = style_factors(settings, unit=extractor.unit)
        # Run eagerly, each layer freed once the next has it: tracing a graph for one use would take longer.
        features = extractor(content)
        self._content_targets = {name: features[name] for name, weight in settings.content_layers.items() if weight > 0}
        del features
        self._content_factors = content_factors(settings, self._content_targets, unit=extractor.unit)
        self._style_targets = style_targets([self._moments(style) for style in styles], settings, regions)

    def _moments(self, style: Tensor) -> dict[str, Tensor]:
        features = self._extractor(style)
        return {name: moments(features[name], self._settings.statistic) for name in self._style_factors}

    def terms(self, image: Tensor) -> Tensor:
        """Return the weighted losses at ``image`` (1, H, W, 3): shape (4 + layers,).

        Total, content, style and TV loss, then what each layer adds to content or style, see :func:`layer_terms`.
        """
        settings = self._settings
        features = self._extractor(image)
        zero = tf.zeros((), image.dtype)
        contents = {
            name: factor * losses.content_loss(features[name], self._content_targets[name])
            for name, factor in self._content_factors.items()
        }
        styles = dict.fromkeys(self._style_factors, zero)
        for target in self._style_targets:
            for name, distance in target.distances.items():
                found = moments(features[name], settings.statistic, target.cover(name))
                styles[name] += target.share * self._style_factors[name] * distance(found)
        content, style = sum(contents.values(), zero), sum(styles.values(), zero)
        tv = settings.tv_weight * losses.total_variation(image) if settings.tv_weight > 0 else zero
        return tf.stack([content + style + tv, content, style, tv, *contents.values(), *styles.values()])

    def value_and_gradient(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Return :meth:`terms` and the gradient of the total, shape and dtype of ``image``."""
        with tf.GradientTape() as tape:
            tape.watch(image)
            terms = self.terms(image)
            scale = self._extractor.gradient_scale(image.shape[1] * image.shape[2])
            total = terms[0] * scale
        return terms, tape.gradient(total, image) / scale
