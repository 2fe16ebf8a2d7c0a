"""Colours that a file describes by numbers and not by a profile: primaries and transfer functions, to 8-bit sRGB.

The numbers are those of ITU-T H.273 (nclx in HEIF and AVIF, cICP in PNG); PNG has gAMA and cHRM, cameras have Adobe RGB.
High dynamic range is tone-mapped: ITU-R BT.2390-11, section 5.4.1 (the roll-off in PQ), from 1000 to 203 cd/m2, which is
the white of paper in ITU-R BT.2408.
"""

from __future__ import annotations

import functools
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image

Floats = npt.NDArray[np.float32]

D65 = (0.3127, 0.3290)
PRIMARIES: dict[int, tuple[float, ...]] = {
    1: (0.640, 0.330, 0.300, 0.600, 0.150, 0.060, *D65),
    4: (0.67, 0.33, 0.21, 0.71, 0.14, 0.08, 0.310, 0.316),
    5: (0.64, 0.33, 0.29, 0.60, 0.15, 0.06, *D65),
    6: (0.630, 0.340, 0.310, 0.595, 0.155, 0.070, *D65),
    7: (0.630, 0.340, 0.310, 0.595, 0.155, 0.070, *D65),
    9: (0.708, 0.292, 0.170, 0.797, 0.131, 0.046, *D65),
    11: (0.680, 0.320, 0.265, 0.690, 0.150, 0.060, 0.314, 0.351),
    12: (0.680, 0.320, 0.265, 0.690, 0.150, 0.060, *D65),
    22: (0.630, 0.340, 0.295, 0.605, 0.155, 0.077, *D65),
}
"""x and y of red, green, blue and white by the numbers of H.273, table 2."""

ADOBE_RGB = (0.64, 0.33, 0.21, 0.71, 0.15, 0.06, *D65)
ADOBE_GAMMA = 563 / 256

_NAMES = {9: "BT.2020", 11: "DCI-P3", 12: "Display P3"}
_GAMMAS = {4: 2.2, 5: 2.8, 8: 1.0, 17: 2.6}
_PQ, _HLG = 16, 18
_LIKE_SRGB = frozenset({1, 2, 6, 13, 14, 15})
"""Transfer functions shown as sRGB's: also those of television, whose screens have that curve, as browsers do."""

_NEARLY_SRGB = frozenset(PRIMARIES[number] for number in (5, 6, 7, 22))
"""Primaries of television that encoders write by habit for pictures in sRGB; no eye sees the difference."""

_WHITE_NITS, _PEAK_NITS = 203.0, 1000.0

_BRADFORD = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])
"""From XYZ to the responses of cones, for the adaptation to another white."""


class Encoding(NamedTuple):
    """How a file's RGB numbers become light."""

    primaries: tuple[float, ...]
    """x and y of red, green, blue and white."""
    transfer: int | float
    """A whole number of H.273, table 3; or a gamma, as a float."""

    @property
    def is_hdr(self) -> bool:
        """Whether white is not the brightest there is."""
        return self.transfer in (_PQ, _HLG) and isinstance(self.transfer, int)

    @property
    def is_srgb(self) -> bool:
        """Whether there is nothing to convert."""
        near = all(abs(a - b) < 0.004 for a, b in zip(self.primaries, PRIMARIES[1], strict=True))
        return near and isinstance(self.transfer, int) and self.transfer in _LIKE_SRGB


def by_h273(primaries: int, transfer: int) -> tuple[Encoding, str]:
    """Return the encoding of two numbers of H.273, and what was done for the user: empty if it is sRGB.

    Numbers that are reserved, unspecified or not known count as sRGB's.
    """
    encoding = Encoding(
        PRIMARIES.get(primaries, PRIMARIES[1]),
        _GAMMAS.get(transfer, transfer if transfer in {_PQ, _HLG} else 13),
    )
    if encoding.is_hdr:
        return encoding, f"high dynamic range ({'PQ' if transfer == _PQ else 'HLG'}) was tone-mapped"
    unknown = primaries not in PRIMARIES and primaries != 2
    if unknown or transfer not in _LIKE_SRGB | _GAMMAS.keys():
        return encoding, f"its colours are of a kind not known here ({primaries}/{transfer}) and taken as sRGB"
    if encoding.transfer == 13 and encoding.primaries in _NEARLY_SRGB:
        return Encoding(PRIMARIES[1], 13), ""
    name = _NAMES.get(
        primaries, "another gamma" if encoding.primaries == PRIMARIES[1] else "the primaries of television"
    )
    return encoding, "" if encoding.is_srgb else f"colours were converted from {name}"


def to_srgb(encoding: Encoding, strip: Image.Image) -> Image.Image:
    """Convert an image of mode RGB."""
    light = _light(encoding.transfer)[np.asarray(strip)]
    if encoding.transfer == _HLG and encoding.is_hdr:
        luminance = light @ np.array([0.2627, 0.6780, 0.0593], np.float32)
        light *= (np.maximum(luminance, 1e-6) ** np.float32(0.2))[
            ..., None
        ]  # BT.2100, table 5: gamma 1.2 at 1000 cd/m2
        light *= np.float32(_PEAK_NITS / _WHITE_NITS)
    if encoding.is_hdr:
        light = rolled_off(light)
    if encoding.primaries != PRIMARIES[1]:
        light = light @ _matrix(encoding.primaries).T
    return Image.fromarray(levels_of_light(light))


def levels_of_light(light: Floats) -> npt.NDArray[np.uint8]:
    """Return sRGB's levels of linear light, 1 for white; what is beyond is cut off. Shape (..., 3), as given."""
    numbers = np.clip(light * np.float32(65535.0) + np.float32(0.5), 0, 65535).astype(np.uint16)
    levels: npt.NDArray[np.uint8] = _srgb_levels()[numbers]
    return levels


def matrix_from_xyz() -> npt.NDArray[np.float64]:
    """Return the matrix from XYZ (D50) to linear sRGB; white stays white (Bradford)."""
    to_xyz, white = _to_xyz(PRIMARIES[1])
    d50 = np.array([0.9642, 1.0, 0.8249])
    cones = np.diag((_BRADFORD @ white) / (_BRADFORD @ d50))
    matrix: npt.NDArray[np.float64] = np.linalg.inv(to_xyz) @ np.linalg.inv(_BRADFORD) @ cones @ _BRADFORD
    return matrix


@functools.cache
def _light(transfer: int | float) -> Floats:
    """Return the light of levels 0..255, 1 for white; shape (256,)."""
    level = np.arange(256) / 255.0
    if isinstance(transfer, float):
        return (level**transfer).astype(np.float32)
    if transfer == _PQ:
        return (_from_pq(level) / _WHITE_NITS).astype(np.float32)
    if transfer == _HLG:
        a, b, c = 0.17883277, 0.28466892, 0.55991073  # BT.2100, table 5
        light = np.where(level <= 0.5, level**2 / 3, (np.exp((level - c) / a) + b) / 12)
        return light.astype(np.float32)
    return np.where(level <= 0.04045, level / 12.92, ((level + 0.055) / 1.055) ** 2.4).astype(np.float32)


@functools.cache
def _srgb_levels() -> npt.NDArray[np.uint8]:
    """Return the levels 0..255 of light 0..65535 (IEC 61966-2-1)."""
    light = np.arange(65536) / 65535.0
    level = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    return np.rint(255.0 * level).astype(np.uint8)


def _from_pq(level: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return cd/m2 (SMPTE ST 2084)."""
    root = level ** (1 / 78.84375)
    light: npt.NDArray[np.float64] = 10000.0 * (np.maximum(root - 0.8359375, 0.0) / (18.8515625 - 18.6875 * root)) ** (
        1 / 0.1593017578125
    )
    return light


def _to_pq(nits: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    root = (nits / 10000.0) ** 0.1593017578125
    level: npt.NDArray[np.float64] = ((0.8359375 + 18.8515625 * root) / (1.0 + 18.6875 * root)) ** 78.84375
    return level


def rolled_off(light: Floats) -> Floats:
    """Bring light beyond white below it, each pixel by its brightest channel, so that hues stay. Shape (..., channels)."""
    brightest = light.max(axis=-1)
    at, factor = _roll_off()
    beyond = np.minimum(
        1.0, at[-1] / np.maximum(brightest, at[-1])
    )  # of the curve's end: floats of a TIFF have no most
    rolled: Floats = light * (np.interp(brightest, at, factor) * beyond).astype(np.float32)[..., None]
    return rolled


@functools.cache
def _roll_off() -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return light, 1 for white, and what it is multiplied with."""
    light = np.concatenate([[0.0], np.geomspace(1e-3, 10000.0 / _WHITE_NITS, 2000)])
    peak = _to_pq(np.array([_PEAK_NITS]))[0]
    level = np.minimum(_to_pq(light * _WHITE_NITS) / peak, 1.0)
    most = _to_pq(np.array([_WHITE_NITS]))[0] / peak
    knee = 1.5 * most - 0.5
    t = np.clip((level - knee) / (1.0 - knee), 0.0, 1.0)
    spline = (2 * t**3 - 3 * t**2 + 1) * knee + (t**3 - 2 * t**2 + t) * (1 - knee) + (-2 * t**3 + 3 * t**2) * most
    mapped = _from_pq(np.where(level < knee, level, spline) * peak) / _WHITE_NITS
    return light, np.divide(mapped, light, out=np.ones_like(light), where=light > 0)


@functools.cache
def _matrix(primaries: tuple[float, ...]) -> Floats:
    """Return the matrix from linear RGB of some primaries to that of sRGB; white stays white (Bradford)."""
    to_xyz, white = _to_xyz(primaries)
    srgb, srgb_white = _to_xyz(PRIMARIES[1])
    cones = np.diag((_BRADFORD @ srgb_white) / (_BRADFORD @ white))
    adapted = np.linalg.inv(_BRADFORD) @ cones @ _BRADFORD
    matrix: Floats = (np.linalg.inv(srgb) @ adapted @ to_xyz).astype(np.float32)
    return matrix


def _to_xyz(primaries: tuple[float, ...]) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    points = np.array(primaries).reshape(4, 2)
    xyz = np.stack([points[:, 0] / points[:, 1], np.ones(4), (1 - points.sum(axis=1)) / points[:, 1]])
    colours, white = xyz[:, :3], xyz[:, 3]
    return colours * np.linalg.solve(colours, white), white
