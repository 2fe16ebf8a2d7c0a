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
    """Quantiles agree, and equal colours stay equal."""
    style, content = _image(4, (64, 64), 0), _image(5, (50, 70), 40)
    matched = colour.match_histogram(style, content)
    for channel in range(3):
        got = np.quantile(matched[..., channel], [0.1, 0.5, 0.9])
        np.testing.assert_allclose(got, np.quantile(content[..., channel], [0.1, 0.5, 0.9]), atol=3.0)
    colours = [np.unique(image.reshape(-1, 3), axis=0) for image in (matched, style)]
    assert len(colours[0]) <= len(colours[1])


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


def test_a_histogram_match_gives_no_colour_that_the_content_does_not_have() -> None:
    """Channel by channel, a night of blue and orange gave a red and green style neon green."""
    generator = np.random.default_rng(9)
    blue, orange = generator.normal((20, 30, 80), 4, (900, 3)), generator.normal((230, 150, 40), 4, (100, 3))
    night = np.concatenate([blue, orange]).clip(0, 255).astype(np.uint8).reshape(25, 40, 3)
    style = generator.choice(np.array([[200, 30, 30], [30, 180, 40], [240, 240, 90]], np.uint8), (30, 30))
    matched = colour.match_histogram(style, night).reshape(-1, 3)
    nearest = np.linalg.norm(matched[:, None] - night.reshape(-1, 3).astype(float)[None], axis=2).min(axis=1)
    assert nearest.max() < 20.0


def test_a_photo_of_fog_is_recoloured_without_the_blocks_of_its_jpeg() -> None:
    """Its contrast becomes the style's, and steps of a level or two stay small."""
    generator = np.random.default_rng(10)
    shade = np.linspace(170, 200, 96)[None, :, None] + np.zeros((64, 1, 3))
    shade[20:40, 40:60] -= 20.0
    blocks = generator.integers(-1, 2, (8, 12)).repeat(8, axis=0).repeat(8, axis=1)[..., None]
    fog = np.rint(shade + blocks).clip(0, 255).astype(np.uint8)
    style = _image(11, (40, 40), 0)
    clear = np.where(np.arange(1600).reshape(40, 40, 1) % 2 == 0, [10, 5, 0], [240, 250, 255]).astype(np.uint8)
    started = colour.match_palette(fog, clear)
    assert started.std() > 0.7 * clear.std()
    steps = np.abs(np.diff(started[..., 1], axis=0))[7::8, 70:]
    blown_up = np.abs(np.diff(colour.match_linear(fog, clear)[..., 1], axis=0))[7::8, 70:]
    assert steps.max() < 0.6 * blown_up.max()
    np.testing.assert_array_equal(colour.match_palette(style, fog), colour.match_linear(style, fog))


def test_styles_far_apart_in_brightness_meet_in_the_middle_and_others_stay() -> None:
    dark, pale = _image(12, (30, 30), -60), (_image(13, (20, 40), 0) // 10 + 220).astype(np.uint8)
    first, second = colour.evened([dark, pale], [0.5, 0.5])
    means = [float(colour.luminances(each).mean()) for each in (first, second)]
    assert means[0] == pytest.approx(means[1], abs=8.0)
    assert colour.are_apart([dark, pale], [0.5, 0.5])
    near = [dark, _image(14, (30, 30), -30)]
    assert colour.evened(near, [0.5, 0.5]) == near
    assert not colour.are_apart([dark, pale], [1.0, 0.0])
