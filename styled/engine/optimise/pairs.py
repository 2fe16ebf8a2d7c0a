"""One half of L-BFGS' pairs, moves or changes of the gradient, by age, the youngest last. For graphs, but for what says else.

Where they are small all are in one variable, shape (pairs, rows, columns): an operation for all of them, and copies of it, cost
less than ten operations. Where they are large each has a variable of its own, shape (rows, columns): the youngest comes in
and all others move up by handing their memory on, and nothing is copied. A place that is empty is zero.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from styled.engine.network.fused import dot, is_large
from styled.engine.network.stepping import Tensor, in_place

Pairs = Sequence[Tensor]
"""Variables, or their values."""


def made(places: Sequence[Tensor]) -> list[Tensor]:
    """Return variables that hold ``places``, each of shape (rows, columns). Not for graphs."""
    if is_large(places[0]):
        return [tf.Variable(each, trainable=False) for each in places]
    return [tf.Variable(tf.stack(places), trainable=False)]


def values(variables: Pairs) -> list[Tensor]:
    """Return what they hold, copying nothing."""
    return [tf.convert_to_tensor(each) for each in variables]


def append(variables: Pairs, youngest: Tensor) -> None:
    """Put ``youngest``, (rows, columns) in any float dtype, in; the oldest makes room for it."""
    youngest = tf.cast(youngest, variables[0].dtype)
    if _are_stacked(variables):
        (stacked,) = variables
        stacked.assign(tf.concat([tf.convert_to_tensor(stacked)[1:], tf.expand_dims(youngest, 0)], axis=0))
        return
    for older, younger in itertools.pairwise(variables):
        older.assign(younger)
    variables[-1].assign(youngest)


def clear(variables: Pairs) -> None:
    """Empty all places."""
    zeros = tf.zeros_like(variables[0])
    for each in variables:
        each.assign(zeros)


def dots(pairs: Pairs, vector: Tensor) -> Tensor:
    """Return the product of each with ``vector`` (rows, columns), float64, shape (pairs,)."""
    if _are_stacked(pairs):
        return dot(tf.cast(pairs[0], vector.dtype), vector)  # (pairs, rows, columns) times (rows, columns)
    return tf.stack([dot(tf.cast(each, vector.dtype), vector) for each in pairs])


def added(vector: Tensor, pairs: Pairs, factors: Tensor) -> Tensor:
    """Return ``vector`` (rows, columns) plus each of ``pairs`` times its factor, (pairs,) in the vector's dtype."""
    if _are_stacked(pairs):
        # (pairs, 1, 1) times (pairs, rows, columns). No matrix product: GPUs would make it with ten bits of mantissa.
        return vector + tf.reduce_sum(tf.reshape(factors, [-1, 1, 1]) * tf.cast(pairs[0], vector.dtype), axis=0)
    for slot, each in enumerate(pairs):
        vector += factors[slot] * tf.cast(each, vector.dtype)
    return vector


def for_checkpoint(variables: Pairs, filled: int) -> list[npt.NDArray[np.generic]]:
    """Return the numbers of the youngest ``filled``, each (rows, columns). Not for graphs.

    NumPy's files do not know bfloat16: its bits are given, as uint16. They are turned into bits as tensors, which copies
    nothing; NumPy would.
    """
    bits = [tf.bitcast(each, tf.uint16) if each.dtype == tf.bfloat16 else each for each in variables]
    arrays = [in_place(each) for each in bits]
    places: Sequence[npt.NDArray[np.generic]] = arrays[0] if _are_stacked(variables) else arrays  # type: ignore[assignment]  # rows of an array are arrays
    return list(places[len(places) - filled :])


def from_checkpoint(kept: Iterable[npt.NDArray[np.generic] | None], none: Tensor) -> list[Tensor]:
    """Return variables that hold what :func:`for_checkpoint` gave, None for an empty place. Not for graphs.

    Args:
        kept: for each place, by age.
        none: what is in an empty one, zeros, of the pairs' dtype.
    """

    def tensor(bits: npt.NDArray[np.generic]) -> Any:
        return tf.bitcast(tf.constant(bits), tf.bfloat16) if none.dtype == tf.bfloat16 else tf.constant(bits)

    return made([none if bits is None else tensor(bits) for bits in kept])


def _are_stacked(pairs: Pairs) -> bool:
    return bool(pairs[0].shape.rank == 3)
