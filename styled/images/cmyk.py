"""Inks without a profile to sRGB: a generic offset press on coated paper.

The sixteen combinations of full inks lie side by side in the shares that the Demichel equations give; their light adds up by
the Yule-Nielsen modified Neugebauer equations (Wyble & Berns, "A critical review of spectral models applied to binary
color printing", 2000). Colours of the full inks: ISO 12647-2, paper type 1. Paper is white, the black ink is black.
"""

from __future__ import annotations

import functools

import numpy as np
import numpy.typing as npt
from PIL import Image

from styled.images.encodings import levels_of_light, matrix_from_xyz

Floats = npt.NDArray[np.float32]

_LAB = {
    "": (95, 0, -2), "c": (55, -37, -50), "m": (48, 74, -3), "y": (89, -5, 93), "k": (16, 0, 0),
    "my": (47, 68, 48), "cy": (50, -65, 27), "cm": (24, 22, -46), "cmy": (23, 0, -1),
}  # fmt: skip
"""CIE L*a*b* (D50) of full inks."""

_D50 = np.array([0.9642, 1.0, 0.8249])
_N = 1.7
"""Of Yule and Nielsen: light that enters beside a dot and leaves through it."""

_DOT_GAIN = 0.10
"""That a dot of a half grows by on paper."""


def to_srgb(strip: Image.Image) -> Image.Image:
    """Convert an image of mode CMYK to mode RGB."""
    share = np.asarray(strip).astype(np.float32) / np.float32(255.0)
    share += np.float32(4 * _DOT_GAIN) * share * (1 - share)
    corners = _corners()  # (2, 2, 2, 2, 3) by cyan, magenta, yellow, black
    light: list[npt.NDArray[np.float32]] = []
    for channel in range(3):
        values: list[Floats | np.float32] = list(corners[..., channel].reshape(-1))
        for ink in range(4):  # each ink halves what is left to choose between
            half = len(values) // 2
            values = [
                low + share[..., ink] * (high - low) for low, high in zip(values[:half], values[half:], strict=True)
            ]
        light.append(np.asarray(values[0], np.float32) ** np.float32(_N))
    return Image.fromarray(levels_of_light(np.stack(light, axis=-1) @ _from_relative_xyz().T))


@functools.cache
def _corners() -> Floats:
    """Return X, Y and Z of the full inks, to the power of 1/n, white 1 and black 0."""
    paper = _xyz(_LAB[""])
    found = np.empty((2, 2, 2, 2, 3))
    for index in np.ndindex(2, 2, 2, 2):
        inks = "".join(ink for ink, there in zip("cmy", index, strict=False) if there)
        xyz = _xyz(_LAB[inks]) / paper
        found[index] = xyz * _xyz(_LAB["k"]) / paper if index[3] else xyz
    black = found[0, 0, 0, 1]
    result: Floats = (((found - black) / (1.0 - black)).clip(0.0) ** (1.0 / _N)).astype(np.float32)
    return result


def _xyz(lab: tuple[int, int, int]) -> npt.NDArray[np.float64]:
    y = (lab[0] + 16) / 116
    roots = np.array([y + lab[1] / 500, y, y - lab[2] / 200])
    return _D50 * np.where(roots > 6 / 29, roots**3, 3 * (6 / 29) ** 2 * (roots - 4 / 29))


@functools.cache
def _from_relative_xyz() -> Floats:
    """Return the matrix from XYZ relative to white to linear sRGB."""
    result: Floats = (matrix_from_xyz() @ np.diag(_D50)).astype(np.float32)
    return result
