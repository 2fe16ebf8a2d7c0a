"""Adam and L-BFGS on the device, for one image and one gradient per step.

Both keep the image and their state in ``tf.Variable``s, so that a step is two compiled calls, one for the
gradient and one for the move, and nothing but four loss terms travels to the host. Both give their state as
plain arrays and take it back, bit for bit.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from styled.settings import Settings

Tensor = Any
Gradient = Callable[[Tensor], tuple[Tensor, Tensor]]
"""Maps an image (1, H, W, 3) to its loss terms, shape (4,), and the gradient of the first of them. Compiled or not."""
State = dict[str, npt.NDArray[np.generic]]


class Optimizer(Protocol):
    """What the engine needs of an optimiser."""

    image: Any
    """``tf.Variable``, float32, shape (1, H, W, 3), 0..255."""

    def step(self) -> Tensor:
        """Evaluate the gradient once, move the image, return the loss terms *before* the move, shape (4,)."""

    def state(self) -> State:
        """Return everything but the image, as arrays."""

    def restore(self, state: Mapping[str, npt.NDArray[np.generic]]) -> None:
        """Take back what :meth:`state` gave."""


def optimizer_for(settings: Settings, image: Tensor, gradient: Gradient) -> Optimizer:
    """Build the optimiser that ``settings`` name, starting at ``image`` (1, H, W, 3)."""
    if settings.optimizer == "adam":
        return Adam(image, gradient, learning_rate=settings.learning_rate)
    return LBFGS(image, gradient, history=settings.history)


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
        self._apply = tf.function(self._descend)

    def step(self) -> Tensor:
        """See :class:`Optimizer`."""
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

    def state(self) -> State:
        """Return the two moments and the count."""
        return {"first": self._first.numpy(), "second": self._second.numpy(), "count": self._count.numpy()[None]}

    def restore(self, state: Mapping[str, npt.NDArray[np.generic]]) -> None:
        """Take back what :meth:`state` gave."""
        self._first.assign(state["first"])
        self._second.assign(state["second"])
        self._count.assign(state["count"][0])


class LBFGS:
    """L-BFGS (Nocedal 1980; Liu & Nocedal 1989) without a line search: one gradient per step.

    The direction comes from the compact form (Byrd, Nocedal & Schnabel 1994, theorem 2.2): two passes over
    the history instead of the two-loop recursion's sequence of 4m vector operations, the small matrices in
    float64. Differences from the textbook:

    - Step length 1 from the second step on; a pair is kept only if its curvature is positive. The first step
      moves the picture by ``first_move`` levels (root mean square) down the gradient.
    - A step never moves the picture by more than ``largest_move`` levels (root mean square).
    - When the loss grows beyond ``tolerated_growth`` times the best so far, the picture returns to the best one,
      the history is forgotten and the first step is repeated at half its length: without a line search this is
      what keeps a bad pair from ruining a run.

    Args:
        image: float, shape (1, H, W, 3), where to start.
        gradient: the objective.
        history: pairs kept; memory is ``2 * history`` images.
    """

    first_move = 2.0
    largest_move = 30.0
    tolerated_growth = 4.0

    def __init__(self, image: Tensor, gradient: Gradient, *, history: int) -> None:
        size = int(np.prod(image.shape))
        dtype = image.dtype
        self._shape, self._pairs, self._gradient = image.shape, history, gradient

        def variable(value: Tensor) -> Any:
            return tf.Variable(value, trainable=False)

        self.image = variable(image)
        self._best = variable(image)
        self._moves = variable(tf.zeros((history, size), dtype))  # s_i, oldest first once full
        self._changes = variable(tf.zeros((history, size), dtype))  # y_i
        self._last_move = variable(tf.zeros((size,), dtype))
        self._last_gradient = variable(tf.zeros((size,), dtype))
        self._move_dot_change = variable(tf.zeros((history, history), tf.float64))  # S^T Y, in slot order
        self._change_dot_change = variable(tf.zeros((history, history), tf.float64))  # Y^T Y
        self._order = variable(tf.zeros((history,), tf.int64))  # age stamp of each slot, 0 = empty
        self._count = variable(tf.constant(0, tf.int64))  # steps since the last reset
        self._stamp = variable(tf.constant(0, tf.int64))  # pairs ever stored
        self._best_loss = variable(tf.constant(np.inf, tf.float64))
        self._scale = variable(tf.constant(1.0, tf.float64))  # gamma, the initial inverse Hessian
        self._caution = variable(tf.constant(1.0, tf.float64))  # halves with each reset
        self._apply = tf.function(self._descend)

    def step(self) -> Tensor:
        """See :class:`Optimizer`."""
        terms, gradient = self._gradient(tf.convert_to_tensor(self.image))
        self._apply(terms[0], gradient)
        return terms

    def _descend(self, value: Tensor, gradient: Tensor) -> None:
        flat = tf.reshape(gradient, [-1])
        loss = tf.cast(value, tf.float64)
        exploded = tf.logical_or(
            tf.logical_not(tf.math.is_finite(loss)), loss > self.tolerated_growth * self._best_loss
        )
        if exploded:
            self._go_back()
        else:
            if loss < self._best_loss:
                self._best_loss.assign(loss)
                self._best.assign(self.image)
            if self._count > 0:
                self._remember(flat - self._last_gradient)
            self._move(flat)

    def _go_back(self) -> None:
        """Return to the best picture with an empty history; the gradient there is taken by the next step."""
        self.image.assign(self._best)
        self._order.assign(tf.zeros_like(self._order))
        self._count.assign(0)
        self._caution.assign(self._caution * 0.5)

    def _remember(self, change: Tensor) -> None:
        """Store the newest pair over the oldest slot, if its curvature is positive."""
        move = tf.convert_to_tensor(self._last_move)
        curvature = _dot(move, change)
        length = _dot(change, change)
        if curvature > 1e-8 * tf.sqrt(length * _dot(move, move)):
            slot = tf.argmin(self._order)
            self._moves.scatter_nd_update([[slot]], move[None])
            self._changes.scatter_nd_update([[slot]], change[None])
            self._order.scatter_nd_update([[slot]], [self._stamp.assign_add(1)])
            self._move_dot_change.assign(_with_row_and_column(self._move_dot_change, slot, None, self._moves, change))
            self._change_dot_change.assign(
                _with_row_and_column(self._change_dot_change, slot, self._changes, self._changes, change)
            )
            self._scale.assign(curvature / length)

    def _move(self, gradient: Tensor) -> None:
        norm = tf.sqrt(_dot(gradient, gradient))
        root = tf.sqrt(tf.cast(tf.size(gradient), tf.float64))
        if tf.reduce_any(self._order > 0):
            direction = self._direction(gradient)
            length = tf.sqrt(_dot(direction, direction)) / root
            factor = tf.minimum(
                tf.constant(1.0, tf.float64), self._caution * self.largest_move / tf.maximum(length, 1e-300)
            )
        else:
            direction = -gradient
            factor = self._caution * self.first_move * root / tf.maximum(norm, 1e-300)
        move = tf.cast(factor, gradient.dtype) * direction
        self._last_move.assign(move)
        self._last_gradient.assign(gradient)
        self._count.assign_add(1)
        self.image.assign_add(tf.reshape(move, self._shape))

    def _direction(self, gradient: Tensor) -> Tensor:
        """Return ``-H g`` by the compact representation of the inverse Hessian."""
        used = self._order > 0
        ages = tf.where(used, self._order, tf.zeros_like(self._order))
        by_age = tf.argsort(ages)  # empty slots first, as zero rows with a unit diagonal
        gamma = self._scale
        filled = tf.cast(tf.gather(used, by_age), tf.float64)
        both = filled[:, None] * filled[None, :]
        s_y = both * tf.gather(tf.gather(self._move_dot_change, by_age), by_age, axis=1)
        y_y = both * tf.gather(tf.gather(self._change_dot_change, by_age), by_age, axis=1)
        diagonal = tf.linalg.diag_part(s_y)
        upper = tf.linalg.band_part(s_y, 0, -1) + tf.linalg.diag(1.0 - filled)
        s_g = filled * tf.gather(_products(self._moves, gradient), by_age)
        y_g = filled * tf.gather(_products(self._changes, gradient), by_age)
        solved = tf.linalg.triangular_solve(upper, s_g[:, None], lower=False)
        middle = tf.matmul(tf.linalg.diag(diagonal) + gamma * y_y, solved) - gamma * y_g[:, None]
        for_moves = tf.linalg.triangular_solve(upper, middle, lower=False, adjoint=True)[:, 0] * filled
        for_changes = -gamma * solved[:, 0] * filled
        by_slot = tf.argsort(by_age)
        return -(
            tf.cast(gamma, gradient.dtype) * gradient
            + _combination(self._moves, tf.gather(for_moves, by_slot))
            + _combination(self._changes, tf.gather(for_changes, by_slot))
        )

    def _variables(self) -> dict[str, Any]:
        return {
            name.lstrip("_"): value
            for name, value in vars(self).items()
            if isinstance(value, tf.Variable) and name != "image"
        }

    def state(self) -> State:
        """Return the history and its bookkeeping."""
        return {name: np.atleast_1d(value.numpy()) for name, value in self._variables().items()}

    def restore(self, state: Mapping[str, npt.NDArray[np.generic]]) -> None:
        """Take back what :meth:`state` gave."""
        for name, value in self._variables().items():
            value.assign(np.reshape(state[name], value.shape))


def _dot(a: Tensor, b: Tensor) -> Tensor:
    # Summed in float32 by blocks on the device; the scalar goes on in float64.
    return tf.cast(tf.tensordot(a, b, 1), tf.float64)


def _products(rows: Any, vector: Tensor) -> Tensor:
    """Return the dot product of each row, shape (m, N), with ``vector``, shape (N,), as float64 (m,)."""
    return tf.cast(tf.linalg.matvec(rows, vector), tf.float64)


def _combination(rows: Any, coefficients: Tensor) -> Tensor:
    """Return the sum of the rows, shape (m, N), times ``coefficients``, shape (m,)."""
    return tf.linalg.matvec(rows, tf.cast(coefficients, rows.dtype), transpose_a=True)


def _with_row_and_column(matrix: Any, slot: Tensor, left: Any, right: Any, vector: Tensor) -> Tensor:
    """Return ``matrix`` with column ``slot`` = right rows · vector, and, if ``left`` is given, the row as well.

    Without ``left`` the row is not needed: only pairs i older than j are read from ``S^T Y``, and a new
    pair is the youngest, so its row holds values from before it only where nobody looks.
    """
    column = _products(right, vector)
    at_slot = tf.one_hot(slot, matrix.shape[0], dtype=matrix.dtype)
    result = matrix * (1.0 - at_slot)[None, :] + column[:, None] * at_slot[None, :]
    if left is not None:
        result = result * (1.0 - at_slot)[:, None] + at_slot[:, None] * column[None, :]
    return result
