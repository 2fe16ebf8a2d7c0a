"""BMPs whose header says what their colours are, in versions 4 and 5."""

from __future__ import annotations

import struct
from pathlib import Path

import imagecodecs
import numpy as np
import pytest

from styled import images
from styled.images.colour import srgb_profile

D65 = [0.3127, 0.3290, 1.0]
ADOBE = (0.64, 0.33, 0.21, 0.71, 0.15, 0.06)
SRGB = (0.64, 0.33, 0.30, 0.60, 0.15, 0.06)
COLOUR = (200, 100, 50)


def bmp(
    *,
    kind: int,
    primaries: tuple[float, ...] = (),
    gammas: tuple[float, ...] = (0, 0, 0),
    profile: bytes = b"",
    missing: int = 0,
) -> bytes:
    """A BMP of version 5 with 8x8 pixels of one colour; ``missing`` bytes of the profile are left out."""
    endpoints = [(x, y, 1 - x - y) for x, y in zip(primaries[::2], primaries[1::2], strict=True)] or [(0, 0, 0)] * 3
    numbers = [round(value * 2**30) for point in endpoints for value in point]
    pixels = bytes(COLOUR[::-1]) * 64
    header = struct.pack("<IiiHHIIiiII", 124, 8, 8, 1, 24, 0, len(pixels), 2835, 2835, 0, 0)
    header += struct.pack("<4II9i3I", 0, 0, 0, 0, kind, *numbers, *(round(gamma * 65536) for gamma in gammas))
    header += struct.pack("<4I", 4, 124 + len(pixels) if profile else 0, len(profile), 0)
    body = header + pixels + profile[: len(profile) - missing]
    return struct.pack("<2sIHHI", b"BM", 14 + len(body), 0, 0, 14 + 124) + body


def read(tmp_path: Path, data: bytes) -> tuple[tuple[int, ...], tuple[str, ...]]:
    (tmp_path / "a.bmp").write_bytes(data)
    loaded = images.load(tmp_path / "a.bmp")
    remarks = tuple(remark for remark in loaded.remarks if remark != "all of it is one colour")
    return tuple(int(level) for level in loaded.pixels[4, 4]), remarks


SRGB_KIND, WINDOWS_KIND, LINKED, EMBEDDED, CALIBRATED = 0x73524742, 0x57696E20, 0x4C494E4B, 0x4D424544, 0


@pytest.mark.parametrize(
    "data",
    [
        bmp(kind=SRGB_KIND),
        bmp(kind=WINDOWS_KIND),
        bmp(kind=CALIBRATED),  # zeros: a program that knows no colours
        bmp(kind=CALIBRATED, primaries=SRGB, gammas=(2.2, 2.2, 2.2)),
        bmp(kind=CALIBRATED, primaries=SRGB, gammas=(0.4545, 0.4545, 0.4545)),
        bmp(kind=CALIBRATED, primaries=SRGB),
        bmp(kind=EMBEDDED, profile=srgb_profile()),
    ],
)
def test_srgb_however_it_is_written(tmp_path: Path, data: bytes) -> None:
    colour, remarks = read(tmp_path, data)
    assert remarks == ()
    np.testing.assert_allclose(colour, COLOUR, atol=1)


def test_an_embedded_profile_and_the_same_primaries_give_the_same(tmp_path: Path) -> None:
    corners = [value for at in (0, 2, 4) for value in (*ADOBE[at : at + 2], 1.0)]
    profile = imagecodecs.cms_profile("rgb", whitepoint=D65, primaries=corners, gamma=1.8)
    by_profile, remarks = read(tmp_path, bmp(kind=EMBEDDED, profile=profile))
    assert remarks == ()
    by_numbers, remarks = read(tmp_path, bmp(kind=CALIBRATED, primaries=ADOBE, gammas=(1.8, 1.8, 1.8)))
    assert remarks == ("colours were converted by the primaries and the gamma of 1.8 in its header",)
    np.testing.assert_allclose(by_profile, by_numbers, atol=2)
    assert abs(by_profile[0] - COLOUR[0]) > 10


@pytest.mark.parametrize(
    ("data", "remark"),
    [
        (bmp(kind=LINKED, profile=b"C:\\a.icm"), "its colour profile is a file elsewhere; colours are taken as sRGB"),
        (
            bmp(kind=EMBEDDED, profile=srgb_profile(), missing=100),
            "the colour profile is damaged; colours are taken as sRGB",
        ),
        (bmp(kind=EMBEDDED, profile=b"no profile"), "the colour profile is damaged; colours are taken as sRGB"),
        (
            bmp(kind=CALIBRATED, primaries=(0.3, 0.3) * 3),
            "the primaries in its header are not plausible; colours are taken as sRGB",
        ),
        (
            bmp(kind=CALIBRATED, primaries=SRGB, gammas=(9, 9, 9)),
            "the gamma of 9 in its header is not plausible; colours are taken as sRGB",
        ),
    ],
)
def test_what_cannot_be_used_is_remarked(tmp_path: Path, data: bytes, remark: str) -> None:
    assert read(tmp_path, data) == (COLOUR, (remark,))


def test_channels_of_different_gammas(tmp_path: Path) -> None:
    _, remarks = read(tmp_path, bmp(kind=CALIBRATED, primaries=ADOBE, gammas=(1.8, 1.9, 2.0)))
    assert remarks[0] == "its channels have different gammas; green's is used for all"
