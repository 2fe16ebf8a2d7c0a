"""What a step costs under each scheme, in pixels that go once forward and back through the network. Arithmetic.

The shares of the blocks were measured as processor time on CPUs; what is measured on the machine itself then turns
the cost into seconds.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from styled import vgg19
from styled.settings import Settings
from styled.sizing.scales import Scale
from styled.sizing.tiles import Axis, halo


class _Share(NamedTuple):
    """Of one convolution with what comes with it (ReLU, Gram matrix, pool), of the network down to block5_conv1."""

    forward: float
    both: float
    """Forward and back."""


_SHARES = {
    1: _Share(0.055, 0.110),
    2: _Share(0.055, 0.090),
    3: _Share(0.020, 0.075),
    4: _Share(0.013, 0.066),
    5: _Share(0.007, 0.036),
}
"""By block."""

STATISTIC_PX = {"gram": 0, "wasserstein": 120_000}
"""What the distances of a step cost whatever the picture's size, in pixels: eigenvectors, on the host's processors."""

_USUAL_PX = 2**19
"""Of a picture at whose speed the machine does what does not depend on the picture."""

TILE_PX = 4000
"""What a tile costs however small it is, in pixels."""


class Piece(NamedTuple):
    """Something that is in the network at once."""

    pixels: int
    """Of the image."""
    cost: float
    """In pixels of a whole step."""


class Grid(NamedTuple):
    """How a picture is cut: the same for all rows, and for all columns."""

    rows: Axis
    columns: Axis

    @property
    def tiles(self) -> int:
        """How many."""
        return len(self.rows.lengths) * len(self.columns.lengths)

    @property
    def pixels(self) -> int:
        """Of all tiles together, halos included."""
        return sum(self.rows.lengths) * sum(self.columns.lengths)

    @property
    def shapes(self) -> int:
        """How many run differently, and are compiled for themselves."""
        return self.rows.kinds * self.columns.kinds

    @property
    def largest(self) -> int:
        """Pixels of the largest tile, halo included."""
        return max(self.rows.lengths) * max(self.columns.lengths)


def grid(
    scale: Scale, layers: Sequence[vgg19.Convolution], tiled: Sequence[vgg19.Convolution], tile: tuple[int, int]
) -> Grid:
    """Return how ``scale`` is cut when ``tiled`` of ``layers`` run in tiles of width and height ``tile``."""
    width, height = tile
    margin = halo(tiled, is_pooled=len(tiled) < len(layers))
    return Grid(Axis.of(scale.height, height, margin), Axis.of(scale.width, width, margin))


def of_step(
    scale: Scale, layers: Sequence[vgg19.Convolution], tiled: Sequence[vgg19.Convolution], tile: tuple[int, int]
) -> list[Piece]:
    """Return the pieces of one step; all tiles as one piece of many.

    Args:
        scale: that is painted.
        layers: of the network.
        tiled: those of them that run in tiles; none: untiled.
        tile: width and height of what a tile shall own, px.
    """
    if not tiled:
        return [Piece(scale.pixels, scale.pixels * _both(layers))]
    cut = grid(scale, layers, tiled, tile)
    work = (cut.pixels + cut.tiles * TILE_PX) * (_forward(tiled) + _both(tiled))
    deep = layers[len(tiled) :]
    tiles = Piece(cut.pixels // cut.tiles, work)
    return [tiles, Piece(scale.pixels, scale.pixels * _both(deep))] if deep else [tiles]


def of_statistic(settings: Settings) -> Piece:
    """Return what a step costs for the style's statistic besides, in the same pixels."""
    return Piece(_USUAL_PX, STATISTIC_PX[settings.statistic])


def of_targets(
    scale: Scale, layers: Sequence[vgg19.Convolution], tiled: Sequence[vgg19.Convolution], tile: tuple[int, int]
) -> list[Piece]:
    """Return the pieces of the features of a picture of that size: once forward. Arguments as :func:`of_step`."""
    if not tiled:
        return [Piece(scale.pixels, scale.pixels * _forward(layers))]
    cut = grid(scale, layers, tiled, tile)
    work = (cut.pixels + cut.tiles * TILE_PX) * _forward(tiled)
    return [Piece(cut.pixels // cut.tiles, work), Piece(scale.pixels, scale.pixels * _forward(layers[len(tiled) :]))]


def _forward(layers: Iterable[vgg19.Convolution]) -> float:
    return sum(_SHARES[layer.block].forward for layer in layers)


def _both(layers: Iterable[vgg19.Convolution]) -> float:
    return sum(_SHARES[layer.block].both for layer in layers)
