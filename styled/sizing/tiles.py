"""Where tiles lie: which cells of each layer a tile owns, and how far beyond its edge it must look. Arithmetic.

A feature at stride j of a 3x3 convolution looks one cell, that is j pixels, further than its input does; a 2x2
pool over aligned cells looks no further. A tile that starts on a multiple of the deepest stride therefore gives
exact features for its own cells if it is cut out with a halo of the sum of the strides, rounded up to a multiple
of the deepest one (engines such as Galerne et al., "Scaling Painting Style Transfer", 2024, use 256 px instead of
the 80 px this comes to for block5_conv1).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from styled import vgg19

ALIGNMENT_PX = 32
"""Cuts are multiples of this long: the stride of the fifth pool, so that any part of the network may be tiled."""


Slices = tuple[slice, slice, slice]


class Span(NamedTuple):
    """One tile along one axis, in pixels of the image."""

    start: int
    """First pixel cut out, halo included."""
    stop: int
    own_start: int
    """First pixel owned."""
    own_stop: int

    def cells(self, stride: int) -> slice:
        """Return the owned cells of a layer of ``stride``, counted from the image's first cell."""
        return slice(self.own_start // stride, self.own_stop // stride)

    def own_cells(self, stride: int) -> slice:
        """Return the owned cells of a layer of ``stride``, counted from the cut's first cell."""
        return slice((self.own_start - self.start) // stride, (self.own_stop - self.start) // stride)

    @property
    def relative(self) -> Span:
        """The same cut, as if it lay at pixel 0: equal for all tiles that run alike."""
        return Span(*(place - self.start for place in self))


class Tile(NamedTuple):
    """A rectangle of the image with its halo. Slices are for arrays of shape (1, H, W, C)."""

    rows: Span
    columns: Span

    @property
    def cut(self) -> Slices:
        """The pixels to cut out, halo included."""
        return slice(None), slice(self.rows.start, self.rows.stop), slice(self.columns.start, self.columns.stop)

    def cells(self, stride: int) -> Slices:
        """The owned cells in the whole image's layer of ``stride``."""
        return slice(None), self.rows.cells(stride), self.columns.cells(stride)

    def own_cells(self, stride: int) -> Slices:
        """The owned cells in the layer of ``stride`` that the cut gives."""
        return slice(None), self.rows.own_cells(stride), self.columns.own_cells(stride)

    @property
    def relative(self) -> Tile:
        """The same tile, as if it lay at the image's corner: equal for all tiles that run alike."""
        return Tile(self.rows.relative, self.columns.relative)


def tiled_by(layers: Sequence[vgg19.Convolution], blocks: int) -> tuple[vgg19.Convolution, ...]:
    """Return the convolutions that run tile by tile when the first ``blocks`` blocks do; none if 0."""
    return tuple(layer for layer in layers if layer.block <= blocks)


def halo(convolutions: Sequence[vgg19.Convolution], *, is_pooled: bool = False) -> int:
    """Return the pixels a tile must be cut out beyond its edge for exact features after ``convolutions``.

    Args:
        convolutions: from the first on.
        is_pooled: a pool follows them, whose cells must not be cut in two.
    """
    overhang = sum(convolution.stride for convolution in convolutions)
    cell = convolutions[-1].stride * (2 if is_pooled else 1)
    return -(-overhang // cell) * cell


class Axis(NamedTuple):
    """How one axis is cut."""

    lengths: tuple[int, ...]
    """Of each tile with its halo, px."""
    kinds: int
    """How many of them differ in what they own of that too."""

    @classmethod
    def of(cls, length: int, tile: int, halo: int) -> Axis:
        """Cut ``length`` pixels; the other arguments as in :func:`tiles`."""
        spans = _spans(length, tile, halo)
        return cls(tuple(span.stop - span.start for span in spans), len({span.relative for span in spans}))


def tiles(height: int, width: int, *, tile: tuple[int, int], halo: int) -> list[Tile]:
    """Cut an image into tiles that own each pixel exactly once.

    Args:
        height: of the image, px.
        width: of the image, px.
        tile: width and height of what a tile shall own, px: of as many tiles, equally large, as would be needed then.
        halo: from :func:`halo`.
    """
    return [Tile(rows, columns) for rows in _spans(height, tile[1], halo) for columns in _spans(width, tile[0], halo)]


def _spans(length: int, tile: int, halo: int) -> list[Span]:
    """Cut one axis into spans whose cuts, halos included, are equally long, but for the last: each length is compiled.

    A span at the border owns more than one inside, which has two halos.
    """
    count = max(1, -(-length // max(ALIGNMENT_PX, tile)))
    even = -(-(length + 2 * halo * (count - 1)) // count)
    cut = -(-even // ALIGNMENT_PX) * ALIGNMENT_PX
    if cut >= length:
        return [Span(0, length, 0, length)]
    # The alignment and the halo are whole numbers of the deepest layer's cells: so all spans begin with one.
    return [
        Span(
            start,
            min(length, start + cut),
            start + halo if start > 0 else 0,
            start + cut - halo if start + cut < length else length,
        )
        for start in range(0, length - 2 * halo, cut - 2 * halo)
    ]
