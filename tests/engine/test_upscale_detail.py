"""The detail that an enlarged painting gets from the photo."""

from __future__ import annotations

import numpy as np
import pytest

from styled import images
from styled.engine.upscale_detail import STRONGEST, with_detail
from styled.settings import Settings

pytestmark = pytest.mark.tensorflow


def smooth(image: np.ndarray) -> np.ndarray:
    height, width = image.shape[:2]
    small = images.resize(image.astype(np.float32), width // 2, height // 2)
    return images.resize(small, width, height)


def detail_of(image: np.ndarray) -> np.ndarray:
    return image.astype(np.float32) - smooth(image)


@pytest.fixture
def photo() -> np.ndarray:
    return np.clip(np.random.default_rng(1).normal(128, 6, (40, 60, 3)), 0, 255).astype(np.uint8)


def rough(strength: float, seed: int = 2) -> np.ndarray:
    return np.random.default_rng(seed).normal(128, strength, (32, 48, 3)).clip(0, 255).astype(np.float32)


GREY = np.full((40, 60, 3), 128, np.float32)


@pytest.mark.parametrize("strength", [3.0, 9.0])
def test_it_is_the_photos_and_as_strong_as_the_styles(photo: np.ndarray, strength: float) -> None:
    added = with_detail(GREY.copy(), photo, [rough(strength)], Settings(), 2.0) - GREY
    assert np.corrcoef(added.ravel(), detail_of(photo).ravel())[0, 1] > 0.9999
    assert added.std() == pytest.approx(detail_of(rough(strength)).std(), rel=0.05)


def test_it_is_multiplied_by_no_more_than_two(photo: np.ndarray) -> None:
    added = with_detail(GREY.copy(), photo, [rough(60.0)], Settings(), 2.0) - GREY
    np.testing.assert_allclose(added, STRONGEST * detail_of(photo), atol=1e-3)


def test_several_styles_count_by_their_weights(photo: np.ndarray) -> None:
    styles, settings = [rough(2.0), rough(8.0)], Settings(style_weights=(3.0, 1.0))
    added = with_detail(GREY.copy(), photo, styles, settings, 2.0) - GREY
    wanted = 0.75 * detail_of(styles[0]).std() + 0.25 * detail_of(styles[1]).std()
    assert added.std() == pytest.approx(wanted, rel=0.05)


def test_at_strength_0_it_is_as_strong_as_in_the_photo(photo: np.ndarray) -> None:
    added = with_detail(GREY.copy(), photo, [rough(12.0)], Settings(strength=0.0), 2.0) - GREY
    np.testing.assert_allclose(added, detail_of(photo), atol=1e-3)


def test_without_detail_there_is_none_and_the_picture_stays_inside_0_to_255(photo: np.ndarray) -> None:
    same = with_detail(GREY.copy(), np.full((40, 60, 3), 90, np.uint8), [rough(9.0)], Settings(), 2.0)
    np.testing.assert_allclose(same, GREY, atol=1e-3)
    white = with_detail(np.full_like(GREY, 255.0), photo, [rough(9.0)], Settings(), 2.0)
    assert white.max() == 255.0
    assert white.min() < 255.0
