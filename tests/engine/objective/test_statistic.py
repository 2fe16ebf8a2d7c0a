"""Moments and the distances between them: float64, by their formulas, with SciPy's matrix roots."""

from __future__ import annotations

from typing import get_args

import numpy as np
import pytest
import tensorflow as tf
from scipy.linalg import sqrtm

from styled.engine.engine import paint
from styled.engine.objective import statistic
from styled.engine.objective.statistic import Statistic
from styled.engine.objective.style_slope import by_features, loss_and_matrix
from styled.settings import Settings
from styled.vgg19.weights import Weights

pytestmark = pytest.mark.tensorflow

GENERATOR = np.random.default_rng(5)
HERE = GENERATOR.gamma(2.0, 40.0, (1, 7, 9, 6))
STYLE = GENERATOR.gamma(1.0, 90.0, (1, 11, 5, 6))


def reference(a: np.ndarray, b: np.ndarray) -> float:
    """The squared 2-Wasserstein distance of two Gaussians over the channels."""
    a, b = a.reshape(-1, a.shape[-1]), b.reshape(-1, b.shape[-1])
    ridge = statistic.RIDGE * b.var(axis=0).mean() * np.eye(a.shape[-1])
    ours, theirs = np.cov(a.T, bias=True) + ridge, np.cov(b.T, bias=True) + ridge
    root = sqrtm(theirs)
    apart = np.sum((a.mean(axis=0) - b.mean(axis=0)) ** 2)
    return float((apart + np.trace(ours + theirs - 2 * sqrtm(root @ ours @ root).real)) / a.shape[-1])


def moments(features: np.ndarray, which: Statistic, weights: np.ndarray | None = None) -> tf.Tensor:
    return statistic.moments(tf.constant(features), which, None if weights is None else tf.constant(weights))


def distance(a: np.ndarray, b: np.ndarray, which: Statistic, *, relative: bool = False) -> float:
    return float(statistic.distance_to(moments(b, which), which, relative=relative)(moments(a, which)))


def test_wasserstein_is_its_formula() -> None:
    assert distance(HERE, STYLE, "wasserstein") == pytest.approx(reference(HERE, STYLE), rel=1e-9)


def test_wasserstein_of_fewer_positions_than_channels() -> None:
    """A small picture at a deep layer: its covariance is singular, which costs digits but not sense."""
    few = HERE[:, :1, :3]
    assert distance(few, STYLE, "wasserstein") == pytest.approx(reference(few, STYLE), rel=1e-6)


@pytest.mark.parametrize("which", get_args(Statistic))
def test_it_is_zero_at_the_style_and_relative_to_it_one_at_nothing(which: Statistic) -> None:
    assert distance(STYLE, STYLE, which, relative=True) == pytest.approx(0.0, abs=1e-9)
    assert distance(np.zeros_like(HERE), STYLE, which, relative=True) == pytest.approx(1.0, rel=0.02)


@pytest.mark.parametrize("which", get_args(Statistic))
def test_relative_distances_do_not_see_the_scale_of_the_features(which: Statistic) -> None:
    near = distance(HERE, STYLE, which, relative=True)
    assert distance(HERE * 30, STYLE * 30, which, relative=True) == pytest.approx(near, rel=1e-9)
    assert distance(HERE * 30, STYLE * 30, which) > 100 * distance(HERE, STYLE, which)


@pytest.mark.parametrize("which", get_args(Statistic))
def test_weights_count_positions(which: Statistic) -> None:
    """A position that counts twice is one that is there twice."""
    weights = np.ones((7, 9))
    weights[2] = 2.0
    weights[3] = 0.0
    repeated = np.concatenate([HERE[:, :3], HERE[:, 2:3], HERE[:, 4:]], axis=1)
    np.testing.assert_allclose(moments(HERE, which, weights), moments(repeated, which), rtol=1e-12)


@pytest.mark.parametrize("which", get_args(Statistic))
def test_the_gradient_is_that_of_finite_differences_and_the_slope_the_same(which: Statistic) -> None:
    """By automatic differentiation through the features, and in the closed form that pictures are painted with."""
    apart = statistic.distance_to(moments(STYLE, which), which)
    features = tf.constant(HERE)
    with tf.GradientTape() as tape:
        tape.watch(features)
        value = apart(statistic.moments(features, which))
    gradient = tape.gradient(value, features).numpy()
    direction = GENERATOR.normal(size=HERE.shape)
    ahead, behind = (float(apart(moments(HERE + sign * 1e-4 * direction, which))) for sign in (1, -1))
    assert (ahead - behind) / 2e-4 == pytest.approx(float(np.sum(gradient * direction)), rel=1e-6)

    sums = statistic.moment_sums(features, which)
    loss, matrix = loss_and_matrix(apart, sums, 63.0, 3.0, scale=0.5)
    slope = by_features(features, [(matrix, None)], which)
    assert float(loss) == pytest.approx(3.0 * float(value), rel=1e-12)
    np.testing.assert_allclose(slope.numpy(), 1.5 * gradient, rtol=1e-9, atol=1e-12)


def test_wasserstein_falls_all_the_way_to_the_style() -> None:
    """Along the straight way of optimal transport between two Gaussians the distance falls with the square."""
    flat = STYLE.reshape(-1, 6)
    target = flat + 50.0
    distances = [distance((flat + 50.0 * t)[None, None], target[None, None], "wasserstein") for t in (0, 0.5, 0.9)]
    np.testing.assert_allclose(distances, [2500.0, 625.0, 25.0], rtol=1e-6)


def test_a_style_of_one_colour_is_painted(vgg: Weights) -> None:
    """Black has no variance at all in any layer: the derivative of its covariance's root was no number."""
    photo = np.random.default_rng(0).integers(0, 256, (24, 32, 3), np.uint8)
    wanted = Settings(size=32, steps=5, scales=(), statistic="wasserstein", precision="float32")
    *_, last = paint(photo, [np.zeros((24, 24, 3), np.uint8)], wanted, weights=vgg)
    assert (last.step, last.stopped_by) == (5, "steps")
    assert last.picture().mean() < 20.0
