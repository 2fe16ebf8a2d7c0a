"""The objective at one scale: targets from the content and the styles, and its value and gradient.

``content_weight Σ v_l mse(F_l, P_l) + style_weight Σ w_l mse(G_l, A_l) / C_l² + tv_weight TV``
(Gatys et al. 2016, equations 5 and 7); the settings ``statistic`` and ``normalize`` put other distances for the two
mean squares.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import tensorflow as tf

from styled.engine.network import precision
from styled.engine.network.features import FeatureExtractor
from styled.engine.network.graph_cache import is_kept
from styled.engine.network.stepping import GraphGradient
from styled.engine.objective import losses
from styled.engine.objective.regions import Region
from styled.engine.objective.statistic import Distance, moment_sums, moments, positions
from styled.engine.objective.style_pieces import mean_moments
from styled.engine.objective.style_slope import by_features, loss_and_matrix
from styled.engine.objective.style_target import StyleTarget, style_targets
from styled.engine.objective.term_weights import content_factors, photo_factor, style_factors
from styled.settings import Settings

Tensor = Any

TERMS = ("total", "content", "style", "tv")
"""What the first result of :meth:`Objective.value_and_gradient` begins with; :func:`layer_terms` follow."""

PHOTO_TERM = "content.pixels"
"""The name of what :mod:`styled.engine.objective.photo_term` adds."""


def layer_terms(settings: Settings) -> list[str]:
    """Return the names of the layers' own terms, in order: ``content.block4_conv2``, ``style.block1_conv1`` ...

    Those whose weight is 0 are not computed and have none. Below half strength :data:`PHOTO_TERM` comes last.
    """
    layers = (("content", settings.content_layers), ("style", settings.style_layers))
    names = [f"{kind}.{name}" for kind, weights in layers for name, weight in weights.items() if weight > 0]
    return [*names, PHOTO_TERM] if photo_factor(settings) > 0 else names


class Targets(NamedTuple):
    """What one pair's pictures of a scale are compared with: tensors, so that a graph can be given all of it."""

    contents: dict[str, Tensor]
    """The content's features, by layer."""
    content_factors: dict[str, Tensor]
    """What each layer's content loss is multiplied with."""
    styles: tuple[StyleTerm, ...]


class StyleTerm(NamedTuple):
    """The style of one region of the picture, or of all of it."""

    factors: dict[str, Tensor]
    """What each layer's distance is multiplied with."""
    distances: dict[str, Distance]
    """Layer name to the distance from the style's moments there."""
    covers: dict[str, Tensor] | None
    """Layer name to the part of each cell that belongs to the region; None: all of it."""


class Loss:
    """The objective as a function of a picture and its targets: the same one for all pairs of a shape.

    Args:
        extractor: must give all layers that ``settings`` name.
        settings: layers and weights.
    """

    def __init__(self, extractor: FeatureExtractor, settings: Settings) -> None:
        self._extractor, self._statistic, self._tv_weight = extractor, settings.statistic, settings.tv_weight
        self._style_layers = [name for name, weight in settings.style_layers.items() if weight > 0]

    def terms(self, image: Tensor, targets: Targets) -> Tensor:
        """Return the weighted losses at ``image`` (1, H, W, 3): shape (4 + layers,).

        Total, content, style and TV loss, then what each layer adds to content or style, see :func:`layer_terms`.
        """
        features = self._extractor(image)
        styles, _ = self._styles(features, targets, image.dtype)
        return _table(self._contents(features, targets), styles, self._tv(image))

    def value_and_gradient(self, image: Tensor, targets: Targets) -> tuple[Tensor, Tensor]:
        """Return :meth:`terms` and the gradient of the total, shape and dtype of ``image``."""
        scale = self._extractor.gradient_scale(image.shape[1] * image.shape[2])
        with tf.GradientTape() as tape:
            tape.watch(image)
            features = self._extractor(image)
            contents, tv = self._contents(features, targets), self._tv(image)
        styles, matrices = self._styles(features, targets, image.dtype, scale)
        outputs, upstream = [*contents.values()], [tf.constant(scale, image.dtype)] * len(contents)
        if self._tv_weight > 0:
            outputs, upstream = [*outputs, tv], [*upstream, tf.constant(scale, image.dtype)]
        for name, parts in matrices.items():
            outputs.append(features[name])
            upstream.append(by_features(features[name], parts, self._statistic))
        gradient: Tensor = tape.gradient(outputs, image, output_gradients=upstream)
        return _table(contents, styles, tv), gradient if scale == 1.0 else gradient * (1.0 / scale)

    def _contents(self, features: Mapping[str, Tensor], targets: Targets) -> dict[str, Tensor]:
        """Return the weighted content loss of each layer, scalars."""
        return {
            name: factor * losses.content_loss(features[name], targets.contents[name])
            for name, factor in targets.content_factors.items()
        }

    def _tv(self, image: Tensor) -> Tensor:
        if self._tv_weight == 0:
            return tf.zeros((), image.dtype)
        return self._tv_weight * losses.total_variation(image)

    def _styles(
        self, features: Mapping[str, Tensor], targets: Targets, dtype: Any, scale: float = 1.0
    ) -> tuple[dict[str, Tensor], dict[str, list[tuple[Tensor, Tensor | None]]]]:
        """Return the weighted style loss of each layer, scalars, and what :func:`by_features` takes of it."""
        found = dict.fromkeys(self._style_layers, tf.zeros((), dtype))
        matrices: dict[str, list[tuple[Tensor, Tensor | None]]] = {}
        for term in targets.styles:
            for name, distance in term.distances.items():
                cover = None if term.covers is None else term.covers[name]
                sums = moment_sums(features[name], self._statistic, cover)
                count = positions(features[name], cover, sums.dtype)
                loss, matrix = loss_and_matrix(distance, sums, count, term.factors[name], scale=scale)
                found[name] += loss
                matrices.setdefault(name, []).append((matrix, cover))
        return found, matrices

    def gradient(self, image: Tensor, targets: Targets) -> GraphGradient:
        """Return :meth:`value_and_gradient`, compiled for pictures and targets like these; kept with the extractor."""
        layers = tuple(self._style_layers), tuple(targets.contents)
        regions = tuple((tuple(term.distances), term.covers is None) for term in targets.styles)
        is_relative = any(
            distance.energy is not None for term in targets.styles for distance in term.distances.values()
        )
        key = (tuple(image.shape), image.dtype, self._statistic, self._tv_weight, layers, regions, is_relative)
        graph = self._extractor.graphs.get(
            key, lambda: tf.function(self.value_and_gradient, autograph=False), elements=image.shape.num_elements()
        )
        return GraphGradient(graph, targets, key, self._extractor.loops)


def _table(contents: Mapping[str, Tensor], styles: Mapping[str, Tensor], tv: Tensor) -> Tensor:
    """Return the terms in their order, shape (4 + layers,)."""
    content, style = (tf.add_n([*layers.values()]) if layers else tf.zeros_like(tv) for layers in (contents, styles))
    return tf.stack([content + style + tv, content, style, tv, *contents.values(), *styles.values()])


class Objective:
    """What one scale minimises.

    Args:
        extractor: must give all layers that ``settings`` name.
        content: float32, shape (1, H, W, 3), RGB 0..255: the content at this scale.
        styles: the styles at this scale, same shape, any dtype and size each; taken one after another.
        settings: layers and weights.
        regions: which style goes where, at the content's size; None: all styles blend everywhere.
    """

    def __init__(
        self,
        extractor: FeatureExtractor,
        content: Tensor,
        styles: Iterable[Tensor],
        settings: Settings,
        *,
        regions: Sequence[Region] | None = None,
    ) -> None:
        self._extractor = extractor
        self._settings = settings
        self._factors = style_factors(settings, unit=extractor.unit)
        self._loss = Loss(extractor, settings)
        self._dtype = precision.dtype_of_sums(content)
        contents = self._contents(content)
        factors = content_factors(settings, contents, unit=extractor.unit)
        self._targets = Targets(
            contents,
            {name: tf.constant(factor, self._dtype) for name, factor in factors.items()},
            tuple(
                map(
                    self._term,
                    style_targets(
                        [mean_moments(style, content.dtype, self._moments) for style in styles], settings, regions
                    ),
                )
            ),
        )

    def _contents(self, content: Tensor) -> dict[str, Tensor]:
        names = [name for name, weight in self._settings.content_layers.items() if weight > 0]

        def contents(image: Tensor) -> dict[str, Tensor]:
            features = self._extractor(image)
            return {name: features[name] for name in names}

        return self._once(content, contents, ("content", *names))

    def _moments(self, style: Tensor) -> dict[str, Tensor]:
        names, statistic = tuple(self._factors), self._settings.statistic

        def found(image: Tensor) -> dict[str, Tensor]:
            features = self._extractor(image)
            return {name: moments(features[name], statistic) for name in names}

        return self._once(style, found, ("moments", statistic, *names))

    def _once(
        self, image: Tensor, function: Callable[[Tensor], dict[str, Tensor]], key: tuple[str, ...]
    ) -> dict[str, Tensor]:
        """Return ``function(image)``, through a graph that is kept for the next pair where that is worth it.

        In a graph TensorFlow makes one operation of a convolution, its bias and ReLU, which rounds less often. Computed
        otherwise than the steps, targets differ from a picture that is equal to them: a picture that is done would be moved.
        """
        size = image.shape.num_elements()
        if not is_kept(size):
            # Eagerly, each layer freed once the next has it: tracing a graph for one use would take longer.
            return function(image)
        graph = self._extractor.graphs.get(
            (key, tuple(image.shape), image.dtype), lambda: tf.function(function, autograph=False)
        )
        found: dict[str, Tensor] = graph(image)
        return found

    def _term(self, target: StyleTarget) -> StyleTerm:
        covers = {name: target.cover(name) for name in target.distances}
        factors = {name: tf.constant(target.share * self._factors[name], self._dtype) for name in target.distances}
        return StyleTerm(factors, target.distances, None if target.covers is None else covers)

    def terms(self, image: Tensor) -> Tensor:
        """Return the weighted losses at ``image``, see :meth:`Loss.terms`."""
        return self._loss.terms(image, self._targets)

    def value_and_gradient(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Return :meth:`terms` and the gradient of the total, shape and dtype of ``image``."""
        return self._loss.value_and_gradient(image, self._targets)

    def compiled(self, image: Tensor) -> GraphGradient:
        """Return :meth:`value_and_gradient` as a graph, for pictures of the shape and dtype of ``image``."""
        return self._loss.gradient(image, self._targets)
