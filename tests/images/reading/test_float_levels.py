"""Floating point TIFFs: as editors, stitchers, renderers and instruments write them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import numpy.typing as npt
import pytest
import tifffile

from styled import images
from styled.errors import UnreadableImage
from styled.images.colour import srgb_profile
from styled.images.encodings import rolled_off
from styled.images.reading.float_levels import range_of

Array = npt.NDArray[Any]

D65 = [0.3127, 0.3290, 1.0]
SRGB = [0.64, 0.33, 1.0, 0.30, 0.60, 1.0, 0.15, 0.06, 1.0]
P3 = [0.680, 0.320, 1.0, 0.265, 0.690, 1.0, 0.150, 0.060, 1.0]


def light_of(levels: Array) -> Array:
    """Linear light of sRGB's levels 0..1."""
    return np.where(levels <= 0.04045, levels / 12.92, ((levels + 0.055) / 1.055) ** 2.4)


@pytest.fixture
def photo(picture: npt.NDArray[np.float32]) -> Array:
    """float64 levels 0..1, shape (48, 64, 3)."""
    return picture.astype(np.float64) / 255.0


def write(path: Path, numbers: Array, *, profile: bytes = b"", **options: Any) -> Path:
    photometric = options.pop("photometric", "rgb" if numbers.ndim == 3 else "minisblack")
    tifffile.imwrite(path, numbers, photometric=photometric, iccprofile=profile or None, **options)
    return path


def assert_is(path: Path, levels: Array, *, within: float = 1.0) -> images.Loaded:
    loaded = images.load(path)
    expected = levels if levels.ndim == 3 else np.dstack([levels] * 3)
    np.testing.assert_allclose(loaded.pixels.astype(float), expected * 255.0, atol=within)
    return loaded


@pytest.mark.parametrize("kind", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("options", [{}, {"compression": "deflate", "predictor": 3}, {"tile": (16, 16)}, {"byteorder": ">"}, {"planarconfig": "separate"}])  # fmt: skip
def test_numbers_of_0_to_1_are_srgbs_levels_with_a_remark(
    tmp_path: Path, photo: Array, kind: Any, options: dict[str, Any]
) -> None:
    numbers = photo.astype(kind)
    if options.get("planarconfig"):
        numbers = np.moveaxis(numbers, 2, 0)
    loaded = assert_is(write(tmp_path / "a.tif", numbers, **options), photo)
    assert loaded.remarks == ("its numbers of 0 to 1 have no colour profile and are taken as sRGB's levels",)


def test_a_profile_of_srgb_leaves_nothing_to_remark(tmp_path: Path, photo: Array) -> None:
    loaded = assert_is(write(tmp_path / "a.tif", photo.astype(np.float32), profile=srgb_profile()), photo)
    assert loaded.remarks == ()


def test_a_linear_profile_keeps_the_shadows(tmp_path: Path, photo: Array) -> None:
    """By way of 8 bits of light the darkest levels would be 13 apart."""
    linear = imagecodecs.cms_profile("rgb", whitepoint=D65, primaries=SRGB, gamma=1.0)
    path = write(tmp_path / "a.tif", light_of(photo * 0.2).astype(np.float32), profile=linear)
    loaded = assert_is(path, photo * 0.2)
    assert loaded.remarks == ()
    assert len(np.unique(loaded.pixels[..., 0])) > 40


def test_a_profile_of_wider_colours_is_converted(tmp_path: Path) -> None:
    wide = imagecodecs.cms_profile("rgb", whitepoint=D65, primaries=P3, gamma=1.0)
    numbers = np.zeros((8, 8, 3), np.float32) + np.array([0.2, 0.5, 0.1], np.float32)
    to_srgb = np.array([[1.2249, -0.2247, 0.0], [-0.0420, 1.0419, 0.0], [-0.0197, -0.0786, 1.0979]])
    light = np.clip(to_srgb @ numbers[0, 0], 0, 1)
    level = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    assert_is(write(tmp_path / "a.tif", numbers, profile=wide), np.broadcast_to(level, numbers.shape), within=1.5)


def test_a_grey_profile(tmp_path: Path, photo: Array) -> None:
    from PIL import ImageCms

    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    grey = photo[..., 0].astype(np.float32)
    path = write(tmp_path / "a.tif", grey, profile=bytes(profile))  # of three channels: it cannot be used
    assert "the colour profile cannot be used; colours are taken as sRGB" in assert_is(path, photo[..., 0]).remarks
    curve = imagecodecs.cms_profile("gray", whitepoint=D65, gamma=1.0)
    assert assert_is(write(tmp_path / "b.tif", light_of(photo[..., 0]).astype(np.float32), profile=curve), photo[..., 0]).remarks == ()  # fmt: skip


@pytest.mark.parametrize("profile", [b"", imagecodecs.cms_profile("rgb", whitepoint=D65, primaries=SRGB, gamma=1.0)])
def test_light_beyond_white_is_tone_mapped(tmp_path: Path, photo: Array, profile: bytes) -> None:
    light = light_of(photo).astype(np.float32)
    light[:6] *= 8.0
    loaded = images.load(write(tmp_path / "a.tif", light, profile=profile))
    assert any("tone-mapped" in remark for remark in loaded.remarks)
    far_below = (photo < 0.6).all(axis=2)
    far_below[:6] = False
    assert far_below.sum() > 100
    np.testing.assert_allclose(loaded.pixels[far_below].astype(float), photo[far_below] * 255, atol=2)
    bright = loaded.pixels[0].astype(int)
    assert np.ptp(bright[:, 0]) > 100  # not cut off at white


def test_what_resampling_leaves_beyond_white_is_no_light(tmp_path: Path, photo: Array) -> None:
    numbers = photo.astype(np.float32)
    numbers[0, :10] = 1.2
    loaded = images.load(write(tmp_path / "a.tif", numbers))
    assert "tone-mapped" not in " ".join(loaded.remarks)
    np.testing.assert_allclose(loaded.pixels[1:], photo[1:] * 255, atol=1)


def test_levels_of_0_to_255(tmp_path: Path, photo: Array) -> None:
    loaded = assert_is(write(tmp_path / "a.tif", (photo * 255).astype(np.float32)), photo)
    assert loaded.remarks == ("its numbers are taken as levels of 0 to 255",)


@pytest.mark.parametrize("options", [{"photometric": "rgb"}, {"photometric": "miniswhite"}])
def test_black_and_white_that_the_file_names(tmp_path: Path, photo: Array, options: Any) -> None:
    levels = photo if options["photometric"] == "rgb" else 1.0 - photo[..., 0]
    limits = [(340, 11, 1, -500.0, True), (341, 11, 1, 1500.0, True)]
    numbers = (levels * 2000 - 500).astype(np.float32)
    loaded = images.load(write(tmp_path / "a.tif", numbers, extratags=limits, **options))
    assert loaded.remarks == ("its numbers from -500 to 1500 are taken as levels",)
    np.testing.assert_allclose(loaded.pixels[..., 0], photo[..., 0] * 255, atol=1)


def test_what_is_no_number_is_black_and_remarked(tmp_path: Path, photo: Array) -> None:
    numbers = photo.astype(np.float32)
    numbers[:4] = np.nan
    loaded = images.load(write(tmp_path / "a.tif", numbers))
    assert "0.083 of its numbers are none, and black" in loaded.remarks[0]
    assert loaded.pixels[:4].max() == 0


@pytest.mark.parametrize("extra", ["assocalpha", "unassalpha"])
def test_transparency(tmp_path: Path, photo: Array, extra: str) -> None:
    colours = photo * 0.5 if extra == "assocalpha" else photo
    numbers = np.dstack([colours, np.full(photo.shape[:2], 0.5)]).astype(np.float32)
    loaded = assert_is(write(tmp_path / "a.tif", numbers, photometric="rgb", extrasamples=[extra]), photo)
    assert loaded.alpha is not None
    assert set(np.unique(loaded.alpha)) <= {127, 128}


@pytest.mark.parametrize(
    ("numbers", "found"),
    [
        (np.linspace(112.5, 4807.0, 256).reshape(16, 16), "from 112.5 to 4807"),  # heights
        (np.linspace(-3.0, 3.0, 256).reshape(16, 16), "from -3 to 3"),
        (np.linspace(0.0, 40000.0, 768).reshape(16, 16, 3), "from 0 to 4e+04"),  # counts of a sensor, or cd/m2
        (np.full((16, 16), np.nan), "most of which are none"),
    ],
)
def test_what_has_no_known_white_is_refused(tmp_path: Path, numbers: Array, found: str) -> None:
    with pytest.raises(UnreadableImage) as caught:
        images.load(write(tmp_path / "a.tif", numbers.astype(np.float32)))
    assert str(caught.value).startswith(f"a.tif holds floating point numbers, {found}: which of them is white")


@pytest.mark.processes
def test_the_check_before_the_claim_refuses_it_too(tmp_path: Path) -> None:
    path = write(tmp_path / "a.tif", np.linspace(112.5, 4807.0, 256, dtype=np.float32).reshape(16, 16))
    with images.Checker() as checker, pytest.raises(UnreadableImage, match=r"^a\.tif .* which of them is white"):
        checker.check(path)


def test_the_range_is_that_of_all_parts() -> None:
    found = range_of([np.array([0.0, np.nan, 2.0]), np.array([np.inf]), np.array([0.5, 0.5, 0.5, -1.0])])
    assert found == (-1.0, 2.0, 0.5, 1 / 8, 2 / 8)


@pytest.mark.parametrize("brightest", [2.0, 49.0, 200.0, 1e6])
def test_light_of_any_brightness_keeps_its_hue(brightest: float) -> None:
    """Beyond what PQ reaches each channel was cut off for itself: orange was white."""
    (red, green, blue) = rolled_off(np.array([[1.0, 0.5, 0.25]], np.float32) * np.float32(brightest))[0]
    assert 0.5 < red <= 1.001
    assert (green / red, blue / red) == (pytest.approx(0.5), pytest.approx(0.25))
