"""What the engine asks of an optimiser."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

Tensor = Any
Gradient = Callable[[Tensor], tuple[Tensor, Tensor]]
"""Maps an image (1, H, W, 3) to its loss terms, shape (n,), and the gradient of the first of them. Compiled or not."""
State = dict[str, npt.NDArray[np.generic]]


class Stateful(Protocol):
    """What has a part in a checkpoint."""

    def state(self) -> State:
        """Return it as arrays."""

    def restore(self, state: Mapping[str, npt.NDArray[np.generic]]) -> None:
        """Take back what :meth:`state` gave."""


class Optimizer(Stateful, Protocol):
    """What the engine needs of an optimiser; its state is everything but the image."""

    image: Any
    """``tf.Variable``, float32, shape (1, H, W, 3), 0..255."""

    def step(self) -> Tensor:
        """Evaluate the gradient once, move the image, return the loss terms *before* the move, shape (n,)."""
