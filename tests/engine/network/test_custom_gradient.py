"""Gradients in closed form: used by the tape, and gone with their graph."""

from __future__ import annotations

import gc
import weakref
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.python.framework import ops

from styled.engine.network.custom_gradient import custom_gradient

pytestmark = pytest.mark.tensorflow


class Kernel:
    """What a gradient refers to."""

    factor = 7.0


def graph_of(kernel: Kernel) -> Any:
    """Return a graph of a function whose given gradient is not its true one."""

    @custom_gradient
    def operation(x: tf.Tensor) -> tuple[tf.Tensor, Any]:
        return x * 2.0, lambda upstream: upstream * kernel.factor

    def slope(x: tf.Tensor) -> tf.Tensor:
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = operation(x)
        return tape.gradient(y, x)

    return tf.function(slope, autograph=False)


@pytest.mark.parametrize("eagerly", [False, True])
def test_the_tape_takes_the_gradient_that_is_given(eagerly: bool) -> None:
    graph = graph_of(Kernel())
    slope = graph.python_function if eagerly else graph
    np.testing.assert_array_equal(slope(tf.ones(3)), [7.0, 7.0, 7.0])


def test_what_it_refers_to_goes_with_the_graph() -> None:
    """TensorFlow's own decorator keeps it for as long as the process lives."""
    kernel = Kernel()
    held = weakref.ref(kernel)
    known = set(ops.gradient_registry.list())
    graph = graph_of(kernel)
    graph(tf.ones(3))
    assert set(ops.gradient_registry.list()) == known
    del graph, kernel
    gc.collect()
    assert held() is None
