"""Sliced Wasserstein distances against SciPy's one-dimensional ones, and what they see and do not."""

from __future__ import annotations

import numpy as np
import pytest

from styled import images
from styled.score import texture
from styled.score.texture import colour_distance, sliced_distance, texture_distance
from tests.engine.pictures import SAMPLES

GENERATOR = np.random.default_rng(8)


@pytest.fixture(scope="module")
def painting() -> np.ndarray:
    return images.load(SAMPLES / "starry_night.jpg", long_side=160).pixels


@pytest.fixture(scope="module")
def photo() -> np.ndarray:
    return images.load(SAMPLES / "rocket.jpg", long_side=160).pixels


def test_it_is_the_mean_of_the_one_dimensional_distances() -> None:
    from scipy.stats import wasserstein_distance  # a second, which each process that collects this file would pay

    ours, theirs = GENERATOR.normal(3.0, 2.0, (4000, 5)), GENERATOR.gamma(2.0, 3.0, (3000, 5))
    directions = np.random.default_rng(0).normal(size=(5, 64))
    directions /= np.linalg.norm(directions, axis=0)
    exact = [wasserstein_distance(ours @ each, theirs @ each) for each in directions.T]
    assert sliced_distance(ours, [theirs], [1.0]) == pytest.approx(np.mean(exact), rel=0.01)


def test_of_a_mixture_each_set_counts_by_its_share() -> None:
    """However many points a set has: a mixture is the same as its points, repeated."""
    ours, few, many = (GENERATOR.normal(mean, 1.0, (count, 3)) for mean, count in ((0, 900), (5, 100), (-4, 1000)))
    repeated = np.concatenate([np.repeat(few, 30, axis=0), many])
    mixed = sliced_distance(ours, [few, many], [0.75, 0.25])
    assert mixed == pytest.approx(sliced_distance(ours, [repeated], [1.0]), rel=0.01)
    assert mixed != pytest.approx(sliced_distance(ours, [few, many], [0.25, 0.75]), rel=0.05)


def test_points_that_are_moved_are_that_far_away() -> None:
    points = GENERATOR.normal(0.0, 30.0, (2000, 12))
    assert sliced_distance(points + 10.0, [points], [1.0]) == pytest.approx(0.8 * 10.0, rel=0.2)


def test_a_picture_is_at_its_own_style(painting: np.ndarray) -> None:
    assert texture_distance(painting, [painting], [1.0]) == 0.0
    assert colour_distance(painting, [painting], [1.0]) == 0.0


def test_colours_are_seen_and_not_where_they_are(painting: np.ndarray) -> None:
    shuffled = GENERATOR.permutation(painting.reshape(-1, 3)).reshape(painting.shape)
    assert colour_distance(shuffled, [painting], [1.0]) < 1.5
    assert texture_distance(shuffled, [painting], [1.0]) > 10.0
    brighter = np.clip(painting.astype(int) + 30, 0, 255).astype(np.uint8)
    assert colour_distance(brighter, [painting], [1.0]) > 20.0
    assert texture_distance(brighter, [painting], [1.0]) < 2.0


def test_a_photo_is_farther_from_a_painting_than_a_part_of_it(painting: np.ndarray, photo: np.ndarray) -> None:
    part = painting[:64, :80]
    for distance in (texture_distance, colour_distance):
        assert distance(photo, [painting], [1.0]) > 1.5 * distance(part, [painting], [1.0])


def test_small_pictures_have_fewer_levels() -> None:
    small = GENERATOR.integers(0, 256, (16, 200, 3)).astype(np.uint8)
    assert len(texture._laplacian(small)) == 1
    tiny = small[:5, :6]
    assert texture_distance(tiny, [tiny], [1.0]) == 0.0
