"""What goes wrong in style transfer and can be counted: haze, specks, borders, a lattice, foreign colours. NumPy only.

Each figure is 0 in a clean picture, grows with the damage, and does not count what the photo or a painting has itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from styled.score.flat_ground import flat_ground, lattice, objects
from styled.score.gamut import foreign_colours
from styled.score.structure import luminance

Picture = npt.NDArray[Any]
Floats = npt.NDArray[np.float64]

_BLOCK_PX = 8
_HAZE_CHROMA = 14.0
"""Mean of max(R, G, B) - min(R, G, B) in a block, levels: below it the block is grey."""
_HAZE_CONTRAST = 6.0
"""Standard deviation of a block's luminance, levels: below it the block is flat."""
_HAZE_RANGE = (48.0, 208.0)
"""Mean luminance of what is grey and neither black nor white."""
_SPECK_DEPTH = 64.0
"""Levels that a speck is darker than everything around it."""
_BAND_PX = 4
"""How wide a band at the border may be; the pixels that replicate or zero padding spoils first."""
_INSIDE_PX = 12
"""How many pixels further in a border is compared with."""
_LEAST_INSIDE_PX = 16
"""Of a picture's short side, to compare its border with."""


class Artefacts(msgspec.Struct, frozen=True, kw_only=True):
    """The counts for one result."""

    haze: float
    """Share of blocks of 8x8 px that are flat and grey, 0..1, beyond the share in the photo or the greyest style."""
    black_specks: float
    """Specks per million pixels: up to 3x3 px, darker by 64 levels than every pixel of the ring around them; beyond
    those in the photo or the style with most."""
    border_bands: float
    """Levels that a side's outermost 4 pixels differ, in the mean along the side, from the next 12: the worst side,
    beyond what the photo has there or a painting at any side (many show the edge of their board)."""
    border_noise: float
    """How much more the finest detail is within a twelfth of a side than further in, at the worst side, as a share of that
    further in; beyond what the photo or a painting has."""
    lattice: float
    """Strength of what repeats itself every 4 or 8 pixels where the photo is flat, in levels, beyond what the photo has."""
    foreign_colours: float
    """Share of the picture whose hue is stronger than any mixture of the photo's and the paintings' colours, 0..1."""
    objects: float
    """Standard deviation of larger shapes where the photo is flat, in levels."""


def artefacts(picture: Picture, content: Picture, styles: Sequence[Picture]) -> Artefacts:
    """Count what is wrong in a result.

    Args:
        picture: shape (H, W, 3), RGB, 0..255, at least 32 px a side.
        content: the photo at the same size.
        styles: the paintings at the scale that they were used at, any size each.
    """
    others = [content, *styles]
    flat = flat_ground(content)
    of_styles = max(float(bands(style).max()) for style in styles)
    return Artefacts(
        haze=_beyond(haze(picture), map(haze, others)),
        black_specks=_beyond(black_specks(picture), map(black_specks, others)),
        border_bands=max(0.0, float((bands(picture) - np.maximum(bands(content), of_styles)).max())),
        border_noise=_beyond(border_noise(picture), [0.0, *map(border_noise, others)]),
        lattice=_beyond(lattice(picture, flat), [lattice(content, flat)]),
        foreign_colours=foreign_colours(picture, others),
        objects=objects(picture, content, flat),
    )


def haze(picture: Picture) -> float:
    """Return the share of blocks that are flat and grey, 0..1."""
    height, width = (side // _BLOCK_PX * _BLOCK_PX for side in picture.shape[:2])
    cut = picture[:height, :width].astype(np.float64)
    blocks = cut.reshape(height // _BLOCK_PX, _BLOCK_PX, width // _BLOCK_PX, _BLOCK_PX, 3)
    chroma = (blocks.max(axis=-1) - blocks.min(axis=-1)).mean(axis=(1, 3))
    light = luminance(cut).reshape(blocks.shape[:-1])
    mean, contrast = light.mean(axis=(1, 3)), light.std(axis=(1, 3))
    low, high = _HAZE_RANGE
    grey = (chroma < _HAZE_CHROMA) & (contrast < _HAZE_CONTRAST) & (low < mean) & (mean < high)
    return float(grey.mean())


def black_specks(picture: Picture) -> float:
    """Return the specks per million pixels."""
    light = luminance(picture)
    height, width = light.shape
    ring = np.full((height - 6, width - 6), np.inf)
    for down in range(-3, 4):
        for right in range(-3, 4):
            if max(abs(down), abs(right)) == 3:
                ring = np.minimum(ring, light[3 + down : height - 3 + down, 3 + right : width - 3 + right])
    middle = light[3:-3, 3:-3]
    dark = middle < ring - _SPECK_DEPTH
    # One for each speck, however many of its pixels are dark: its darkest, the first of equals.
    around = np.pad(np.where(dark, middle, np.inf), 2, constant_values=np.inf)
    rows, columns = dark.shape
    for down in range(-2, 3):
        for right in range(-2, 3):
            other = around[2 + down : 2 + down + rows, 2 + right : 2 + right + columns]
            comes_first = (down, right) < (0, 0)
            dark &= (middle < other) | ((middle == other) & (not comes_first)) | ((down, right) == (0, 0))
    return float(dark.sum() / light.size * 1e6)


def bands(picture: Picture) -> Floats:
    """Return how much each side's border differs from what is inside of it, in levels; shape (4,): top, bottom, left, right."""
    grey = picture.astype(np.float64)
    found = []
    for turned in (grey, grey[::-1], grey.swapaxes(0, 1), grey.swapaxes(0, 1)[::-1]):
        profile = turned[: _BAND_PX + _INSIDE_PX].mean(axis=1)
        inside = profile[_BAND_PX:]
        places = np.arange(len(profile), dtype=np.float64)
        slope, start = np.polyfit(places[_BAND_PX:], inside, 1)
        # Against a straight line too: a sky that brightens to its edge has no band.
        expected = (inside.mean(axis=0), start + slope * places[:_BAND_PX, None])
        found.append(min(np.abs(profile[:_BAND_PX] - each).mean(axis=1).max() for each in expected))
    return np.array(found)


def border_noise(picture: Picture) -> float:
    """Return how much more the finest detail is at the noisiest side than inside, as a share of that; -1 at the least.

    0 where a picture (H, W, 3) is too thin to have an inside.
    """
    light = luminance(picture)
    middle = light[1:-1, 1:-1]
    fine = np.abs(middle - (light[:-2, 1:-1] + light[2:, 1:-1] + light[1:-1, :-2] + light[1:-1, 2:]) / 4.0)
    strip = max(_BAND_PX, min(fine.shape) // 12)
    inside = fine[strip:-strip, strip:-strip]
    if min(inside.shape) < _LEAST_INSIDE_PX:
        return 0.0
    sides = (fine[:strip], fine[-strip:], fine[:, :strip], fine[:, -strip:])
    return max(float(side.mean()) for side in sides) / max(float(inside.mean()), 1.0) - 1.0


def _beyond(found: float, usual: Iterable[float]) -> float:
    return max(0.0, found - max(usual))
