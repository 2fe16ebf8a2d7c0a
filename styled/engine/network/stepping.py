"""What the engine asks of an optimiser."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from styled.engine.network.graph_cache import GraphCache

Tensor = Any
Gradient = Callable[[Tensor], tuple[Tensor, Tensor]]
"""Maps an image (1, H, W, 3) to its loss terms, shape (n,), and the gradient of the first of them. Compiled or not."""
State = dict[str, npt.NDArray[np.generic]]


@dataclass(frozen=True, slots=True)
class GraphGradient:
    """A :data:`Gradient` that graphs can be made of: it holds nothing of a picture but what it gives to its function."""

    function: Callable[[Tensor, Any], tuple[Tensor, Tensor]]
    """Of an image and ``targets``. For graphs, and eagerly."""
    targets: Any
    """What the image is compared with: nested tensors."""
    key: Hashable
    """What ``function`` depends on: those of one key are alike."""
    loops: GraphCache[Callable[..., Any]]
    """Where to keep graphs of several steps."""

    def __call__(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """See :data:`Gradient`."""
        return self.function(image, self.targets)


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


def then(
    gradient: Gradient,
    function: Callable[[Tensor, Tensor, Tensor, Any], tuple[Tensor, Tensor]],
    given: Any,
    key: Hashable,
) -> Gradient:
    """Return a gradient with ``function`` applied to what it gives; it is one for graphs if ``gradient`` is.

    Args:
        gradient: of an objective.
        function: of the image, its terms and its gradient, and of ``given``; returns terms and gradient.
        given: nested tensors, of a picture's own.
        key: what ``function`` depends on.
    """
    if not isinstance(gradient, GraphGradient):
        return lambda image: function(image, *gradient(image), given)
    inner = gradient.function

    def composed(image: Tensor, targets: tuple[Any, Any]) -> tuple[Tensor, Tensor]:
        return function(image, *inner(image, targets[0]), targets[1])

    return GraphGradient(composed, (gradient.targets, given), (key, gradient.key), gradient.loops)


class Method(Protocol):
    """What an optimiser does with a gradient, for pictures of one shape; it knows nothing of a picture but that.

    ``vectors`` are nested variables of the picture's size, ``image`` among them; ``numbers`` is all other state, as nested
    tensors. Both are given to its functions, so that graphs serve each picture of the shape.
    """

    key: Hashable
    """What it depends on: those of one key are alike."""
    steps_alone: int
    """Steps done one by one, for all pictures."""

    def coordinates(self, gradient: Tensor, image: Tensor) -> Any:
        """Return the gradient at an image, each (1, H, W, 3), as :meth:`advanced` takes it. For graphs."""

    def advanced(self, terms: Tensor, gradient: Any, vectors: Any, numbers: Any) -> Any:
        """Move the image, or return to an earlier one; return ``numbers`` as they are then. For graphs.

        Args:
            terms: the losses at the image, shape (n,).
            gradient: from :meth:`coordinates`.
            vectors: changed.
            numbers: stay as they are.
        """


class Optimizer(Stateful, Protocol):
    """What the engine needs of an optimiser; its state is everything but the image."""

    gradient: Gradient
    """The objective."""
    vectors: Any
    """See :class:`Method`."""
    numbers: Any
    """See :class:`Method`."""

    @property
    def method(self) -> Method:
        """What it does with a gradient."""

    @property
    def image(self) -> Tensor:
        """``tf.Variable``, float32, shape (1, H, W, 3), 0..255."""

    def step(self) -> Tensor:
        """Evaluate the gradient once, move the image, return the loss terms *before* the move, shape (n,)."""

    def curvature(self) -> State:
        """Return what it has learned that is true at other sizes too."""

    def expect(self, curvature: Mapping[str, npt.NDArray[np.generic]]) -> None:
        """Before the first step: begin with what :meth:`curvature` gave at another size."""
