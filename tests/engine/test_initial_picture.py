"""Where a painting starts."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from styled.engine import initial_picture
from styled.engine.engine import paint
from styled.settings import Settings
from styled.vgg19.weights import Weights

pytestmark = pytest.mark.tensorflow


def _noisy(seed: int, colour: tuple[int, int, int]) -> np.ndarray:
    noise = np.random.default_rng(seed).normal(0, 15, (40, 60, 3))
    return np.clip(noise + colour, 0, 255).astype(np.uint8)


def test_recolored_has_the_content_in_the_styles_colours() -> None:
    """The mean colour is the style's; the brightness still follows the content."""
    content, style = _noisy(1, (40, 40, 60)), _noisy(2, (200, 160, 90))
    picture = initial_picture.picture(content, [style], Settings(init="recolored"))
    np.testing.assert_allclose(picture.mean(axis=(0, 1)), style.mean(axis=(0, 1)), atol=2.0)
    assert np.corrcoef(picture.sum(axis=2).ravel(), content.sum(axis=2, dtype=float).ravel())[0, 1] > 0.8


def test_recolored_takes_each_style_by_its_weight() -> None:
    content, red, blue = _noisy(1, (100, 100, 100)), _noisy(2, (200, 40, 40)), _noisy(3, (40, 40, 200))
    for weights, wanted in (((3.0, 1.0), [160, 40, 80]), ((0.0, 1.0), [40, 40, 200])):
        picture = initial_picture.picture(content, [red, blue], Settings(init="recolored", style_weights=weights))
        np.testing.assert_allclose(picture.mean(axis=(0, 1)), wanted, atol=6.0)


@pytest.mark.parametrize(
    ("weights", "has_mask", "first"), [((), False, 0), ((0.0, 1.0), False, 1), ((0.0, 1.0), True, 0)]
)
def test_the_style_that_is_started_from_is_the_first_that_is_painted(
    weights: tuple[float, ...], has_mask: bool, first: int
) -> None:
    """What was: the first that was given, also with a weight of 0. In the regions of a mask all are painted."""
    styles = [_noisy(2, (200, 40, 40)), _noisy(3, (40, 40, 200))]
    settings = Settings(init="style", style_weights=weights)
    picture = initial_picture.picture(_noisy(1, (9, 9, 9)), styles, settings, is_blended=not has_mask)
    np.testing.assert_array_equal(picture, styles[first])


@pytest.mark.parametrize("preserve_color", ["linear", "histogram"])
def test_where_each_region_keeps_its_colours_it_starts_with_the_content(preserve_color: Any) -> None:
    """The palette of all regions would make a bright sky on a tenth of the picture half of all colours."""
    content = np.concatenate([_noisy(1, (220, 220, 230))[:4], _noisy(1, (60, 60, 50))[4:]])
    styles = [_noisy(2, (220, 220, 230)), _noisy(3, (60, 60, 50))]
    picture = initial_picture.picture(content, styles, Settings(preserve_color=preserve_color), is_blended=False)
    np.testing.assert_array_equal(picture, content)


def test_a_picture_that_was_given_is_taken_as_it_is() -> None:
    given = _noisy(4, (9, 9, 9))
    assert initial_picture.picture(given, [given], Settings(init="job:x"), given) is given


def test_colours_to_be_preserved_are_those_it_starts_with(
    rocket: np.ndarray, starry_night: np.ndarray, vgg: Weights
) -> None:
    """With a linear match the style has the content's colours, and so the start is the content."""
    layers = {"content_layers": {"block1_conv1": 1.0}, "style_layers": {"block1_conv1": 1.0}}
    settings = Settings(
        size=96, steps=1, scales=(), preserve_color="linear", optimizer="adam", learning_rate=0.01, **layers
    )
    (only,) = paint(rocket, [starry_night], settings, weights=vgg)
    np.testing.assert_allclose(only.picture(), rocket, atol=3.0)


@pytest.mark.parametrize("init", ["recolored", "content", "noise"])
def test_it_is_made_at_the_first_scales_size(init: str) -> None:
    """A copy of a poster in float32 is a gigabyte, and only a part of its pixels is painted at first."""
    content = np.zeros((600, 900, 3), np.uint8)
    picture = initial_picture.picture(content, [_noisy(2, (200, 160, 90))], Settings(init=init, size=900, scales=(90,)))
    assert picture.shape == (60, 90, 3)
