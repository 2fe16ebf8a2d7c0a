"""What tiling must not change: the gradient with real weights, and the picture after many steps, also when resumed."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
import numpy as np
import pytest
import tensorflow as tf

from styled import images, vgg19
from styled.engine.engine import paint
from styled.engine.iterate import Iterate
from styled.engine.network.features import FeatureExtractor
from styled.engine.objective.objective import Objective
from styled.engine.objective.tiled import TiledObjective
from styled.settings import Settings
from styled.sizing import memory_use, tiles
from styled.sizing import winograd as winograd_sizes
from styled.vgg19.weights import Weights
from tests.engine.pictures import SAMPLES
from tests.score.seams import seam_score

pytestmark = pytest.mark.tensorflow

SETTINGS = Settings(size=208, steps=5, scales=(), optimizer="adam", precision="float32", learning_rate=4.0)


@pytest.fixture(scope="module")
def rocket() -> np.ndarray:
    """The shortest that is cut in two by the halos of the whole network, and thin: uint8, shape (208, 32, 3)."""
    return images.resize(images.load(SAMPLES / "rocket.jpg").pixels, 240, 208)[:, 96:128]


def psnr(a: np.ndarray, b: np.ndarray) -> float:
    return float(10 * np.log10(255**2 / np.mean((a.astype(np.float64) - b) ** 2)))


@pytest.fixture
def small_tiles(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pictures of the tests' size are cut in two."""
    monkeypatch.setattr(memory_use, "SMALLEST_TILE", 16)
    monkeypatch.setattr(memory_use, "TILE_COUNTS", (2,))


@pytest.mark.usefixtures("one_by_one")
def test_the_gradient_with_real_weights_agrees_to_rounding(
    vgg: Weights, rocket: np.ndarray, starry_night: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In float32, relative to its length, 1e-4, however many blocks run in tiles; by Winograd's method in block 2."""
    monkeypatch.setattr(winograd_sizes, "ELEMENTS", 2**17)
    extractor = FeatureExtractor(vgg, {*SETTINGS.style_layers, *SETTINGS.content_layers}, fast=True)
    content, style = (tf.constant(each[None], tf.float32) for each in (rocket, starry_night[:32, :32]))
    image = content + tf.random.stateless_normal(content.shape, (1, 2), stddev=20.0)
    _, wanted = Objective(extractor, content, [style], SETTINGS).value_and_gradient(image)
    for blocks in (2, 5):
        parts = TiledObjective(extractor, content, [style], SETTINGS, blocks=blocks, tile=(32, 104))
        _, gradient = parts.value_and_gradient(image)
        assert float(tf.norm(gradient - wanted) / tf.norm(wanted)) < 1e-4, blocks


def test_after_some_steps_the_picture_is_the_untiled_one(
    narrow: Weights, rocket: np.ndarray, starry_night: np.ndarray, small_tiles: None
) -> None:
    """More than 80 dB; and resumed in the middle, while tiled, exactly the same as without a stop.

    With a halo 16 px too short it is 49.
    """

    def painted(tiling: str, **rest: object) -> Iterator[Iterate]:
        settings = msgspec.structs.replace(SETTINGS, tiling=tiling)
        return paint(rocket, [starry_night[:32, :32]], settings, weights=narrow, **rest)

    whole = [iterate.picture().copy() for iterate in painted("off")][-1]
    middle, last = None, None
    for iterate in painted("full"):
        last = iterate.picture().copy()
        if iterate.step == 3:
            middle = {name: array.copy() for name, array in iterate.snapshot().items()}
    assert last is not None
    assert psnr(last, whole) > 80.0
    height, width = last.shape[:2]
    margin = tiles.halo(vgg19.up_to("block5_conv1"))
    first, second = tiles.tiles(height, width, tile=(-(-width // 2), -(-height // 2)), halo=margin)
    boundary = [second.rows.own_start]
    assert boundary == [first.rows.own_stop]
    assert seam_score(last, rows=boundary) == pytest.approx(seam_score(whole, rows=boundary), rel=0.02)
    assert psnr(last, rocket) < 30.0, "it painted nothing"
    resumed = [iterate.picture().copy() for iterate in painted("full", resume=middle)]
    assert len(resumed) == 2
    np.testing.assert_array_equal(resumed[-1], last)
