"""What a checkpoint holds while painting goes on: TensorFlow's own memory, never copied."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from styled.engine.network.stepping import in_place

pytestmark = pytest.mark.tensorflow

BEFORE = np.random.default_rng(5).normal(size=(6, 50, 3)).astype(np.float32)

UPDATES: dict[str, Callable[[Any], Any]] = {
    "assign": lambda variable: variable.assign(2.0 * variable),
    "assign_add": lambda variable: variable.assign_add(tf.ones_like(variable)),
    "assign_sub": lambda variable: variable.assign_sub(tf.ones_like(variable)),
    "a part assigned": lambda variable: variable[2:4].assign(tf.zeros((2, 50, 3))),
    "scattered": lambda variable: variable.scatter_nd_add([[1]], tf.ones((1, 50, 3))),
}


def restored() -> Any:
    """A variable that took its numbers from a checkpoint."""
    variable = tf.Variable(tf.zeros_like(BEFORE))
    variable.assign(BEFORE)
    return variable


@pytest.mark.parametrize("made", [lambda: tf.Variable(tf.constant(BEFORE)), restored], ids=["new", "restored"])
@pytest.mark.parametrize("compiled", [False, True], ids=["eager", "compiled"])
@pytest.mark.parametrize("how", UPDATES)
def test_held_numbers_stay_as_they_are_when_the_variable_changes(
    made: Callable[[], Any], compiled: bool, how: str
) -> None:
    variable = made()
    update = tf.function(UPDATES[how], autograph=False) if compiled else UPDATES[how]
    held = in_place(variable)
    for _ in range(3):
        update(variable)
    np.testing.assert_array_equal(held, BEFORE)
    assert not np.array_equal(variable.numpy(), BEFORE), "the update did nothing"


def test_nothing_is_copied_and_nothing_can_be_written() -> None:
    variable = tf.Variable(tf.constant(BEFORE))
    first, second = in_place(variable), in_place(variable)
    assert np.shares_memory(first, second)
    with pytest.raises(ValueError, match="read-only"):
        first[0] = 0.0
