"""The average of a scale's iterates, newer ones weighing more: smoother than the last of them."""

from __future__ import annotations

from collections.abc import Hashable
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from styled.engine.network.stepping import State, Tensor, in_place


class Averaged(NamedTuple):
    """Variables of an :class:`Average`, of the picture's shape. A graph is given them, so that it serves each of that shape."""

    before: Tensor
    """The sum before the newest picture, or without an average the picture before it."""
    sum: Tensor | None
    """None: there is no average."""


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
        self._variables: Averaged | None = None

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

    # --- in graphs of several steps ---

    @property
    def key(self) -> Hashable:
        """What :meth:`follow` depends on, besides the picture's shape."""
        return self._decay

    @property
    def variables(self) -> Averaged:
        """What :meth:`follow` changes."""
        if self._variables is None:
            start = self._newest if self._sum is None else self._sum
            self._variables = Averaged(tf.Variable(tf.convert_to_tensor(start), trainable=False), self._sum)
        return self._variables

    def follow(self, variables: Averaged, before: Tensor, image: Tensor) -> None:
        """Take in a picture whose step began at ``before``. For graphs."""
        if variables.sum is None:
            variables.before.assign(before)
            return
        total = tf.convert_to_tensor(variables.sum)
        variables.before.assign(total)
        variables.sum.assign(self._decay * total + (1.0 - self._decay) * image)

    def followed(self, pictures: int) -> Tensor:
        """Count what :meth:`follow` has taken in, at least one; return what the average was before the last of them."""
        before = tf.convert_to_tensor(self.variables.before)
        if self._sum is None:
            return before
        self._count += pictures
        return before / (1.0 - self._decay ** (self._count - 1))

    # --- checkpoints ---

    def state(self) -> State:
        """Return the running sum and the count; nothing when there is no average."""
        return {} if self._sum is None else {"sum": in_place(self._sum), "count": np.array([self._count])}

    def restore(self, state: State) -> None:
        """Take back what :meth:`state` gave."""
        if self._sum is not None:
            self._sum.assign(state.pop("sum"))
            self._count = int(state["count"][0])
