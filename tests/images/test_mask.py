"""Which colours of a mask are regions: drawn, feathered, resampled, compressed, transparent."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image, ImageDraw, ImageFilter

from styled import images
from styled.errors import SettingsError
from styled.images import Regions, check_shape, find_regions

SIZE = (256, 192)
AREA = 0.1253
"""Share of the two polygons."""


def drawn(size: tuple[int, int] = SIZE) -> Image.Image:
    image = Image.new("L", size)
    draw = ImageDraw.Draw(image)
    draw.regular_polygon((size[0] * 0.3, size[1] * 0.4, size[1] * 0.15), 5, fill=255)
    draw.regular_polygon((size[0] * 0.7, size[1] * 0.5, size[1] * 0.2), 7, fill=255)
    return image


def as_jpeg(image: Image.Image, quality: int) -> Image.Image:
    file = io.BytesIO()
    image.convert("RGB").save(file, "JPEG", quality=quality)
    return Image.open(file)


def bands(*colours: tuple[int, int, int]) -> Image.Image:
    image = Image.new("RGB", (60 * len(colours), 90))
    for index, colour in enumerate(colours):
        image.paste(colour, (60 * index, 0, 60 * index + 60, 90))
    return image


def read(image: Image.Image, styles: int) -> Regions:
    pixels = np.asarray(image.convert("RGBA"))
    alpha = np.ascontiguousarray(pixels[..., 3])
    return find_regions(np.ascontiguousarray(pixels[..., :3]), None if alpha.min() == 255 else alpha, styles)


def halved(image: Image.Image, how: Image.Resampling) -> Image.Image:
    return image.resize((image.width // 2, image.height // 2), how)


@pytest.mark.parametrize(
    "change",
    [
        lambda image: image,
        lambda image: halved(image, Image.Resampling.LANCZOS),
        lambda image: halved(image, Image.Resampling.BOX),
        lambda image: image.filter(ImageFilter.GaussianBlur(1)),
        lambda image: image.filter(ImageFilter.GaussianBlur(6)),
        lambda image: as_jpeg(image, 30),
        lambda image: as_jpeg(image, 90),
        lambda image: as_jpeg(image.filter(ImageFilter.GaussianBlur(3)), 60),
        lambda image: image.convert("1"),
        lambda image: image.convert("P"),
    ],
    ids=["hard", "lanczos", "box", "soft", "feathered", "jpeg 30", "jpeg 90", "soft jpeg", "1 bit", "palette"],
)
@pytest.mark.parametrize("styles", [1, 2])
def test_edges_noise_and_ramps_are_no_regions(change: Callable[[Image.Image], Image.Image], styles: int) -> None:
    """The fault that was: an edge's grey became a region, the styles moved by one, and nearly all stayed the photo."""
    found = read(change(drawn()), styles)
    assert found.styles == ((None, 0) if styles == 1 else (0, 1))
    assert found.shares[1] == pytest.approx(AREA, abs=0.015)
    assert found.remarks == ()


@pytest.mark.parametrize(
    ("colours", "styles"),
    [
        ([(0, 0, 0), (120, 120, 120), (255, 255, 255)], (None, 0, 1)),
        ([(255, 0, 0), (0, 0, 255), (0, 255, 0)], (None, 0, 1)),
        ([(10, 10, 10), (30, 30, 30)], (0, 1)),
        ([(0, 0, 0), (1, 1, 1), (2, 2, 2)], (None, 0, 1)),
    ],
)
def test_each_plain_colour_is_a_region_dark_to_bright(
    colours: list[tuple[int, int, int]], styles: tuple[int | None, ...]
) -> None:
    found = read(bands(*colours), 2)
    assert found.styles == styles
    assert found.shares == pytest.approx([1 / len(colours)] * len(colours))


def test_a_small_region_is_one_and_is_told() -> None:
    mask = Image.new("L", (500, 500))
    mask.paste(255, (200, 200, 212, 212))
    found = read(mask, 1)
    assert (found.styles, round(found.shares[1], 6)) == ((None, 0), 0.000576)
    assert found.remarks == (
        "mask: all but 0.058 % of the picture stays the photo",
        "mask: style 1 is painted on 0.058 % of the picture only",
    )


def test_a_speck_of_one_more_colour_is_merged_and_told() -> None:
    mask = drawn()
    mask.paste(100, (5, 5, 13, 13))
    found = read(mask, 1)
    assert found.styles == (None, 0)
    assert "mask: one more colour counts as the one most like it, on 0.13 % of the picture" in found.remarks


def test_what_is_transparent_stays_the_photo() -> None:
    mask = Image.new("RGBA", (120, 90), (255, 255, 255, 0))
    mask.paste((255, 255, 255, 255), (0, 0, 60, 90))
    mask.paste((255, 0, 0, 255), (60, 0, 90, 90))
    assert read(mask, 2).styles == (0, 1, None)
    assert read(mask, 2).shares == pytest.approx((0.25, 0.5, 0.25))
    assert read(mask.resize((50, 40), Image.Resampling.LANCZOS), 2).styles == (0, 1, None)


@pytest.mark.parametrize(
    ("mask", "styles", "words"),
    [
        (drawn(), 3, "2 colours for 3 styles"),
        (bands((0, 0, 0), (120, 120, 120), (255, 255, 255)), 1, "3 colours for 1 style"),
        (Image.fromarray(np.tile(np.arange(256, dtype=np.uint8), (90, 1))), 1, "edges and ramps apart"),
        (Image.effect_noise((90, 90), 60.0), 2, "for 2 styles"),
        (Image.new("RGBA", (90, 60)), 1, "wholly transparent"),
    ],
    ids=["too few", "too many", "a gradient", "noise", "transparent"],
)
def test_what_cannot_be_understood_is_refused_in_words(mask: Image.Image, styles: int, words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        read(mask, styles)


def test_the_picture_of_what_was_understood_shows_the_photos_part_grey() -> None:
    picture = read(drawn(), 1).picture()
    assert picture.shape == (192, 256, 3)
    assert {tuple(colour) for colour in picture.reshape(-1, 3).tolist()} == {(110, 110, 110), (230, 97, 1)}


def test_a_mask_of_another_shape_is_refused() -> None:
    check_shape(300, 200, 1500, 1001)
    with pytest.raises(SettingsError, match="300x200 px, the content 200x300"):
        check_shape(300, 200, 200, 300)


@pytest.mark.parametrize("suffix", ["png", "tif"])
@pytest.mark.parametrize("levels", [(0, 1, 2), (7, 300, 40000), (1000, 1001, 1002)])
def test_numbers_of_areas_in_16_bits_stay_apart(tmp_path: Path, suffix: str, levels: tuple[int, ...]) -> None:
    """As programs write labels. In 8 bits they are one colour, and one style was painted over all."""
    labels = np.repeat(np.array(levels, np.uint16), 20)[None].repeat(40, axis=0)
    Image.fromarray(labels).save(tmp_path / f"mask.{suffix}")
    loaded = images.load(tmp_path / f"mask.{suffix}", is_mask=True)
    found = find_regions(loaded.pixels, loaded.alpha, 2)
    assert found.styles == (None, 0, 1)
    np.testing.assert_array_equal(found.labels, np.repeat([0, 1, 2], 20)[None].repeat(40, axis=0))


@pytest.mark.parametrize(
    ("bits", "compression"), [(10, None), (12, None), (14, None), (16, None), (16, "zstd"), (16, "lzma")]
)
@pytest.mark.parametrize("levels", [(0, 1, 2), (7, 300, 1000)])
def test_numbers_of_areas_stay_apart_in_tiffs_that_pillow_does_not_read(
    tmp_path: Path, levels: tuple[int, ...], bits: int, compression: Any
) -> None:
    """Those were reduced to 8 bits before anything looked at them."""
    labels = np.repeat(np.array(levels, np.uint16), 20)[None].repeat(40, axis=0)
    path = tmp_path / "mask.tif"
    tifffile.imwrite(path, labels, bitspersample=bits, compression=compression)
    loaded = images.load(path, is_mask=True)
    np.testing.assert_array_equal(find_regions(loaded.pixels, loaded.alpha, 2).labels[0], np.repeat([0, 1, 2], 20))
    tifffile.imwrite(path, 65535 - labels, photometric="miniswhite", compression=compression)
    loaded = images.load(path, is_mask=True)
    np.testing.assert_array_equal(find_regions(loaded.pixels, loaded.alpha, 2).labels[0], np.repeat([0, 1, 2], 20))


def test_numbers_of_areas_stay_apart_in_a_pgm(tmp_path: Path) -> None:
    labels = np.repeat(np.array([0, 1, 2], ">u2"), 20)[None].repeat(40, axis=0)
    (tmp_path / "mask.pgm").write_bytes(b"P5 60 40 65535\n" + labels.tobytes())
    loaded = images.load(tmp_path / "mask.pgm", is_mask=True)
    np.testing.assert_array_equal(find_regions(loaded.pixels, loaded.alpha, 2).labels[0], np.repeat([0, 1, 2], 20))


def test_the_transparent_level_of_numbers_of_areas_stays_the_photo(tmp_path: Path) -> None:
    labels = np.repeat(np.array([0, 1, 2], np.uint16), 20)[None].repeat(40, axis=0)
    Image.fromarray(labels).save(tmp_path / "mask.png", transparency=1)
    loaded = images.load(tmp_path / "mask.png", is_mask=True)
    assert loaded.alpha is not None
    np.testing.assert_array_equal(loaded.alpha[0], np.repeat([255, 0, 255], 20))
    np.testing.assert_array_equal(loaded.pixels[0, [0, 59], 0], [0, 255])


def test_shades_of_16_bits_are_shades(tmp_path: Path) -> None:
    Image.fromarray(np.arange(0, 60000, 600, dtype=np.uint16)[None].repeat(40, axis=0)).save(tmp_path / "mask.png")
    one, other = (images.load(tmp_path / "mask.png", is_mask=is_mask).pixels for is_mask in (True, False))
    np.testing.assert_array_equal(one, other)
