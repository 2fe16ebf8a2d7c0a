"""The nearest of a terminal's 256 colours to any colour, as the eye sees it. Pure, no Textual.

Over SSH 256 colours are the usual case, since COLORTERM is not forwarded. The toolkit rounds each channel by
itself, which turns dark parts of a picture into red, green and blue specks; here the nearest colour is
searched in OKLab (Ottosson, 2020), a space in which distances are what the eye sees.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import numpy.typing as npt

_LEVELS = (0, 95, 135, 175, 215, 255)
# The cube's greys and the ramp's upper nine are left out: the toolkit would round those to a neighbour.
_CUBE_GREYS_OUT = frozenset({1, 2, 3, 4})
_RAMP_KEPT = 15
_STEP_BITS = 3
"""Colours are looked up with 5 bits a channel."""


def palette() -> npt.NDArray[np.uint8]:
    """Return the colours used of the 256: uint8 (n, 3), sRGB."""
    cube = [
        (_LEVELS[red], _LEVELS[green], _LEVELS[blue])
        for red in range(6)
        for green in range(6)
        for blue in range(6)
        if not (red == green == blue and red in _CUBE_GREYS_OUT)
    ]
    ramp = [(8 + 10 * level,) * 3 for level in range(_RAMP_KEPT)]
    return np.array([*cube, *ramp], np.uint8)


def to_256(pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Replace each pixel by the nearest of the terminal's colours; uint8 (..., 3) sRGB, the same shape."""
    table = _table()
    index = pixels >> _STEP_BITS
    return np.asarray(table[index[..., 0], index[..., 1], index[..., 2]], np.uint8)


def _linear() -> npt.NDArray[np.float32]:
    value = np.arange(256, dtype=np.float32) / 255.0
    return np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4).astype(np.float32)


LINEAR = _linear()
"""The linear light of each sRGB byte (IEC 61966-2-1), float32 (256,), range 0..1."""


@cache
def _table() -> npt.NDArray[np.uint8]:
    """Return the nearest colour of each 5-bit colour: uint8 (32, 32, 32, 3)."""
    colours = palette()
    wanted = oklab(colours)
    count = 256 >> _STEP_BITS
    levels = (np.arange(count) << _STEP_BITS) + (1 << _STEP_BITS - 1)
    grid = np.stack(np.meshgrid(levels, levels, levels, indexing="ij"), axis=-1).reshape(-1, 3)
    here = oklab(grid.astype(np.uint8))
    # |a - b|² = |a|² - 2ab + |b|²; |a|² is the same for all candidates.
    distance = (wanted**2).sum(axis=1) - 2.0 * here @ wanted.T
    return np.asarray(colours[distance.argmin(axis=1)].reshape(count, count, count, 3), np.uint8)


def oklab(pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    """Convert sRGB bytes (n, 3) to OKLab float32 (n, 3): lightness 0..1, green-red, blue-yellow."""
    cones = np.cbrt(LINEAR[pixels] @ _TO_CONES.T)
    return np.asarray(cones @ _TO_LAB.T, np.float32)


_TO_CONES = np.array(
    [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ],
    np.float32,
)
_TO_LAB = np.array(
    [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ],
    np.float32,
)
