"""Pictures that are transparent in parts, cut-outs: what is not there is filled with more of what is.

A style is a statistic over all positions, so whatever stands in the transparent part counts as painted: of a painting that
covers half of its canvas, half of the style would be one flat colour. Left out instead, position by position, the deep
layers, which see 100 px and more, would still look into it from each side. In a photo that part is not seen, but the
colours that painting starts with have their mean and contrast from all of it, and a part of the style would go there.

So the largest rectangle that is opaque is repeated over it, mirrored at each of its borders, so that no seam comes up.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from styled.images.decoding import Loaded
from styled.images.resizing import Pixels

_TOLD = 0.05
"""Of a picture, transparent: below it, rounded corners, nobody could see what stands there."""

_TOLD_OF_PHOTO = 0.5
"""With half of a photo in its mean colour its start has 1.4 times the style's contrast, with 90 % three times."""

_ON_PAPER = 0.5
"""Of a picture, transparent, from which it is something drawn on nothing; below it, a painting with holes."""

_LEAST_PX = 32
_LEAST_PART = 1 / 16
"""A rectangle whose shorter side has fewer pixels, or is a smaller part of the picture's, has no texture to repeat ..."""

_LEAST_SPREAD = 4.0
"""... nor has one of less: the standard deviation of a channel, levels. A thick line, or a patch of one colour."""

_GRID = 256
"""Cells along the long side in which a rectangle is looked for."""

_OPAQUE = 250
"""Alpha from which a pixel is one of the painting's own."""

_LIGHT = 160.0
"""Mean level from which what is painted is light: then it stands on black."""


def opaque(image: Loaded) -> Loaded:
    """Return a picture without transparency; one that has none is returned as it is.

    Where no rectangle of it has a texture to repeat, as of lines, and most of it is transparent, it is laid on white, or on
    black if it is light: as one would look at it. A painting with small holes all over keeps its mean colour in them.

    Args:
        image: a style, or a picture to start from, as it was decoded.

    Returns:
        The same, without alpha; with a remark where a part of some size was filled.
    """
    if image.alpha is None:
        return image
    share, more = 1.0 - float(image.alpha.mean()) / 255.0, _more_of(image.pixels, image.alpha)
    pixels = image.pixels
    if more is not None:
        how = "that is filled with more of what is painted, mirrored"
        pixels = _laid(pixels, image.alpha, more.row)
    elif share >= _ON_PAPER:
        level, colour = (0, "black") if _is_light(pixels, image.alpha) else (255, "white")
        how = f"it is laid on {colour}"
        pixels = on_level(pixels, image.alpha, level)
    else:
        share = _hidden(image.alpha)  # the rest has colours of its own
        how = "that counts as its mean colour: crop it to what is painted"
    if share < _TOLD:
        return dataclasses.replace(image, pixels=pixels, alpha=None)
    told = f"{_in_words(share)} of it is transparent: {how}"
    is_cut_out = pixels is not image.pixels
    return dataclasses.replace(image, pixels=pixels, alpha=None, remarks=(*image.remarks, told), is_cut_out=is_cut_out)


def with_more_of_it(photo: Loaded) -> Loaded:
    """Return a photo with what is fully transparent filled, if there is a rectangle to fill it with; its alpha stays."""
    if photo.alpha is None or photo.alpha.all():
        return photo
    share, more = _hidden(photo.alpha), _more_of(photo.pixels, photo.alpha)
    if more is None:
        if share < _TOLD_OF_PHOTO:
            return photo
        told = f"{_in_words(share)} of it is transparent and counts as its mean colour: crop it to what is seen"
        return dataclasses.replace(photo, remarks=(*photo.remarks, told))
    # What shows through has a colour of its own.
    pixels = _laid(photo.pixels, np.where(photo.alpha > 0, np.uint8(255), np.uint8(0)), more.row)
    return dataclasses.replace(photo, pixels=pixels, is_cut_out=share >= _TOLD)


def on_level(pixels: Pixels, alpha: Pixels, level: int) -> Pixels:
    """Return a picture (H, W, 3) laid on a grey ``level`` by its alpha (H, W)."""
    ground = np.full_like(pixels[0], level)
    return _laid(pixels, alpha, lambda _row: ground)


class _More:
    """A rectangle of a picture, repeated and mirrored over all of it."""

    def __init__(self, pixels: Pixels, rows: slice, columns: slice) -> None:
        self._pixels = pixels
        self._rows, self._columns = _mirrored(pixels.shape[0], rows), _mirrored(pixels.shape[1], columns)

    def row(self, index: int) -> Pixels:
        """Return a row of it, shape (W, 3)."""
        row: Pixels = self._pixels[self._rows[index], self._columns]
        return row


def _more_of(pixels: Pixels, alpha: Pixels) -> _More | None:
    """Return what to fill a picture's transparent part with; None: no opaque rectangle of it has a texture to repeat."""
    rows, columns = _largest_rectangle(alpha)
    short = min(rows.stop - rows.start, columns.stop - columns.start)
    if short < max(_LEAST_PX, _LEAST_PART * min(alpha.shape)):
        return None
    if pixels[rows, columns][:: _thin(rows), :: _thin(columns)].std(axis=(0, 1)).max() < _LEAST_SPREAD:
        return None
    return _More(pixels, rows, columns)


def _thin(span: slice) -> int:
    """Return every how many pixels of a side are enough for a spread."""
    return max(1, int(span.stop - span.start) // _GRID)


def _is_light(pixels: Pixels, alpha: Pixels) -> bool:
    """Return whether what stands out of a picture is light."""
    stands_out = alpha >= (int(alpha.max()) + 1) // 2
    return bool(np.mean(pixels, where=stands_out[..., None], dtype=np.float64) >= _LIGHT)


def _hidden(alpha: Pixels) -> float:
    """Return how much of a picture is fully transparent, 0..1."""
    return 1.0 - int(np.count_nonzero(alpha)) / alpha.size


def _in_words(share: float) -> str:
    return "over 99 %" if share > 0.99 else f"{100.0 * share:.0f} %"


def _laid(pixels: Pixels, alpha: Pixels, ground_of: Callable[[int], Pixels]) -> Pixels:
    """Return a picture (H, W, 3) laid on rows (W, 3) of a ground, by its alpha (H, W): row by row, it may be large."""
    laid = pixels.copy()
    for index, (row, opacity) in enumerate(zip(laid, alpha, strict=True)):
        part = np.flatnonzero(opacity < 255)
        cover = opacity[part, None].astype(np.int32)
        over, under = row[part].astype(np.int32), ground_of(index)[part].astype(np.int32)
        row[part] = (over * cover + under * (255 - cover) + 127) // 255
    return laid


def _mirrored(length: int, span: slice) -> npt.NDArray[np.intp]:
    """Return, for each place along a side of ``length`` px, the one in ``span`` that stands for it: itself, or its mirror's."""
    size = span.stop - span.start
    folded = (np.arange(length) - span.start) % (2 * size)
    return np.asarray(span.start + np.minimum(folded, 2 * size - 1 - folded), np.intp)


def _largest_rectangle(alpha: Pixels) -> tuple[slice, slice]:
    """Return the rows and columns of the largest rectangle that is opaque, to a cell of a grid; empty if there is none."""
    cell = -(-max(alpha.shape) // _GRID)
    height, width = (side // cell for side in alpha.shape)
    cells = alpha[: height * cell, : width * cell].reshape(height, cell, width, cell)
    is_whole = cells.min(axis=(1, 3)) >= _OPAQUE  # (H, W) -> (height, cell, width, cell) -> (height, width)
    best, found = 0, (0, 0, 0, 0)
    above = np.zeros(width, np.intp)
    for row, whole in enumerate(is_whole):
        above = np.where(whole, above + 1, 0)  # how many cells up to this row are whole, one on the other
        for area, left, right, tall in _under(above.tolist()):
            if area > best:
                best, found = area, (row + 1 - tall, row + 1, left, right)
    top, bottom, left, right = (cell * each for each in found)
    return slice(top, bottom), slice(left, right)


def _under(heights: list[int]) -> list[tuple[int, int, int, int]]:
    """Return area, left, right and height of each rectangle under columns of ``heights`` that cannot be made wider."""
    found = []
    standing: list[tuple[int, int]] = []
    """Where a rectangle begins, and its height; each is higher than the one before."""
    for right, height in enumerate([*heights, 0]):
        left = right
        while standing and standing[-1][1] >= height:
            left, tall = standing.pop()
            found.append((tall * (right - left), left, right, tall))
        standing.append((left, height))
    return found
