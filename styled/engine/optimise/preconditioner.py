"""The first guess of the inverse Hessian that L-BFGS starts from in every step, up to a factor.

The textbook's guess is the identity. But a picture's low frequencies bend the loss far more than its high ones, and
the brightness more than the colour: L-BFGS spends most of its pairs on learning that. So it is learned apart, as a
diagonal over the picture's frequencies.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Hashable, Sequence
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from styled.engine.network.fused import dot
from styled.engine.network.stepping import State, Tensor, in_place

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


class Learned(NamedTuple):
    """What a preconditioner has learned; each float64, shape (bands,)."""

    moves: Tensor
    """Energies of the moves over their curvatures, older ones counting less."""
    changes: Tensor
    """Those of the gradient's changes."""
    factors: Tensor
    """The diagonal: what each band is scaled by; 0 for those that must not be moved."""


class Preconditioner(Protocol):
    """A symmetric, positive semidefinite operator on pictures, learned from pairs; diagonal in coordinates of its own.

    The coordinates are orthonormal: lengths and products are those of the pictures. So the optimiser works in them
    throughout, and a step takes one transform there and one back.
    """

    learned: Learned
    """What it is by now."""

    @property
    def key(self) -> Hashable:
        """What its graphs depend on, besides the picture's shape."""

    @property
    def factors(self) -> Floats:
        """Its diagonal, one for each band of coordinates, shape (bands,)."""

    def shape(self, image: Tensor) -> tuple[int, int]:
        """Return the shape of the coordinates of ``image``."""

    def coordinates(self, image: Tensor) -> Tensor:
        """Return the coordinates of ``image`` (1, H, W, 3), shape (rows, columns). For graphs."""

    def image(self, coordinates: Tensor) -> Tensor:
        """Return the image, (1, H, W, 3). For graphs."""

    def energies(self, vectors: Sequence[Tensor]) -> Tensor:
        """Return the squared length in each band of several (rows, columns), shape (vectors, bands), float64. For graphs."""

    def apply(self, coordinates: Tensor, factors: Tensor) -> Tensor:
        """Return ``coordinates`` with each band scaled by its factor, (bands,). For graphs."""

    def learned_from(self, learned: Learned, move: Tensor, change: Tensor, curvature: Tensor) -> Learned:
        """Return ``learned`` with a pair taken in. For graphs; all float64.

        Args:
            learned: before it; stays as it is.
            move: energies of the pair's move, shape (bands,).
            change: those of the gradient's change.
            curvature: their product, positive.
        """

    def state(self) -> State:
        """Return what was learned."""

    def restore(self, state: State) -> None:
        """Take back what :meth:`state` gave."""


class Identity:
    """The textbook's guess. The coordinates are the pixels, one band has everything."""

    key: Hashable = "identity"

    def __init__(self) -> None:
        self.learned = Learned(*tf.ones((len(Learned._fields), 1), tf.float64))

    @property
    def factors(self) -> Floats:
        """See :class:`Preconditioner`."""
        return np.ones(1)

    def shape(self, image: Tensor) -> tuple[int, int]:
        """See :class:`Preconditioner`."""
        return image.shape[1], 3 * image.shape[2]

    def coordinates(self, image: Tensor) -> Tensor:
        """See :class:`Preconditioner`."""
        return tf.reshape(image, self.shape(image))  # (1, H, W, 3) -> (H, 3 W)

    def image(self, coordinates: Tensor) -> Tensor:
        """See :class:`Preconditioner`."""
        return tf.reshape(coordinates, [1, coordinates.shape[0], -1, 3])  # (H, 3 W) -> (1, H, W, 3)

    def energies(self, vectors: Sequence[Tensor]) -> Tensor:
        """See :class:`Preconditioner`."""
        return tf.stack([dot(each, each) for each in vectors])[:, None]  # (vectors,) -> (vectors, 1)

    def apply(self, coordinates: Tensor, factors: Tensor) -> Tensor:
        """See :class:`Preconditioner`."""
        return coordinates * factors[0]

    def learned_from(
        self,
        learned: Learned,
        move: Tensor,  # noqa: ARG002  # of a pair, from which there is nothing to learn here
        change: Tensor,  # noqa: ARG002
        curvature: Tensor,  # noqa: ARG002
    ) -> Learned:
        """See :class:`Preconditioner`; there is nothing to learn."""
        return learned

    def state(self) -> State:
        """See :class:`Preconditioner`."""
        return {}

    def restore(self, state: State) -> None:
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
        self._is_moved = np.tile(np.append(0.0, EDGES) >= 2.0 / longest_px, 3)
        nothing, one = tf.zeros(3 * self._count, tf.float64), tf.constant(self._is_moved, tf.float64)
        self.learned = Learned(nothing, nothing, one)

    @property
    def key(self) -> Hashable:
        """See :class:`Preconditioner`."""
        return "frequency"

    @property
    def factors(self) -> Floats:
        """See :class:`Preconditioner`."""
        factors: Floats = self.learned.factors.numpy()
        return factors

    def shape(self, image: Tensor) -> tuple[int, int]:
        """See :class:`Preconditioner`."""
        _, height, width, _ = image.shape
        return 3 * width, height

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

    def energies(self, vectors: Sequence[Tensor]) -> Tensor:
        """See :class:`Preconditioner`."""
        bands = tf.reshape(self._bands, [-1])
        spectra = [tf.reshape(each, [3, -1]) for each in vectors]  # (3 W, H) -> (3, W H)
        groups = (
            [tf.concat(spectra, axis=0)] if self._groups == 1 else [x for each in spectra for x in tf.split(each, 3)]
        )
        found = [
            # (planes, W H) -> (bands, planes) -> (planes, bands)
            tf.transpose(tf.math.unsorted_segment_sum(tf.transpose(tf.square(group)), bands, self._count))
            for group in groups
        ]
        return tf.cast(tf.reshape(tf.concat(found, axis=0), [len(vectors), -1]), tf.float64)

    def apply(self, coordinates: Tensor, factors: Tensor) -> Tensor:
        """See :class:`Preconditioner`."""
        each = tf.gather(tf.reshape(factors, [3, self._count]), self._bands, axis=1)
        return coordinates * tf.reshape(each, coordinates.shape)

    def learned_from(self, learned: Learned, move: Tensor, change: Tensor, curvature: Tensor) -> Learned:
        """See :class:`Preconditioner`."""
        moves = MEMORY * learned.moves + move / curvature
        changes = MEMORY * learned.changes + change / curvature
        # A band that nothing moved in must not divide by zero; what is added is far below rounding elsewhere.
        floor = 1e-12
        ratio = (moves + floor * tf.reduce_sum(moves)) / (changes + floor * tf.reduce_sum(changes))
        return Learned(moves, changes, tf.where(learned.factors > 0.0, tf.sqrt(ratio), 0.0))

    def state(self) -> State:
        """See :class:`Preconditioner`."""
        names = {"band_moves": "moves", "band_changes": "changes", "band_factors": "factors"}
        return {name: in_place(getattr(self.learned, field)) for name, field in names.items()}

    def restore(self, state: State) -> None:
        """See :class:`Preconditioner`."""
        factors = np.where(self._is_moved, state["band_factors"], 0.0)
        self.learned = Learned(*(tf.constant(each) for each in (state["band_moves"], state["band_changes"], factors)))


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
