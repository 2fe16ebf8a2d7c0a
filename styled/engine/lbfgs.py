"""L-BFGS on the device, without a line search: one gradient per step.

Nocedal, "Updating Quasi-Newton Matrices with Limited Storage" (1980); Liu & Nocedal (1989). The image-sized
vectors stay on the device; decisions and the small matrices are made on the host,
in float64.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from styled.engine.metric import Metric
from styled.engine.stepping import Gradient, State, Tensor, in_place

Floats = npt.NDArray[np.float64]

_VECTORS = ("best", "last_move", "last_gradient")
_PAIRS = ("moves", "changes")
_MATRICES = ("move_dot_change", "order")
_NUMBERS = ("count", "stamp", "best_loss", "scale", "caution")


class LBFGS:
    """Minimise by the compact form of the inverse Hessian (Byrd, Nocedal & Schnabel 1994, theorem 2.2).

    With R the upper triangle of ``S^T Y`` and D its diagonal, the direction is ``H0 q + S c`` for ``p = R^-1 S^T g``,
    ``q = g - Y p`` and ``c = R^-T (D p - Y^T H0 q)``: four passes over the history where the two-loop recursion makes
    a sequence of 4m vector operations. Differences from the textbook:

    - ``H0`` is a :class:`~styled.engine.metric.Metric` that may change in every step, times the factor that makes it
      right along the newest pair.
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
        metric: the first guess of the inverse Hessian.
    """

    first_move = 2.0
    largest_move = 30.0
    tolerated_growth = 4.0

    def __init__(self, image: Tensor, gradient: Gradient, *, history: int, metric: Metric) -> None:
        size = int(np.prod(image.shape))
        dtype = image.dtype
        self._gradient = gradient
        self._metric = metric
        self.image = tf.Variable(image, trainable=False)
        self.best = tf.Variable(image, trainable=False)
        # A variable for each pair: rows of one could be assigned only at the price of a copy with every read. All
        # share the same zeros until they are filled.
        zeros = tf.zeros((size,), dtype)
        self.moves = [tf.Variable(zeros, trainable=False) for _ in range(history)]  # s_i, one a slot
        self.changes = [tf.Variable(zeros, trainable=False) for _ in range(history)]  # y_i
        self.last_move = tf.Variable(zeros, trainable=False)
        self.last_gradient = tf.Variable(zeros, trainable=False)
        self.move_dot_change: Floats = np.zeros((history, history))  # S^T Y, in slot order
        self.order = np.zeros(history, np.int64)  # when each slot was filled, 0 = empty
        self.count = 0  # moves since the last reset
        self.stamp = 0  # pairs ever kept
        self.best_loss = math.inf
        self.scale = 1.0  # gamma: the factor of the metric
        self.caution = 1.0  # halves with each reset
        self._curvature = tf.function(self._curvature_of, autograph=False)
        self._look = tf.function(self._energies_of, autograph=False)
        self._project = tf.function(self._products, autograph=False)
        self._guess = tf.function(self._guess_of, autograph=False)
        self._apply = tf.function(self._move_by, autograph=False)

    def step(self) -> Tensor:
        """See :class:`styled.engine.stepping.Optimizer`."""
        terms, gradient = self._gradient(tf.convert_to_tensor(self.image))
        flat = tf.reshape(gradient, [-1])
        loss = float(terms[0])
        if not math.isfinite(loss) or loss > self.tolerated_growth * self.best_loss:
            self._go_back()
            return terms
        if loss < self.best_loss:
            self.best_loss = loss
            self.best.assign(self.image)
        if self.count > 0:
            self._remember(flat)
        self._move(flat)
        return terms

    def _go_back(self) -> None:
        """Return to the best picture with an empty history; the gradient there is taken by the next step."""
        self.image.assign(self.best)
        self.order[:] = 0
        self.count = 0
        self.caution *= 0.5

    def _remember(self, gradient: Tensor) -> None:
        """Keep the newest pair in the oldest slot, if its curvature is positive."""
        curvature, change, move = self._curvature(gradient).numpy()  # s^T y, y^T y, s^T s
        if not curvature > 1e-8 * math.sqrt(change * move):
            return
        slot = int(np.argmin(self.order))
        self.moves[slot].assign(self.last_move)
        self.changes[slot].assign(gradient - self.last_gradient)
        with_moves = self._project(tf.convert_to_tensor(self.changes[slot])).numpy()
        of_move, of_change = (
            self._look(tf.convert_to_tensor(each[slot])).numpy() for each in (self.moves, self.changes)
        )
        # The row of S^T Y is not needed: only pairs i older than j are read, and this one is the youngest.
        self.move_dot_change[:, slot] = with_moves
        self.stamp += 1
        self.order[slot] = self.stamp
        self._metric.learn(of_move, of_change, float(curvature))
        self.scale = float(curvature / (self._metric.factors @ of_change))

    def _move(self, gradient: Tensor) -> None:
        with_moves, squared = self._project(gradient).numpy(), float(_dot(gradient, gradient))
        dtype, root = gradient.dtype, math.sqrt(gradient.shape[0])
        if not self.order.any():
            length = self.caution * self.first_move * root
            direction, for_moves = gradient, np.zeros(len(self.order))
            scale = length / max(math.sqrt(squared), 1e-300)
        else:
            length, scale = self.caution * self.largest_move * root, 1.0
            by_age = np.argsort(self.order)[-np.count_nonzero(self.order) :]
            upper = np.triu(self.move_dot_change[np.ix_(by_age, by_age)])  # R
            for_changes, for_moves = np.zeros((2, len(self.order)))
            for_changes[by_age] = solved = np.linalg.solve(upper, with_moves[by_age])
            factors = (self.scale * self._metric.factors, for_changes)
            direction, with_changes = self._guess(gradient, *(tf.constant(each, dtype) for each in factors))
            right = np.diag(upper) * solved - with_changes.numpy()[by_age]
            for_moves[by_age] = np.linalg.solve(upper.T, right)
        self._apply(gradient, direction, *(tf.constant(each, dtype) for each in (scale, for_moves, length)))
        self.count += 1

    # --- on the device ---

    def _curvature_of(self, gradient: Tensor) -> Tensor:
        change = gradient - self.last_gradient
        move = tf.convert_to_tensor(self.last_move)
        return tf.stack([_dot(move, change), _dot(change, change), _dot(move, move)])

    def _energies_of(self, vector: Tensor) -> Tensor:
        """Return the energies of a vector in the metric's bands."""
        return self._metric.energies(vector)

    def _products(self, vector: Tensor) -> Tensor:
        """Return ``S^T v``."""
        return _dots(self.moves, vector)

    def _guess_of(self, gradient: Tensor, factors: Tensor, for_changes: Tensor) -> tuple[Tensor, Tensor]:
        """Return ``H0 q`` and ``Y^T H0 q`` for ``q = g - Y p``."""
        guess = self._metric.apply(_added(gradient, self.changes, -for_changes), factors)
        return guess, _dots(self.changes, guess)

    def _move_by(self, gradient: Tensor, guess: Tensor, scale: Tensor, for_moves: Tensor, largest: Tensor) -> None:
        """Move the image by ``-(scale guess + S c)``, shortened to a length of at most ``largest``."""
        direction = _added(scale * guess, self.moves, for_moves)
        length = tf.sqrt(_dot(direction, direction))
        factor = tf.minimum(tf.constant(1.0, tf.float64), _wide(largest) / tf.maximum(length, 1e-300))
        move = -tf.cast(factor, direction.dtype) * direction
        self.last_move.assign(move)
        self.last_gradient.assign(gradient)
        self.image.assign_add(tf.reshape(move, self.image.shape))

    # --- checkpoints ---

    def state(self) -> State:
        """Return the history and its bookkeeping."""
        vectors = {name: in_place(getattr(self, name)) for name in _VECTORS}
        filled = [slot for slot, stamp in enumerate(self.order) if stamp]
        vectors |= {f"{name}.{slot}": in_place(getattr(self, name)[slot]) for name in _PAIRS for slot in filled}
        matrices = {name: getattr(self, name).copy() for name in _MATRICES}
        return {
            **vectors,
            **matrices,
            **{name: np.array([getattr(self, name)]) for name in _NUMBERS},
            **self._metric.state(),
        }

    def restore(self, state: Mapping[str, npt.NDArray[np.generic]]) -> None:
        """Take back what :meth:`state` gave."""
        for name in _VECTORS:
            getattr(self, name).assign(state[name])
        for name in _MATRICES:
            setattr(self, name, np.array(state[name]))
        # As many pairs as then, whatever memory there is now: else it would paint another picture.
        zeros = tf.zeros_like(self.last_move)
        for name in _PAIRS:
            pairs = [state.get(f"{name}.{slot}", zeros) for slot in range(len(self.order))]
            setattr(self, name, [tf.Variable(each, trainable=False) for each in pairs])
        for name in _NUMBERS:
            setattr(self, name, state[name][0].item())
        self._metric.restore(state)


def _wide(x: Tensor) -> Any:
    return tf.cast(x, tf.float64)


def _dot(a: Tensor, b: Tensor) -> Tensor:
    # Not tensordot, which is slower by far: it makes a matrix product of one row and one column. Summed in the
    # vectors' dtype by blocks; the scalar goes on in float64.
    return _wide(tf.reduce_sum(a * b))


def _dots(pairs: Sequence[Tensor], vector: Tensor) -> Tensor:
    """Return the product of each of ``pairs`` with ``vector``, float64, shape (pairs,)."""
    found: list[Tensor] = []
    for each in pairs:
        with tf.control_dependencies(found[-1:]):  # one after another: each holds an image while it is computed
            found.append(_dot(each, vector))
    return tf.stack(found)


def _added(vector: Tensor, pairs: Sequence[Tensor], factors: Tensor) -> Tensor:
    """Return ``vector`` plus each of ``pairs`` times its factor."""
    for slot, each in enumerate(pairs):
        with tf.control_dependencies([vector]):
            vector += factors[slot] * each
    return vector
