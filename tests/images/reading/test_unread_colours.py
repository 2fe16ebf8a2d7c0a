"""Colours that a file's reader passes over: none is lost without a word. And a profile arrives from every format that has one."""

from __future__ import annotations

import io
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image, ImageCms

from styled import images
from styled.images.reading import unread_colours

COLOUR = (200, 60, 20)
DAMAGED = "the colour profile is damaged; colours are taken as sRGB"


def swapped_profile(size: int = 0) -> bytes:
    """Return sRGB with red and blue exchanged: a profile that is used cannot be missed. Of ``size`` bytes at least."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    red, blue = profile.index(b"rXYZ"), profile.index(b"bXYZ")
    profile[red : red + 4], profile[blue : blue + 4] = b"bXYZ", b"rXYZ"
    profile += bytes(max(0, size - len(profile)))
    profile[:4] = struct.pack(">I", len(profile))
    return bytes(profile)


def photo() -> Image.Image:
    image = Image.new("RGB", (64, 64), COLOUR)
    image.paste((10, 20, 30), (0, 0, 8, 8))
    return image


def check(path: Path, *remarks: str, is_swapped: bool = True) -> None:
    loaded = images.load(path)
    np.testing.assert_allclose(
        loaded.pixels[32, 32].astype(int), COLOUR[::-1] if is_swapped else COLOUR, atol=4, err_msg=path.suffix
    )
    assert loaded.remarks == remarks


@pytest.mark.parametrize("suffix", ["jpg", "mpo", "png", "webp", "tif", "avif"])
@pytest.mark.parametrize("size", [0, 200_000])
def test_a_profile_arrives(tmp_path: Path, suffix: str, size: int) -> None:
    """JPEG 2000, BMP, GIF, icons and JPEG XL have their own tests; PPM, QOI, SGI, PCX and TGA have no place for one."""
    options: dict[str, Any] = {"save_all": True, "append_images": [photo()]} if suffix == "mpo" else {}
    photo().save(tmp_path / f"a.{suffix}", icc_profile=swapped_profile(size), quality=95, **options)
    check(tmp_path / f"a.{suffix}")


@pytest.mark.parametrize("missing", [0, 1, 2])
def test_a_jpegs_profile_without_one_of_its_parts_is_said(tmp_path: Path, missing: int) -> None:
    photo().save(tmp_path / "a.jpg", icc_profile=swapped_profile(140_000), quality=95)
    data = (tmp_path / "a.jpg").read_bytes()
    at = data.index(b"ICC_PROFILE\0" + bytes([missing + 1])) - 4
    (length,) = struct.unpack_from(">H", data, at + 2)
    (tmp_path / "a.jpg").write_bytes(data[:at] + data[at + 2 + length :])
    check(tmp_path / "a.jpg", DAMAGED, is_swapped=False)


@pytest.mark.parametrize(("kind", "value"), [(2, b"a text\0"), (3, (1, 2, 3)), (4, (1, 2)), (3, (1,) * 3000)])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_a_tiffs_profile_of_another_type_is_said(tmp_path: Path, kind: int, value: Any, dtype: Any) -> None:
    """It kept the picture from being read."""
    pixels = np.asarray(photo()).astype(dtype) * dtype(1 if dtype is np.uint8 else 257)
    options = {"extratags": [(34675, kind, len(value), value, True)]}
    tifffile.imwrite(tmp_path / "a.tif", pixels, photometric="rgb", **options)
    check(tmp_path / "a.tif", DAMAGED, is_swapped=False)
    planes = np.moveaxis(pixels, 2, 0)
    tifffile.imwrite(tmp_path / "b.tif", planes, photometric="rgb", planarconfig="separate", **options)
    check(tmp_path / "b.tif", DAMAGED, is_swapped=False)


class TestTagsOfTiff:
    """PrimaryChromaticities and TransferFunction are said where they are not those of sRGB (TIFF 6.0, section 20)."""

    @staticmethod
    def write(path: Path, primaries: tuple[int, ...] = (), gamma: float = 0.0, *, is_planar: bool = False) -> None:
        pixels = np.asarray(photo())
        tags: list[Any] = []
        if primaries:
            tags.append((319, 5, 6, tuple(value for at in primaries for value in (at, 100)), True))
        if gamma:
            curve = np.rint(65535 * (np.arange(256) / 255) ** gamma).astype(int).tolist()
            tags.append((301, 3, 768, tuple(curve * 3), True))
        if is_planar:
            pixels = np.moveaxis(pixels.astype(np.uint16) * 257, 2, 0)
        tifffile.imwrite(
            path, pixels, photometric="rgb", planarconfig="separate" if is_planar else "contig", extratags=tags
        )

    @pytest.mark.parametrize("is_planar", [False, True])
    @pytest.mark.parametrize(
        ("primaries", "gamma", "is_said"),
        [
            ((64, 33, 21, 71, 15, 6), 0.0, True),
            ((64, 33, 30, 60, 15, 6), 0.0, False),
            ((), 1.8, True),
            ((), 2.2, False),
            ((64, 33, 30, 60, 15, 6), 1.0, True),
        ],
    )
    def test_they_are_said(
        self, tmp_path: Path, primaries: tuple[int, ...], gamma: float, is_said: bool, is_planar: bool
    ) -> None:
        self.write(tmp_path / "a.tif", primaries, gamma, is_planar=is_planar)
        said = ("its tags name primaries or a curve that are not used; colours are taken as sRGB",)
        check(tmp_path / "a.tif", *(said if is_said else ()), is_swapped=False)

    @pytest.mark.parametrize(
        ("code", "value"), [(319, (1, 2)), (301, (1, 2, 3)), (319, (0,) * 6), (301, (9,) * 200_000)]
    )
    def test_what_is_damaged_keeps_no_picture_from_being_read(
        self, tmp_path: Path, code: int, value: tuple[int, ...]
    ) -> None:
        tifffile.imwrite(tmp_path / "a.tif", np.asarray(photo()), extratags=[(code, 3, len(value), value, True)])
        images.load(tmp_path / "a.tif")


class TestGif:
    @staticmethod
    def write(path: Path, *blocks: bytes, name: bytes = b"ICCRGBG1012", end: bytes = b"\0") -> None:
        """Write a GIF with an application extension before its picture, as ImageMagick does."""
        encoded = io.BytesIO()
        photo().save(encoded, "GIF")
        data = encoded.getvalue()
        at = 13 + 3 * 2 ** ((data[10] & 7) + 1)
        comment = b"\x21\xfe\x04town\0"
        extension = b"\x21\xff\x0b" + name + b"".join(bytes([len(block)]) + block for block in blocks) + end
        path.write_bytes(data[:at] + comment + extension + data[at:])

    @staticmethod
    def blocks(profile: bytes, size: int = 255) -> list[bytes]:
        return [profile[at : at + size] for at in range(0, len(profile), size)]

    @pytest.mark.parametrize("size", [0, 200_000])
    def test_its_profile_is_converted(self, tmp_path: Path, size: int) -> None:
        self.write(tmp_path / "a.gif", *self.blocks(swapped_profile(size)))
        check(tmp_path / "a.gif")
        self.write(tmp_path / "b.gif", *self.blocks(swapped_profile(), size=100))
        check(tmp_path / "b.gif")

    def test_other_extensions_are_none(self, tmp_path: Path) -> None:
        self.write(tmp_path / "a.gif", *self.blocks(swapped_profile()), name=b"XMP DataXMP")
        check(tmp_path / "a.gif", is_swapped=False)

    @pytest.mark.parametrize("before", [b"\x21\xfe\0", b"\x21\xf9\x04\0\0\0\0\0"])
    def test_it_is_found_behind_an_extension_that_is_empty(self, tmp_path: Path, before: bytes) -> None:
        self.write(tmp_path / "a.gif", *self.blocks(swapped_profile()))
        data = (tmp_path / "a.gif").read_bytes()
        at = data.index(b"\x21\xff\x0b")
        (tmp_path / "a.gif").write_bytes(data[:at] + before + data[at:])
        check(tmp_path / "a.gif")

    def test_the_search_ends(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(unread_colours, "_MOST_BLOCKS", 10)
        for extension in (b"\x21\xfe\0" * 11, b"\x21\xfe" + b"\x04town" * 11 + b"\0"):
            self.write(tmp_path / "a.gif", *self.blocks(swapped_profile(), size=200)[:1])
            data = (tmp_path / "a.gif").read_bytes()
            at = data.index(b"\x21\xff\x0b")
            (tmp_path / "a.gif").write_bytes(data[:at] + extension + data[at:])
            check(tmp_path / "a.gif", is_swapped=False)

    def test_what_is_no_profile_or_empty_is_said(self, tmp_path: Path) -> None:
        for blocks in ((), (b"no profile",)):
            self.write(tmp_path / "a.gif", *blocks)
            check(tmp_path / "a.gif", DAMAGED, is_swapped=False)

    def test_one_that_is_too_large_is_said(self, tmp_path: Path) -> None:
        self.write(tmp_path / "a.gif", *[bytes(255)] * 70_000)
        check(tmp_path / "a.gif", DAMAGED, is_swapped=False)


class TestIcon:
    @staticmethod
    def write(path: Path, *pictures: Image.Image, **options: Any) -> None:
        """Write an icon of PNGs, one after the other in its directory too."""
        encoded = []
        for picture in pictures:
            one = io.BytesIO()
            picture.save(one, "PNG", **options)
            encoded.append(one.getvalue())
        at = 6 + 16 * len(encoded)
        data = struct.pack("<HHH", 0, 1, len(encoded))
        for picture, one in zip(pictures, encoded, strict=True):
            data += struct.pack("<BBBBHHII", picture.width, picture.height, 0, 0, 1, 24, len(one), at)
            at += len(one)
        path.write_bytes(data + b"".join(encoded))

    def test_the_profile_of_its_png_is_converted(self, tmp_path: Path) -> None:
        small = Image.new("RGB", (8, 8), (1, 2, 3))
        self.write(tmp_path / "a.ico", small, photo(), icc_profile=swapped_profile())
        check(tmp_path / "a.ico")

    def test_one_without_any_stays_as_it_is(self, tmp_path: Path) -> None:
        self.write(tmp_path / "a.ico", photo())
        check(tmp_path / "a.ico", is_swapped=False)
        photo().save(tmp_path / "b.ico", sizes=[(64, 64)], bitmap_format="bmp")
        check(tmp_path / "b.ico", is_swapped=False)


@pytest.mark.parametrize("linear", [0, 1])
def test_a_qoi_is_srgb_whatever_its_header_says(tmp_path: Path, linear: int) -> None:
    """The last byte of the header (QOI 1.0) is 1, for linear light, in all that Pillow writes."""
    photo().save(tmp_path / "a.qoi")
    data = bytearray((tmp_path / "a.qoi").read_bytes())
    assert data[13] == 1
    data[13] = linear
    (tmp_path / "a.qoi").write_bytes(data)
    check(tmp_path / "a.qoi", is_swapped=False)
