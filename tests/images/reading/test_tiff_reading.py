"""Layouts of TIFF: each gives the picture that was written, or is refused by what it is."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import numpy.typing as npt
import pytest
import tifffile
from PIL import Image

from styled import images
from styled.errors import UnreadableImage

Array = npt.NDArray[Any]


@pytest.fixture
def photo(picture: npt.NDArray[np.float32]) -> Array:
    """uint8, shape (48, 64, 3)."""
    return picture.astype(np.uint8)


def wide(levels: Array, bits: int) -> Array:
    """The same picture with more bits."""
    return np.rint(levels.astype(np.float64) * ((2**bits - 1) / 255)).astype(np.uint16)


def assert_is(path: Path, expected: Array, *, within: float = 1.0) -> images.Loaded:
    loaded = images.load(path)
    if expected.ndim == 2:
        expected = np.dstack([expected] * 3)
    np.testing.assert_allclose(loaded.pixels.astype(float), expected.astype(float), atol=within)
    return loaded


@pytest.mark.parametrize("byteorder", ["<", ">"])
@pytest.mark.parametrize("bigtiff", [False, True])
@pytest.mark.parametrize("options", [{}, {"compression": "lzw"}, {"compression": "deflate", "predictor": 2}, {"tile": (16, 32)}, {"rowsperstrip": 7}, {"compression": "zstd", "tile": (32, 32)}])  # fmt: skip
def test_16_bits_plane_by_plane(tmp_path: Path, photo: Array, options: Any, bigtiff: bool, byteorder: Any) -> None:
    path = tmp_path / "a.tif"
    planes = np.moveaxis(wide(photo, 16), 2, 0)
    tifffile.imwrite(
        path, planes, photometric="rgb", planarconfig="separate", byteorder=byteorder, bigtiff=bigtiff, **options
    )
    assert_is(path, photo)


@pytest.mark.parametrize("compression", [None, "packbits", "lzw"])
@pytest.mark.parametrize("extra", ["assocalpha", "unassalpha", "unspecified"])
def test_grey_and_alpha_of_8_bits_plane_by_plane(tmp_path: Path, photo: Array, compression: Any, extra: Any) -> None:
    """Found by the corpus (libtiff's minisblack-2c-8b-alpha): Pillow gives the first plane for both."""
    planes = np.stack([photo[..., 0], np.full_like(photo[..., 0], 255)])
    tifffile.imwrite(
        tmp_path / "a.tif",
        planes,
        photometric="minisblack",
        planarconfig="separate",
        extrasamples=[extra],
        compression=compression,
    )
    loaded = assert_is(tmp_path / "a.tif", photo[..., 0])
    assert loaded.alpha is None
    assert loaded.remarks == ()


def test_8_bits_plane_by_plane(tmp_path: Path, photo: Array) -> None:
    tifffile.imwrite(tmp_path / "a.tif", np.moveaxis(photo, 2, 0), photometric="rgb", planarconfig="separate")
    assert_is(tmp_path / "a.tif", photo, within=0)


@pytest.mark.parametrize("bits", [8, 16])
def test_white_is_zero(tmp_path: Path, photo: Array, bits: int) -> None:
    grey = photo[..., 0]
    levels = grey if bits == 8 else wide(grey, 16)
    tifffile.imwrite(tmp_path / "a.tif", levels.max() * 0 + (2**bits - 1) - levels, photometric="miniswhite")
    assert_is(tmp_path / "a.tif", grey)


@pytest.mark.parametrize("bits", [9, 10, 12, 14])
@pytest.mark.parametrize("channels", [1, 3])
def test_depths_between_8_and_16_are_scaled_by_their_bits(
    tmp_path: Path, photo: Array, bits: int, channels: int
) -> None:
    picture = photo if channels == 3 else photo[..., 0]
    tifffile.imwrite(
        tmp_path / "a.tif",
        wide(picture, bits),
        bitspersample=bits,
        photometric="rgb" if channels == 3 else "minisblack",
    )
    assert_is(tmp_path / "a.tif", picture)


@pytest.mark.parametrize("planar", ["contig", "separate"])
def test_grey_with_alpha_in_16_bits(tmp_path: Path, photo: Array, planar: Any) -> None:
    alpha = np.full_like(photo[..., 0], 200)
    both = wide(np.dstack([photo[..., 0], alpha]), 16)
    both = np.moveaxis(both, 2, 0) if planar == "separate" else both
    tifffile.imwrite(
        tmp_path / "a.tif", both, photometric="minisblack", planarconfig=planar, extrasamples=["unassalpha"]
    )
    loaded = assert_is(tmp_path / "a.tif", photo[..., 0])
    assert loaded.alpha is not None
    assert np.all(loaded.alpha == 200)


@pytest.mark.parametrize("planar", ["contig", "separate"])
def test_alpha_that_is_multiplied_in_is_taken_out(tmp_path: Path, photo: Array, planar: Any) -> None:
    levels = np.dstack([wide(photo, 12) * 0.5, np.full(photo.shape[:2], 2047.5)])
    levels = np.rint(levels).astype(np.uint16)
    levels = np.moveaxis(levels, 2, 0) if planar == "separate" else levels
    tifffile.imwrite(
        tmp_path / "a.tif",
        levels,
        bitspersample=12,
        photometric="rgb",
        planarconfig=planar,
        extrasamples=["assocalpha"],
    )
    loaded = assert_is(tmp_path / "a.tif", photo)
    assert loaded.alpha is not None
    assert np.all(loaded.alpha == 128)


@pytest.mark.parametrize("bits", [8, 16])
def test_inks_with_alpha_are_as_inks_without(tmp_path: Path, photo: Array, bits: int) -> None:
    inks = np.asarray(Image.fromarray(photo).convert("CMYK"))
    with_alpha = np.dstack([inks, np.full_like(photo[..., 0], 99)])
    levels = with_alpha if bits == 8 else wide(with_alpha, 16)
    tifffile.imwrite(tmp_path / "a.tif", levels, photometric="separated", extrasamples=["unassalpha"])
    tifffile.imwrite(tmp_path / "b.tif", inks, photometric="separated")
    loaded = assert_is(tmp_path / "a.tif", images.load(tmp_path / "b.tif").pixels)
    assert loaded.alpha is not None
    assert np.all(loaded.alpha == 99)


@pytest.mark.parametrize("photometric", ["cielab", "icclab"])
@pytest.mark.parametrize("bits", [8, 16])
def test_lab(tmp_path: Path, bits: int, photometric: Any) -> None:
    """A middle grey, and a red: L* 53.24, a* 80.09, b* 67.20 in D65's sRGB is 54.29, 80.81, 69.89 in D50."""
    lab = np.array([[(53.58, 0.0, 0.0), (54.29, 80.81, 69.89)]] * 8).repeat(8, axis=1)
    scale = 2 ** (bits - 8)
    light = 65280 / 100 if (photometric, bits) == ("icclab", 16) else (2**bits - 1) / 100
    moved = 128 if photometric == "icclab" else 0
    levels = np.dstack([lab[..., 0] * light, (lab[..., 1] + moved) * scale, (lab[..., 2] + moved) * scale])
    levels = np.rint(levels).astype(np.uint8 if bits == 8 else np.uint16)
    tifffile.imwrite(tmp_path / "a.tif", levels, photometric=photometric)
    expected = np.array([[(128, 128, 128), (255, 0, 0)]] * 8).repeat(8, axis=1)
    assert_is(tmp_path / "a.tif", expected, within=5)


@pytest.mark.parametrize("kind", [np.int16, np.int8, np.uint32, np.complex64])
@pytest.mark.parametrize("channels", [1, 3])
def test_numbers_without_a_known_white_are_refused_by_what_they_are(
    tmp_path: Path, photo: Array, kind: Any, channels: int
) -> None:
    picture = photo if channels == 3 else photo[..., 0]
    tifffile.imwrite(
        tmp_path / "a.tif", (picture // 2).astype(kind), photometric="rgb" if channels == 3 else "minisblack"
    )
    with pytest.raises(UnreadableImage, match="without a known white") as caught:
        images.load(tmp_path / "a.tif")
    assert "a.tif" in str(caught.value)


@pytest.mark.parametrize("compression", ["webp", "jpeg2000", "jpegxl", "lerc", "lzma", "zstd", "png", "jpegxr", "packbits"])  # fmt: skip
def test_codecs_inside(tmp_path: Path, photo: Array, compression: Any, capfd: pytest.CaptureFixture[str]) -> None:
    tifffile.imwrite(tmp_path / "a.tif", photo, photometric="rgb", compression=compression, tile=(32, 32))
    assert_is(tmp_path / "a.tif", photo, within=30)
    assert capfd.readouterr().err == ""


def test_a_jpeg_of_12_bits_inside(tmp_path: Path, photo: Array) -> None:
    tifffile.imwrite(
        tmp_path / "a.tif", wide(photo[..., 0], 12), bitspersample=12, compression="jpeg", compressionargs={"level": 95}
    )
    assert_is(tmp_path / "a.tif", photo[..., 0], within=4)


def test_a_thumbnail_in_front_is_passed_over(tmp_path: Path, photo: Array) -> None:
    with tifffile.TiffWriter(tmp_path / "a.tif") as writer:
        writer.write(photo[::4, ::4], photometric="rgb", subfiletype=1)
        writer.write(photo, photometric="rgb")
        writer.write(photo[::2, ::2], photometric="rgb", subfiletype=1)
    assert assert_is(tmp_path / "a.tif", photo, within=0).remarks == ()


def test_a_picture_below_its_thumbnail_is_found(tmp_path: Path, photo: Array) -> None:
    with tifffile.TiffWriter(tmp_path / "a.tif") as writer:
        writer.write(photo[::4, ::4], photometric="rgb", subfiletype=1, subifds=1)
        writer.write(photo, photometric="rgb")
    assert_is(tmp_path / "a.tif", photo, within=0)
    assert images.probe(tmp_path / "a.tif").width == 64


@pytest.mark.parametrize("place", ["first", "below", "next"])
def test_a_cameras_raw_file_is_named(tmp_path: Path, photo: Array, place: str) -> None:
    mosaic = wide(photo[..., 0], 14)
    path = tmp_path / "a.nef"
    with tifffile.TiffWriter(path) as writer:
        if place != "first":
            writer.write(photo[::4, ::4], photometric="rgb", subfiletype=1, subifds=1 if place == "below" else 0)
        writer.write(
            mosaic, photometric="cfa", extratags=[(33421, 3, 2, (2, 2), True), (33422, 1, 4, b"\0\1\1\2", True)]
        )
    with pytest.raises(UnreadableImage, match=r"a\.nef is a camera's raw file"):
        images.load(path)


def test_of_pages_the_first_is_read_with_a_remark(tmp_path: Path, photo: Array) -> None:
    tifffile.imwrite(tmp_path / "a.tif", np.stack([photo, photo // 2, photo // 3]), photometric="rgb")
    assert assert_is(tmp_path / "a.tif", photo, within=0).remarks == ("the first of 3 pages",)


@pytest.mark.parametrize("turn", range(1, 9))
def test_what_pillow_does_not_read_is_turned_too(tmp_path: Path, photo: Array, turn: int) -> None:
    planes = np.moveaxis(wide(photo, 16), 2, 0)
    tifffile.imwrite(
        tmp_path / "a.tif", planes, photometric="rgb", planarconfig="separate", extratags=[(274, 3, 1, turn, True)]
    )
    Image.fromarray(photo).save(tmp_path / "b.tif", tiffinfo={274: turn})
    loaded = assert_is(tmp_path / "a.tif", images.load(tmp_path / "b.tif").pixels)
    assert loaded.size == images.load(tmp_path / "b.tif").size


def test_a_rare_layout_is_refused_by_its_name(tmp_path: Path, photo: Array) -> None:
    tifffile.imwrite(tmp_path / "a.tif", photo[..., :2], photometric="minisblack", extrasamples=["unspecified"])
    assert_is(tmp_path / "a.tif", photo[..., 0], within=0)
    ycbcr = wide(photo, 16)
    tifffile.imwrite(tmp_path / "b.tif", ycbcr, photometric="rgb", extratags=[])
    data = bytearray((tmp_path / "b.tif").read_bytes())
    with tifffile.TiffFile(tmp_path / "b.tif") as tiff:
        at = tiff.pages[0].tags[262].valueoffset  # type: ignore[union-attr]  # the first page is a whole one
    data[at : at + 2] = (6).to_bytes(2, "little")
    (tmp_path / "b.tif").write_bytes(data)
    with pytest.raises(UnreadableImage, match=r"b\.tif is a TIFF of a rare layout: ycbcr, 3 x 16 bits, none"):
        images.load(tmp_path / "b.tif")


@pytest.mark.processes
def test_what_tifffile_reads_is_checked_in_the_child_within_its_memory(tmp_path: Path, photo: Array) -> None:
    """NumPy, tifffile and a codec are loaded below the limit."""
    planes = np.moveaxis(wide(photo, 16), 2, 0)
    tifffile.imwrite(tmp_path / "a.tif", planes, photometric="rgb", planarconfig="separate", compression="lzw")
    with images.Checker(memory_bytes=512 * 2**20) as checker:
        found = checker.check(tmp_path / "a.tif")
    assert (found.width, found.height, found.format) == (64, 48, "TIFF")


def test_a_layout_that_is_cut_off_is_refused(tmp_path: Path, photo: Array) -> None:
    planes = np.moveaxis(wide(photo, 16), 2, 0)
    tifffile.imwrite(tmp_path / "a.tif", planes, photometric="rgb", planarconfig="separate", compression="lzw")
    data = (tmp_path / "a.tif").read_bytes()
    for kept in (0.3, 0.6, 0.9):
        (tmp_path / "b.tif").write_bytes(data[: int(len(data) * kept)])
        with pytest.raises(UnreadableImage, match=r"b\.tif"):
            images.load(tmp_path / "b.tif")


def test_one_that_is_cut_within_its_tiles_is_told_in_words(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (128, 128, 3), np.uint8)
    tifffile.imwrite(tmp_path / "a.tif", noise, photometric="rgb", tile=(64, 64), compression="zlib")
    data = (tmp_path / "a.tif").read_bytes()
    half = len(data) // 2
    (tmp_path / "a.tif").write_bytes(data[:half] + bytes(len(data) - half))
    with pytest.raises(UnreadableImage, match=r"^a\.tif is damaged, or not all there"):
        images.load(tmp_path / "a.tif")


def linear_light(levels: Array) -> Array:
    """16 bits of linear light of sRGB's levels."""
    level = levels / 255.0
    return np.rint(np.where(level <= 0.04045, level / 12.92, ((level + 0.055) / 1.055) ** 2.4) * 65535).astype(
        np.uint16
    )


@pytest.mark.parametrize("alpha", [0.5, 127.5])
@pytest.mark.parametrize("extra", ["unassalpha", "assocalpha"])
def test_alpha_of_floats_has_the_white_of_its_colours_or_is_a_share(
    tmp_path: Path, photo: Array, extra: str, alpha: float
) -> None:
    """Levels of 0 to 255 with alpha of 0 to 255: all of it was opaque."""
    numbers = photo.astype(np.float32) * (0.5 if extra == "assocalpha" else 1.0)
    plane = np.full(photo.shape[:2], alpha, np.float32)
    plane[0, 0] = np.inf
    tifffile.imwrite(
        tmp_path / "a.tif", np.dstack([numbers, plane]), photometric="rgb", extrasamples=[extra], compression="zlib"
    )
    loaded = images.load(tmp_path / "a.tif")
    assert loaded.alpha is not None
    assert set(np.unique(loaded.alpha[1:])) == {128}
    np.testing.assert_allclose(loaded.pixels[1:].astype(float), photo[1:], atol=1)


LINEAR = imagecodecs.cms_profile(
    "rgb", whitepoint=[0.3127, 0.3290, 1.0], primaries=[0.64, 0.33, 1.0, 0.30, 0.60, 1.0, 0.15, 0.06, 1.0], gamma=1.0
)


@pytest.mark.parametrize("alpha", [False, True])
@pytest.mark.parametrize("planar", ["contig", "separate"])
def test_16_bits_of_linear_light_keep_their_shadows(tmp_path: Path, photo: Array, planar: str, alpha: bool) -> None:
    """Reduced to 8 bits before the profile's curve the darkest levels are 13 apart."""
    dark = photo // 5
    numbers = linear_light(dark)
    numbers = np.dstack([numbers, np.full(numbers.shape[:2], 32768, np.uint16)]) if alpha else numbers
    numbers = np.moveaxis(numbers, 2, 0) if planar == "separate" else numbers
    extra: Any = {"extrasamples": ["unassalpha"]} if alpha else {}
    tifffile.imwrite(tmp_path / "a.tif", numbers, photometric="rgb", planarconfig=planar, iccprofile=LINEAR, **extra)
    loaded = assert_is(tmp_path / "a.tif", dark)
    assert loaded.remarks == ()
    assert loaded.alpha is None or set(np.unique(loaded.alpha)) == {128}
    assert (loaded.alpha is not None) == alpha


def test_of_a_png_that_is_remarked(tmp_path: Path, photo: Array) -> None:
    data = imagecodecs.png_encode(linear_light(photo // 5))
    gamma = b"gAMA" + struct.pack(">I", 100_000)
    chunk = struct.pack(">I", 4) + gamma + struct.pack(">I", zlib.crc32(gamma))
    (tmp_path / "a.png").write_bytes(data[:33] + chunk + data[33:])
    assert "of its 16 bits of linear light 8 are read" in images.load(tmp_path / "a.png").remarks[0]
    (tmp_path / "a.png").write_bytes(data)
    assert images.load(tmp_path / "a.png").remarks == ()
