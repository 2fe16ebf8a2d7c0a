"""The average of iterates, by its formula."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from styled.engine.optimise.averaging import Average

pytestmark = pytest.mark.tensorflow

PICTURES = np.random.default_rng(3).uniform(0, 255, (6, 1, 4, 5, 3)).astype(np.float32)


@pytest.mark.parametrize("count", [1, 3, 6])
def test_it_is_its_formula(count: int) -> None:
    average = Average(tf.constant(PICTURES[5]), 0.8)
    weights = np.array([0.8 ** (count - 1 - k) for k in range(count)])
    for picture in PICTURES[:count]:
        average.add(tf.constant(picture))
    expected = np.tensordot(weights / weights.sum(), PICTURES[:count], 1)
    np.testing.assert_allclose(average.picture(), expected, rtol=1e-5)


def test_without_decay_it_is_the_newest_and_keeps_nothing() -> None:
    average = Average(tf.constant(PICTURES[0]), 0.0)
    np.testing.assert_array_equal(average.picture(), PICTURES[0])
    average.add(tf.constant(PICTURES[1]))
    np.testing.assert_array_equal(average.picture(), PICTURES[1])
    assert average.state() == {}


def test_before_the_first_picture_it_is_where_it_starts() -> None:
    np.testing.assert_array_equal(Average(tf.constant(PICTURES[0]), 0.9).picture(), PICTURES[0])
