"""Winograd's convolution against TensorFlow's own."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from styled.engine.network import winograd

pytestmark = pytest.mark.tensorflow


def example(height: int, width: int, inputs: int, outputs: int) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(height * 100 + width)
    x = generator.normal(size=(1, height, width, inputs)).astype(np.float32)
    kernel = generator.normal(size=(3, 3, inputs, outputs)).astype(np.float32)
    return x, kernel


def direct(x: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """TensorFlow's convolution, in float64."""
    return tf.nn.conv2d(x.astype(np.float64), kernel.astype(np.float64), 1, "SAME").numpy()


def assert_close(ours: tf.Tensor, expected: np.ndarray) -> None:
    assert ours.dtype == tf.float32
    assert ours.shape == expected.shape
    np.testing.assert_allclose(ours, expected, atol=2e-5 * np.abs(expected).max())


@pytest.mark.parametrize("height", [1, 2, 3, 4, 5, 7, 8, 13])
@pytest.mark.parametrize("width", [1, 4, 6, 9])
def test_any_size_equals_the_direct_convolution(height: int, width: int) -> None:
    x, kernel = example(height, width, 5, 3)
    assert_close(winograd.convolve(tf.constant(x), winograd.transform_kernel(kernel)), direct(x, kernel))


@pytest.mark.parametrize(("inputs", "outputs"), [(1, 1), (3, 64), (128, 130)])
def test_any_channels_equal_the_direct_convolution(inputs: int, outputs: int) -> None:
    x, kernel = example(11, 10, inputs, outputs)
    assert_close(winograd.convolve(tf.constant(x), winograd.transform_kernel(kernel)), direct(x, kernel))


@pytest.mark.parametrize(("height", "strips"), [(8, 2), (13, 4), (22, 6)])
def test_strips_fit_together(monkeypatch: pytest.MonkeyPatch, height: int, strips: int) -> None:
    """One row of patches a strip: their borders share pixels, and the last strip is cut where the picture ends."""
    x, kernel = example(height, 9, 6, 7)
    calls = []
    strip = winograd._convolve_strip
    monkeypatch.setattr(winograd, "_STRIP_BYTES", 1)
    monkeypatch.setattr(winograd, "_convolve_strip", lambda *args: calls.append(1) or strip(*args))
    assert_close(winograd.convolve(tf.constant(x), winograd.transform_kernel(kernel)), direct(x, kernel))
    assert len(calls) == strips


def test_strips_of_several_rows_of_patches_may_end_unevenly(monkeypatch: pytest.MonkeyPatch) -> None:
    x, kernel = example(29, 9, 6, 7)
    rows_of_three = 3 * 36 * 4 * 3 * 7  # three rows of three patches of 36 float32 in seven channels
    monkeypatch.setattr(winograd, "_STRIP_BYTES", rows_of_three)
    assert_close(winograd.convolve(tf.constant(x), winograd.transform_kernel(kernel)), direct(x, kernel))


def test_it_compiles_into_a_graph() -> None:
    x, kernel = example(9, 14, 4, 4)
    transformed = winograd.transform_kernel(kernel)
    compiled = tf.function(lambda picture: winograd.convolve(picture, transformed))
    assert_close(compiled(tf.constant(x)), direct(x, kernel))


def test_automatic_differentiation_through_it_gives_the_convolutions_gradient() -> None:
    x, kernel = example(10, 7, 4, 5)
    weighting = np.random.default_rng(1).normal(size=(1, 10, 7, 5)).astype(np.float32)
    with tf.GradientTape() as tape:
        picture = tf.constant(x)
        tape.watch(picture)
        total = tf.reduce_sum(winograd.convolve(picture, winograd.transform_kernel(kernel)) * weighting)
    turned = kernel[::-1, ::-1].transpose(0, 1, 3, 2)
    assert_close(tape.gradient(total, picture), direct(weighting, turned))
