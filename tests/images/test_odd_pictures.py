"""Pictures that were silently wrong: their colours, their pixels' shape, their transparency, their first frame."""

from __future__ import annotations

import base64
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from styled import images
from styled.errors import UnreadableImage

HEIC = base64.b64decode(
    "AAAAHGZ0eXBoZWljAAAAAG1pZjFoZWljbWlhZgAAAX1tZXRhAAAAAAAAACFoZGxyAAAAAAAAAABwaWN0AAAAAAAAAAAAAAAAAAAAACJpbG9jAAAAAERA"
    "AAEAAQAAAAABoQABAAAAAAAAAKIAAAAjaWluZgAAAAAAAQAAABVpbmZlAgAAAAABAABodmMxAAAAAA5waXRtAAAAAAABAAAA/WlwcnAAAADdaXBjbwAA"
    "AHZodmNDAQNwAAAAkAAAAAAAHvAA/P34+AAADwNgAAEAGEABDAH//wNwAAADAJAAAAMAAAMAHroCQGEAAQAqQgEBA3AAAAMAkAAAAwAAAwAeoCCBBZbq"
    "5Ka5uAhoMCAAAAMDIAAAAwAhYgABAAZEAcFzwIkAAAATY29scm5jbHgAAQANAAaAAAAAFGlzcGUAAAAAAAAAQAAAAEAAAAAoY2xhcAAAAEAAAAABAAAA"
    "MAAAAAEAAAAAAAAAAv////AAAAACAAAAEHBpeGkAAAAAAwgICAAAABhpcG1hAAAAAAAAAAEAAQWBAgMFhAAAAKptZGF0AAAAnigBrwngPg6bnk4QdLDG"
    "LT7BfowVSik5dVehf5yQpePMTuyesq3FYsvm/bcvqsrLeJtrxhUZ/oVF3Jdh408SeR+iKoEQIbiO33+dxIoCoGMwUjy43SZcIyr9XLPB5UgFwg2mxXkj"
    "3QPSuEsOWRZA7wepoI3pV61UVPhnboSIOxnQpZjmZJ6fj6XnKaEYt3VtpZwWXmwpY0GPrDTjNd7c"
)
"""The fixture ``picture``, encoded by pillow-heif: what reads HEIC here cannot write it."""


@pytest.fixture
def photo(picture: npt.NDArray[np.float32]) -> Image.Image:
    return Image.fromarray(picture.astype(np.uint8))


class TestHeic:
    def test_it_is_read(self, tmp_path: Path, photo: Image.Image) -> None:
        (tmp_path / "IMG_1.jpg").write_bytes(HEIC)
        loaded = images.load(tmp_path / "IMG_1.jpg")
        assert (loaded.info.format, loaded.remarks) == ("HEIF", ())
        assert np.abs(loaded.pixels.astype(int) - np.asarray(photo)).mean() < 6

    def test_its_high_dynamic_range_is_tone_mapped(self, tmp_path: Path) -> None:
        at = HEIC.index(b"nclx") + 4
        (tmp_path / "a.heic").write_bytes(HEIC[:at] + struct.pack(">HH", 9, 16) + HEIC[at + 4 :])
        assert images.load(tmp_path / "a.heic").remarks == ("high dynamic range (PQ) was tone-mapped",)

    def test_half_of_one_is_refused(self, tmp_path: Path) -> None:
        for kept in (40, 200, 500):
            (tmp_path / "a.heic").write_bytes(HEIC[:kept])
            with pytest.raises(UnreadableImage, match=r"a\.heic"):
                images.load(tmp_path / "a.heic")


class TestAdobeRgb:
    """What cameras write: no profile, EXIF ``uncalibrated`` with interoperability ``R03``."""

    @staticmethod
    def exif(space: int, index: str) -> bytes:
        exif = Image.Exif()
        exif[0x8769] = {0xA001: space, 0xA005: {1: index}}
        return exif.tobytes()

    @pytest.mark.parametrize("suffix", ["jpg", "png", "webp"])
    def test_it_is_converted(self, tmp_path: Path, suffix: str) -> None:
        """(160, 180, 90) in Adobe RGB; sRGB = 1.398 R - 0.398 G for red, in light."""
        image = Image.new("RGB", (16, 16), (160, 180, 90))
        image.save(tmp_path / f"a.{suffix}", exif=self.exif(0xFFFF, "R03"), quality=100, lossless=True)
        loaded = images.load(tmp_path / f"a.{suffix}")
        np.testing.assert_allclose(loaded.pixels[8, 8].astype(int), (152, 181, 82), atol=2)
        assert "colours were converted from Adobe RGB, which its EXIF names" in loaded.remarks

    @pytest.mark.parametrize(("space", "index"), [(1, "R98"), (0xFFFF, "R98"), (0xFFFF, "THM"), (1, "R03")])
    def test_nothing_else_is(self, tmp_path: Path, space: int, index: str) -> None:
        Image.new("RGB", (16, 16), (160, 180, 90)).save(tmp_path / "a.png", exif=self.exif(space, index))
        assert tuple(images.load(tmp_path / "a.png").pixels[8, 8]) == (160, 180, 90)


class TestPixelsThatAreNotSquare:
    @pytest.mark.parametrize(
        ("suffix", "options"),
        [
            ("tif", {"dpi": (204, 98)}),
            ("png", {"dpi": (204, 98)}),
            ("jpg", {"dpi": (204, 98)}),
            ("bmp", {"dpi": (204, 98)}),
        ],
    )
    def test_a_fax_is_stretched(self, tmp_path: Path, photo: Image.Image, suffix: str, options: Any) -> None:
        photo.save(tmp_path / f"a.{suffix}", **options)
        loaded = images.load(tmp_path / f"a.{suffix}")
        assert loaded.pixels.shape == (100, 64, 3)
        assert (loaded.info.width, loaded.info.height) == (64, 100)
        assert "stretched to 64x100 px" in loaded.remarks[-1]
        assert images.load(tmp_path / f"a.{suffix}", long_side=50).pixels.shape == (50, 32, 3)
        assert images.probe(tmp_path / f"a.{suffix}").height == 100

    def test_the_coarser_axis_gets_more_pixels(self, tmp_path: Path, photo: Image.Image) -> None:
        photo.save(tmp_path / "a.png", dpi=(72, 144))
        assert images.load(tmp_path / "a.png").pixels.shape == (48, 128, 3)

    def test_a_ratio_without_a_unit(self, tmp_path: Path, photo: Image.Image) -> None:
        photo.save(tmp_path / "a.jpg")
        data = bytearray((tmp_path / "a.jpg").read_bytes())
        at = data.index(b"JFIF\0") + 7
        data[at : at + 5] = struct.pack(">BHH", 0, 1, 2)
        (tmp_path / "a.jpg").write_bytes(data)
        assert images.load(tmp_path / "a.jpg").pixels.shape == (48, 128, 3)

    @pytest.mark.parametrize("suffix", ["tif", "png", "jpg"])
    def test_on_its_side_it_is_stretched_along_the_stored_axes(
        self, tmp_path: Path, photo: Image.Image, suffix: str
    ) -> None:
        exif = Image.Exif()
        exif[0x0112] = 6
        photo.save(tmp_path / f"a.{suffix}", dpi=(200, 100), exif=exif)
        assert images.load(tmp_path / f"a.{suffix}").pixels.shape == (64, 96, 3)

    @pytest.mark.parametrize("dpi", [(72, 72), (100, 104), (0, 98), (1000, 1), (1, 100)])
    def test_what_nobody_sees_or_believes_changes_nothing(
        self, tmp_path: Path, photo: Image.Image, dpi: tuple[int, int]
    ) -> None:
        photo.save(tmp_path / "a.tif", dpi=dpi)
        loaded = images.load(tmp_path / "a.tif")
        np.testing.assert_array_equal(loaded.pixels, np.asarray(photo))
        assert len(loaded.remarks) == (max(dpi) / max(min(dpi), 1) > 4 and min(dpi) > 0)


class TestAllTransparent:
    @pytest.mark.parametrize("suffix", ["png", "webp", "tif", "tga"])
    @pytest.mark.parametrize("long_side", [None, 20])
    def test_what_is_below_is_read_with_a_remark(
        self, tmp_path: Path, photo: Image.Image, suffix: str, long_side: int | None
    ) -> None:
        hidden = photo.copy()
        hidden.putalpha(0)
        hidden.save(tmp_path / f"a.{suffix}", lossless=True, exact=True)
        photo.save(tmp_path / "b.png")
        loaded = images.load(tmp_path / f"a.{suffix}", long_side=long_side)
        assert loaded.alpha is None
        np.testing.assert_array_equal(loaded.pixels, images.load(tmp_path / "b.png", long_side=long_side).pixels)
        assert loaded.remarks == ("every pixel is transparent: the transparency is not used",)

    def test_a_bitmap_with_an_empty_alpha(self, tmp_path: Path, photo: Image.Image) -> None:
        """Version 5 with 32 bits: Windows' programs leave the fourth byte 0."""
        hidden = photo.copy()
        hidden.putalpha(0)
        rows = np.asarray(hidden)[::-1, :, [2, 1, 0, 3]].tobytes()
        masks = struct.pack("<4I", 0xFF0000, 0xFF00, 0xFF, 0xFF000000)
        header = struct.pack("<IiiHHIIiiII", 124, 64, 48, 1, 32, 3, len(rows), 2835, 2835, 0, 0) + masks
        header += b"BGRs" + bytes(124 - len(header) - 4)
        (tmp_path / "a.bmp").write_bytes(struct.pack("<2sIHHI", b"BM", 138 + len(rows), 0, 0, 138) + header + rows)
        loaded = images.load(tmp_path / "a.bmp")
        np.testing.assert_array_equal(loaded.pixels, np.asarray(photo))
        assert loaded.alpha is None

    @pytest.mark.parametrize("mode", ["RGBA", "LA", "P", "1", "L", "RGB", "I;16"])
    def test_nothing_below_is_refused(self, tmp_path: Path, mode: str) -> None:
        image = Image.new(mode, (8, 8), 0 if mode != "P" else 3)
        if mode == "P":
            image.putpalette([9, 9, 9] * 8)
        transparent = {"P": 3, "1": 0, "L": 0, "RGB": (0, 0, 0), "I;16": 0}
        image.save(tmp_path / "a.png", **({"transparency": transparent[mode]} if mode in transparent else {}))
        with pytest.raises(UnreadableImage, match=r"a\.png is wholly transparent"):
            images.load(tmp_path / "a.png")

    @pytest.mark.processes
    def test_it_is_refused_before_the_claim(self, tmp_path: Path) -> None:
        Image.new("RGBA", (8, 8)).save(tmp_path / "a.png")
        with pytest.raises(UnreadableImage, match=r"a\.png is wholly transparent"):
            images.check(tmp_path / "a.png")


class TestFirstFrames:
    @pytest.mark.parametrize("suffix", ["gif", "webp", "png", "avif", "tif"])
    def test_of_several_the_first_is_said_to_be_taken(self, tmp_path: Path, photo: Image.Image, suffix: str) -> None:
        frames = [Image.new("RGB", photo.size, "black"), photo, photo.rotate(180)]
        frames[0].save(tmp_path / f"a.{suffix}", save_all=True, append_images=frames[1:])
        remarks = images.load(tmp_path / f"a.{suffix}").remarks
        assert remarks == (f"the first of 3 {'pages' if suffix == 'tif' else 'frames'}", "all of it is one colour")

    def test_a_phones_second_picture_is_none(self, tmp_path: Path, photo: Image.Image) -> None:
        photo.save(tmp_path / "a.jpg", "MPO", save_all=True, append_images=[photo.resize((32, 24))])
        assert images.load(tmp_path / "a.jpg").remarks == ()

    def test_a_motion_photo_is_its_picture(self, tmp_path: Path, photo: Image.Image) -> None:
        photo.save(tmp_path / "b.jpg", quality=95)
        video = struct.pack(">I4s", 24, b"ftyp") + b"mp42\0\0\0\0isommp42" + bytes(5000)
        (tmp_path / "a.jpg").write_bytes((tmp_path / "b.jpg").read_bytes() + video)
        loaded = images.load(tmp_path / "a.jpg")
        np.testing.assert_array_equal(loaded.pixels, images.load(tmp_path / "b.jpg").pixels)
        assert loaded.remarks == ()

    @pytest.mark.parametrize("suffix", ["jpg", "png"])
    def test_one_colour_is_said(self, tmp_path: Path, suffix: str) -> None:
        Image.new("RGB", (32, 32), (200, 30, 40)).save(tmp_path / f"a.{suffix}")
        assert images.load(tmp_path / f"a.{suffix}").remarks == ("all of it is one colour",)

    def test_nearly_one_colour_is_not(self, tmp_path: Path) -> None:
        image = Image.new("RGB", (32, 32), (200, 30, 40))
        image.putpixel((31, 31), (210, 30, 40))
        image.save(tmp_path / "a.png")
        assert images.load(tmp_path / "a.png").remarks == ()


class TestScans:
    def test_a_bilevel_fax_codec(self, tmp_path: Path, photo: Image.Image) -> None:
        page = photo.convert("1")
        page.save(tmp_path / "a.tif", compression="group4")
        np.testing.assert_array_equal(images.load(tmp_path / "a.tif").pixels, np.asarray(page.convert("RGB")))

    def test_a_float_map_is_refused(self, tmp_path: Path) -> None:
        (tmp_path / "a.pfm").write_bytes(b"Pf\n4 4\n-1.0\n" + np.ones((4, 4), "<f4").tobytes())
        with pytest.raises(UnreadableImage, match="without a known white"):
            images.load(tmp_path / "a.pfm")

    def test_an_error_of_the_colours_names_the_file(self, tmp_path: Path) -> None:
        Image.fromarray(np.ones((4, 4), np.int32)).save(tmp_path / "a.tif")
        with pytest.raises(UnreadableImage, match=r"^a\.tif is"):
            images.load(tmp_path / "a.tif")


def test_chunks_of_a_png_are_left_as_they_are_where_nothing_is_wrong(tmp_path: Path, photo: Image.Image) -> None:
    photo.save(tmp_path / "a.png")
    data = (tmp_path / "a.png").read_bytes()
    extra = struct.pack(">I", 1) + b"abCdx" + struct.pack(">I", zlib.crc32(b"abCdx"))
    (tmp_path / "a.png").write_bytes(data[:33] + extra + data[33:])
    assert images.load(tmp_path / "a.png").remarks == ()


@pytest.mark.parametrize("hidden", [0, 255])
@pytest.mark.parametrize("long_side", [None, 32])
def test_a_shape_that_is_in_the_transparency_alone_is_remarked(
    tmp_path: Path, hidden: int, long_side: int | None
) -> None:
    """Found by the corpus: icons and logos. What is hidden below counted as a second colour."""
    pixels = np.full((64, 64, 4), (hidden, hidden, hidden, 0), np.uint8)
    pixels[20:44, 20:44] = (200, 30, 30, 255)
    pixels[19, 20:44] = (201, 30, 29, 90)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    assert images.load(tmp_path / "a.png", long_side=long_side).remarks == (
        "all of it that is not transparent is one colour",
    )
    pixels[30, 30] = (0, 0, 0, 255)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    assert images.load(tmp_path / "a.png").remarks == ()
