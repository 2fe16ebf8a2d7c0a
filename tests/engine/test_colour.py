"""Colours kept three ways, against the formulas of the paper."""

from __future__ import annotations

import numpy as np
import pytest

from styled.engine import colour


def _image(seed: int, shape: tuple[int, int], shift: float) -> np.ndarray:
    generator = np.random.default_rng(seed)
    mixed = generator.normal(0, 20, (*shape, 3)) @ generator.normal(0, 1, (3, 3)) + 120 + shift
    return np.clip(mixed, 0, 255).astype(np.uint8)


def test_linear_match_gives_the_content_mean_and_covariance() -> None:
    """After matching, first and second moments of the colours are the content's."""
    style, content = _image(1, (40, 50), -30), _image(2, (30, 30), 20)
    matched = colour.match_linear(style, content).reshape(-1, 3)
    wanted = content.reshape(-1, 3).astype(np.float64)
    np.testing.assert_allclose(matched.mean(axis=0), wanted.mean(axis=0), atol=1e-3)
    np.testing.assert_allclose(np.cov(matched.T, bias=True), np.cov(wanted.T, bias=True), rtol=1e-3, atol=1e-2)


def test_a_grey_style_matches_without_nan() -> None:
    """A style with one colour direction, or a single colour, has no inverse covariance and still works."""
    ramp = np.repeat(np.arange(0, 250, 10, dtype=np.uint8)[None, :, None], 3, axis=2).repeat(4, axis=0)
    flat = np.full((5, 5, 3), 99, np.uint8)
    content = _image(3, (20, 20), 0)
    for style in (ramp, flat):
        matched = colour.match_linear(style, content)
        assert np.isfinite(matched).all()
        np.testing.assert_allclose(matched.mean(axis=(0, 1)), content.mean(axis=(0, 1)), atol=1e-2)


def test_histogram_match_gives_each_channel_the_content_quantiles() -> None:
    """Quantiles agree, and equal pixels stay equal."""
    style, content = _image(4, (64, 64), 0), _image(5, (50, 70), 40)
    matched = colour.match_histogram(style, content)
    for channel in range(3):
        got = np.quantile(matched[..., channel], [0.1, 0.5, 0.9])
        np.testing.assert_allclose(got, np.quantile(content[..., channel], [0.1, 0.5, 0.9]), atol=3.0)
    assert len(np.unique(matched[..., 0])) <= len(np.unique(style[..., 0]))


def test_luminance_comes_from_the_picture_and_chrominance_from_the_content() -> None:
    """The luma is the picture's; the differences between channels are the content's."""
    content = _image(6, (10, 12), 0).astype(np.float32) * 0.5 + 60
    picture = content + np.random.default_rng(7).normal(0, 10, content.shape).astype(np.float32)
    kept = colour.with_colours_of(picture, content)
    luma = np.array([0.299, 0.587, 0.114], np.float32)
    np.testing.assert_allclose(kept @ luma, picture @ luma, atol=1e-2)
    np.testing.assert_allclose(kept[..., 0] - kept[..., 2], content[..., 0] - content[..., 2], atol=1e-2)


@pytest.mark.parametrize("value", [0.0, 255.0])
def test_luminance_result_stays_in_range(value: float) -> None:
    """A black or white picture over a colourful content is clipped, not wrapped."""
    content = _image(8, (6, 6), 0)
    kept = colour.with_colours_of(np.full((6, 6, 3), value, np.float32), content)
    assert kept.min() >= 0.0
    assert kept.max() <= 255.0
