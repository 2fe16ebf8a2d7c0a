"""Arithmetic over large arrays in one pass: compiled by XLA where that pays.

TensorFlow's own operations each write an array that the next one reads, so that arithmetic takes as long as memory
does. XLA makes one loop of it: a third of the time on two cores. Not for convolutions and matrix products, which it
does worse on CPUs; and not for small arrays, for which compiling takes longer than a run saves. Nor on GPUs: there such
arithmetic is half of a step by what memory can do, but a pass less saves microseconds, and compiling takes as long as on
a processor, so that a job would have to have thousands of steps.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import tensorflow as tf

from styled import memory
from styled.engine.network.custom_gradient import custom_gradient

Tensor = Any

WORTH_COMPILING = 2**20
"""Elements of an array, at least. Measured: a pass less over so many saves 0.3 ms a step, compiling takes 50 ms."""

_SHAPES_KEPT = 64
"""Of arrays for which the functions of this module are kept compiled: a picture has some ten."""

_LONGEST_PART = 32
"""Rows that are added up in the dtype of sums before they go on in float64."""


def fused(function: Callable[..., Any], elements: int) -> Callable[..., Any]:
    """Return ``function``, of tensors, for use in a graph: compiled into one loop if arrays of ``elements`` are worth that."""
    if not _is_worth(elements):
        return function
    graph: Callable[..., Any] = tf.function(function, autograph=False, jit_compile=True)
    return graph


def is_large(x: Tensor) -> bool:
    """Return whether an array is so large that time is spent in its numbers, not in starting operations on it."""
    return bool(x.shape.num_elements() >= WORTH_COMPILING)


def _is_worth(elements: int) -> bool:
    return elements >= WORTH_COMPILING and _may_compile()


@functools.cache
def _may_compile() -> bool:
    # XLA's compiler crashes where an allocation fails, and a limit on address space is what lets one fail.
    return not tf.config.list_physical_devices("GPU") and memory.address_space_left() is None


@functools.cache
def _compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    graph: Callable[..., Any] = tf.function(function, autograph=False, jit_compile=True)
    return graph


_compiled_for: set[tuple[Any, ...]] = set()
"""What :func:`_compiled` has been called with: TensorFlow keeps a graph for each, and forgets none."""


def _run(function: Callable[..., Any], elements: int, *args: Any) -> Tensor:
    """Call a function of this module, compiled, once for a shape, for all callers, if that is worth it."""
    if not _is_worth(elements):
        return function(*args)
    shapes = (function, *((each.dtype, *each.shape) for each in tf.nest.flatten(args)))
    if shapes not in _compiled_for and len(_compiled_for) >= _SHAPES_KEPT:
        _compiled.cache_clear()
        _compiled_for.clear()
    _compiled_for.add(shapes)
    return _compiled(function)(*args)


def dot(a: Tensor, b: Tensor) -> Tensor:
    """Return the product of two arrays of shape (rows, columns), float64; of several with one, shape (several,). For graphs.

    The arrays' dtype is enough for a few rows; their sums go on in float64.
    """
    return total(a * b)


def total(x: Tensor) -> Tensor:
    """Return the sum over the last two axes of an array of shape (..., rows, columns), float64, added up as in :func:`dot`."""
    wide = _wide_sums_of_few(x) if is_large(x) else tf.cast(x, tf.float64)  # the latter are fewer operations
    return tf.reduce_sum(wide, axis=[-2, -1])


def _wide_sums_of_few(x: Tensor) -> Tensor:
    """Return the sums of every few rows of ``x`` (..., rows, columns), shape (..., rows / few, columns), float64."""
    *before, rows, columns = x.shape
    part = max(length for length in range(1, _LONGEST_PART + 1) if rows % length == 0)
    # (..., rows, columns) -> (..., rows / few, few, columns)
    return tf.cast(tf.reduce_sum(tf.reshape(x, [*before, rows // part, part, columns]), axis=-2), tf.float64)


def relu_gradient(upstream: Sequence[Tensor], output: Tensor) -> Tensor:
    """Return the gradient by a ReLU's input: the sum of ``upstream`` where ``output`` is positive. Same shapes, dtype."""
    return _run(_relu_gradient, output.shape.num_elements(), list(upstream), output)


def _relu_gradient(upstream: Sequence[Tensor], output: Tensor) -> Tensor:
    total = upstream[0] if len(upstream) == 1 else tf.add_n(upstream)
    return tf.raw_ops.ReluGrad(gradients=total, features=output)


def mean_squared_error(x: Tensor, target: Tensor, dtype: Any) -> Tensor:
    """Return ``mean((x - target)^2)``, computed in ``dtype``; its gradient is by ``x`` only, in that dtype."""
    elements = x.shape.num_elements()

    @custom_gradient
    def error(x: Tensor) -> tuple[Tensor, Any]:
        def gradient(upstream: Tensor) -> Tensor:
            return _run(_scaled_difference, elements, x, target, 2.0 / elements * upstream)

        total = _run(_squared_error, elements, x, target, tf.zeros((), dtype))
        return tf.cast(total / elements, dtype), gradient

    return error(x)


def _squared_error(x: Tensor, target: Tensor, zero: Tensor) -> Tensor:
    difference = tf.reshape(tf.cast(x, zero.dtype) - tf.cast(target, zero.dtype), [-1, x.shape[-1]])
    return dot(difference, difference)


def _scaled_difference(x: Tensor, target: Tensor, factor: Tensor) -> Tensor:
    return tf.cast(factor * (tf.cast(x, factor.dtype) - tf.cast(target, factor.dtype)), x.dtype)


def squared_steps(image: Tensor, rows: slice, columns: slice) -> tuple[Tensor, Tensor]:
    """Return the sums of the squared steps from pixels to those below them, and to those on their right.

    With its gradient in closed form: TensorFlow's own, of slices, takes a twentieth of all that VGG19 takes.

    Args:
        image: shape (1, H, W, 3).
        rows: of the pixels, from ``start`` to ``stop``; the image's last has none below.
        columns: of the pixels, likewise.
    """
    _, height, width, _ = image.shape
    down = _Steps(slice(rows.start, min(rows.stop, height - 1)), columns, (1, 0))
    right = _Steps(rows, slice(columns.start, min(columns.stop, width - 1)), (0, 1))

    def sums(x: Tensor) -> tuple[Tensor, Tensor]:
        of_down, of_right = (total(tf.reshape(tf.square(steps.of(x)), [-1, 3])) for steps in (down, right))
        return tf.cast(of_down, x.dtype), tf.cast(of_right, x.dtype)

    def slopes(x: Tensor, of_down: Tensor, of_right: Tensor) -> Tensor:
        # Not added: TensorFlow makes one sum of a tree of them, in another order each time, and two runs differ.
        return down.spread(2.0 * of_down * down.of(x), x.shape) - right.spread(-2.0 * of_right * right.of(x), x.shape)

    @custom_gradient
    def operation(x: Tensor) -> tuple[tuple[Tensor, Tensor], Any]:
        elements = x.shape.num_elements()
        return fused(sums, elements)(x), lambda *upstream: fused(slopes, elements)(x, *upstream)

    found: tuple[Tensor, Tensor] = operation(image)
    return found


class _Steps(NamedTuple):
    """From each pixel of a rectangle to its neighbour on one side."""

    rows: slice
    columns: slice
    towards: tuple[int, int]
    """Rows and columns away."""

    def of(self, image: Tensor) -> Tensor:
        """Return neighbour minus pixel."""
        down, right = self.towards
        there = (
            slice(self.rows.start + down, self.rows.stop + down),
            slice(self.columns.start + right, self.columns.stop + right),
        )
        return image[:, there[0], there[1]] - image[:, self.rows, self.columns]

    def spread(self, slopes: Tensor, shape: Tensor) -> Tensor:
        """Return by the image, of ``shape``, what :meth:`of` gives has by its numbers: the transpose."""
        down, right = self.towards
        return _placed(slopes, self.rows.start + down, self.columns.start + right, shape) - _placed(
            slopes, self.rows.start, self.columns.start, shape
        )


def _placed(part: Tensor, top: int, left: int, shape: Tensor) -> Tensor:
    """Return ``part`` in an array of zeros of ``shape``."""
    below, beside = shape[1] - top - part.shape[1], shape[2] - left - part.shape[2]
    return tf.pad(part, [[0, 0], [top, below], [left, beside], [0, 0]])


def sum_of_parts(parts: Tensor, dtype: Any) -> Tensor:
    """Return the sum over the first axis, added up in ``dtype``."""
    return _run(_sum_of_parts, parts.shape.num_elements(), parts, tf.zeros((), dtype))


def _sum_of_parts(parts: Tensor, zero: Tensor) -> Tensor:
    return tf.reduce_sum(tf.cast(parts, zero.dtype), axis=0)


def column_sums(x: Tensor, dtype: Any) -> Tensor:
    """Return the sums of the columns of ``x`` (rows, columns), in ``dtype``."""
    return _run(_column_sums, x.shape.num_elements(), x, tf.zeros((), dtype))


def _column_sums(x: Tensor, zero: Tensor) -> Tensor:
    return tf.cast(tf.reduce_sum(_wide_sums_of_few(tf.cast(x, zero.dtype)), axis=0), zero.dtype)
