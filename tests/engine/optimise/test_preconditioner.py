"""The learned first guess of the inverse Hessian, against SciPy's transform and on bowls whose Hessian is known."""

from __future__ import annotations

import functools
from collections.abc import Callable

import numpy as np
import pytest
import scipy.fft
import tensorflow as tf

from styled.engine.optimise.lbfgs import LBFGS
from styled.engine.optimise.preconditioner import EDGES, OPPONENT, FrequencyPreconditioner, Identity, Preconditioner

pytestmark = pytest.mark.tensorflow

HEIGHT, WIDTH = 24, 33


def random(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(1, HEIGHT, WIDTH, 3))


def spectrum(image: np.ndarray) -> np.ndarray:
    """Return the opponent colours' cosine transform, (HEIGHT, WIDTH, 3)."""
    return scipy.fft.dctn(image[0] @ OPPONENT, axes=(0, 1), norm="ortho")


def energies(preconditioner: Preconditioner, image: np.ndarray) -> np.ndarray:
    return preconditioner.energies([preconditioner.coordinates(tf.constant(image))])[0].numpy()


def applied(preconditioner: Preconditioner, image: np.ndarray, factors: np.ndarray) -> np.ndarray:
    return preconditioner.image(
        preconditioner.apply(preconditioner.coordinates(tf.constant(image)), tf.constant(factors))
    ).numpy()


def learn(preconditioner: Preconditioner, move: np.ndarray, change: np.ndarray, curvature: float) -> None:
    """Have it take in a pair, of these energies."""
    pair = map(tf.constant, (move, change, curvature))
    preconditioner.learned = preconditioner.learned_from(
        preconditioner.learned, *(tf.cast(x, tf.float64) for x in pair)
    )


def bands() -> np.ndarray:
    """Return the band of each frequency, (HEIGHT, WIDTH)."""
    return np.digitize(np.hypot(np.arange(HEIGHT)[:, None] / HEIGHT, np.arange(WIDTH)[None] / WIDTH), EDGES)


def test_the_opponent_colours_are_orthonormal_and_begin_with_brightness() -> None:
    np.testing.assert_allclose(OPPONENT.T @ OPPONENT, np.eye(3), atol=1e-12)
    np.testing.assert_allclose(np.abs(OPPONENT[:, 0]), 3**-0.5)


@pytest.mark.parametrize("preconditioner", [Identity(), FrequencyPreconditioner(HEIGHT, WIDTH)])
def test_the_coordinates_are_orthonormal(preconditioner: Preconditioner) -> None:
    a, b = random(1), random(2)
    coordinates = [preconditioner.coordinates(tf.constant(each)) for each in (a, b)]
    assert np.sum(coordinates[0] * coordinates[1]) == pytest.approx(np.sum(a * b))
    np.testing.assert_allclose(preconditioner.image(coordinates[0]), a, atol=1e-12)


def test_the_energies_are_those_of_scipys_transform() -> None:
    image = random()
    found = energies(FrequencyPreconditioner(HEIGHT, WIDTH), image)
    squares = np.square(spectrum(image))
    for colour, of_colour in enumerate(np.split(found, 3)):
        expected = [squares[..., colour][bands() == band].sum() for band in range(len(EDGES) + 1)]
        np.testing.assert_allclose(of_colour, expected, rtol=1e-9)
    assert found.sum() == pytest.approx(np.sum(image**2))


def test_each_band_is_scaled_by_its_factor() -> None:
    image, preconditioner = random(), FrequencyPreconditioner(HEIGHT, WIDTH)
    factors = np.random.default_rng(2).uniform(0.1, 10.0, preconditioner.factors.shape)
    expected = spectrum(image) * np.stack([of_colour[bands()] for of_colour in np.split(factors, 3)], axis=-1)
    np.testing.assert_allclose(spectrum(applied(preconditioner, image, factors)), expected, atol=1e-9)


def test_it_is_symmetric_and_positive_and_nothing_before_it_learns() -> None:
    preconditioner = FrequencyPreconditioner(HEIGHT, WIDTH)
    a, b = random(1), random(2)
    np.testing.assert_allclose(applied(preconditioner, a, preconditioner.factors), a, atol=1e-9)
    learn(preconditioner, energies(preconditioner, a), energies(preconditioner, b), 3.0)
    of_a, of_b = (applied(preconditioner, each, preconditioner.factors) for each in (a, b))
    assert np.sum(b * of_a) == pytest.approx(np.sum(a * of_b))
    assert np.sum(a * of_a) > 0


def test_a_picture_that_moves_in_one_band_only_leaves_finite_factors() -> None:
    preconditioner = FrequencyPreconditioner(HEIGHT, WIDTH)
    flat = energies(preconditioner, np.ones((1, HEIGHT, WIDTH, 3)))
    learn(preconditioner, flat, 4.0 * flat, 1.0)
    assert np.isfinite(preconditioner.factors).all()
    assert preconditioner.factors.min() > 0
    assert preconditioner.factors[0] == pytest.approx(0.5)


def bowl_of_frequencies() -> tf.Tensor:
    """Return the curvature of each frequency and colour, (HEIGHT, WIDTH, 3): 1 to 1e4, steepest where it is low."""
    r = np.hypot(np.arange(HEIGHT)[:, None] / HEIGHT, np.arange(WIDTH)[None] / WIDTH)
    return 1e4 / (1.0 + (r[..., None] * np.array([30.0, 60.0, 100.0])) ** 2)


@functools.cache
def gradient_of_the_bowl() -> Callable[[tf.Tensor], tuple[tf.Tensor, tf.Tensor]]:
    curvature = tf.constant(bowl_of_frequencies())
    transform = FrequencyPreconditioner(HEIGHT, WIDTH).coordinates

    def gradient(image: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        with tf.GradientTape() as tape:
            tape.watch(image)
            planes = tf.split(transform(image - 128.0), 3)
            squares = [tf.square(plane) * tf.transpose(curvature[..., each]) for each, plane in enumerate(planes)]
            loss = tf.add_n([tf.reduce_sum(square) for square in squares])
        return tf.stack([loss]), tape.gradient(loss, image)

    return tf.function(gradient)


def down_the_bowl(preconditioner: Preconditioner, image: np.ndarray) -> LBFGS:
    """Return L-BFGS at an image on the side of that bowl."""
    return LBFGS(tf.constant(image), gradient_of_the_bowl(), history=10, preconditioner=preconditioner)


def falling(preconditioner: Preconditioner, steps: int) -> float:
    """Return the loss after some steps of L-BFGS down it, relative to the first."""
    optimizer = down_the_bowl(preconditioner, 128.0 + 20.0 * random(5))
    losses = [float(optimizer.step()[0]) for _ in range(steps)]
    return min(losses) / losses[0]


def test_where_frequencies_differ_it_needs_less_than_half_the_steps() -> None:
    assert falling(FrequencyPreconditioner(HEIGHT, WIDTH), 10) < falling(Identity(), 20)


@pytest.mark.parametrize(("longest_px", "is_known", "steps"), [(8.0, False, 6), (20.0, True, 18)])
def test_waves_longer_than_allowed_stay_while_the_others_go_to_the_bottom(
    longest_px: float, is_known: bool, steps: int
) -> None:
    """From the first move on, and with what a scale has learned that moved all of them."""
    start, everything = 128.0 + 20.0 * random(5), FrequencyPreconditioner(HEIGHT, WIDTH)
    learn(everything, energies(everything, random(1)), energies(everything, random(2)), 3.0)
    stays = np.tile(np.append(0.0, EDGES) < 2.0 / longest_px, 3)
    preconditioner = FrequencyPreconditioner(HEIGHT, WIDTH, longest_px=longest_px)
    optimizer = down_the_bowl(preconditioner, start)
    if is_known:
        optimizer.expect({**everything.state(), "scale_px": np.array([1e-4])})
    for _ in range(steps):
        optimizer.step()
    moved, was = energies(preconditioner, optimizer.image.numpy() - start), energies(preconditioner, start - 128.0)
    assert moved[stays].max() < 1e-12 * was.sum()
    assert moved[~stays].sum() == pytest.approx(was[~stays].sum(), rel=0.05), "nearly all the way to 128"
