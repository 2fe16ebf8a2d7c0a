"""The seam score is 1 for a picture without seams and grows with one that is put in."""

from __future__ import annotations

import numpy as np
import pytest

from tests.score.seams import seam_score


@pytest.fixture
def picture() -> np.ndarray:
    """Noise that is smooth over a few pixels: shape (96, 128, 3)."""
    noise = np.random.default_rng(0).normal(128, 60, (98, 130, 3))
    return sum(noise[y : y + 96, x : x + 128] for y in range(3) for x in range(3)) / 9


def test_without_a_seam_it_is_one(picture: np.ndarray) -> None:
    assert seam_score(picture, columns=[32, 64], rows=[48]) == pytest.approx(1.0, abs=0.25)
    assert seam_score(picture) == 1.0
    assert seam_score(np.full((64, 64, 3), 90.0), columns=[32]) == 0.0


@pytest.mark.parametrize("levels", [20, 60])
def test_a_tile_that_is_a_little_brighter_is_seen(picture: np.ndarray, levels: int) -> None:
    seamed = picture.copy()
    seamed[:, 64:] += levels
    assert seam_score(seamed, columns=[64]) > 1.0 + levels / 40
    assert seam_score(seamed, columns=[32]) < 1.3, "there is none"


def test_the_worst_boundary_counts_across_too(picture: np.ndarray) -> None:
    seamed = picture.copy()
    seamed[48:] += 60
    assert seam_score(seamed, columns=[32, 64], rows=[48]) > 2.0
