"""SSIM and edges, against their formulas window by window."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from styled.score import structure

GENERATOR = np.random.default_rng(4)
FIRST = GENERATOR.uniform(0, 255, (19, 24))
SECOND = np.clip(FIRST + GENERATOR.normal(0, 40, FIRST.shape), 0, 255)


def reference(first: np.ndarray, second: np.ndarray) -> float:
    """Wang et al. 2004, equation 13, with every window weighted by hand."""
    axis = np.exp(-((np.arange(11) - 5) ** 2) / 4.5)
    window = np.outer(axis, axis) / axis.sum() ** 2
    found = []
    for row in range(first.shape[0] - 10):
        for column in range(first.shape[1] - 10):
            a, b = (each[row : row + 11, column : column + 11] for each in (first, second))
            mean_a, mean_b = (window * a).sum(), (window * b).sum()
            variance_a, variance_b = (window * (a - mean_a) ** 2).sum(), (window * (b - mean_b) ** 2).sum()
            both = (window * (a - mean_a) * (b - mean_b)).sum()
            c1, c2 = 2.55**2, 7.65**2
            found.append(
                (2 * mean_a * mean_b + c1)
                * (2 * both + c2)
                / ((mean_a**2 + mean_b**2 + c1) * (variance_a + variance_b + c2))
            )
    return float(np.mean(found))


def test_ssim_is_its_formula() -> None:
    assert structure.ssim(FIRST, SECOND) == pytest.approx(reference(FIRST, SECOND), rel=1e-9)


def test_ssim_of_the_same_is_one_and_falls_with_noise() -> None:
    noisier = np.clip(SECOND + GENERATOR.normal(0, 40, FIRST.shape), 0, 255)
    assert structure.ssim(FIRST, FIRST) == pytest.approx(1.0, rel=1e-12)
    assert 1 > structure.ssim(FIRST, SECOND) > structure.ssim(FIRST, noisier) > 0


def test_edges_are_sobels() -> None:
    expected = np.hypot(*(ndimage.sobel(FIRST, axis=axis) for axis in (0, 1)))[1:-1, 1:-1] / 4
    np.testing.assert_allclose(structure.edges(FIRST), expected, rtol=1e-12)
    step = np.zeros((9, 9))
    step[:, 5:] = 255.0
    assert structure.edges(step).max() == 255.0


def test_of_a_picture_edges_stay_when_it_gets_darker_and_luminance_does_not() -> None:
    picture = GENERATOR.integers(100, 256, (32, 40, 3)).astype(np.uint8)
    darker = picture - 90
    assert structure.gradient_ssim(darker, picture) == pytest.approx(1.0)
    assert structure.luminance_ssim(darker, picture) < 0.9
    np.testing.assert_allclose(structure.luminance(np.full((1, 1, 3), 200.0)), 200.0)
