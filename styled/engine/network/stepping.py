"""What the engine asks of an optimiser."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import tensorflow as tf

Tensor = Any
Gradient = Callable[[Tensor], tuple[Tensor, Tensor]]
"""Maps an image (1, H, W, 3) to its loss terms, shape (n,), and the gradient of the first of them. Compiled or not."""
State = dict[str, npt.NDArray[np.generic]]


def in_place(variable: Tensor) -> npt.NDArray[Any]:
    """Return a variable's or tensor's numbers without copying them, where the device's memory is this process's.

    Read-only. A later change of the variable leaves them as they were: while they are held it gets memory of its own.
    """
    return np.asarray(tf.convert_to_tensor(variable))


class Stateful(Protocol):
    """What has a part in a checkpoint."""

    def state(self) -> State:
        """Return it as arrays."""

    def restore(self, state: State) -> None:
        """Take back what :meth:`state` gave. What is large may be taken out of ``state``: else it is there twice."""


class Optimizer(Stateful, Protocol):
    """What the engine needs of an optimiser; its state is everything but the image."""

    @property
    def image(self) -> Tensor:
        """``tf.Variable``, float32, shape (1, H, W, 3), 0..255."""

    def step(self) -> Tensor:
        """Evaluate the gradient once, move the image, return the loss terms *before* the move, shape (n,)."""

    def curvature(self) -> State:
        """Return what it has learned that is true at other sizes too."""

    def expect(self, curvature: Mapping[str, npt.NDArray[np.generic]]) -> None:
        """Before the first step: begin with what :meth:`curvature` gave at another size."""
