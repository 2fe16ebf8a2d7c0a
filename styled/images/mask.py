"""From a mask image to regions: which colours are areas, and which only their edges.

A mask may have been drawn, feathered, resampled or saved as a JPEG. Its regions are the colours that have a peak in the
histogram and an inside: ramps have no peak, and the thin edges of areas no inside. Colours are read at full size, before
anything blends them. NumPy only.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFilter

from styled.errors import SettingsError
from styled.images.resizing import Pixels

_LUMA = np.array([0.299, 0.587, 0.114])

_REACH = 48.0
"""Distance of two colours (RGB, levels) up to which one is the other with noise on it."""

_FEW_COLOURS = 16
"""Up to so many are all somebody's own, and none is another with noise on it: labels such as 0, 1 and 2, say."""

_PEAK_REACH = 14.0
"""Distance within which most pixels of an area lie, also after a JPEG."""

_PEAKED = 0.5
"""Share of a cluster's pixels within that from which it is an area's, and no ramp between two."""

_INSIDE = 0.1
"""Share of a cluster's pixels with their own kind all around from which it is an area, and no edge."""

_STRAY = 0.01
"""Areas of other colours on less of the mask than this, each, count as the nearest colour's, with a remark."""

_LEAST_AREA = 0.5
"""Share of a mask that its areas must have, their noise included: else it is a gradient, or no mask at all."""

_MOST_COLOURS = 4096
"""That are clustered; with more, levels are halved until there are no more."""

MOST_MASK_PIXELS = 16_000_000
"""Of which colours are counted; of a larger mask only every second, third … pixel is looked at."""

MASK_BYTES_PX = 45.0
"""Of a pixel of those while their colours are counted and compared."""

_OPAQUE = 128


class Regions(NamedTuple):
    """What was understood of a mask."""

    labels: Pixels
    """Index of each pixel's region, uint8, shape (H, W)."""
    styles: tuple[int | None, ...]
    """Of each region, the index of its style; None: the photo stays."""
    shares: tuple[float, ...]
    """Of each region, 0..1."""
    remarks: tuple[str, ...]
    """What was decided that its user may not expect."""

    def picture(self) -> Pixels:
        """Return the regions in false colours, the photo's part grey: uint8, shape (H, W, 3)."""
        palette = np.array([_PALETTE[colour] for colour in self.colours], np.uint8)
        return palette[self.labels]

    @property
    def colours(self) -> tuple[str, ...]:
        """The name of each region's colour in the picture."""
        return tuple("grey" if style is None else _COLOURS[style % len(_COLOURS)] for style in self.styles)


_PALETTE = {
    "grey": (110, 110, 110), "orange": (230, 97, 1), "violet": (94, 60, 153), "green": (26, 152, 80), "blue": (33, 102, 172),
    "apricot": (253, 184, 99), "pink": (197, 27, 125), "brown": (140, 81, 10),
}  # fmt: skip
_COLOURS = tuple(_PALETTE)[1:]
"""Of the styles, in order; told apart also by eyes that mix up red and green."""


def find_regions(pixels: npt.NDArray[Any], alpha: Pixels | None, styles: int) -> Regions:
    """Read a mask: one region for each colour, from the darkest to the brightest.

    With as many colours as styles, the darkest is painted in the first style, the next in the second, and so on. With one
    colour more, the darkest is not painted. What is transparent is not painted.

    Args:
        pixels: uint8, shape (H, W, 3), RGB.
        alpha: uint8, shape (H, W); None: opaque.
        styles: how many there are.

    Raises:
        SettingsError: another number of colours.
    """
    step = 1
    while pixels[::step, ::step, 0].size > MOST_MASK_PIXELS:
        step += 1
    pixels = np.ascontiguousarray(pixels[::step, ::step])
    clear = None if alpha is None else alpha[::step, ::step] < _OPAQUE
    if clear is not None and clear.all():
        raise SettingsError("the mask is wholly transparent", "Give it a colour for each style.")
    colours, of_pixel, counts = _histogram(pixels, clear)
    main, strays = _areas(colours, counts, of_pixel, clear, styles)
    nearest = np.argmin(((colours[:, None] - main[None]) ** 2).sum(axis=2), axis=1).astype(np.uint8)
    unpainted = len(main) - styles
    of_region: list[int | None] = [index - unpainted if index >= unpainted else None for index in range(len(main))]
    labels = nearest[of_pixel]
    if clear is not None and clear.any():
        labels[clear] = len(of_region)
        of_region.append(None)
    shares = np.bincount(labels.ravel(), minlength=len(of_region)) / labels.size
    return Regions(labels, tuple(of_region), tuple(shares.tolist()), tuple(_remarks(of_region, shares, strays)))


def _histogram(
    pixels: Pixels, clear: npt.NDArray[np.bool_] | None
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """Return the colours, each pixel's index among them, and how many opaque pixels each has."""
    found, of_pixel = np.unique(pixels.astype(np.uint32) @ np.array([65536, 256, 1], np.uint32), return_inverse=True)
    bits = 0
    while len(found) > _MOST_COLOURS:
        bits += 1
        halved = found >> 1 & 0x7F7F7F  # each level for itself: none gets a bit of its neighbour's
        found, of_found = np.unique(halved, return_inverse=True)
        of_pixel = of_found[of_pixel]
    of_pixel = of_pixel.reshape(pixels.shape[:2])
    opaque = of_pixel.ravel() if clear is None else of_pixel[~clear]
    counts = np.bincount(opaque, minlength=len(found))
    half = (1 << bits) / 2 - 0.5
    levels = np.stack([found >> 16, found >> 8 & 255, found & 255], axis=1)
    return levels * float(1 << bits) + half, of_pixel, counts


def _areas(
    colours: npt.NDArray[np.float64],
    counts: npt.NDArray[np.intp],
    of_pixel: npt.NDArray[np.intp],
    clear: npt.NDArray[np.bool_] | None,
    styles: int,
) -> tuple[npt.NDArray[np.float64], list[float]]:
    """Return the colours of the regions, dark to bright, and the shares of the areas that are none.

    Raises:
        SettingsError: too few or too many of them.
    """
    is_drawn = np.count_nonzero(counts) <= _FEW_COLOURS
    cluster, centres = _clusters(colours, counts, reach=0.0 if is_drawn else _REACH)
    total = counts.sum()
    sizes = np.bincount(cluster, weights=counts, minlength=len(centres)) / total
    areas = [
        index
        for index, centre in enumerate(centres)
        if _is_peaked(colours, counts, cluster == index, centre)
        and (is_drawn or _is_mode(colours, counts, centre))
        and _has_inside((cluster == index)[of_pixel], clear)
    ]
    areas.sort(key=lambda index: -sizes[index])
    kept, strays = areas[: styles + 1], areas[styles + 1 :]
    if (
        len(kept) < styles
        or any(sizes[index] >= _STRAY for index in strays)
        or sum(sizes[index] for index in areas) < _LEAST_AREA
    ):
        raise _wrong_number([sizes[index] for index in areas], styles)
    main = centres[kept]
    return main[np.argsort(main @ _LUMA, kind="stable")], [float(sizes[index]) for index in strays]


def _clusters(
    colours: npt.NDArray[np.float64], counts: npt.NDArray[np.intp], *, reach: float
) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.float64]]:
    """Put the colours around the most frequent ones; return each colour's cluster, and the centres."""
    cluster = np.full(len(colours), -1, np.intp)
    centres: list[npt.NDArray[np.float64]] = []
    for index in np.argsort(-counts, kind="stable"):
        if cluster[index] >= 0:
            continue
        near = (((colours - colours[index]) ** 2).sum(axis=1) <= reach**2) & (cluster < 0)
        cluster[near] = len(centres)
        centres.append(colours[index])
    return cluster, np.array(centres)


def _is_peaked(
    colours: npt.NDArray[np.float64],
    counts: npt.NDArray[np.intp],
    members: npt.NDArray[np.bool_],
    centre: npt.NDArray[np.float64],
) -> bool:
    own, of_own = colours[members], counts[members]
    close = ((own - centre) ** 2).sum(axis=1) <= _PEAK_REACH**2
    return bool(of_own[close].sum() >= _PEAKED * of_own.sum() > 0)


def _is_mode(colours: npt.NDArray[np.float64], counts: npt.NDArray[np.intp], centre: npt.NDArray[np.float64]) -> bool:
    """Return whether colours are densest at a cluster's centre: beside the noise of a larger one they get denser towards that."""

    def density(at: npt.NDArray[np.float64]) -> int:
        return int(counts[((colours - at) ** 2).sum(axis=1) <= _PEAK_REACH**2].sum())

    around = colours[((colours - centre) ** 2).sum(axis=1) <= (2 * _PEAK_REACH) ** 2]
    most = 1.2 * density(centre)
    return all(density(other) <= most for other in around)


def _has_inside(area: npt.NDArray[np.bool_], clear: npt.NDArray[np.bool_] | None) -> bool:
    """Return whether enough of an area's pixels have only their own kind around them."""
    if clear is not None:
        area = area & ~clear
    # Its border is no edge: a region may be as wide as the picture.
    padded = Image.fromarray(np.pad(area, 1, mode="edge").astype(np.uint8) * 255)
    inside = np.asarray(padded.filter(ImageFilter.MinFilter(3)))[1:-1, 1:-1] > 0
    return bool(inside.sum() >= max(1.0, _INSIDE * area.sum()))


def _wrong_number(sizes: list[float], styles: int) -> SettingsError:
    shares = ", ".join(f"{size * 100:.3g} %" for size in sizes[:8]) or "no area"
    found = f"{len(sizes)} colour{'s' * (len(sizes) != 1)}"
    return SettingsError(
        f"the mask has {found} for {styles} style{'s' * (styles != 1)} ({shares} of it, edges and ramps apart)",
        f"Give it {styles} plain colour{'s' * (styles != 1)}, or {styles + 1} to leave the darkest unpainted.",
    )


def _remarks(of_region: list[int | None], shares: npt.NDArray[np.float64], strays: list[float]) -> list[str]:
    remarks = []
    if strays:
        word = "one more colour counts" if len(strays) == 1 else f"{len(strays)} more colours count"
        remarks.append(f"mask: {word} as the one most like it, on {sum(strays) * 100:.2g} % of the picture")
    photo = sum(share for style, share in zip(of_region, shares, strict=True) if style is None)
    if photo > 0.9:
        remarks.append(f"mask: all but {(1 - photo) * 100:.2g} % of the picture stays the photo")
    remarks += [
        f"mask: style {style + 1} is painted on {share * 100:.2g} % of the picture only"
        for style, share in zip(of_region, shares, strict=True)
        if style is not None and share < 0.01
    ]
    return remarks
