"""PNGs whatever stands beside their pixels, and what their chunks say of colours."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image, ImageCms

from styled import images
from styled.errors import UnreadableImage


def chunk(kind: bytes, data: bytes, *, crc: int | None = None) -> bytes:
    return (
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data) if crc is None else crc)
    )


def png(rows: npt.NDArray[Any], colour: int, depth: int, *chunks: bytes, behind: bytes = b"") -> bytes:
    """A PNG of raw rows: shape (H, bytes a row)."""
    height = len(rows)
    width = rows.shape[1] * 8 // (depth * {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[colour])
    raw = b"".join(b"\0" + row.tobytes() for row in rows)
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0))
    end = chunk(b"IDAT", zlib.compress(raw)) + behind + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + header + b"".join(chunks) + end


ROWS = np.arange(8 * 24, dtype=np.uint8).reshape(8, 24)
LARGE = b"x" * (2 * 2**20)
PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()

ODD = {
    "zTXt too large": chunk(b"zTXt", b"Comment\0\0" + zlib.compress(LARGE)),
    "iTXt too large": chunk(b"iTXt", b"Comment\0\0\0\0\0" + LARGE),
    "compressed iTXt too large": chunk(b"iTXt", b"Comment\0\1\0\0\0" + zlib.compress(LARGE)),
    "tEXt too large": chunk(b"tEXt", b"Comment\0" + LARGE),
    "wrong checksum of a text": chunk(b"tEXt", b"Comment\0hello", crc=1),
    "wrong checksum of a time": chunk(b"tIME", b"\x07\xe8\1\1\1\1\1", crc=1),
    "wrong checksum of the profile": chunk(b"iCCP", b"p\0\0" + zlib.compress(PROFILE), crc=1),
    "wrong checksum of the resolution": chunk(b"pHYs", struct.pack(">IIB", 2000, 1000, 1), crc=1),
    "unknown method of a text": chunk(b"zTXt", b"Comment\0\7abc"),
    "unknown method of the profile": chunk(b"iCCP", b"p\0\7abc"),
    "profile that is no zlib": chunk(b"iCCP", b"p\0\0abc"),
    "gamma too short": chunk(b"gAMA", b"\0"),
    "primaries too short": chunk(b"cHRM", b"\0" * 30),
    "resolution too short": chunk(b"pHYs", b"\0\0"),
    "intent too short": chunk(b"sRGB", b""),
    "transparency too short": chunk(b"tRNS", b"\0"),
    "private and large": chunk(b"abCd", b"x" * (17 * 2**20)),
}


@pytest.mark.parametrize("name", ODD)
@pytest.mark.parametrize("behind", [False, True])
def test_odd_metadata_does_not_cost_the_pixels(tmp_path: Path, name: str, behind: bool) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(png(ROWS, 2, 8, behind=ODD[name]) if behind else png(ROWS, 2, 8, ODD[name]))
    loaded = images.load(path)
    np.testing.assert_array_equal(loaded.pixels, ROWS.reshape(8, 8, 3))
    (remark,) = loaded.remarks
    assert remark.startswith("metadata that is damaged or too large was left out")
    assert ("taken as sRGB" in remark) == any(each in name for each in ("profile", "gamma", "primaries", "intent"))


def test_an_animation_that_is_damaged_is_its_picture(tmp_path: Path) -> None:
    frames = chunk(b"acTL", struct.pack(">II", 4, 0)) + chunk(b"fdAT", b"x", crc=3)
    (tmp_path / "a.png").write_bytes(png(ROWS, 2, 8, frames, behind=chunk(b"fcTL", b"")))
    loaded = images.load(tmp_path / "a.png")
    np.testing.assert_array_equal(loaded.pixels, ROWS.reshape(8, 8, 3))
    assert loaded.remarks == ("the first of 4 frames",)


def test_sound_metadata_is_kept(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(
        png(
            ROWS,
            2,
            8,
            chunk(b"tEXt", b"Comment\0x"),
            chunk(b"pHYs", struct.pack(">IIB", 99, 99, 1)),
            ODD["tEXt too large"],
        )
    )
    assert len(images.load(tmp_path / "a.png").remarks) == 1
    (tmp_path / "b.png").write_bytes(png(ROWS, 2, 8, chunk(b"tEXt", b"Comment\0x")))
    assert images.load(tmp_path / "b.png").remarks == ()


def test_a_profile_larger_than_pillow_takes_is_used(tmp_path: Path) -> None:
    swapped = PROFILE.replace(b"rXYZ", b"tXYZ", 1).replace(b"bXYZ", b"rXYZ", 1).replace(b"tXYZ", b"bXYZ", 1)
    size = len(swapped) + 3 * 2**20
    large = struct.pack(">I", size) + swapped[4:] + np.random.default_rng(0).bytes(3 * 2**20)
    red = np.tile(np.array([255, 0, 0], np.uint8), (8, 8))
    (tmp_path / "a.png").write_bytes(png(red, 2, 8, chunk(b"iCCP", b"p\0\0" + zlib.compress(large))))
    loaded = images.load(tmp_path / "a.png")
    assert not [remark for remark in loaded.remarks if "left out" in remark]
    assert loaded.pixels[0, 0, 2] > 200


def test_damaged_pixels_are_still_refused(tmp_path: Path) -> None:
    data = bytearray(png(ROWS, 2, 8, ODD["zTXt too large"]))
    data[data.index(b"IDAT") + 20] ^= 0xFF
    (tmp_path / "a.png").write_bytes(data)
    with pytest.raises(UnreadableImage, match=r"a\.png"):
        images.load(tmp_path / "a.png")


@pytest.mark.parametrize("depth", [1, 2, 4, 8, 16])
def test_the_transparent_level_of_a_grey_picture(tmp_path: Path, depth: int) -> None:
    """Alternating levels, the darker one transparent: 0 for one bit, else one that is not 0."""
    low, high = (0, 1) if depth == 1 else (1, 2**depth - 1)
    levels = np.tile([low, high], (8, 8))
    if depth == 16:
        rows = levels.astype(">u2").view(np.uint8)
    else:
        bits = np.unpackbits(levels.astype(np.uint8)[..., None], axis=2)[..., 8 - depth :]
        rows = np.packbits(bits.reshape(8, -1), axis=1)
    (tmp_path / "a.png").write_bytes(png(rows, 0, depth, chunk(b"tRNS", struct.pack(">H", low))))
    loaded = images.load(tmp_path / "a.png")
    assert loaded.alpha is not None
    np.testing.assert_array_equal(loaded.alpha, np.tile([0, 255], (8, 8)))
    assert np.all(loaded.pixels[:, 1::2] == 255)


def test_the_transparent_colour_of_a_16_bit_picture(tmp_path: Path) -> None:
    levels = np.tile(np.array([[300, 600, 900], [60000, 50000, 40000]]), (8, 4, 1)).reshape(8, -1)
    rows = levels.astype(">u2").view(np.uint8)
    (tmp_path / "a.png").write_bytes(png(rows, 2, 16, chunk(b"tRNS", struct.pack(">3H", 300, 600, 900))))
    loaded = images.load(tmp_path / "a.png")
    assert loaded.alpha is not None
    np.testing.assert_array_equal(loaded.alpha, np.tile([0, 255], (8, 4)))
    assert [remark for remark in loaded.remarks if "transparent too" in remark], "310 would be, which is no other level"
    (tmp_path / "a.png").write_bytes(png(rows, 2, 16))
    assert not [remark for remark in images.load(tmp_path / "a.png").remarks if "transparent" in remark]


def grey_of(tmp_path: Path, *chunks: bytes, level: int = 128) -> tuple[npt.NDArray[np.uint8], tuple[str, ...]]:
    (tmp_path / "a.png").write_bytes(png(np.full((4, 12), level, np.uint8), 2, 8, *chunks))
    loaded = images.load(tmp_path / "a.png")
    return loaded.pixels[0, 0], tuple(remark for remark in loaded.remarks if "one colour" not in remark)


def gamma(value: float) -> bytes:
    return chunk(b"gAMA", struct.pack(">I", round(value * 100_000)))


def test_linear_light_is_converted(tmp_path: Path) -> None:
    """Half of linear light is level 188 in sRGB; a Macintosh's gamma of 1.8 makes 128 a little brighter."""
    levels, (remark,) = grey_of(tmp_path, gamma(1.0))
    np.testing.assert_allclose(levels.astype(int), 188, atol=1)
    assert "gamma of 1" in remark
    levels, _ = grey_of(tmp_path, gamma(1 / 1.8))
    np.testing.assert_allclose(levels.astype(int), 145, atol=3)


@pytest.mark.parametrize("chunks", [(gamma(1 / 2.2),), (chunk(b"sRGB", b"\0"), gamma(1.0)), (gamma(100.0),), (gamma(0.0),)])  # fmt: skip
def test_gammas_that_mean_srgb_or_nothing_change_nothing(tmp_path: Path, chunks: tuple[bytes, ...]) -> None:
    levels, _ = grey_of(tmp_path, *chunks)
    assert tuple(levels) == (128, 128, 128)


def test_primaries_are_converted(tmp_path: Path) -> None:
    """Of Display P3: its green is out of sRGB, its grey is grey."""
    p3 = (0.3127, 0.329, 0.68, 0.32, 0.265, 0.69, 0.15, 0.06)
    chrm = chunk(b"cHRM", struct.pack(">8I", *(round(value * 100_000) for value in p3)))
    (tmp_path / "a.png").write_bytes(
        png(np.tile(np.array([100, 180, 90], np.uint8), (4, 4)), 2, 8, gamma(1 / 2.2), chrm)
    )
    red, green, blue = images.load(tmp_path / "a.png").pixels[0, 0].astype(int)
    assert (red, green, blue) == (pytest.approx(68, abs=4), pytest.approx(183, abs=3), pytest.approx(80, abs=4))
    levels, _ = grey_of(tmp_path, gamma(1 / 2.2), chrm)
    np.testing.assert_allclose(levels.astype(int), 128, atol=1)


def cicp(primaries: int, transfer: int) -> bytes:
    return chunk(b"cICP", bytes([primaries, transfer, 0, 1]))


@pytest.mark.parametrize("transfer", [16, 18])
def test_high_dynamic_range_is_tone_mapped(tmp_path: Path, transfer: int) -> None:
    """Paper white of BT.2408 is 58 % in PQ and 75 % in HLG: it is bright, black is black, and brighter is not darker."""
    shown = [grey_of(tmp_path, cicp(9, transfer), level=level)[0][0] for level in range(0, 256, 15)]
    assert shown == sorted(shown)
    assert shown[0] == 0
    assert shown[-1] == 255
    white, (remark,) = grey_of(tmp_path, cicp(9, transfer), level=148 if transfer == 16 else 191)
    assert 200 <= white[0] <= 240
    assert "tone-mapped" in remark
    middle, _ = grey_of(tmp_path, cicp(9, transfer), level=96 if transfer == 16 else 97)  # 26 cd/m2, a middle grey
    assert 85 <= middle[0] <= 125


@pytest.mark.parametrize("numbers", [(1, 13), (2, 2), (1, 1), (6, 6), (5, 13)])
def test_numbers_that_mean_srgb_change_nothing(tmp_path: Path, numbers: tuple[int, int]) -> None:
    levels, remarks = grey_of(tmp_path, cicp(*numbers))
    assert tuple(levels) == (128, 128, 128)
    assert remarks == ()


def test_numbers_go_before_a_profile(tmp_path: Path) -> None:
    _, (remark,) = grey_of(tmp_path, cicp(9, 16), chunk(b"iCCP", b"p\0\0" + zlib.compress(PROFILE)))
    assert "PQ" in remark


def test_wide_primaries_by_numbers(tmp_path: Path) -> None:
    _, (remark,) = grey_of(tmp_path, cicp(12, 13))
    assert remark == "colours were converted from Display P3"


def test_avif_says_its_colours_by_numbers(tmp_path: Path) -> None:
    """The same picture, marked as BT.2020 with PQ in its box colr: as the PNG with cICP, within what AVIF loses."""
    picture = Image.linear_gradient("L").resize((64, 64)).convert("RGB")
    picture.save(tmp_path / "a.avif", quality=95, subsampling="4:4:4")
    data = bytearray((tmp_path / "a.avif").read_bytes())
    at = data.index(b"nclx") + 4
    data[at : at + 4] = struct.pack(">HH", 9, 16)
    (tmp_path / "a.avif").write_bytes(data)
    (tmp_path / "a.png").write_bytes(png(np.asarray(picture).reshape(64, -1), 2, 8, cicp(9, 16)))
    avif, reference = images.load(tmp_path / "a.avif"), images.load(tmp_path / "a.png")
    assert avif.remarks == reference.remarks == ("high dynamic range (PQ) was tone-mapped",)
    assert np.abs(avif.pixels.astype(int) - reference.pixels).mean() < 3
