"""The colours of a BMP, which Pillow does not look at: a profile, or primaries and gamma ([MS-WMF] 2.2.2.3 and 2.2.2.4)."""

from __future__ import annotations

import struct
from typing import BinaryIO, NamedTuple

_V4_BYTES, _V5_BYTES = 108, 124
_FILE_HEADER_BYTES = 14
_CALIBRATED = 0
_LINKED, _EMBEDDED = 0x4C494E4B, 0x4D424544
_MOST_PROFILE = 16 * 2**20
_PARTS_OF_TWO = 2.0**30
_PARTS_OF_GAMMA = 2.0**16
_PLAUSIBLE_GAMMA = (1.0, 3.0)


class BmpColours(NamedTuple):
    """What the header says of the colours; with none of it they are sRGB's."""

    profile: bytes = b""
    primaries: tuple[float, ...] = ()
    """x and y of red, green and blue."""
    gamma: float = 0.0
    """Light is a level to this power."""
    remark: str = ""


def colours_of(file: BinaryIO) -> BmpColours:
    """Read the part of the header that says what the colours are.

    Args:
        file: a BMP; left anywhere.
    """
    file.seek(_FILE_HEADER_BYTES)
    header = file.read(_V5_BYTES)
    if len(header) < _V4_BYTES or struct.unpack("<I", header[:4])[0] < _V4_BYTES:
        return BmpColours()
    (kind,) = struct.unpack("<I", header[56:60])
    if kind == _CALIBRATED:
        return _calibrated(header)
    if kind == _LINKED:
        return BmpColours(remark="its colour profile is a file elsewhere; colours are taken as sRGB")
    if kind != _EMBEDDED or len(header) < _V5_BYTES:
        return BmpColours()
    at, size = struct.unpack("<II", header[112:120])
    file.seek(_FILE_HEADER_BYTES + at)
    profile = file.read(size) if size <= _MOST_PROFILE else b""
    if len(profile) < size or not profile:
        return BmpColours(remark="the colour profile is damaged; colours are taken as sRGB")
    return BmpColours(profile=profile)


def _calibrated(header: bytes) -> BmpColours:
    """Return primaries and gamma; nothing where they are zeros, as programs leave them that know no colours."""
    values = [value / _PARTS_OF_TWO for value in struct.unpack("<9i", header[60:96])]
    gammas = [value / _PARTS_OF_GAMMA for value in struct.unpack("<3I", header[96:108])]
    if not any(values):
        return BmpColours()
    # X, Y and Z, or already their shares: some write one, some the other.
    sums = [sum(values[at : at + 3]) for at in (0, 3, 6)]
    if min(sums) <= 0.0 or min(values) < 0.0:
        return BmpColours(remark="the primaries in its header are not plausible; colours are taken as sRGB")
    gamma = 1 / gammas[1] if 0.0 < gammas[1] < 1.0 else gammas[1] or 2.2
    if not _PLAUSIBLE_GAMMA[0] <= gamma <= _PLAUSIBLE_GAMMA[1]:
        return BmpColours(remark=f"the gamma of {gamma:.3g} in its header is not plausible; colours are taken as sRGB")
    remark = "" if max(gammas) - min(gammas) < 0.02 else "its channels have different gammas; green's is used for all"
    primaries = tuple(values[at + axis] / total for at, total in zip((0, 3, 6), sums, strict=True) for axis in (0, 1))
    return BmpColours(primaries=primaries, gamma=gamma, remark=remark)
