"""Masks become regions, and each region's style is that of its own positions."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from styled import images
from styled.engine.engine import paint, prepared
from styled.engine.network.features import FeatureExtractor
from styled.engine.objective import regions
from styled.engine.objective.objective import Objective
from styled.engine.objective.regions import Region
from styled.errors import SettingsError
from styled.settings import Settings, settings_from
from styled.vgg19.weights import Weights

pytestmark = pytest.mark.tensorflow


def halves(height: int, width: int, left: tuple[int, int, int], right: tuple[int, int, int]) -> np.ndarray:
    mask = np.empty((height, width, 3), np.uint8)
    mask[:, : width // 2], mask[:, width // 2 :] = left, right
    return mask


class TestReading:
    def test_colours_go_to_styles_from_dark_to_bright(self) -> None:
        found = regions.read_regions(halves(4, 6, (250, 250, 0), (0, 0, 90)), 2)
        assert [region.style for region in found] == [0, 1]
        np.testing.assert_array_equal(found[0].cover[0], [0, 0, 0, 1, 1, 1])
        np.testing.assert_array_equal(found[1].cover[0], [1, 1, 1, 0, 0, 0])

    def test_with_one_colour_more_the_darkest_stays_the_photo(self) -> None:
        found = regions.read_regions(halves(4, 6, (0, 0, 0), (255, 255, 255)), 1)
        assert [region.style for region in found] == [None, 0]
        np.testing.assert_array_equal(regions.unpainted(found)[0], [1, 1, 1, 0, 0, 0])

    def test_smooth_edges_go_to_the_nearest_colour(self) -> None:
        mask = halves(100, 1000, (0, 0, 0), (255, 255, 255))
        mask[:5, 500] = 100
        found = regions.read_regions(mask, 2)
        assert found[0].cover[0, 500] == 1.0
        assert found[0].cover[50, 500] == 0.0

    @pytest.mark.parametrize("styles", [1, 4])
    def test_a_wrong_number_of_colours_is_an_error(self, styles: int) -> None:
        mask = np.zeros((9, 9, 3), np.uint8)
        mask[:, 3:6], mask[:, 6:] = 120, 255
        with pytest.raises(SettingsError, match="mask has 3 colours"):
            regions.read_regions(mask, styles)

    def test_covers_add_up_at_every_size(self) -> None:
        found = regions.read_regions(halves(31, 50, (0, 0, 0), (255, 255, 255)), 2)
        for size in ((97, 33), (20, 70)):
            covers = [region.cover for region in regions.at_size(found, *size)]
            assert covers[0].shape == size[::-1]
            np.testing.assert_allclose(covers[0] + covers[1], 1.0, atol=1e-5)

    def test_a_cell_has_the_mean_of_its_pixels(self) -> None:
        cover = np.arange(7 * 9, dtype=np.float32).reshape(7, 9)
        np.testing.assert_allclose(regions.cells(cover, 2)[1, 2], cover[2:4, 4:6].mean())
        assert regions.cells(cover, 2).shape == (3, 4)


def test_the_style_loss_is_that_of_each_regions_own_positions(narrow: Weights) -> None:
    """Against the formula in NumPy: share times mse of the weighted Gram matrices, float64."""
    layers = {"block1_conv1": 1.0, "block2_conv1": 0.5}
    settings = settings_from({"style_layers": layers, "content_layers": {"block1_conv1": 1.0}, "content_weight": 0.0})
    extractor = FeatureExtractor(narrow, layers, precision=tf.float64)
    generator = np.random.default_rng(0)
    image, *styles = (tf.constant(generator.uniform(0, 255, (1, 20, 26, 3))) for _ in range(3))
    found = regions.at_size(regions.read_regions(halves(10, 13, (0, 0, 0), (255, 255, 255)), 2), 26, 20)
    objective = Objective(extractor, image, styles, settings, regions=found)
    wanted = 0.0
    for region in found:
        for name, weight in layers.items():
            stride = 2 if name.startswith("block2") else 1
            cover = regions.cells(region.cover, stride).astype(np.float64).reshape(-1, 1)
            f = extractor(image)[name].numpy().reshape(len(cover), -1)
            a = extractor(styles[region.style])[name].numpy()[0].reshape(len(cover), -1)
            gram = (f * cover).T @ f / cover.sum()
            distance = np.mean((gram - a.T @ a / len(a)) ** 2) / f.shape[1] ** 2
            wanted += region.cover.mean(dtype=np.float64) * weight * distance
    terms, gradient = objective.value_and_gradient(image)
    np.testing.assert_allclose(terms[2], settings.style_weight * wanted, rtol=1e-5)
    step = 1e-4 * np.sign(gradient.numpy())
    ahead, behind = (objective.terms(image + sign * step)[0] for sign in (1.0, -1.0))
    np.testing.assert_allclose((ahead - behind) / 2, np.sum(gradient * step), rtol=1e-4)


def test_what_the_mask_leaves_out_stays_the_photo(rocket: np.ndarray, starry_night: np.ndarray, vgg: Weights) -> None:
    """The left half is the content to the level; the right half is painted."""
    photo = images.resize(rocket, 48, 32)
    mask = halves(32, 48, (0, 0, 0), (255, 255, 255))
    layers = {"content_layers": {"block2_conv1": 1.0}, "style_layers": {"block1_conv1": 1.0, "block2_conv1": 1.0}}
    settings = Settings(size=48, steps=4, scales=(), history=2, precision="float32", **layers)
    picture = list(paint(photo, [starry_night], settings, weights=vgg, mask=mask))[-1].picture()
    np.testing.assert_allclose(picture[:, :20], photo[:, :20], atol=0.51)
    assert np.abs(picture[:, 28:] - photo[:, 28:]).mean() > 10


@pytest.mark.parametrize("preserve_color", ["linear", "histogram"])
def test_each_style_gets_the_colours_of_the_photo_beneath_it(preserve_color: Any, starry_night: np.ndarray) -> None:
    """Before: those of the whole photo, so that green of a meadow came into the sky."""
    dice = np.random.default_rng(3)
    photo = np.empty((64, 96, 3), np.uint8)
    photo[:, :48] = dice.integers(0, 60, (64, 48, 3)) + np.array([150, 30, 20])
    photo[:, 48:] = dice.integers(0, 60, (64, 48, 3)) + np.array([20, 40, 170])
    # The mask is smaller than the photo, and has a corner that stays the photo.
    mask = halves(32, 48, (100, 100, 100), (255, 255, 255))
    mask[:8, :8] = 0
    found = regions.read_regions(mask, 2)
    settings = Settings(preserve_color=preserve_color)
    for style, part in zip(
        prepared([starry_night] * 2, photo, settings, found), (photo[:, :48], photo[:, 48:]), strict=True
    ):
        np.testing.assert_allclose(style.mean(axis=(0, 1)), part.mean(axis=(0, 1)), atol=3)
        np.testing.assert_allclose(style.std(axis=(0, 1)), part.std(axis=(0, 1)), atol=3)


def test_a_style_that_is_painted_nowhere_wholly_gets_the_whole_photos_colours() -> None:
    photo = np.random.default_rng(3).integers(0, 256, (16, 16, 3), np.uint8)
    assert regions.beneath(photo, [Region(0, np.full((16, 16), 0.4, np.float32))], 0) is photo
    assert regions.beneath(photo, [Region(None, np.ones((16, 16), np.float32))], 0) is photo


def test_a_region_too_small_for_a_deep_layer_has_no_style_there() -> None:
    """No division by an empty region."""
    from styled.engine.objective.style_target import style_targets

    cover = np.zeros((64, 64), np.float32)
    cover[:3, :3] = 1.0
    grams = {"block1_conv1": tf.ones((2, 2)), "block5_conv1": tf.ones((2, 2))}
    (target,) = style_targets([grams], Settings(), [Region(0, cover)])
    assert set(target.distances) == {"block1_conv1"}


@pytest.mark.parametrize("size", [(64, 64), (40, 96), (96, 40)])
def test_a_mask_of_another_shape_is_refused_before_anything_is_loaded(size: tuple[int, int]) -> None:
    content, mask = np.zeros((64, 96, 3), np.uint8), np.zeros((*size, 3), np.uint8)
    with pytest.raises(SettingsError, match=rf"the mask has {size[1]}x{size[0]} px, the content 96x64"):
        next(paint(content, [content], Settings(size=96), mask=mask))
