"""The objective's exact gradient in bounded memory: the network, or its expensive front, runs tile by tile.

The loss sees a layer only through its moments (its Gram matrix, say) and its squared distance to the content,
both of which are sums over positions. So: a first pass over the tiles adds up the sums, without gradient; the
derivative of the loss with respect to the moments follows from them alone; a second pass runs each tile again, feeds
``dL/dF`` at the cells the tile owns, zero elsewhere, and adds *all* pixel gradients that come out, halo
included, to the image's. Every ``dF/dx`` counts once, in a tile where F is exact, so the result is the gradient
of the whole image's loss, not an approximation.

Two schemes. ``full`` tiles the whole network: memory hardly grows with the image. ``front`` tiles blocks 1 and 2, or
1 to 3, which hold two thirds and four fifths of the activations, and runs the deep rest in one piece: cheaper, since
only the front is run twice, and with a halo of 8 or 24 px instead of 80.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from styled import vgg19
from styled.engine.network import precision
from styled.engine.network.custom_gradient import custom_gradient
from styled.engine.network.features import FeatureExtractor
from styled.engine.network.stepping import in_place
from styled.engine.objective import losses
from styled.engine.objective.regions import Region
from styled.engine.objective.statistic import moment_sums, moments, positions
from styled.engine.objective.style_pieces import mean_moments
from styled.engine.objective.style_slope import by_features, loss_and_matrix
from styled.engine.objective.style_target import StyleTarget, style_targets
from styled.engine.objective.term_weights import content_factors, style_factors
from styled.settings import Settings
from styled.sizing.tiles import Tile, halo, tiled_by, tiles

Tensor = Any


class TiledObjective:
    """Same value and gradient as :class:`styled.engine.objective.objective.Objective`, within rounding.

    Args:
        extractor: must give all layers that ``settings`` name.
        content: float32, shape (1, H, W, 3), RGB 0..255: the content at this scale.
        styles: the styles at this scale, same shape, any dtype and size each; taken one after another.
        settings: layers and weights.
        blocks: how many of the network's blocks run in tiles, 1 to 5; the deep rest runs in one piece.
        tile: width and height of what a tile shall own, px, see :func:`styled.sizing.tiles.tiles`.
        regions: which style goes where, at the content's size; None: all styles blend everywhere.
        on_host: what tiles give is added up in this process's memory; None: where that is the device's.
    """

    def __init__(
        self,
        extractor: FeatureExtractor,
        content: Tensor,
        styles: Iterable[Tensor],
        settings: Settings,
        *,
        blocks: int,
        tile: tuple[int, int],
        regions: Sequence[Region] | None = None,
        on_host: bool | None = None,
    ) -> None:
        self._extractor, self._settings, self._tile = extractor, settings, tile
        self._on_host = not tf.config.list_physical_devices("GPU") if on_host is None else on_host
        self._content_layers = {name: weight for name, weight in settings.content_layers.items() if weight > 0}
        self._style_factors = style_factors(settings, unit=extractor.unit)
        self._scale = extractor.gradient_scale(content.shape[1] * content.shape[2])
        self._front = tiled_by(extractor.convolutions, blocks)
        self._deep = extractor.convolutions[len(self._front) :]
        self._halo = halo(self._front, is_pooled=bool(self._deep))
        self._pooled_stride = 2 * self._front[-1].stride
        self._forward_tile = tf.function(self._forward, autograph=False)
        self._backward_tile = tf.function(self._backward, autograph=False)
        self._deep_gradient = tf.function(self._deep_value_and_gradient, autograph=False)
        # As graphs, though each is run once or twice a shape: half the time of single operations, and less memory.
        self._front_layer = tf.function(self._layer_in_front, autograph=False)
        self._deep_layers = tf.function(self._layers_in_deep, autograph=False)
        self._content_targets = self._content_features(content)
        self._content_factors = content_factors(settings, self._content_targets, unit=extractor.unit)
        found = [mean_moments(style, content.dtype, self._moments) for style in styles]
        self._style_targets = style_targets(found, settings, regions)

    def value_and_gradient(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Return the loss terms and the gradient of the total, as the untiled objective does.

        Args:
            image: float32 (or float64), shape (1, H, W, 3), RGB 0..255.
        """
        size = tuple(image.shape[1:3])  # integers: a TensorShape equals no other to tf.function, which traces again
        places = self._places(image)
        sums, pooled = self._first_pass(image, places, self._style_targets)
        zero = tf.zeros((), image.dtype)
        contents, styles = dict.fromkeys(self._content_layers, zero), dict.fromkeys(self._style_factors, zero)
        above, tv = None, zero
        matrices: list[dict[str, Tensor]] = []
        for target, of_target in zip(self._style_targets, sums, strict=True):
            matrices.append({})
            for name, total in of_target.items():
                loss, matrices[-1][name] = self._style_of(target, name, total, image)
                styles[name] += loss
        if pooled is not None:
            deep_contents, deep_styles, above = self._deep_gradient(pooled)
            contents |= deep_contents
            styles |= deep_styles
        gradient = _HostSum(image) if self._on_host else _DeviceSum(image)
        for tile in places:
            targets = {
                name: target[tile.cells(_stride(name))] for name, target in self._in_front(self._content_targets)
            }
            tile_above = None if above is None else above[tile.cells(self._pooled_stride)]
            part, tile_contents, tile_tv = self._backward_tile(
                image[tile.cut],
                tile.relative,
                matrices,
                self._covers_of(tile),
                targets,
                above=tile_above,
                size=size,
            )
            contents |= {name: contents[name] + value for name, value in tile_contents.items()}
            tv += tile_tv
            gradient.add(tile, part)
        layers = [tf.cast(each, image.dtype) for each in (*contents.values(), *styles.values())]
        content, style = sum(layers[: len(contents)], zero), sum(layers[len(contents) :], zero)
        return tf.stack([content + style + tv, content, style, tv, *layers]), gradient.over(self._scale)

    def _places(self, image: Tensor) -> list[Tile]:
        return tiles(image.shape[1], image.shape[2], tile=self._tile, halo=self._halo)

    def _in_front(self, layers: Mapping[str, Any]) -> list[tuple[str, Any]]:
        front = {convolution.name for convolution in self._front}
        return [(name, value) for name, value in layers.items() if name in front]

    def _in_deep(self, layers: Mapping[str, Any]) -> list[tuple[str, Any]]:
        deep = {convolution.name for convolution in self._deep}
        return [(name, value) for name, value in layers.items() if name in deep]

    def _covers_of(self, tile: Tile) -> list[dict[str, Tensor] | None]:
        """Return, per style target, what its region covers of the cells a tile owns, by layer."""
        covers: list[dict[str, Tensor] | None] = []
        for target in self._style_targets:
            layers = {name: target.cover(name) for name, _ in self._in_front(target.distances)}
            cut = {name: cover[tile.cells(_stride(name))[1:]] for name, cover in layers.items() if cover is not None}
            covers.append(cut or None)
        return covers

    def _first_pass(
        self, image: Tensor, places: Sequence[Tile], targets: Sequence[StyleTarget] | None
    ) -> tuple[list[dict[str, Tensor]], Tensor | None]:
        """Return per style target the moment sums of each tiled layer, and the pooled front if there is a deep part.

        Without targets the sums are over the whole image.
        """
        sums: list[dict[str, Tensor]] = [{} for _ in range(1 if targets is None else len(targets))]
        pooled = None
        if self._deep:
            height, width = (side // self._pooled_stride for side in image.shape[1:3])
            shape = (1, height, width, self._extractor.channels(self._front[-1].name))
            pooled = tf.Variable(tf.zeros(shape, self._extractor.precision), trainable=False)
        for tile in places:
            covers = [None] if targets is None else self._covers_of(tile)
            tile_sums, tile_pooled = self._forward_tile(image[tile.cut], tile.relative, covers)
            for of_target, of_tile in zip(sums, tile_sums, strict=True):
                for name, value in of_tile.items():
                    of_target[name] = of_target.get(name, 0.0) + value
            if pooled is not None:
                pooled[tile.cells(self._pooled_stride)].assign(tile_pooled)
        return sums, None if pooled is None else tf.convert_to_tensor(pooled)

    def _forward(
        self, cut: Tensor, tile: Tile, covers: Sequence[dict[str, Tensor] | None]
    ) -> tuple[list[dict[str, Tensor]], Tensor | None]:
        """Return the moment sums over what a tile owns, per target and layer, and its share of the pooled front."""
        features = self._extractor.run(self._extractor.centred(cut), self._front)
        owned = {name: features[name][tile.own_cells(_stride(name))] for name, _ in self._in_front(self._style_factors)}
        sums = [
            {
                name: moment_sums(x, self._settings.statistic, None if cover is None else cover.get(name))
                for name, x in owned.items()
            }
            for cover in covers
        ]
        if not self._deep:
            return sums, None
        return sums, self._extractor.pool(features[self._front[-1].name])[tile.own_cells(self._pooled_stride)]

    def _style_of(self, target: StyleTarget, name: str, total: Tensor, image: Tensor) -> tuple[Tensor, Tensor]:
        """Return the weighted style loss of one layer and the matrix K that :func:`by_features` takes."""
        if name not in target.distances:
            return tf.zeros((), image.dtype), tf.zeros_like(total)
        count = target.positions(name, *image.shape[1:3])
        weight = self._style_factors[name] * target.share
        loss, matrix = loss_and_matrix(target.distances[name], total, count, weight, scale=self._scale)
        return tf.cast(loss, image.dtype), matrix

    def _deep_value_and_gradient(self, pooled: Tensor) -> tuple[dict[str, Tensor], dict[str, Tensor], Tensor]:
        """Return the deep layers' content and style losses, and the gradient of their sum by ``pooled``."""
        statistic = self._settings.statistic
        with tf.GradientTape() as tape:
            tape.watch(pooled)
            features = self._extractor.run(pooled, self._deep, is_pooled=True)
            contents = {
                name: factor * losses.content_loss(features[name], self._content_targets[name])
                for name, factor in self._in_deep(self._content_factors)
            }
        dtype = precision.dtype_of_sums(pooled)
        styles = {name: tf.zeros((), dtype) for name, _ in self._in_deep(self._style_factors)}
        parts: dict[str, list[tuple[Tensor, Tensor | None]]] = {}
        for target in self._style_targets:
            for name, distance in self._in_deep(target.distances):
                cover = target.cover(name)
                sums = moment_sums(features[name], statistic, cover)
                count = positions(features[name], cover, sums.dtype)
                weight = self._style_factors[name] * target.share
                loss, matrix = loss_and_matrix(distance, sums, count, weight, scale=self._scale)
                styles[name] += loss
                parts.setdefault(name, []).append((matrix, cover))
        outputs = [*contents.values(), *(features[name] for name in parts)]
        upstream = [tf.constant(self._scale, dtype)] * len(contents)
        upstream += [by_features(features[name], of_layer, statistic) for name, of_layer in parts.items()]
        return contents, styles, tape.gradient(outputs, pooled, output_gradients=upstream)

    def _backward(
        self,
        cut: Tensor,
        tile: Tile,
        matrices: Sequence[dict[str, Tensor]],
        covers: Sequence[dict[str, Tensor] | None],
        targets: dict[str, Tensor],
        *,
        above: Tensor | None,
        size: tuple[int, int],
    ) -> tuple[Tensor, dict[str, Tensor], Tensor]:
        """Return the gradient, by the cut, of all that the tile owns, its content losses by layer and its TV loss."""
        contents = {}
        with tf.GradientTape() as tape:
            tape.watch(cut)
            features = self._extractor.run(self._extractor.centred(cut), self._front)
            # In one order always, as operations are in a graph: a set of names has another in each process.
            owned = {
                name: _cut(features[name], tile, _stride(name)) for name in dict.fromkeys([*matrices[0], *targets])
            }
            outputs: list[Tensor] = []
            upstream: list[Tensor] = []
            for name, target in targets.items():
                share = _positions(owned[name], 1) / ((size[0] // _stride(name)) * (size[1] // _stride(name)))
                loss = losses.content_loss(owned[name], target) * share
                contents[name] = self._content_factors[name] * tf.cast(loss, cut.dtype)
            outputs += [owned[name] for name in matrices[0]]
            if above is not None:
                pooled = self._extractor.pool(features[self._front[-1].name])
                outputs.append(_cut(pooled, tile, self._pooled_stride))
            tv_weight = self._settings.tv_weight
            rows, columns = (slice(span.own_start, span.own_stop) for span in tile)
            tv = (
                tv_weight * losses.share_of_variation(cut, rows, columns, size)
                if tv_weight > 0
                else tf.zeros((), cut.dtype)
            )
        for name in matrices[0]:
            parts = [
                (of_target[name], None if cover is None else cover.get(name))
                for of_target, cover in zip(matrices, covers, strict=True)
            ]
            upstream.append(by_features(owned[name], parts, self._settings.statistic))
        if above is not None:
            upstream.append(above)
        terms = [*contents.values(), *([tv] if tv_weight > 0 else [])]
        outputs, upstream = [*outputs, *terms], [*upstream, *[tf.constant(self._scale, cut.dtype)] * len(terms)]
        return tape.gradient(outputs, cut, output_gradients=upstream), contents, tv

    # --- targets ---

    def _moments(self, style: Tensor) -> dict[str, Tensor]:
        """Return the moments of a style image, tiled as the picture is."""
        sums, pooled = self._first_pass(style, self._places(style), None)
        found = {name: total / _positions(style, _stride(name)) for name, total in sums[0].items()}
        if pooled is not None:
            features = self._deep_layers(pooled, [name for name, _ in self._in_deep(self._style_factors)])
            found |= {name: moments(each, self._settings.statistic) for name, each in features.items()}
        return found

    def _content_features(self, content: Tensor) -> dict[str, Tensor]:
        """Return the content's features at the content layers, whole, computed as the picture's are."""
        targets = {}
        if self._deep:
            pooled = self._first_pass(content, self._places(content), None)[1]
            targets = self._deep_layers(pooled, [name for name, _ in self._in_deep(self._content_layers)])
        for name, _ in self._in_front(self._content_layers):
            targets[name] = self._whole_layer(content, name)
        return targets

    def _whole_layer(self, image: Tensor, name: str) -> Tensor:
        stride = _stride(name)
        shape = (1, image.shape[1] // stride, image.shape[2] // stride, self._extractor.channels(name))
        whole = tf.Variable(tf.zeros(shape, self._extractor.precision), trainable=False)
        for tile in self._places(image):
            part = self._front_layer(image[tile.cut], name)
            whole[tile.cells(stride)].assign(part[tile.own_cells(stride)])
        return tf.convert_to_tensor(whole)

    def _layer_in_front(self, cut: Tensor, name: str) -> Tensor:
        return self._extractor.run(self._extractor.centred(cut), vgg19.up_to(name))[name]

    def _layers_in_deep(self, pooled: Tensor, names: Sequence[str]) -> dict[str, Tensor]:
        features = self._extractor.run(pooled, self._deep, is_pooled=True)
        return {name: features[name] for name in names}


class _HostSum:
    """An image that tiles add to, in NumPy's memory: a variable that is assigned in parts is copied whole when it is read.

    Args:
        image: float, shape (1, H, W, 3): the form of the sum.
    """

    def __init__(self, image: Tensor) -> None:
        self._sum = np.zeros(image.shape, image.dtype.as_numpy_dtype)

    def add(self, tile: Tile, part: Tensor) -> None:
        """Add what a tile gives, of the shape of its cut."""
        self._sum[tile.cut] += in_place(part)

    def over(self, scale: float) -> Tensor:
        """Return the sum divided by ``scale``; nothing can be added any more."""
        self._sum /= scale
        return tf.constant(self._sum)


class _DeviceSum:
    """The same in a GPU's memory: there a copy is nothing beside a tile that goes to the host and back."""

    def __init__(self, image: Tensor) -> None:
        self._sum = tf.Variable(tf.zeros_like(image), trainable=False)

    def add(self, tile: Tile, part: Tensor) -> None:
        """See :meth:`_HostSum.add`."""
        self._sum[tile.cut].assign(self._sum[tile.cut] + part)

    def over(self, scale: float) -> Tensor:
        """See :meth:`_HostSum.over`."""
        return tf.convert_to_tensor(self._sum) / scale


def _cut(features: Tensor, tile: Tile, stride: int) -> Tensor:
    """Return the cells that a tile owns. TensorFlow's own gradient of a slice takes fifteen times as long as a pad."""
    own = tile.own_cells(stride)
    margins = [
        [0, 0],
        *([part.start, length - part.stop] for part, length in zip(own[1:], features.shape[1:3], strict=True)),
        [0, 0],
    ]

    @custom_gradient
    def operation(x: Tensor) -> tuple[Tensor, Any]:
        # (1, h, w, C) -> (1, own h, own w, C), and back
        return x[own], lambda upstream: tf.pad(upstream, margins)

    return operation(features)


def _stride(name: str) -> int:
    return vgg19.BY_NAME[name].stride


def _positions(image: Tensor, stride: int) -> float:
    return float((image.shape[1] // stride) * (image.shape[2] // stride))
