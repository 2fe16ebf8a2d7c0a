"""What a step costs under each scheme, in pixels that go once forward and back through the network. Arithmetic.

The shares of the blocks were measured as processor time on a CPU with AVX2 in float32; what is measured on the
machine itself then turns the cost into seconds.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from styled import vgg19
from styled.engine.footprint import Choice, front_of
from styled.engine.pyramid import Scale
from styled.engine.tiling import halo, tiles


class _Share(NamedTuple):
    """Of one convolution with what comes with it (ReLU, Gram matrix, pool), of the network down to block5_conv1."""

    forward: float
    both: float
    """Forward and back."""


_SHARES = {
    1: _Share(0.040, 0.140),
    2: _Share(0.050, 0.110),
    3: _Share(0.045, 0.080),
    4: _Share(0.021, 0.040),
    5: _Share(0.010, 0.020),
}
"""By block."""

SCHEME_OVERHEAD = {"off": 1.0, "front": 1.15, "full": 1.15}
"""What cutting tiles out and adding them up costs beyond the network."""


class Piece(NamedTuple):
    """Something that is in the network at once."""

    pixels: int
    """Of the image."""
    cost: float
    """In pixels of a whole step."""


def of_step(scale: Scale, layers: Sequence[vgg19.Convolution], way: Choice) -> list[Piece]:
    """Return the pieces of one step."""
    if way.scheme == "off":
        return [Piece(scale.pixels, scale.pixels * _both(layers))]
    tiled = front_of(layers, way)
    pieces = [
        Piece(pixels, pixels * (_forward(tiled) + _both(tiled)) * SCHEME_OVERHEAD[way.scheme])
        for pixels in _tile_pixels(scale, tiled, way)
    ]
    deep = layers[len(tiled) :]
    return [*pieces, Piece(scale.pixels, scale.pixels * _both(deep))] if deep else pieces


def of_targets(scale: Scale, layers: Sequence[vgg19.Convolution], way: Choice, styles: Sequence[int]) -> list[Piece]:
    """Return the pieces of the targets: content and styles once forward.

    Args:
        scale: that is opened.
        layers: of the network.
        way: how it is tiled.
        styles: pixels of each style at this scale.
    """
    if way.scheme == "off":
        return [Piece(pixels, pixels * _forward(layers)) for pixels in (scale.pixels, *styles)]
    of_content = [Piece(pixels, pixels * _forward(layers)) for pixels in _tile_pixels(scale, layers, way)]
    content = sum(piece.cost for piece in of_content)
    return [*of_content, *(Piece(pixels, content * pixels / scale.pixels) for pixels in styles)]


def shapes(scale: Scale, layers: Sequence[vgg19.Convolution], way: Choice) -> int:
    """Return how many different shapes are compiled: 1, or those of the tiles."""
    if way.scheme == "off":
        return 1
    places = tiles(scale.height, scale.width, tile=way.tile, halo=halo(front_of(layers, way)))
    return len({place.relative for place in places})


def _tile_pixels(scale: Scale, layers: Sequence[vgg19.Convolution], way: Choice) -> list[int]:
    places = tiles(scale.height, scale.width, tile=way.tile, halo=halo(layers))
    return [(place.rows.stop - place.rows.start) * (place.columns.stop - place.columns.start) for place in places]


def _forward(layers: Iterable[vgg19.Convolution]) -> float:
    return sum(_SHARES[layer.block].forward for layer in layers)


def _both(layers: Iterable[vgg19.Convolution]) -> float:
    return sum(_SHARES[layer.block].both for layer in layers)
