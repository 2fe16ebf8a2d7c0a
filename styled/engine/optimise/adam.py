"""Adam on the device: what follows a gradient is one graph."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from styled.engine.network.fused import fused, total
from styled.engine.network.graph_cache import GraphCache
from styled.engine.network.stepping import Gradient, State, Tensor, in_place

BETA1, BETA2 = 0.9, 0.99
"""What the running means keep of themselves in a step."""


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
        self.gradient = gradient
        self.method = _Method.kept(image)
        self.vectors = _Vectors(
            *(tf.Variable(each, trainable=False) for each in (image, tf.zeros_like(image), tf.zeros_like(image)))
        )
        self.numbers = _Numbers(tf.zeros((), tf.float64), tf.constant(learning_rate, tf.float64))

    @property
    def image(self) -> Tensor:
        """See :class:`styled.engine.network.stepping.Optimizer`."""
        return self.vectors.image

    def step(self) -> Tensor:
        """See :class:`styled.engine.network.stepping.Optimizer`."""
        terms, gradient = self.gradient(tf.convert_to_tensor(self.image))
        self.numbers = self.method.move(terms, gradient, self.vectors, self.numbers)
        self.method.steps_alone += 1
        return terms

    def curvature(self) -> State:
        """See :class:`styled.engine.network.stepping.Optimizer`; moments are of one picture."""
        return {}

    def expect(self, curvature: Mapping[str, npt.NDArray[np.generic]]) -> None:
        """See :class:`styled.engine.network.stepping.Optimizer`."""

    def state(self) -> State:
        """Return the two moments and the count."""
        count = np.array([int(self.numbers.count)])
        return {"first": in_place(self.vectors.first), "second": in_place(self.vectors.second), "count": count}

    def restore(self, state: State) -> None:
        """Take back what :meth:`state` gave."""
        self.vectors.first.assign(state.pop("first"))
        self.vectors.second.assign(state.pop("second"))
        self.numbers = self.numbers._replace(count=tf.constant(state["count"][0].item(), tf.float64))


class _Vectors(NamedTuple):
    """Variables like the picture, shape (1, H, W, 3). A graph is given them, so that it serves each picture of their shape."""

    image: Tensor
    first: Tensor
    """Running mean of the gradient, too small by its start at zero."""
    second: Tensor
    """That of its square."""


class _Numbers(NamedTuple):
    """All other state: scalars, float64."""

    count: Tensor
    """Steps done."""
    learning_rate: Tensor


class _Method:
    """See :class:`styled.engine.network.stepping.Method`.

    Args:
        image: those that it is for have its shape and dtype.
    """

    _cache: GraphCache[_Method] = GraphCache()

    def __init__(self, image: Tensor) -> None:
        self.key: Hashable = ("adam", tuple(image.shape), image.dtype)
        self.steps_alone = 0
        self._elements = image.shape.num_elements()
        self._learn, self._move = fused(_learned, self._elements), fused(_moved, self._elements)
        self.move: Callable[..., _Numbers] = tf.function(self.advanced, autograph=False)

    @classmethod
    def kept(cls, image: Tensor) -> _Method:
        """Return the one for images like this, made once while it is kept."""
        return cls._cache.get(
            (tuple(image.shape), image.dtype), lambda: cls(image), elements=image.shape.num_elements()
        )

    def coordinates(self, gradient: Tensor, image: Tensor) -> Tensor:  # noqa: ARG002  # it moves each value by its own: clipping is enough
        """See :class:`styled.engine.network.stepping.Method`."""
        return gradient

    def advanced(self, terms: Tensor, gradient: Tensor, vectors: _Vectors, numbers: _Numbers) -> _Numbers:  # noqa: ARG002  # it goes on whatever the losses are
        """See :class:`styled.engine.network.stepping.Method`."""
        image, first, second = (tf.convert_to_tensor(each) for each in vectors)
        first, second, squares = self._learn(first, second, gradient)
        vectors.first.assign(first)
        vectors.second.assign(second)
        count = numbers.count + 1.0
        # The moments are corrected for their start at zero, here in the factors that they come with.
        of_first, of_second = (1.0 / (1.0 - tf.pow(tf.constant(beta, tf.float64), count)) for beta in (BETA1, BETA2))
        epsilon = 0.1 * tf.sqrt(squares / self._elements * of_second) + 1e-30
        factors = tf.cast(tf.stack([numbers.learning_rate * of_first, of_second, epsilon]), image.dtype)
        vectors.image.assign(self._move(image, first, second, factors))
        return numbers._replace(count=count)


def _learned(first: Tensor, second: Tensor, gradient: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return the running means of the gradient and of its square, and the sum of the latter, float64."""
    first = BETA1 * first + (1.0 - BETA1) * gradient
    second = BETA2 * second + (1.0 - BETA2) * tf.square(gradient)
    return first, second, total(tf.reshape(second, [second.shape[1], -1]))


def _moved(image: Tensor, first: Tensor, second: Tensor, factors: Tensor) -> Tensor:
    """Return ``image`` moved, but not out of 0..255; ``factors`` are of the move, of ``second``, and epsilon."""
    return tf.clip_by_value(image - factors[0] * first / (tf.sqrt(factors[1] * second) + factors[2]), 0.0, 255.0)
