"""L-BFGS on the device, without a line search: one gradient per step.

Nocedal, "Updating Quasi-Newton Matrices with Limited Storage" (1980); Liu & Nocedal (1989). What follows a gradient is one
graph: the image-sized vectors are in the coordinates of the preconditioner, decisions and the small matrices in float64.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from styled.engine.network.fused import dot, fused, is_large
from styled.engine.network.graph_cache import GraphCache
from styled.engine.network.stepping import Gradient, State, Tensor, in_place
from styled.engine.optimise import pairs
from styled.engine.optimise.preconditioner import Learned, Preconditioner

DARKEST, BRIGHTEST = 0.0, 255.0
"""What a file can hold."""

_VECTORS = ("best", "last_move", "last_gradient")
_PAIRS = ("moves", "changes")
_NUMBERS = ("scale", "caution")


class _Vectors(NamedTuple):
    """Variables of the size of the picture. A graph is given them, so that it serves each picture of their shape."""

    image: Tensor
    """Float, shape (1, H, W, 3)."""
    best: Tensor
    """The picture with the lowest loss so far, in that form. Its memory is the image's while that is the best."""
    last_move: Tensor
    """Coordinates of the image's last move, shape (rows, columns)."""
    last_gradient: Tensor
    """Coordinates of the gradient where that move began, in that form."""
    moves: list[Tensor]
    """The pairs' moves s, bfloat16 (float64), see :mod:`styled.engine.optimise.pairs`."""
    changes: list[Tensor]
    """Their changes of the gradient, y, likewise."""


class _Slope(NamedTuple):
    """A gradient in the coordinates of the preconditioner, without what a step down it cannot follow."""

    coordinates: Tensor
    """Shape (rows, columns)."""
    is_free: Tensor
    """Bool, shape (1, H, W, 3): where the image may be moved."""


class _Small(NamedTuple):
    """All other state: tensors of float64, scalars where nothing else is said."""

    count: Tensor
    """Moves since the last reset."""
    pairs: Tensor
    """How many there are."""
    scale: Tensor
    """Gamma: the factor of the preconditioner; 0 is unknown, and then there are no pairs."""
    caution: Tensor
    """Halves with each reset."""
    products: Tensor
    """``S^T Y`` by age, shape (history, history), of which the upper triangle is used; as of the identity where there is no pair."""
    learned: Learned
    best_loss: Tensor
    """Lowest so far; infinite before the first step."""


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
      A value at an end of that range that the gradient would take out of it is held for this step, and its gradient
      counts as 0: else what cannot be followed mixes into the direction of all others, and leads them astray, up to
      a picture that is white all over (Bertsekas, "Projected Newton Methods for Optimization Problems with Simple
      Constraints", 1982).
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
        self.gradient = gradient
        self.preconditioner = preconditioner
        self.method = _Method.kept(preconditioner, image, history)
        # All of one dtype share the same zeros until they are filled.
        zeros = tf.zeros(preconditioner.shape(image), image.dtype)
        none = tf.cast(zeros, tf.bfloat16 if image.dtype == tf.float32 else image.dtype)
        self.vectors = _Vectors(
            image=tf.Variable(image, trainable=False),
            best=tf.Variable(image, trainable=False),
            last_move=tf.Variable(zeros, trainable=False),
            last_gradient=tf.Variable(zeros, trainable=False),
            moves=pairs.made([none] * history),
            changes=pairs.made([none] * history),
        )
        zero, one, most = (tf.constant(value, tf.float64) for value in (0.0, 1.0, math.inf))
        none_yet = tf.eye(history, dtype=tf.float64)
        self.numbers = _Small(zero, zero, zero, one, none_yet, preconditioner.learned, most)
        self._size = int(np.prod(image.shape))

    @property
    def image(self) -> Tensor:
        """See :class:`styled.engine.network.stepping.Optimizer`."""
        return self.vectors.image

    @property
    def numbers(self) -> _Small:
        """See :class:`styled.engine.network.stepping.Optimizer`."""
        return self._small

    @numbers.setter
    def numbers(self, numbers: _Small) -> None:
        self._small = numbers
        self.preconditioner.learned = numbers.learned

    @property
    def scale(self) -> float:
        """The factor of the preconditioner; 0 is unknown."""
        return float(self.numbers.scale)

    def step(self) -> Tensor:
        """See :class:`styled.engine.network.stepping.Optimizer`."""
        terms, gradient = self.gradient(tf.convert_to_tensor(self.image))
        loss, best = float(terms.numpy()[0]), float(self.numbers.best_loss)
        # What _Method.advanced decides in its graph, decided here: a third of the operations to compile.
        if not math.isfinite(loss) or loss > self.tolerated_growth * best:
            self.numbers = self.method.gone_back(self.vectors, self.numbers)
        else:
            if loss < best:
                self.vectors.best.assign(self.image)
                self.numbers = self.numbers._replace(best_loss=tf.constant(loss, tf.float64))
            # The name is used again, so that what it stood for is let go of: it may be a gigabyte.
            gradient = self.method.prepare(gradient, self.image)
            self.numbers = self.method.move(gradient, self.vectors, self.numbers)
        self.method.steps_alone += 1
        return terms

    def curvature(self) -> State:
        """See :class:`styled.engine.network.stepping.Optimizer`."""
        return {**self.preconditioner.state(), "scale_px": np.array([self.scale / self._size])}

    def expect(self, curvature: Mapping[str, npt.NDArray[np.generic]]) -> None:
        """See :class:`styled.engine.network.stepping.Optimizer`."""
        self.preconditioner.restore(dict(curvature))
        scale = tf.constant(curvature["scale_px"][0].item() * self._size, tf.float64)
        self.numbers = self.numbers._replace(scale=scale, learned=self.preconditioner.learned)

    # --- checkpoints ---

    def state(self) -> State:
        """Return the history and its bookkeeping.

        ``order`` says for each slot when it was filled, 0 for never: younger pairs have larger numbers.
        """
        small, history = self.numbers, int(self.numbers.products.shape[0])
        filled = int(small.pairs)
        held = {
            f"{name}.{slot}": array
            for name in _PAIRS
            for slot, array in enumerate(
                pairs.for_checkpoint(getattr(self.vectors, name), filled), start=history - filled
            )
        }
        return {
            **{name: in_place(getattr(self.vectors, name)) for name in _VECTORS},
            **held,
            "move_dot_change": in_place(small.products),
            "order": np.maximum(np.arange(history) + 1 + filled - history, 0),
            "count": np.array([int(small.count)]),
            "stamp": np.array([filled]),
            "best_loss": np.array([float(small.best_loss)]),
            **{name: np.array([float(getattr(small, name))]) for name in _NUMBERS},
            **self.preconditioner.state(),
        }

    def restore(self, state: State) -> None:
        """Take back what :meth:`state` gave, or that of a version whose slots were in another order."""
        for name in _VECTORS:
            getattr(self.vectors, name).assign(state.pop(name))
        order = state["order"].astype(np.int64)
        # As many pairs as then, whatever memory there is now: else it would paint another picture.
        by_age = np.argsort(order, kind="stable")
        none = tf.zeros_like(self.vectors.last_move, self.vectors.moves[0].dtype)
        restored = {
            name: pairs.from_checkpoint((state.pop(f"{name}.{at}") if order[at] else None for at in by_age), none)
            for name in _PAIRS
        }
        self.vectors = self.vectors._replace(**restored)
        self.method = _Method.kept(self.preconditioner, self.image, len(order))
        self.preconditioner.restore(state)
        is_filled = order[by_age] > 0
        products = np.asarray(state["move_dot_change"])[np.ix_(by_age, by_age)]
        numbers = {name: tf.constant(state[name][0].item(), tf.float64) for name in ("count", "best_loss", *_NUMBERS)}
        self.numbers = _Small(
            **numbers,
            pairs=tf.constant(np.count_nonzero(order), tf.float64),
            products=tf.constant(np.where(is_filled[:, None] & is_filled, products, np.eye(len(order)))),
            learned=self.preconditioner.learned,
        )


class _Method:
    """What follows a gradient, for pictures of one shape: graphs that know nothing of a picture but its shape.

    Args:
        preconditioner: those that graphs are shared with differ in nothing but what they have learned.
        image: float, shape (1, H, W, 3).
        history: pairs.
    """

    _cache: GraphCache[_Method] = GraphCache()

    def __init__(self, preconditioner: Preconditioner, image: Tensor, history: int) -> None:
        self.key: Hashable = ("lbfgs", *_key(preconditioner, image, history))
        self.steps_alone = 0
        self._preconditioner, self._history, self._dtype = preconditioner, history, image.dtype
        size = int(np.prod(image.shape))
        self._root = math.sqrt(size)
        # Where memory counts, two graphs: the image's gradient is not needed in the second. Else one is sooner started.
        is_apart = is_large(image)
        self.prepare: Callable[[Tensor, Tensor], Any] = (
            tf.function(self.coordinates, autograph=False) if is_apart else lambda gradient, _image: gradient
        )
        self.move: Callable[..., _Small] = tf.function(
            self._moved_on if is_apart else self._moved_on_by_image, autograph=False
        )
        self._inward, self._change, self._moved = (fused(each, size) for each in (_inward, _change, _moved))
        self._dots, self._direction = fused(pairs.dots, size), fused(_direction, size)
        self._guess = fused(self._guess_and_products, size)

    @classmethod
    def kept(cls, preconditioner: Preconditioner, image: Tensor, history: int) -> _Method:
        """Return the one for images like this, made once while it is kept."""
        key = _key(preconditioner, image, history)
        return cls._cache.get(key, lambda: cls(preconditioner, image, history), elements=int(np.prod(image.shape)))

    def coordinates(self, gradient: Tensor, image: Tensor) -> _Slope:
        """See :class:`styled.engine.network.stepping.Method`."""
        inward, is_free = self._inward(gradient, tf.convert_to_tensor(image))
        return _Slope(self._preconditioner.coordinates(inward), is_free)

    def advanced(self, terms: Tensor, gradient: _Slope, vectors: _Vectors, small: _Small) -> _Small:
        """See :class:`styled.engine.network.stepping.Method`."""
        loss = tf.cast(terms[0], tf.float64)
        is_good = tf.math.is_finite(loss) & (loss <= LBFGS.tolerated_growth * small.best_loss)

        def accepted() -> _Small:
            image = tf.convert_to_tensor(vectors.image)
            # What they return is not used: branches must return something.
            tf.cond(loss < small.best_loss, lambda: (vectors.best.assign(image), True)[1], lambda: False)
            return self._moved_on(gradient, vectors, small._replace(best_loss=tf.minimum(loss, small.best_loss)))

        result: _Small = tf.cond(is_good, accepted, lambda: self.gone_back(vectors, small))
        return result

    def gone_back(self, vectors: _Vectors, small: _Small) -> _Small:
        """Return to the best picture with an empty history; the gradient there is taken by the next step."""
        vectors.image.assign(tf.convert_to_tensor(vectors.best))
        pairs.clear(vectors.moves)
        pairs.clear(vectors.changes)
        zero, none = tf.zeros((), tf.float64), tf.eye(self._history, dtype=tf.float64)
        return small._replace(count=zero, pairs=zero, scale=zero, caution=0.5 * small.caution, products=none)

    def _moved_on_by_image(self, gradient: Tensor, vectors: _Vectors, small: _Small) -> _Small:
        return self._moved_on(self.coordinates(gradient, vectors.image), vectors, small)

    def _moved_on(self, slope: _Slope, vectors: _Vectors, small: _Small) -> _Small:
        """Take in the newest pair, if its curvature is positive, and move by what all of them tell.

        Args:
            slope: at the image.
            vectors: changed.
            small: stays as it is.

        Returns:
            What ``small`` is then.
        """
        gradient = slope.coordinates
        change, found = self._change(gradient, *pairs.values([vectors.last_gradient, vectors.last_move]))
        curvature, of_change, of_move = tf.unstack(found)  # s^T y, y^T y, s^T s
        is_kept = (small.count > 0.0) & (curvature > 1e-8 * tf.sqrt(of_change * of_move))
        known = small.pairs, small.scale, small.products, small.learned
        known = tf.cond(is_kept, lambda: self._remembered(change, curvature, vectors, small), lambda: known)
        small = small._replace(**dict(zip(("pairs", "scale", "products", "learned"), known, strict=True)))
        vectors.last_gradient.assign(gradient)
        guess, for_moves = self._guessed(gradient, vectors, small)
        direction, squared = self._direction(guess, pairs.values(vectors.moves), for_moves)
        norm, root = tf.sqrt(squared), self._root * small.caution
        factor = tf.where(
            small.scale > 0.0,
            tf.minimum(LBFGS.largest_move * root / tf.maximum(norm, 1e-300), 1.0),
            # At a minimum it stays: infinity times 0 is no number.
            tf.math.divide_no_nan(LBFGS.first_move * root, tf.where(norm > 1e-30, norm, 0.0)),
        )
        image = tf.convert_to_tensor(vectors.image)
        direction = self._preconditioner.image(direction)
        image, moved = self._moved(image, direction, tf.cast(-factor, self._dtype), slope.is_free)
        vectors.image.assign(image)
        vectors.last_move.assign(self._preconditioner.coordinates(moved))
        return small._replace(count=small.count + 1.0)

    def _remembered(
        self, change: Tensor, curvature: Tensor, vectors: _Vectors, small: _Small
    ) -> tuple[Tensor, Tensor, Tensor, Learned]:
        """Keep the newest pair, in place of the oldest if there are as many as may be.

        Returns:
            What ``pairs``, ``scale``, ``products`` and ``learned`` of ``small`` are then.
        """
        move = tf.convert_to_tensor(vectors.last_move)
        pairs.append(vectors.moves, move)
        pairs.append(vectors.changes, change)
        of_move, of_change = tf.unstack(self._preconditioner.energies([move, change]))
        learned = self._preconditioner.learned_from(small.learned, of_move, of_change, curvature)
        as_kept = tf.cast(tf.cast(change, vectors.changes[0].dtype), self._dtype)
        column = self._dots(pairs.values(vectors.moves), as_kept)
        # All others move up by one. The last row is not needed: only pairs i older than j are read.
        is_youngest = tf.constant(np.arange(self._history) == self._history - 1)
        products = tf.where(is_youngest, tf.reshape(column, [-1, 1]), tf.roll(small.products, [-1, -1], [0, 1]))
        scale = curvature / tf.reduce_sum(learned.factors * of_change)
        return tf.minimum(small.pairs + 1.0, float(self._history)), scale, products, learned

    def _guessed(self, gradient: Tensor, vectors: _Vectors, small: _Small) -> tuple[Tensor, Tensor]:
        """Return ``H0 q`` and ``c``, shape (history,), see :class:`LBFGS`; without pairs ``H0 g`` and zeros.

        Where nothing is known of the curvature either, H0 is 1 for what may be moved, 0 for the rest.
        """
        factors = small.learned.factors
        bands = tf.where(small.scale > 0.0, small.scale * factors, tf.sign(factors))
        with_moves = self._dots(pairs.values(vectors.moves), gradient)  # S^T g
        for_changes = _solved(small.products, with_moves)  # p
        guess, with_changes = self._guess(
            gradient, pairs.values(vectors.changes), tf.cast(bands, self._dtype), tf.cast(for_changes, self._dtype)
        )
        right = tf.linalg.diag_part(small.products) * for_changes - with_changes
        return guess, tf.cast(_solved(small.products, right, adjoint=True), self._dtype)

    def _guess_and_products(
        self, gradient: Tensor, changes: Sequence[Tensor], factors: Tensor, for_changes: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Return ``H0 q`` and ``Y^T H0 q`` for ``q = g - Y p``."""
        guess = self._preconditioner.apply(pairs.added(gradient, changes, -for_changes), factors)
        return guess, pairs.dots(changes, guess)


def _key(preconditioner: Preconditioner, image: Tensor, history: int) -> tuple[Hashable, ...]:
    """Return what a :class:`_Method` depends on."""
    return preconditioner.key, tuple(image.shape), image.dtype, history


def _solved(matrix: Tensor, right: Tensor, *, adjoint: bool = False) -> Tensor:
    """Return the solution of ``R x = b``, or ``R' x = b``, with R the upper triangle of a matrix (n, n), and b (n,)."""
    column = tf.reshape(right, [-1, 1])  # (n,) -> (n, 1)
    return tf.reshape(tf.linalg.triangular_solve(matrix, column, lower=False, adjoint=adjoint), [-1])


def _inward(gradient: Tensor, image: Tensor) -> tuple[Tensor, Tensor]:
    """Return a gradient with 0 where a step down it would take the image out of 0..255, and where it would not."""
    is_free = ~(((image <= DARKEST) & (gradient > 0.0)) | ((image >= BRIGHTEST) & (gradient < 0.0)))
    return tf.where(is_free, gradient, tf.zeros_like(gradient)), is_free


def _change(gradient: Tensor, before: Tensor, move: Tensor) -> tuple[Tensor, Tensor]:
    """Return the change ``y`` of the gradient, and ``s^T y``, ``y^T y`` and ``s^T s`` with the ``move`` s."""
    change = gradient - before
    return change, tf.stack([dot(move, change), dot(change, change), dot(move, move)])


def _direction(guess: Tensor, moves: Sequence[Tensor], for_moves: Tensor) -> tuple[Tensor, Tensor]:
    """Return ``guess + S c`` and its squared length, float64."""
    direction = pairs.added(guess, moves, for_moves)
    return direction, dot(direction, direction)


def _moved(image: Tensor, direction: Tensor, factor: Tensor, is_free: Tensor) -> tuple[Tensor, Tensor]:
    """Return ``image`` moved by ``factor direction`` where it is free, but not out of 0..255, and the move that was."""
    wanted = tf.where(is_free, factor * direction, tf.zeros_like(direction))
    moved = tf.clip_by_value(image + wanted, DARKEST, BRIGHTEST)
    return moved, moved - image
