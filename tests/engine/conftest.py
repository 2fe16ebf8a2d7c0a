"""VGG19 as it is, and a narrow random one whose gradients can be followed in float64."""

from __future__ import annotations

import os
from collections.abc import Iterator

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # before TensorFlow's library is loaded

import numpy as np
import pytest

from styled import images, vgg19
from styled.vgg19.weights import Weights, load_weights
from tests.engine.pictures import SAMPLES


@pytest.fixture(scope="session")
def vgg() -> Weights:
    """The packaged weights down to block5_conv1, the deepest that settings name by default."""
    return load_weights("builtin", [layer.name for layer in vgg19.up_to("block5_conv1")])


@pytest.fixture(scope="session")
def narrow() -> Weights:
    """Random weights in float64, 3 to 6 channels a layer, scaled so that features stay near 100 all the way."""
    generator = np.random.default_rng(7)
    kernels, biases, inputs = {}, {}, 3
    for layer in vgg19.CONVOLUTIONS:
        outputs = 3 + layer.block % 4
        kernels[layer.name] = generator.normal(0.0, (2.0 / (9 * inputs)) ** 0.5, (3, 3, inputs, outputs))
        biases[layer.name] = generator.normal(5.0, 5.0, outputs)
        inputs = outputs
    return Weights(kernels, biases, digest="", source="narrow")


@pytest.fixture(scope="session")
def rocket() -> np.ndarray:
    """The content of the sample pair, 96 px: uint8, shape (64, 96, 3)."""
    return images.resize(images.load(SAMPLES / "rocket.jpg").pixels, 96, 64)


@pytest.fixture(scope="session")
def starry_night() -> np.ndarray:
    """The style of the sample pair, 128 px: uint8, shape (101, 128, 3)."""
    return images.resize(images.load(SAMPLES / "starry_night.jpg").pixels, 128, 101)


@pytest.fixture
def one_by_one() -> Iterator[None]:
    """Run graphs' operations one by one, for what is computed once: tracing takes far longer than narrow arithmetic."""
    import tensorflow as tf  # here: not all files of this folder load it

    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)
