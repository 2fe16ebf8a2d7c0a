"""Every loss against its formula in NumPy, float64, written with loops over what it sums."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from styled.engine.network import precision
from styled.engine.objective import losses
from tests.engine.pictures import random_picture

pytestmark = pytest.mark.tensorflow

GENERATOR = np.random.default_rng(11)
FEATURES = GENERATOR.normal(3.0, 20.0, (1, 5, 7, 4))
OTHER = GENERATOR.normal(3.0, 20.0, (1, 5, 7, 4))


def gram(features: np.ndarray) -> np.ndarray:
    """``G_ij = Σ_p F_pi F_pj / (H W)``."""
    _, height, width, channels = features.shape
    result = np.zeros((channels, channels))
    for row in range(height):
        for column in range(width):
            result += np.outer(features[0, row, column], features[0, row, column])
    return result / (height * width)


@pytest.mark.parametrize(("dtype", "error"), [(tf.float64, 1e-14), (tf.float32, 1e-6), (tf.bfloat16, 5e-3)])
@pytest.mark.parametrize("run", [lambda f: f, tf.function])
def test_affine_is_a_product_and_a_row(dtype: tf.DType, error: float, run: Any) -> None:
    flat, matrix, row = (GENERATOR.normal(size=shape) for shape in ((37, 5), (5, 5), (5,)))
    ours = run(losses.affine)(tf.constant(flat, dtype), tf.constant(matrix), tf.constant(row))
    expected = flat @ matrix + row
    assert (ours.dtype, ours.shape) == (dtype, (37, 5))
    assert np.linalg.norm(tf.cast(ours, tf.float64) - expected) < error * np.linalg.norm(expected)


class TestGram:
    def test_it_is_its_formula(self) -> None:
        ours = losses.gram_matrix(tf.constant(FEATURES))
        assert ours.dtype == tf.float64
        np.testing.assert_allclose(ours, gram(FEATURES), rtol=1e-12)

    def test_it_does_not_depend_on_the_size_of_a_repeated_pattern(self) -> None:
        tiled = np.tile(FEATURES, (1, 3, 2, 1))
        np.testing.assert_allclose(losses.gram_matrix(tf.constant(tiled)), gram(FEATURES), rtol=1e-12)

    @pytest.mark.parametrize("half", [tf.float16, tf.bfloat16])
    def test_from_half_precision_it_is_formed_in_float32(self, half: tf.DType) -> None:
        features = tf.cast(tf.constant(100 * FEATURES), half)  # squares reach 10^7, beyond float16
        ours = losses.gram_matrix(features)
        assert ours.dtype == tf.float32
        np.testing.assert_allclose(ours, gram(tf.cast(features, tf.float64).numpy()), rtol=1e-5)

    @pytest.mark.parametrize("positions", [(64, 64), (97, 101)])
    def test_many_bfloat16_positions_are_multiplied_by_parts_as_exactly(self, positions: tuple[int, int]) -> None:
        """As exactly as many parts make it: one product of all, rounded to bfloat16, is off by 0.17 %."""
        features = tf.cast(tf.nn.relu(GENERATOR.normal(5.0, 100.0, (1, *positions, 8))), tf.bfloat16)
        assert losses.can_multiply(features)
        with tf.GradientTape() as tape:
            tape.watch(features)
            ours = losses.gram_matrix(features)
            value = tf.reduce_sum(ours * tf.eye(8))
        expected = gram(tf.cast(features, tf.float64).numpy())
        assert ours.dtype == tf.float32
        # Without instructions for bfloat16 its products are emulated, and added up in less than float32; `auto` does not
        # use it there.
        bound = 5e-4 if precision.dtype_for("auto") == tf.bfloat16 else 5e-3
        assert np.linalg.norm(ours - expected) < bound * np.linalg.norm(expected)
        slope = tf.cast(tape.gradient(value, features), tf.float64).numpy()
        formula = 2.0 * tf.cast(features, tf.float64).numpy() / (positions[0] * positions[1])
        assert np.linalg.norm(slope - formula) < 5e-3 * np.linalg.norm(formula)

    def test_its_gradient_is_that_of_automatic_differentiation_even_if_what_comes_back_is_not_symmetric(self) -> None:
        upstream = GENERATOR.normal(size=(4, 4))
        features = tf.constant(FEATURES)
        with tf.GradientTape(persistent=True) as tape:
            tape.watch(features)
            ours = tf.reduce_sum(losses.gram_matrix(features) * upstream)
            flat = tf.reshape(features, [35, 4])
            expected = tf.reduce_sum(tf.transpose(flat) @ flat / 35 * upstream)
        np.testing.assert_allclose(tape.gradient(ours, features), tape.gradient(expected, features), rtol=1e-10)


class TestContent:
    def test_it_is_its_formula(self) -> None:
        expected = sum((f - p) ** 2 for f, p in zip(FEATURES.flat, OTHER.flat, strict=True)) / FEATURES.size
        ours = losses.content_loss(tf.constant(FEATURES), tf.constant(OTHER))
        assert float(ours) == pytest.approx(expected, rel=1e-12)

    def test_it_is_zero_at_the_target(self) -> None:
        assert float(losses.content_loss(tf.constant(FEATURES), tf.constant(FEATURES))) == 0.0

    def test_from_bfloat16_the_difference_is_squared_in_float32(self) -> None:
        pair = [tf.cast(tf.constant(values), tf.bfloat16) for values in (FEATURES, OTHER)]
        ours = losses.content_loss(*pair)
        first, second = (tf.cast(values, tf.float64).numpy() for values in pair)
        assert ours.dtype == tf.float32
        assert float(ours) == pytest.approx(np.mean((first - second) ** 2), rel=1e-5)


class TestStyle:
    def test_it_is_its_formula(self) -> None:
        ours, theirs = gram(FEATURES), gram(OTHER)
        expected = sum((g - a) ** 2 for g, a in zip(ours.flat, theirs.flat, strict=True)) / 4**2 / 4**2
        assert float(losses.style_loss(tf.constant(ours), tf.constant(theirs))) == pytest.approx(expected, rel=1e-12)

    def test_it_sees_the_colours_and_not_where_they_are(self) -> None:
        shuffled = FEATURES.reshape(35, 4)[GENERATOR.permutation(35)].reshape(FEATURES.shape)
        moved = losses.style_loss(losses.gram_matrix(tf.constant(shuffled)), tf.constant(gram(FEATURES)))
        other = losses.style_loss(losses.gram_matrix(tf.constant(OTHER)), tf.constant(gram(FEATURES)))
        assert float(moved) < 1e-20
        assert float(other) > 1


class TestTotalVariation:
    def test_it_is_its_formula(self) -> None:
        image = random_picture(4, 6)
        down = [(image[0, y + 1, x, c] - image[0, y, x, c]) ** 2 for y in range(3) for x in range(6) for c in range(3)]
        right = [(image[0, y, x + 1, c] - image[0, y, x, c]) ** 2 for y in range(4) for x in range(5) for c in range(3)]
        expected = sum(down) / len(down) + sum(right) / len(right)
        assert float(losses.total_variation(tf.constant(image))) == pytest.approx(expected, rel=1e-12)

    def test_a_plain_image_has_none(self) -> None:
        assert float(losses.total_variation(tf.fill((1, 5, 6, 3), 200.0))) == 0.0
