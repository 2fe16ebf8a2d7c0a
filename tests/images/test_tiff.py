from __future__ import annotations

import io
from typing import Literal

import numpy as np
import numpy.typing as npt
import pytest
import tifffile
from PIL import ExifTags, Image

from styled.images import tiff
from styled.images.colour import srgb_profile

Samples = npt.NDArray[np.uint8 | np.uint16]
Compression = Literal["deflate", "lzw"]


def written(picture: Samples, *, compression: Compression = "deflate", big: bool | None = None) -> bytes:
    file = io.BytesIO()
    height, width, channels = picture.shape
    exif = Image.Exif()
    exif[ExifTags.Base.Artist] = "Ada"
    exif[ExifTags.IFD.Exif] = {ExifTags.Base.UserComment: b"ASCII\0\0\0" + b"x" * 99}
    tiff.write(
        file,
        lambda top, bottom: picture[top:bottom],
        width=width,
        height=height,
        alpha=channels == 4,
        bits=8 if picture.dtype == np.uint8 else 16,
        compression=compression,
        dpi=300,
        icc=srgb_profile(),
        exif=exif,
        big=big,
    )
    return file.getvalue()


def noisy(width: int, height: int, channels: int, bits: int) -> Samples:
    random = np.random.default_rng(width)
    return random.integers(0, 2**bits, (height, width, channels)).astype(f"u{bits // 8}")


@pytest.mark.parametrize("big", [False, True])
@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("channels", [3, 4])
@pytest.mark.parametrize(("width", "height"), [(1, 1), (256, 256), (300, 513)])
def test_two_other_readers_see_the_very_samples(width: int, height: int, channels: int, bits: int, big: bool) -> None:
    picture = noisy(width, height, channels, bits)
    data = written(picture, big=big)
    with tifffile.TiffFile(io.BytesIO(data)) as file:
        assert file.is_bigtiff is big
        np.testing.assert_array_equal(file.asarray(), picture, strict=True)
    with Image.open(io.BytesIO(data)) as image:
        np.testing.assert_array_equal(np.asarray(image), picture if bits == 8 else picture >> 8)


@pytest.mark.parametrize("bits", [8, 16])
def test_lzw_is_read_back(bits: int) -> None:
    picture = noisy(300, 200, 3, bits)
    with Image.open(io.BytesIO(written(picture, compression="lzw"))) as image:
        assert image.info["compression"] == "tiff_lzw"
        np.testing.assert_array_equal(np.asarray(image), picture if bits == 8 else picture >> 8)


@pytest.mark.parametrize("compression", ["deflate", "lzw"])
def test_differencing_makes_a_smooth_picture_small(compression: Compression) -> None:
    ramp = (np.add.outer(np.arange(512), np.arange(512))[..., None] * [10, 20, 30]).astype(np.uint16)
    assert len(written(ramp, compression=compression)) < ramp.nbytes / 20


@pytest.mark.parametrize("big", [False, True])
def test_tags_are_where_readers_look(big: bool) -> None:
    with Image.open(io.BytesIO(written(noisy(20, 10, 3, 8), big=big))) as image:
        exif = image.getexif()
        assert exif[ExifTags.Base.Artist] == "Ada"
        assert exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.UserComment].endswith(b"xxx")
        assert image.info["dpi"] == (300, 300)
        assert image.info["icc_profile"] == srgb_profile()


def test_the_directory_starts_at_an_even_offset() -> None:
    starts = {int.from_bytes(written(noisy(side, 1, 3, 8))[4:8], "little") % 2 for side in range(1, 20)}
    assert starts == {0}


def test_big_is_chosen_when_offsets_would_not_reach(monkeypatch: pytest.MonkeyPatch) -> None:
    picture = noisy(20, 10, 3, 8)
    assert written(picture)[2] == 42
    monkeypatch.setattr(tiff, "_BIG_BYTES", picture.nbytes - 1)
    assert written(picture)[2] == 43
