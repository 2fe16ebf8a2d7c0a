"""What tiling must not change: the gradient with real weights, and the picture after many steps, also when resumed."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
import numpy as np
import pytest
import tensorflow as tf

from styled import images, vgg19
from styled.engine import footprint, tiling
from styled.engine.engine import paint
from styled.engine.features import FeatureExtractor
from styled.engine.iterate import Iterate
from styled.engine.objective import Objective
from styled.engine.tiled import TiledObjective
from styled.engine.weights import Weights
from styled.score.seams import seam_score
from styled.settings import Settings
from tests.engine.pictures import SAMPLES

SETTINGS = Settings(size=240, steps=20, scales=(), optimizer="adam", precision="float32", learning_rate=4.0)


@pytest.fixture(scope="module")
def rocket() -> np.ndarray:
    """Large enough for two tiles of the whole network each way: uint8, shape (208, 240, 3)."""
    return images.resize(images.load(SAMPLES / "rocket.jpg").pixels, 240, 208)


def psnr(a: np.ndarray, b: np.ndarray) -> float:
    return float(10 * np.log10(255**2 / np.mean((a.astype(np.float64) - b) ** 2)))


@pytest.fixture
def small_tiles(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pictures of the tests' size are cut in two by two."""
    monkeypatch.setattr(footprint, "SMALLEST_TILE", 32)
    monkeypatch.setattr(footprint, "TILE_COUNTS", (2,))


@pytest.mark.parametrize("blocks", [2, 3, 5])
def test_the_gradient_with_real_weights_agrees_to_rounding(
    vgg: Weights, rocket: np.ndarray, starry_night: np.ndarray, blocks: int
) -> None:
    """In float32, relative to its length, 1e-4."""
    extractor = FeatureExtractor(vgg, {*SETTINGS.style_layers, *SETTINGS.content_layers})
    content, style = (tf.constant(each[None], tf.float32) for each in (rocket, starry_night))
    image = content + tf.random.stateless_normal(content.shape, (1, 2), stddev=20.0)
    _, wanted = Objective(extractor, content, [style], SETTINGS).value_and_gradient(image)
    parts = TiledObjective(extractor, content, [style], SETTINGS, blocks=blocks, tile=(64, 32))
    _, gradient = parts.value_and_gradient(image)
    assert float(tf.norm(gradient - wanted) / tf.norm(wanted)) < 1e-4


def test_after_twenty_steps_the_picture_is_the_untiled_one(
    vgg: Weights, rocket: np.ndarray, starry_night: np.ndarray, small_tiles: None
) -> None:
    """More than 50 dB; and resumed in the middle, while tiled, exactly the same as without a stop."""

    def painted(tiling: str, **rest: object) -> Iterator[Iterate]:
        settings = msgspec.structs.replace(SETTINGS, tiling=tiling)
        return paint(rocket, [starry_night], settings, weights=vgg, **rest)

    whole = [iterate.picture().copy() for iterate in painted("off")][-1]
    middle, last = None, None
    for iterate in painted("full"):
        last = iterate.picture().copy()
        if iterate.step == 12:
            middle = {name: array.copy() for name, array in iterate.snapshot().items()}
    assert last is not None
    assert psnr(last, whole) > 50.0
    height, width = last.shape[:2]
    margin = tiling.halo(vgg19.up_to("block5_conv1"))
    cut = tiling.tiles(height, width, tile=(-(-width // 2), -(-height // 2)), halo=margin)
    assert len(cut) == 4
    where = {"columns": [cut[-1].columns.own_start], "rows": [cut[-1].rows.own_start]}
    assert seam_score(last, **where) == pytest.approx(seam_score(whole, **where), rel=0.02)
    assert psnr(last, images.resize(rocket.astype(np.float32), *last.shape[1::-1])) < 30.0, "it painted nothing"
    resumed = [iterate.picture().copy() for iterate in painted("full", resume=middle)]
    assert len(resumed) == 8
    np.testing.assert_array_equal(resumed[-1], last)
