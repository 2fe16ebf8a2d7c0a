"""Adam on the device: one compiled call for the gradient, one for its means, one for the move."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from styled.engine.network.fused import fused, total
from styled.engine.network.graph_cache import GraphCache
from styled.engine.network.stepping import Gradient, State, Tensor, in_place

BETA1, BETA2 = 0.9, 0.99
"""What the running means keep of themselves in a step."""

_graphs: GraphCache[tuple[Callable[..., Any], Callable[..., Any]]] = GraphCache()


class Adam:
    """Adam (Kingma & Ba 2015) with the picture kept inside 0..255.

    Two deviations from the paper's defaults. ``epsilon`` is relative to the gradient: 0.1 of its running root
    mean square over the whole image. The usual 1e-8 gives flat areas, whose gradients are tiny, steps as large
    as everywhere else, which shows as grey haze and specks. And :data:`BETA2` is 0.99: 0.999 remembers longer than
    most runs last.

    Args:
        image: float, shape (1, H, W, 3), where to start.
        gradient: the objective.
        learning_rate: the largest move of a pixel in one step, in levels of 0..255.
    """

    def __init__(self, image: Tensor, gradient: Gradient, *, learning_rate: float) -> None:
        self.image = tf.Variable(image, name="image")
        self._first = tf.Variable(tf.zeros_like(image), name="first_moment")
        self._second = tf.Variable(tf.zeros_like(image), name="second_moment")
        self._count = 0
        self._gradient = gradient
        self._learning_rate = learning_rate
        size = image.shape.num_elements()
        self._learn, self._apply = _graphs.get(
            (tuple(image.shape), image.dtype), lambda: (fused(_learned, size), fused(_moved, size)), elements=size
        )

    def step(self) -> Tensor:
        """See :class:`styled.engine.network.stepping.Optimizer`."""
        terms, gradient = self._gradient(tf.convert_to_tensor(self.image))
        self._count += 1
        first, second, squares = self._learn(*map(tf.convert_to_tensor, (self._first, self._second)), gradient)
        del gradient  # what has been used is let go of at once: it may be a gigabyte
        self._first.assign(first)
        self._second.assign(second)
        # The moments are corrected for their start at zero, here in the factors that they come with.
        of_first, of_second = (1.0 / (1.0 - beta**self._count) for beta in (BETA1, BETA2))
        epsilon = 0.1 * math.sqrt(float(squares) / first.shape.num_elements() * of_second) + 1e-30
        factors = tf.constant([self._learning_rate * of_first, of_second, epsilon], first.dtype)
        self.image.assign(self._apply(tf.convert_to_tensor(self.image), first, second, factors))
        return terms

    def curvature(self) -> State:
        """See :class:`styled.engine.network.stepping.Optimizer`; moments are of one picture."""
        return {}

    def expect(self, curvature: Mapping[str, npt.NDArray[np.generic]]) -> None:
        """See :class:`styled.engine.network.stepping.Optimizer`."""

    def state(self) -> State:
        """Return the two moments and the count."""
        return {"first": in_place(self._first), "second": in_place(self._second), "count": np.array([self._count])}

    def restore(self, state: Mapping[str, npt.NDArray[np.generic]]) -> None:
        """Take back what :meth:`state` gave."""
        self._first.assign(state["first"])
        self._second.assign(state["second"])
        self._count = int(state["count"][0])


def _learned(first: Tensor, second: Tensor, gradient: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return the running means of the gradient and of its square, and the sum of the latter, float64."""
    first = BETA1 * first + (1.0 - BETA1) * gradient
    second = BETA2 * second + (1.0 - BETA2) * tf.square(gradient)
    return first, second, total(tf.reshape(second, [second.shape[1], -1]))


def _moved(image: Tensor, first: Tensor, second: Tensor, factors: Tensor) -> Tensor:
    """Return ``image`` moved, but not out of 0..255; ``factors`` are of the move, of ``second``, and epsilon."""
    return tf.clip_by_value(image - factors[0] * first / (tf.sqrt(factors[1] * second) + factors[2]), 0.0, 255.0)
