"""When a scale has nothing more to show: the picture hardly changes any more."""

from __future__ import annotations

import sys

import numpy as np
import tensorflow as tf

from styled.engine.network.stepping import State, Tensor, in_place

WINDOW = 10
"""Steps between two pictures that are compared."""

INVISIBLE = 1.0
"""Root mean square change over a window, in levels of 0..255, below which a scale ends: 48 dB, where two pictures shown
in turn look the same."""


class Plateau:
    """Compares the picture with that of :data:`WINDOW` steps before.

    Args:
        image: float32, shape (1, H, W, 3), 0..255: where the scale starts.
        is_asked: False never finds a plateau, and keeps no picture.
    """

    def __init__(self, image: Tensor, *, is_asked: bool) -> None:
        self._before = tf.identity(image) if is_asked else None
        self._steps = 0
        self.reached = False
        """Nothing visible changes any more."""

    @property
    def steps_left(self) -> int:
        """Steps until the next picture is compared; more than there can be when none is."""
        return sys.maxsize if self._before is None else WINDOW - self._steps % WINDOW

    def look(self, image: Tensor, steps: int = 1) -> None:
        """Look at the picture after so many steps, at most :attr:`steps_left`."""
        if self._before is None:
            return
        self._steps += steps
        if self._steps % WINDOW == 0:
            change = float(tf.sqrt(tf.reduce_mean(tf.square(_shown(image) - _shown(self._before)))))
            self.reached = change < INVISIBLE
            self._before = tf.identity(image)

    def state(self) -> State:
        """Return the picture that is compared with, and the steps; nothing when not asked."""
        if self._before is None:
            return {}
        return {"before": in_place(self._before), "steps": np.array([self._steps])}

    def restore(self, state: State) -> None:
        """Take back what :meth:`state` gave."""
        if self._before is not None:
            self._before = tf.constant(state["before"])
            self._steps = int(state["steps"][0])


def _shown(image: Tensor) -> Tensor:
    return tf.clip_by_value(image, 0.0, 255.0)
