"""Arithmetic in one pass, against NumPy; small arrays are not compiled, large ones are."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import tensorflow as tf

from styled.engine.network import fused

pytestmark = pytest.mark.tensorflow


@pytest.fixture(params=["as it is", "compiled"])
def either_way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run the test with and without compiling."""
    monkeypatch.setattr(fused, "WORTH_COMPILING", 1 if request.param == "compiled" else 2**40)


def random(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape)


@pytest.mark.usefixtures("either_way")
class TestArithmetic:
    @pytest.mark.parametrize("rows", [1, 7, 64, 97, 96])
    def test_a_product_is_numpys(self, rows: int) -> None:
        a, b = random(rows, 5), random(rows, 5, seed=1)
        assert float(fused.fused(fused.dot, 1)(tf.constant(a), tf.constant(b))) == pytest.approx(np.sum(a * b))

    def test_a_long_product_in_float32_is_added_up_in_float64(self) -> None:
        a = np.full((4096, 1024), 1.1, np.float32)
        found = float(fused.fused(fused.dot, a.size)(tf.constant(a), tf.constant(a)))
        assert found == pytest.approx(a.size * float(np.float32(1.1)) ** 2, rel=1e-6)

    @pytest.mark.parametrize("copies", [1, 2])
    def test_a_gradient_passes_a_relu_where_its_output_is_positive(self, copies: int) -> None:
        upstream = [random(1, 4, 5, 3, seed=seed) for seed in range(copies)]
        output = np.maximum(random(1, 4, 5, 3, seed=9), 0.0)
        found = fused.relu_gradient([tf.constant(each) for each in upstream], tf.constant(output))
        np.testing.assert_allclose(found, sum(upstream) * (output > 0))

    def test_an_error_and_its_gradient_are_numpys(self) -> None:
        x, target = random(1, 4, 5, 3), random(1, 4, 5, 3, seed=1)
        held = tf.constant(x)
        with tf.GradientTape() as tape:
            tape.watch(held)
            error = 3.0 * fused.mean_squared_error(held, tf.constant(target), tf.float64)
        assert float(error) == pytest.approx(3.0 * np.mean((x - target) ** 2))
        np.testing.assert_allclose(tape.gradient(error, held), 6.0 * (x - target) / x.size)

    def test_an_error_of_bfloat16_is_computed_in_float32(self) -> None:
        x, target = (tf.cast(1000.0 + random(1, 40, 50, 30, seed=seed), tf.bfloat16) for seed in range(2))
        expected = np.mean((x.numpy().astype(np.float64) - target.numpy().astype(np.float64)) ** 2)
        assert float(fused.mean_squared_error(x, target, tf.float32)) == pytest.approx(expected, rel=1e-5)

    @pytest.mark.parametrize(
        ("rows", "columns"), [((0, 7), (0, 9)), ((2, 5), (3, 8)), ((4, 7), (0, 4)), ((6, 7), (8, 9))]
    )
    def test_steps_to_neighbours_and_their_gradient_are_numpys(
        self, rows: tuple[int, int], columns: tuple[int, int]
    ) -> None:
        """Inside a picture, at its corner, and of its last pixel, which has no neighbours."""
        picture = random(7, 9, 3)
        wanted, slopes = np.zeros(2), np.zeros_like(picture)
        for (y, x), (axis, (below, beside)) in itertools.product(
            itertools.product(range(*rows), range(*columns)), enumerate([(1, 0), (0, 1)])
        ):
            if y + below < 7 and x + beside < 9:
                step = picture[y + below, x + beside] - picture[y, x]
                wanted[axis] += np.sum(step**2)
                slopes[y + below, x + beside] += (3.0, 5.0)[axis] * 2.0 * step
                slopes[y, x] -= (3.0, 5.0)[axis] * 2.0 * step
        held = tf.constant(picture[None])
        with tf.GradientTape() as tape:
            tape.watch(held)
            found = fused.squared_steps(held, slice(*rows), slice(*columns))
            total = 3.0 * found[0] + 5.0 * found[1]
        np.testing.assert_allclose(found, wanted, rtol=1e-12)
        np.testing.assert_allclose(tape.gradient(total, held)[0], slopes, rtol=1e-12, atol=1e-12)

    @pytest.mark.parametrize("rows", [1, 97, 4096])
    def test_columns_are_added_up_as_numpy_does(self, rows: int) -> None:
        x = tf.cast(100.0 + random(rows, 5), tf.bfloat16)
        found = fused.column_sums(x, tf.float32)
        assert found.dtype == tf.float32
        np.testing.assert_allclose(found, x.numpy().astype(np.float64).sum(axis=0), rtol=1e-6)

    def test_parts_are_added_up_in_float32(self) -> None:
        parts = tf.cast(256.0 + random(500, 3, 3), tf.bfloat16)
        found = fused.sum_of_parts(parts, tf.float32)
        assert found.dtype == tf.float32
        np.testing.assert_allclose(found, parts.numpy().astype(np.float64).sum(axis=0), rtol=1e-6)


def test_what_is_small_is_not_compiled_and_what_is_large_is_compiled_once(monkeypatch: pytest.MonkeyPatch) -> None:
    compiled = []
    function = tf.function

    def spy(given: object, **options: object) -> object:
        compiled.append(options["jit_compile"])
        return function(given, **options)

    monkeypatch.setattr(fused, "WORTH_COMPILING", 100)
    monkeypatch.setattr(tf, "function", spy)
    fused._compiled.cache_clear()
    for elements in (99, 100, 200, 100):
        x = tf.ones(elements)
        fused.relu_gradient([x], x)
    assert compiled == [True]
