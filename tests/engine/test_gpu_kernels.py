"""Nothing that painting starts or traces is without a kernel for GPUs: looked up in TensorFlow, without one."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from styled.engine.engine import paint
from styled.engine.network.features import FeatureExtractor
from styled.engine.objective.gradient import gradient_for
from styled.engine.optimise import preconditioner
from styled.engine.optimise.optimizers import optimizer_for
from styled.settings import Settings, settings_from
from styled.sizing.memory_use import TilingChoice
from styled.vgg19.weights import Weights
from tests.engine.kernels import Operation, seen

pytestmark = pytest.mark.tensorflow

VARIANTS = {
    "lbfgs-gram": {"tv_weight": 1.0, "strength": 0.3},
    "adam-wasserstein": {"optimizer": "adam", "statistic": "wasserstein", "pooling": "l2", "padding": "zero"},
}
OF_EACH_PART = {"Conv2D", "MatMul", "MatrixTriangularSolve", "SelfAdjointEigV2", "RFFT"}

TILED = {"front": (2, {}), "full": (5, {"optimizer": "adam", "pooling": "average"})}
SIDE = 46
"""Of no other test: graphs that are kept are not traced again."""


def picture(seed: int, side: int = SIDE) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (side, side, 3), np.uint8)


@pytest.fixture(scope="module")
def traced(narrow: Weights) -> set[Operation]:
    """The operations of whole pictures in bfloat16, and of tiles."""
    mask = np.zeros((SIDE, SIDE, 3), np.uint8)
    mask[:, SIDE // 2 :] = 255
    with seen() as found, pytest.MonkeyPatch.context() as patch:
        patch.setattr(preconditioner, "LONGEST_PRODUCT", 0)  # on GPUs all cosines are by FFT
        for number, changes in enumerate(VARIANTS.values()):
            settings = settings_from({"precision": "bfloat16", "size": SIDE, "steps": 3, **changes})
            styles = [picture(1), picture(2)] if number == 0 else [picture(1)]
            pictures = paint(picture(0), styles, settings, weights=narrow, mask=mask if number == 0 else None)
            for iterate in pictures:
                iterate.picture()
        for blocks, changes in TILED.values():
            _in_tiles(narrow, settings_from({"precision": "bfloat16", **changes}), blocks)
    return found


def _in_tiles(weights: Weights, settings: Settings, blocks: int) -> None:
    layers = {*settings.content_layers, *settings.style_layers}
    extractor = FeatureExtractor(weights, layers, precision=tf.bfloat16)
    content, style = (tf.constant(picture(seed)[None], tf.float32) for seed in range(2))
    tiling = TilingChoice(blocks, (24, 24), history=2, wanted=2, bytes=0, network_bytes=0, cost=0.0)
    gradient = gradient_for(extractor, content, [style], settings, tiling=tiling)
    optimizer = optimizer_for(settings, content, gradient, history=2)
    for _ in range(2):
        optimizer.step()


@pytest.mark.parametrize("dtype", [tf.bfloat16, tf.float16, tf.float32], ids=lambda dtype: dtype.name)
def test_every_operation_has_a_kernel_for_gpus(traced: set[Operation], dtype: tf.DType) -> None:
    assert {each.name for each in traced} >= OF_EACH_PART, "it was not all traced"
    assert {each for each in (one.in_dtype(dtype) for one in traced) if not each.has_gpu_kernel} == set()


def test_an_operation_without_one_is_found() -> None:
    """Strings are the processor's alone."""
    with seen() as found:
        tf.strings.lower(tf.constant("A"))
    assert [each.name for each in found if not each.has_gpu_kernel] == ["StringLower"]
