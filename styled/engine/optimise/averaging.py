"""The average of a scale's iterates, newer ones weighing more: smoother than the last of them."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from styled.engine.network.stepping import State, Tensor, in_place


class Average:
    """Exponential moving average, corrected for its start as Adam's moments are (Kingma & Ba 2015, section 3).

    After n pictures the k-th weighs ``decay^(n-k) (1 - decay) / (1 - decay^n)``.

    Args:
        image: float32, shape (1, H, W, 3): what it is before the first picture.
        decay: 0..1, below 1; 0 keeps the newest picture only, and no array for it.
    """

    def __init__(self, image: Tensor, decay: float) -> None:
        self._decay = decay
        self._newest = image
        self._sum = tf.Variable(tf.zeros_like(image), trainable=False) if decay > 0 else None
        self._count = 0

    def add(self, image: Tensor) -> None:
        """Take in a picture."""
        self._newest = image
        if self._sum is not None:
            self._sum.assign(self._decay * self._sum + (1.0 - self._decay) * image)
            self._count += 1

    def picture(self) -> Tensor:
        """Return the average, a copy."""
        if self._sum is None or self._count == 0:
            return tf.identity(self._newest)
        return self._sum / (1.0 - self._decay**self._count)

    def state(self) -> State:
        """Return the running sum and the count; nothing when there is no average."""
        return {} if self._sum is None else {"sum": in_place(self._sum), "count": np.array([self._count])}

    def restore(self, state: State) -> None:
        """Take back what :meth:`state` gave."""
        if self._sum is not None:
            self._sum.assign(state.pop("sum"))
            self._count = int(state["count"][0])
