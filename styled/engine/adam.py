"""Adam on the device: one compiled call for the gradient, one for the move."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from styled.engine.stepping import Gradient, State, Tensor, in_place


class Adam:
    """Adam (Kingma & Ba 2015) with the picture kept inside 0..255.

    Two deviations from the paper's defaults. ``epsilon`` is relative to the gradient: 0.1 of its running root
    mean square over the whole image. The usual 1e-8 gives flat areas, whose gradients are tiny, steps as large
    as everywhere else, which shows as grey haze and specks. And ``beta2`` is 0.99: 0.999 remembers longer than
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
        self._count = tf.Variable(0, dtype=tf.int64, name="count")
        self._gradient = gradient
        self._learning_rate = learning_rate
        self._apply = tf.function(self._descend, autograph=False)

    def step(self) -> Tensor:
        """See :class:`styled.engine.stepping.Optimizer`."""
        terms, gradient = self._gradient(tf.convert_to_tensor(self.image))
        self._apply(gradient)
        return terms

    def _descend(self, gradient: Tensor) -> None:
        dtype = self.image.dtype
        beta1, beta2 = tf.constant(0.9, dtype), tf.constant(0.99, dtype)
        count = tf.cast(self._count.assign_add(1), dtype)
        first = self._first.assign(beta1 * self._first + (1 - beta1) * gradient) / (1 - beta1**count)
        second = self._second.assign(beta2 * self._second + (1 - beta2) * tf.square(gradient)) / (1 - beta2**count)
        epsilon = 0.1 * tf.sqrt(tf.reduce_mean(second))
        moved = self.image - self._learning_rate * first / (tf.sqrt(second) + epsilon + tf.constant(1e-30, dtype))
        self.image.assign(tf.clip_by_value(moved, 0.0, 255.0))

    def curvature(self) -> State:
        """See :class:`styled.engine.stepping.Optimizer`; moments are of one picture."""
        return {}

    def expect(self, curvature: Mapping[str, npt.NDArray[np.generic]]) -> None:
        """See :class:`styled.engine.stepping.Optimizer`."""

    def state(self) -> State:
        """Return the two moments and the count."""
        return {"first": in_place(self._first), "second": in_place(self._second), "count": self._count.numpy()[None]}

    def restore(self, state: Mapping[str, npt.NDArray[np.generic]]) -> None:
        """Take back what :meth:`state` gave."""
        self._first.assign(state["first"])
        self._second.assign(state["second"])
        self._count.assign(state["count"][0])
