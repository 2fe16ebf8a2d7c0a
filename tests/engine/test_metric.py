"""The learned first guess of the inverse Hessian, against SciPy's transform and on bowls whose Hessian is known."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.fft
import tensorflow as tf

from styled.engine.lbfgs import LBFGS
from styled.engine.metric import EDGES, OPPONENT, FrequencyMetric, Identity, Metric

HEIGHT, WIDTH = 24, 33


def random(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=HEIGHT * WIDTH * 3)


def spectrum(vector: np.ndarray) -> np.ndarray:
    """Return the opponent colours' cosine transform, (HEIGHT, WIDTH, 3)."""
    return scipy.fft.dctn(vector.reshape(HEIGHT, WIDTH, 3) @ OPPONENT, axes=(0, 1), norm="ortho")


def bands() -> np.ndarray:
    """Return the band of each frequency, (HEIGHT, WIDTH)."""
    return np.digitize(np.hypot(np.arange(HEIGHT)[:, None] / HEIGHT, np.arange(WIDTH)[None] / WIDTH), EDGES)


def test_the_opponent_colours_are_orthonormal_and_begin_with_brightness() -> None:
    np.testing.assert_allclose(OPPONENT.T @ OPPONENT, np.eye(3), atol=1e-12)
    np.testing.assert_allclose(np.abs(OPPONENT[:, 0]), 3**-0.5)


def test_the_energies_are_those_of_scipys_transform() -> None:
    vector = random()
    energies = FrequencyMetric(HEIGHT, WIDTH).energies(tf.constant(vector)).numpy()
    squares = np.square(spectrum(vector))
    for colour, of_colour in enumerate(np.split(energies, 3)):
        expected = [squares[..., colour][bands() == band].sum() for band in range(len(EDGES) + 1)]
        np.testing.assert_allclose(of_colour, expected, rtol=1e-9)
    assert energies.sum() == pytest.approx(vector @ vector)


def test_each_band_is_scaled_by_its_factor() -> None:
    vector, metric = random(), FrequencyMetric(HEIGHT, WIDTH)
    factors = np.random.default_rng(2).uniform(0.1, 10.0, metric.factors.shape)
    scaled = metric.apply(tf.constant(vector), tf.constant(factors)).numpy()
    expected = spectrum(vector) * np.stack([of_colour[bands()] for of_colour in np.split(factors, 3)], axis=-1)
    np.testing.assert_allclose(spectrum(scaled), expected, atol=1e-9)


def test_it_is_symmetric_and_positive_and_nothing_before_it_learns() -> None:
    metric = FrequencyMetric(HEIGHT, WIDTH)
    a, b = random(1), random(2)
    np.testing.assert_allclose(metric.apply(tf.constant(a), tf.constant(metric.factors)), a, atol=1e-9)
    metric.learn(metric.energies(tf.constant(a)).numpy(), metric.energies(tf.constant(b)).numpy(), 3.0)
    applied = [metric.apply(tf.constant(each), tf.constant(metric.factors)).numpy() for each in (a, b)]
    assert b @ applied[0] == pytest.approx(a @ applied[1])
    assert a @ applied[0] > 0


def test_a_picture_that_moves_in_one_band_only_leaves_finite_factors() -> None:
    metric = FrequencyMetric(HEIGHT, WIDTH)
    flat = metric.energies(tf.ones(HEIGHT * WIDTH * 3, tf.float64)).numpy()
    metric.learn(flat, 4.0 * flat, 1.0)
    assert np.isfinite(metric.factors).all()
    assert metric.factors.min() > 0
    assert metric.factors[0] == pytest.approx(0.5)


def bowl_of_frequencies() -> tf.Tensor:
    """Return the curvature of each frequency and colour, (HEIGHT, WIDTH, 3): 1 to 1e4, steepest where it is low."""
    r = np.hypot(np.arange(HEIGHT)[:, None] / HEIGHT, np.arange(WIDTH)[None] / WIDTH)
    return 1e4 / (1.0 + (r[..., None] * np.array([30.0, 60.0, 100.0])) ** 2)


def falling(metric: Metric, steps: int) -> float:
    """Return the loss after some steps of L-BFGS down that bowl, relative to the first."""
    curvature = tf.constant(bowl_of_frequencies())
    transform = FrequencyMetric(HEIGHT, WIDTH)._transformed

    def gradient(image: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        with tf.GradientTape() as tape:
            tape.watch(image)
            planes = transform(tf.reshape(image, [-1]))
            squares = [tf.square(plane) * tf.transpose(curvature[..., each]) for each, plane in enumerate(planes)]
            loss = tf.add_n([tf.reduce_sum(square) for square in squares])
        return tf.stack([loss]), tape.gradient(loss, image)

    image = tf.constant(100.0 + 30.0 * random(5).reshape(1, HEIGHT, WIDTH, 3))
    optimizer = LBFGS(image, tf.function(gradient), history=10, metric=metric)
    losses = [float(optimizer.step()[0]) for _ in range(steps)]
    return min(losses) / losses[0]


def test_where_frequencies_differ_it_needs_less_than_half_the_steps() -> None:
    assert falling(FrequencyMetric(HEIGHT, WIDTH), 30) < falling(Identity(), 60)
