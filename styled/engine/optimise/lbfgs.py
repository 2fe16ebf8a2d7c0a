"""L-BFGS on the device, without a line search: one gradient per step.

Nocedal, "Updating Quasi-Newton Matrices with Limited Storage" (1980); Liu & Nocedal (1989). The image-sized
vectors stay on the device, in the coordinates of the preconditioner; decisions and the small matrices are made on the host,
in float64.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from styled.engine.network.fused import dot, fused
from styled.engine.network.graph_cache import GraphCache
from styled.engine.network.stepping import Gradient, State, Tensor, in_place
from styled.engine.optimise.preconditioner import Preconditioner

Floats = npt.NDArray[np.float64]

DARKEST, BRIGHTEST = 0.0, 255.0
"""What a file can hold."""

_VECTORS = ("best", "last_move", "last_gradient")
_PAIRS = ("moves", "changes")
_MATRICES = ("move_dot_change", "order")
_NUMBERS = ("count", "stamp", "best_loss", "scale", "caution")


class _Graphs(NamedTuple):
    """The compiled parts of a step."""

    coordinates: Callable[[Tensor], Tensor]
    image: Callable[[Tensor], Tensor]
    energies: Callable[[Tensor], Tensor]
    change: Callable[..., tuple[Tensor, Tensor]]
    dots: Callable[..., Tensor]
    guess: Callable[..., tuple[Tensor, Tensor]]
    direction: Callable[..., tuple[Tensor, Tensor]]
    apply: Callable[..., tuple[Tensor, Tensor]]


_cache: GraphCache[_Graphs] = GraphCache()


def _graphs_for(preconditioner: Preconditioner, image: Tensor, history: int) -> _Graphs:
    """Return the compiled parts for images like this one, whose metrics differ in nothing but what they have learned."""
    size = int(np.prod(image.shape))

    def guess(gradient: Tensor, changes: Sequence[Tensor], factors: Tensor, for_changes: Tensor) -> Any:
        """Return ``H0 q`` and ``Y^T H0 q`` for ``q = g - Y p``."""
        guess = preconditioner.apply(_added(gradient, changes, -for_changes), factors)
        return guess, _dots(changes, guess)

    def build() -> _Graphs:
        return _Graphs(
            coordinates=tf.function(preconditioner.coordinates, autograph=False),
            image=tf.function(preconditioner.image, autograph=False),
            energies=tf.function(preconditioner.energies, autograph=False),
            change=fused(_change, size),
            dots=fused(_dots, size),
            guess=fused(guess, size),
            direction=fused(_direction, size),
            apply=fused(_moved, size),
        )

    return _cache.get((type(preconditioner), tuple(image.shape), image.dtype, history), build, elements=size)


class LBFGS:
    """Minimise by the compact form of the inverse Hessian (Byrd, Nocedal & Schnabel 1994, theorem 2.2).

    With R the upper triangle of ``S^T Y`` and D its diagonal, the direction is ``H0 q + S c`` for ``p = R^-1 S^T g``,
    ``q = g - Y p`` and ``c = R^-T (D p - Y^T H0 q)``: four passes over the history where the two-loop recursion makes
    a sequence of 4m vector operations. Differences from the textbook:

    - ``H0`` is a :class:`~styled.engine.optimise.preconditioner.Preconditioner` that may change in every step, times the factor that makes it
      right along the newest pair.
    - Step length 1 from the second step on; a pair is kept only if its curvature is positive. The first step is
      ``H0 g`` with the curvature of a coarser scale, if that is known: ``H0`` in half-cycles per pixel is nearly the same
      at all sizes, its factor grows with the pixels (the loss is a mean over them). Else it moves the picture by
      ``first_move`` levels (root mean square) down the gradient.
    - The picture stays inside 0..255, and a pair is of the move that was possible. A picture that is clipped only when
      it is saved has several times the loss of the one that was optimised; this one has no more, after as many steps.
    - Pairs are kept in bfloat16 (float64 stays): half the memory, and as many steps to the same loss.
    - A step never moves the picture by more than ``largest_move`` levels (root mean square).
    - When the loss grows beyond ``tolerated_growth`` times the best so far, the picture returns to the best one,
      the history is forgotten and the first step is repeated at half its length: without a line search this is
      what keeps a bad pair from ruining a run.

    Args:
        image: float, shape (1, H, W, 3), where to start.
        gradient: the objective.
        history: pairs kept; memory is ``history`` float32 images.
        preconditioner: the first guess of the inverse Hessian.
    """

    first_move = 2.0
    largest_move = 30.0
    tolerated_growth = 4.0

    def __init__(self, image: Tensor, gradient: Gradient, *, history: int, preconditioner: Preconditioner) -> None:
        dtype = image.dtype
        self._gradient = gradient
        self.preconditioner = preconditioner
        self._graphs = _graphs_for(preconditioner, image, history)
        self.image = tf.Variable(image, trainable=False)
        self.best = tf.Variable(image, trainable=False)
        # A variable for each pair: rows of one could be assigned only at the price of a copy with every read. All
        # share the same zeros until they are filled.
        zeros = tf.zeros_like(self._graphs.coordinates(image))
        none = tf.cast(zeros, tf.bfloat16 if dtype == tf.float32 else dtype)
        self.moves = [tf.Variable(none, trainable=False) for _ in range(history)]  # s_i, one a slot
        self.changes = [tf.Variable(none, trainable=False) for _ in range(history)]  # y_i
        self.last_move = tf.Variable(zeros, trainable=False)
        self.last_gradient = tf.Variable(zeros, trainable=False)
        self.move_dot_change: Floats = np.zeros((history, history))  # S^T Y, in slot order
        self.order = np.zeros(history, np.int64)  # when each slot was filled, 0 = empty
        self.count = 0  # moves since the last reset
        self.stamp = 0  # pairs ever kept
        self.best_loss = math.inf
        self.scale = 0.0  # gamma: the factor of the preconditioner, 0 = unknown
        self.caution = 1.0  # halves with each reset
        self._size = int(np.prod(image.shape))
        self._dtype = dtype

    def step(self) -> Tensor:
        """See :class:`styled.engine.network.stepping.Optimizer`."""
        terms, gradient = self._gradient(tf.convert_to_tensor(self.image))
        loss = float(terms[0])
        if not math.isfinite(loss) or loss > self.tolerated_growth * self.best_loss:
            self._go_back()
            return terms
        if loss < self.best_loss:
            self.best_loss = loss
            self.best.assign(self.image)
        gradient = self._graphs.coordinates(gradient)  # what has been used is let go of at once: it may be a gigabyte
        if self.count > 0:
            self._remember(gradient)
        self._move(gradient)
        return terms

    def _go_back(self) -> None:
        """Return to the best picture with an empty history; the gradient there is taken by the next step."""
        self.image.assign(self.best)
        self.order[:] = 0
        self.count = 0
        self.scale = 0.0
        self.caution *= 0.5

    def _remember(self, gradient: Tensor) -> None:
        """Keep the newest pair in the oldest slot, if its curvature is positive."""
        move = tf.convert_to_tensor(self.last_move)
        change, products = self._graphs.change(gradient, tf.convert_to_tensor(self.last_gradient), move)
        curvature, of_change, of_move = products.numpy()  # s^T y, y^T y, s^T s
        if not curvature > 1e-8 * math.sqrt(of_change * of_move):
            return
        slot = int(np.argmin(self.order))
        dtype = self.moves[slot].dtype
        self.moves[slot].assign(tf.cast(move, dtype))
        self.changes[slot].assign(tf.cast(change, dtype))
        of_move, of_change = self._graphs.energies(move).numpy(), self._graphs.energies(change).numpy()
        # The row of S^T Y is not needed: only pairs i older than j are read, and this one is the youngest.
        kept = tf.cast(tf.convert_to_tensor(self.changes[slot]), self._dtype)
        self.move_dot_change[:, slot] = self._graphs.dots(_tensors(self.moves), kept).numpy()
        self.stamp += 1
        self.order[slot] = self.stamp
        self.preconditioner.learn(of_move, of_change, float(curvature))
        self.scale = float(curvature / (self.preconditioner.factors @ of_change))

    def _move(self, gradient: Tensor) -> None:
        root = math.sqrt(self._size)
        pairs = len(self.order)
        length, scale = self.caution * self.largest_move * root, 1.0
        if self.scale == 0.0:
            length = self.caution * self.first_move * root
            movable = self._constant(np.where(self.preconditioner.factors > 0.0, 1.0, 0.0))
            guess, for_moves = self.preconditioner.apply(gradient, movable), np.zeros(pairs)
            norm = math.sqrt(float(self._graphs.dots([guess], guess)[0]))
            scale = length / norm if norm > 1e-30 else 0.0  # at a minimum it stays: infinity times 0 is no number
        else:
            by_age = np.argsort(self.order)[pairs - np.count_nonzero(self.order) :]  # none in a scale's first step
            upper = np.triu(self.move_dot_change[np.ix_(by_age, by_age)])  # R
            for_changes, for_moves = np.zeros((2, pairs))
            with_moves = self._graphs.dots(_tensors(self.moves), gradient).numpy()
            for_changes[by_age] = solved = np.linalg.solve(upper, with_moves[by_age])
            bands = self._constant(self.scale * self.preconditioner.factors)
            guess, with_changes = self._graphs.guess(
                gradient, _tensors(self.changes), bands, self._constant(for_changes)
            )
            right = np.diag(upper) * solved - with_changes.numpy()[by_age]
            for_moves[by_age] = np.linalg.solve(upper.T, right)
        factors = self._constant(scale), self._constant(for_moves)
        self.last_gradient.assign(gradient)
        del gradient
        direction, squared = self._graphs.direction(guess, _tensors(self.moves), *factors)
        del guess
        factor = min(1.0, length / max(math.sqrt(float(squared)), 1e-300))
        direction = self._graphs.image(direction)
        image, moved = self._graphs.apply(tf.convert_to_tensor(self.image), direction, self._constant(-factor))
        del direction
        self.image.assign(image)
        self.last_move.assign(self._graphs.coordinates(moved))
        self.count += 1

    def _constant(self, value: float | Floats) -> Tensor:
        return tf.constant(value, self._dtype)

    def curvature(self) -> State:
        """See :class:`styled.engine.network.stepping.Optimizer`."""
        return {**self.preconditioner.state(), "scale_px": np.array([self.scale / self._size])}

    def expect(self, curvature: Mapping[str, npt.NDArray[np.generic]]) -> None:
        """See :class:`styled.engine.network.stepping.Optimizer`."""
        self.preconditioner.restore(curvature)
        self.scale = curvature["scale_px"][0].item() * self._size

    # --- checkpoints ---

    def state(self) -> State:
        """Return the history and its bookkeeping."""
        vectors = {name: in_place(getattr(self, name)) for name in _VECTORS}
        filled = [slot for slot, stamp in enumerate(self.order) if stamp]
        vectors |= {f"{name}.{slot}": _as_kept(getattr(self, name)[slot]) for name in _PAIRS for slot in filled}
        matrices = {name: getattr(self, name).copy() for name in _MATRICES}
        return {
            **vectors,
            **matrices,
            **{name: np.array([getattr(self, name)]) for name in _NUMBERS},
            **self.preconditioner.state(),
        }

    def restore(self, state: Mapping[str, npt.NDArray[np.generic]]) -> None:
        """Take back what :meth:`state` gave."""
        for name in _VECTORS:
            getattr(self, name).assign(state[name])
        for name in _MATRICES:
            setattr(self, name, np.array(state[name]))
        # As many pairs as then, whatever memory there is now: else it would paint another picture.
        dtype = self.moves[0].dtype
        none = tf.zeros_like(self.last_move, dtype)
        for name in _PAIRS:
            pairs = [state.get(f"{name}.{slot}") for slot in range(len(self.order))]
            tensors = [none if each is None else _from_kept(each, dtype) for each in pairs]
            setattr(self, name, [tf.Variable(each, trainable=False) for each in tensors])
        for name in _NUMBERS:
            setattr(self, name, state[name][0].item())
        self.preconditioner.restore(state)


def _tensors(variables: Sequence[Tensor]) -> list[Tensor]:
    return [tf.convert_to_tensor(each) for each in variables]


def _change(gradient: Tensor, before: Tensor, move: Tensor) -> tuple[Tensor, Tensor]:
    """Return the change ``y`` of the gradient, and ``s^T y``, ``y^T y`` and ``s^T s`` with the ``move`` s."""
    change = gradient - before
    return change, tf.stack([dot(move, change), dot(change, change), dot(move, move)])


def _direction(guess: Tensor, moves: Sequence[Tensor], scale: Tensor, for_moves: Tensor) -> tuple[Tensor, Tensor]:
    """Return ``scale guess + S c`` and its squared length."""
    direction = _added(scale * guess, moves, for_moves)
    return direction, dot(direction, direction)


def _moved(image: Tensor, direction: Tensor, factor: Tensor) -> tuple[Tensor, Tensor]:
    """Return ``image`` moved by ``factor direction``, but not out of 0..255, and the move that was."""
    moved = tf.clip_by_value(image + factor * direction, DARKEST, BRIGHTEST)
    return moved, moved - image


def _dots(pairs: Sequence[Tensor], vector: Tensor) -> Tensor:
    """Return the product of each of ``pairs`` with ``vector``, float64, shape (pairs,)."""
    return tf.stack([dot(tf.cast(each, vector.dtype), vector) for each in pairs])


def _added(vector: Tensor, pairs: Sequence[Tensor], factors: Tensor) -> Tensor:
    """Return ``vector`` plus each of ``pairs`` times its factor."""
    for slot, each in enumerate(pairs):
        vector += factors[slot] * tf.cast(each, vector.dtype)
    return vector


def _as_kept(variable: Tensor) -> npt.NDArray[np.generic]:
    """Return a pair's numbers for a checkpoint: NumPy's files do not know bfloat16, so its bits as uint16."""
    # Turned into bits as a tensor, which copies nothing; NumPy would.
    return in_place(tf.bitcast(variable, tf.uint16) if variable.dtype == tf.bfloat16 else variable)


def _from_kept(array: npt.NDArray[np.generic], dtype: Any) -> Tensor:
    return tf.bitcast(tf.constant(array), tf.bfloat16) if dtype == tf.bfloat16 else tf.constant(array)
