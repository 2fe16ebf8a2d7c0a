"""A JPEG XL is the JPEG that it was made of, to the byte; others are refused by what they are."""

from __future__ import annotations

import io
import struct
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from styled import images
from styled.errors import ImageTooLarge, UnreadableImage
from styled.images.reading.jpeg_xl import _size

P3 = imagecodecs.cms_profile(
    "rgb",
    whitepoint=[0.3127, 0.3290, 1.0],
    primaries=[0.680, 0.320, 1.0, 0.265, 0.690, 1.0, 0.150, 0.060, 1.0],
    gamma=2.2,
)


def jpeg(picture: npt.NDArray[Any], *, orientation: int = 1, **options: Any) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = orientation
    written = io.BytesIO()
    Image.fromarray(picture.astype(np.uint8)).save(written, "JPEG", quality=90, exif=exif, **options)
    return written.getvalue()


@pytest.mark.parametrize("options", [{}, {"icc_profile": P3}, {"orientation": 6}, {"progressive": True}])
def test_it_is_the_jpeg(tmp_path: Path, picture: npt.NDArray[np.float32], options: dict[str, Any]) -> None:
    (tmp_path / "a.jpg").write_bytes(jpeg(picture, **options))
    (tmp_path / "a.jxl").write_bytes(imagecodecs.jpegxl_encode_jpeg((tmp_path / "a.jpg").read_bytes()))
    expected, found = images.load(tmp_path / "a.jpg"), images.load(tmp_path / "a.jxl")
    np.testing.assert_array_equal(found.pixels, expected.pixels)
    assert (found.info, found.exif, found.remarks) == (expected.info, expected.exif, ())


@pytest.mark.processes
def test_the_check_before_the_claim_takes_it_without_a_doubt(tmp_path: Path, picture: npt.NDArray[np.float32]) -> None:
    whole = imagecodecs.jpegxl_encode_jpeg(jpeg(picture))
    (tmp_path / "a.jxl").write_bytes(whole)
    (tmp_path / "half.jxl").write_bytes(whole[: len(whole) // 2] + bytes(len(whole) - len(whole) // 2))
    with images.Checker() as checker:
        found = checker.check(tmp_path / "a.jxl")
        assert (found.format, found.width, found.height, found.doubt) == ("JPEG", 64, 48, "")
        with pytest.raises(UnreadableImage):
            checker.check(tmp_path / "half.jxl")


@pytest.mark.parametrize("kept", [0.1, 0.5, 0.99])
def test_half_of_one_is_truncated(tmp_path: Path, picture: npt.NDArray[np.float32], kept: float) -> None:
    whole = imagecodecs.jpegxl_encode_jpeg(jpeg(picture))
    (tmp_path / "a.jxl").write_bytes(whole[: int(len(whole) * kept)])
    with pytest.raises(UnreadableImage, match=r"^a\.jxl is truncated"):
        images.load(tmp_path / "a.jxl")


def test_a_damaged_one(tmp_path: Path, picture: npt.NDArray[np.float32]) -> None:
    whole = bytearray(imagecodecs.jpegxl_encode_jpeg(jpeg(picture)))
    middle = len(whole) // 2
    whole[middle : middle + 200] = b"\xaa" * 200
    (tmp_path / "a.jxl").write_bytes(whole)
    with pytest.raises(UnreadableImage, match=r"^a\.jxl is "):
        images.load(tmp_path / "a.jxl")


def test_one_that_was_not_made_of_a_jpeg(tmp_path: Path, picture: npt.NDArray[np.float32]) -> None:
    stream = imagecodecs.jpegxl_encode(picture.astype(np.uint8), lossless=True)
    boxed = b"\0\0\0\x0cJXL \r\n\x87\n" + struct.pack(">I8sI4s", 20, b"ftypjxl ", 0, b"jxl ")
    boxed += struct.pack(">I4s", 0, b"jxlc") + stream  # a box without a size reaches to the end
    for data in (stream, boxed):
        (tmp_path / "a.jxl").write_bytes(data)
        with pytest.raises(UnreadableImage, match="not made of a JPEG") as caught:
            images.load(tmp_path / "a.jxl")
        assert "djxl" in caught.value.advice


def test_the_limit_on_pixels_counts_before_anything_is_decoded(
    tmp_path: Path, picture: npt.NDArray[np.float32], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.jxl").write_bytes(imagecodecs.jpegxl_encode_jpeg(jpeg(picture)))
    monkeypatch.delattr(imagecodecs, "jpegxl_decode_jpeg")
    with pytest.raises(ImageTooLarge):
        images.load(tmp_path / "a.jxl", max_pixels=64 * 48 - 1)


@pytest.mark.parametrize("first", [b"", b"\xff", b"\xff\x0a", b"\xff\x0a\x00", b"\xff\x0a\x00\x00\x00", b"\0" * 40])
def test_the_size_is_read_inside_the_streams_first_box(
    tmp_path: Path, picture: npt.NDArray[np.float32], monkeypatch: pytest.MonkeyPatch, first: bytes
) -> None:
    """What lies behind a box that is too short named the size, and the limit was asked of that."""
    whole = imagecodecs.jpegxl_encode_jpeg(jpeg(picture))
    at = next(whole.index(kind) for kind in (b"jxlc", b"jxlp") if kind in whole) - 4
    short = struct.pack(">I4sI", 12 + len(first), b"jxlp", 0) + first
    (tmp_path / "a.jxl").write_bytes(whole[:at] + short + whole[at:])
    monkeypatch.delattr(imagecodecs, "jpegxl_decode_jpeg")
    with pytest.raises(UnreadableImage, match=r"^a\.jxl is a JPEG XL image that is damaged"):
        images.load(tmp_path / "a.jxl")


@pytest.mark.parametrize(
    "size", [(64, 48), (8, 8), (256, 256), (257, 255), (1200, 1000), (1601, 7), (3, 600), (520, 260)]
)
def test_the_size_in_the_stream(size: tuple[int, int]) -> None:
    assert _size(imagecodecs.jpegxl_encode(np.zeros((size[1], size[0], 3), np.uint8), effort=1)) == size
