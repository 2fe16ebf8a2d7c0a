"""The counts of what goes wrong: nothing in clean pictures, the right number in damaged ones, each its own damage."""

from __future__ import annotations

import numpy as np
import pytest

from styled import images
from styled.score.artefacts import Artefacts, artefacts, bands, black_specks, haze
from tests.engine.pictures import SAMPLES


@pytest.fixture(scope="module")
def painted() -> np.ndarray:
    """A result without faults."""
    return images.load(SAMPLES / "rocket-starry-night.jpg", long_side=256).pixels


@pytest.fixture(scope="module")
def photo(painted: np.ndarray) -> np.ndarray:
    return images.resize(images.load(SAMPLES / "rocket.jpg").pixels, painted.shape[1], painted.shape[0])


@pytest.fixture(scope="module")
def painting() -> np.ndarray:
    return images.load(SAMPLES / "starry_night.jpg", long_side=256).pixels


def count(picture: np.ndarray, photo: np.ndarray, painting: np.ndarray) -> Artefacts:
    return artefacts(picture, photo, [painting])


def test_the_sources_themselves_have_none(photo: np.ndarray, painting: np.ndarray) -> None:
    """What a photo has of fog, stars and frames is no damage."""
    found = count(photo, photo, painting)
    assert (found.haze, found.black_specks, found.border_bands) == (0.0, 0.0, 0.0)


def test_haze_is_the_share_of_grey_flat_blocks() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (64, 80, 3)).astype(np.uint8)
    assert haze(noise) == 0.0
    for value, share in ((128, 0.25), (5, 0.0), (250, 0.0)):  # black and white are no haze
        damaged = noise.copy()
        damaged[:32, :40] = value
        assert haze(damaged) == pytest.approx(share)
    coloured = noise.copy()
    coloured[:32, :40] = (120, 140, 160)
    assert haze(coloured) == 0.0


def test_haze_over_a_result_is_found_and_nothing_else(
    painted: np.ndarray, photo: np.ndarray, painting: np.ndarray
) -> None:
    damaged = painted.astype(np.float32)
    damaged[40:120, 60:180] = 0.08 * damaged[40:120, 60:180] + 0.92 * 130
    before, after = count(painted, photo, painting), count(damaged.astype(np.uint8), photo, painting)
    assert before.haze == 0.0
    assert after.haze > 0.1
    assert (after.black_specks, after.border_bands) == pytest.approx((before.black_specks, before.border_bands), abs=8)


@pytest.mark.parametrize("side", [1, 2, 3])
def test_each_speck_counts_once_whatever_its_size(side: int) -> None:
    damaged = np.full((100, 100, 3), 200, np.uint8)
    for row in range(10, 90, 20):
        for column in range(10, 90, 20):
            damaged[row : row + side, column : column + side] = 20
    assert black_specks(damaged) == 16 / 100**2 * 1e6


def test_strokes_larger_dots_and_faint_dots_are_no_specks() -> None:
    clean = np.full((60, 60, 3), 200, np.uint8)
    clean[10:12, 5:50] = 0
    clean[30:36, 30:36] = 0
    clean[50, 50] = 140
    for place in range(20, 28):
        clean[place, place] = 0
    assert black_specks(clean) == 0.0


def test_specks_on_a_result_are_found_and_nothing_else(
    painted: np.ndarray, photo: np.ndarray, painting: np.ndarray
) -> None:
    damaged = painted.copy()
    generator = np.random.default_rng(2)
    for row, column in zip(generator.integers(8, 150, 60), generator.integers(8, 240, 60), strict=True):
        damaged[row : row + 2, column : column + 2] = 0
    before, after = count(painted, photo, painting), count(damaged, photo, painting)
    assert before.black_specks < 60
    assert after.black_specks > 250
    assert after.haze == before.haze
    assert after.border_bands == pytest.approx(before.border_bands, abs=3)


@pytest.mark.parametrize("side", ["top", "bottom", "left", "right"])
def test_a_band_at_any_border_is_found_and_nothing_else(
    painted: np.ndarray, photo: np.ndarray, painting: np.ndarray, side: str
) -> None:
    damaged = painted.astype(np.float32)
    strip = {"top": np.s_[:2], "bottom": np.s_[-2:], "left": np.s_[:, :2], "right": np.s_[:, -2:]}[side]
    damaged[strip] = 0.3 * damaged[strip] + 0.7 * np.array([250.0, 240.0, 250.0])
    before, after = count(painted, photo, painting), count(damaged.astype(np.uint8), photo, painting)
    assert after.border_bands > before.border_bands + 5
    assert after.border_bands > 15
    assert after.black_specks <= before.black_specks + 10


def test_a_sky_that_brightens_to_its_edge_has_no_band() -> None:
    ramp = np.linspace(40, 220, 90)[:, None, None] * np.ones((1, 70, 3))
    np.testing.assert_allclose(bands(ramp), 0.0, atol=1e-9)


def test_noise_along_a_side_is_found(painted: np.ndarray, photo: np.ndarray, painting: np.ndarray) -> None:
    noisy = painted.astype(np.float32)
    noisy[:, :12] += np.random.default_rng(0).normal(0, 40, noisy[:, :12].shape)
    assert count(noisy.clip(0, 255).astype(np.uint8), painted, painting).border_noise > 0.3
    assert count(painted, photo, painting).border_noise == 0.0
