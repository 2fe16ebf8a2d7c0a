"""The first guess of the inverse Hessian that L-BFGS starts from in every step, up to a factor.

The textbook's guess is the identity. But a picture's low frequencies bend the loss far more than its high ones, and
the brightness more than the colour: L-BFGS spends most of its pairs on learning that. So it is learned apart, as a
diagonal over the picture's frequencies.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping
from typing import Protocol

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from styled.engine.network.fused import dot
from styled.engine.network.stepping import State, Tensor

Floats = npt.NDArray[np.float64]

OPPONENT = np.linalg.qr(np.array([[1.0, 1.0, 1.0], [1.0, 0.0, -1.0], [1.0, -2.0, 1.0]]).T)[0]
"""Orthonormal: columns are brightness, red against blue, green against both."""

EDGES = np.geomspace(1.0 / 256.0, np.sqrt(2.0), 24)
"""Between bands, in half-cycles per pixel: three bands to an octave, from 512 px long waves to the diagonal's finest."""

MEMORY = 0.95
"""What a pair counts when the next one is learned: some twenty pairs decide."""


TOGETHER = 2**19
"""Pixels below which the three colours' planes are transformed together: a third of the operations to trace."""

LONGEST_PRODUCT = 320
"""Samples, up to which the cosine transform is a product with its matrix. On two cores that takes as much processor time as
the fast one at 400 px, two thirds of it at 256 px; and it is one operation to trace where the fast one is forty. On CPUs
only: GPUs multiply float32 with ten bits of mantissa."""


class Preconditioner(Protocol):
    """A symmetric, positive semidefinite operator on pictures, learned from pairs; diagonal in coordinates of its own.

    The coordinates are orthonormal: lengths and products are those of the pictures. So the optimiser works in them
    throughout, and a step takes one transform there and one back.
    """

    factors: Floats
    """Its diagonal, one for each band of coordinates, shape (bands,)."""

    def coordinates(self, image: Tensor) -> Tensor:
        """Return the coordinates of ``image`` (1, H, W, 3), shape (rows, columns). For graphs."""

    def image(self, coordinates: Tensor) -> Tensor:
        """Return the image, (1, H, W, 3). For graphs."""

    def energies(self, coordinates: Tensor) -> Tensor:
        """Return the squared length in each band, shape (bands,), float64. For graphs."""

    def apply(self, coordinates: Tensor, factors: Tensor) -> Tensor:
        """Return ``coordinates`` with each band scaled by its factor, (bands,). For graphs."""

    def learn(self, move: Floats, change: Floats, curvature: float) -> None:
        """Take in a pair: the energies of the move and of the gradient's change, and their product, positive."""

    def state(self) -> State:
        """Return what was learned."""

    def restore(self, state: Mapping[str, npt.NDArray[np.generic]]) -> None:
        """Take back what :meth:`state` gave."""


class Identity:
    """The textbook's guess. The coordinates are the pixels, one band has everything."""

    def __init__(self) -> None:
        self.factors = np.ones(1)

    def coordinates(self, image: Tensor) -> Tensor:
        """See :class:`Preconditioner`."""
        return tf.reshape(image, [image.shape[1], -1])

    def image(self, coordinates: Tensor) -> Tensor:
        """See :class:`Preconditioner`."""
        return tf.reshape(coordinates, [1, coordinates.shape[0], -1, 3])

    def energies(self, coordinates: Tensor) -> Tensor:
        """See :class:`Preconditioner`."""
        return tf.reshape(dot(coordinates, coordinates), [1])

    def apply(self, coordinates: Tensor, factors: Tensor) -> Tensor:
        """See :class:`Preconditioner`."""
        return coordinates * factors[0]

    def learn(self, move: Floats, change: Floats, curvature: float) -> None:
        """See :class:`Preconditioner`; there is nothing to learn."""

    def state(self) -> State:
        """See :class:`Preconditioner`."""
        return {}

    def restore(self, state: Mapping[str, npt.NDArray[np.generic]]) -> None:
        """See :class:`Preconditioner`."""


class FrequencyPreconditioner:
    """A diagonal over bands of frequency (discrete cosine transform) and three opponent colours.

    In each band the factor is the length of the moves through that of the gradient's changes they caused, over the
    last pairs, each weighted by its curvature: the inverse of the band's mean bend. It scales with the loss as an
    inverse Hessian must, and is positive whatever the pairs are.

    Args:
        height: of the picture, px.
        width: of the picture, px.
        longest_px: waves longer than this are not moved: their factors are 0.
    """

    def __init__(self, height: int, width: int, *, longest_px: float = math.inf) -> None:
        self._height, self._width = height, width
        # Of large pictures one after the other: the transform's temporaries are several times its input.
        self._groups = 1 if height * width < TOGETHER else 3
        down, across = np.arange(height) / height, np.arange(width) / width
        # As the transform leaves them: transposed.
        bands = np.digitize(np.hypot(across[:, None], down[None]), EDGES).astype(np.int32)
        self._count = len(EDGES) + 1
        self._bands = tf.constant(bands)
        self._moves = np.zeros(3 * self._count)
        self._changes = np.zeros(3 * self._count)
        self._moved = np.tile(np.append(0.0, EDGES) >= 2.0 / longest_px, 3)
        self.factors = np.where(self._moved, 1.0, 0.0)

    def coordinates(self, image: Tensor) -> Tensor:
        """See :class:`Preconditioner`: the spectra of the opponent colours, one below the other, (3 W, H)."""
        height, width = self._height, self._width
        colours = tf.matmul(tf.reshape(image, [-1, 3]), tf.constant(OPPONENT, image.dtype))  # (H W, 3)
        planes = tf.reshape(tf.transpose(colours), [3, height, width])
        spectra = [
            _transformed(tf.transpose(_transformed(group), [0, 2, 1]))  # (planes, H, W) -> (planes, W, H)
            for group in tf.split(planes, self._groups)
        ]
        return tf.reshape(tf.concat(spectra, axis=0), [3 * width, height])  # (3, W, H) -> (3 W, H)

    def image(self, coordinates: Tensor) -> Tensor:
        """See :class:`Preconditioner`."""
        height, width = self._height, self._width
        spectra = tf.reshape(coordinates, [3, width, height])
        planes = [
            _transformed(tf.transpose(_transformed(group, back=True), [0, 2, 1]), back=True)  # -> (planes, H, W)
            for group in tf.split(spectra, self._groups)
        ]
        mixed = tf.reshape(tf.concat(planes, axis=0), [3, height * width])
        pixels = tf.matmul(mixed, tf.constant(OPPONENT, coordinates.dtype), transpose_a=True, transpose_b=True)
        return tf.reshape(pixels, [1, height, width, 3])  # (H W, 3) -> (1, H, W, 3)

    def energies(self, coordinates: Tensor) -> Tensor:
        """See :class:`Preconditioner`."""
        bands = tf.reshape(self._bands, [-1])
        found = [
            tf.math.unsorted_segment_sum(tf.reshape(tf.square(spectrum), [-1]), bands, self._count)
            for spectrum in tf.split(coordinates, 3)
        ]
        return tf.cast(tf.concat(found, axis=0), tf.float64)

    def apply(self, coordinates: Tensor, factors: Tensor) -> Tensor:
        """See :class:`Preconditioner`."""
        each = tf.gather(tf.reshape(factors, [3, self._count]), self._bands, axis=1)
        return coordinates * tf.reshape(each, coordinates.shape)

    def learn(self, move: Floats, change: Floats, curvature: float) -> None:
        """See :class:`Preconditioner`."""
        self._moves = MEMORY * self._moves + move / curvature
        self._changes = MEMORY * self._changes + change / curvature
        # A band that nothing moved in must not divide by zero; what is added is far below rounding elsewhere.
        floor = 1e-12
        moves, changes = self._moves + floor * self._moves.sum(), self._changes + floor * self._changes.sum()
        self.factors = np.where(self._moved, np.sqrt(moves / changes), 0.0)

    def state(self) -> State:
        """See :class:`Preconditioner`."""
        return {"band_moves": self._moves, "band_changes": self._changes, "band_factors": self.factors}

    def restore(self, state: Mapping[str, npt.NDArray[np.generic]]) -> None:
        """See :class:`Preconditioner`."""
        self._moves, self._changes = np.array(state["band_moves"]), np.array(state["band_changes"])
        self.factors = np.where(self._moved, state["band_factors"], 0.0)


def _transformed(x: Tensor, *, back: bool = False) -> Tensor:
    """Return the orthonormal cosine transform (DCT-II) along the last axis, or its inverse; same shape and dtype."""
    length = x.shape[-1]
    if length > LONGEST_PRODUCT or tf.config.list_physical_devices("GPU"):
        return (tf.signal.idct if back else tf.signal.dct)(x, norm="ortho")
    with (
        tf.init_scope()
    ):  # outside of the graph that is being traced: a constant within is written out number by number
        basis = tf.constant(_cosines(length), x.dtype)
    rows = tf.reshape(x, [-1, length])  # (planes, rows, length) -> (planes rows, length)
    return tf.reshape(tf.matmul(rows, basis, transpose_b=not back), x.shape)


@functools.lru_cache(maxsize=16)
def _cosines(length: int) -> Floats:
    """Return the matrix of the transform of ``length`` samples: a row for each frequency, shape (length, length)."""
    frequency, sample = np.arange(length)[:, None], np.arange(length)[None]
    matrix: Floats = np.sqrt(2.0 / length) * np.cos(np.pi * frequency * (2 * sample + 1) / (2 * length))
    matrix[0] /= np.sqrt(2.0)
    return matrix
