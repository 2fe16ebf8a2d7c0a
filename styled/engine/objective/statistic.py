"""What of a layer's features is its style, and how far two styles are apart.

``gram``: the second moment, compared entry by entry (Gatys et al. 2016, equation 4). ``wasserstein``: mean and
covariance, compared as Gaussians by the squared 2-Wasserstein distance ``|μ-μ*|² + tr(Σ + Σ* - 2 (Σ*^½ Σ Σ*^½)^½)``
(Dowson & Landau, "The Fréchet distance between multivariate normal distributions", 1982; as a style loss by Vincent
Marron and in Katherine Crowson's style-transfer-pytorch, whose division by the number of channels is kept).

Both are functions of sums over positions, so tiles, masks and blends of styles work the same way: the *moments*
of a layer are its Gram matrix, shape (C, C), or for ``wasserstein`` the matrix ``[[E f f', E f], [E f', 1]]``,
shape (C + 1, C + 1).
"""

from __future__ import annotations

from typing import Any, Literal, NamedTuple, Protocol

import tensorflow as tf

from styled.engine.network.custom_gradient import custom_gradient
from styled.engine.objective import losses

Tensor = Any

Statistic = Literal["gram", "wasserstein"]


class Distance(Protocol):
    """Maps a picture's moments to how far they are from a style's: a scalar.

    A tuple of tensors, so that it can be given to a graph.
    """

    @property
    def energy(self) -> Tensor | None:
        """What the distance is divided by; None: nothing."""

    def __call__(self, found: Tensor) -> Tensor:
        """Return the distance of the moments ``found``."""

    def with_derivative(self, found: Tensor) -> tuple[Tensor, Tensor]:
        """Return it and its derivative by ``found``, in the shape and dtype of ``found``."""


RIDGE = 1e-4
"""Added to both covariances' diagonals, in units of the style's mean variance: a small picture's are singular."""

FLAT = 1e-2
"""Least variance that is believed, in units of the squared means: with :data:`RIDGE` the rounding of float32."""


def moment_sums(features: Tensor, statistic: Statistic, weights: Tensor | None = None) -> Tensor:
    """Return the moments times the number of positions; sums over tiles add up to those of the picture.

    Args:
        features: shape (1, H, W, C).
        statistic: which.
        weights: shape (H, W), how much each position counts; None: each counts 1.
    """
    if statistic == "gram":
        return losses.gram_sum(features, weights)
    gram, first = losses.gram_and_sum(features, weights)
    if weights is None:
        count = tf.constant(features.shape[1] * features.shape[2], first.dtype)
    else:
        count = tf.reduce_sum(tf.cast(weights, first.dtype))
    last = tf.concat([first, count[None]], axis=0)  # (C,), (1,) -> (C + 1,)
    upper = tf.concat([gram, first[:, None]], axis=1)  # (C, C), (C, 1) -> (C, C + 1)
    return tf.concat([upper, last[None]], axis=0)  # (C, C + 1), (1, C + 1) -> (C + 1, C + 1)


def moments(features: Tensor, statistic: Statistic, weights: Tensor | None = None) -> Tensor:
    """Return the moments of a layer: :func:`moment_sums` over the positions, or over the sum of the weights."""
    total = moment_sums(features, statistic, weights)
    return total / positions(features, weights, total.dtype)


def positions(features: Tensor, weights: Tensor | None, dtype: Any) -> float | Tensor:
    """Return how many positions ``features`` (1, H, W, C) have, or the sum of their ``weights`` (H, W), in ``dtype``."""
    if weights is None:
        return float(features.shape[1] * features.shape[2])
    return tf.reduce_sum(tf.cast(weights, dtype))


def slope(flat: Tensor, matrix: Tensor, statistic: Statistic) -> Tensor:
    """Return the derivative by the features, given the one by their moment sums.

    Args:
        flat: the features, shape (positions, C).
        matrix: ``K = D + D'``, where D is the derivative of something by :func:`moment_sums`.
        statistic: which.
    """
    if statistic == "gram":
        return tf.matmul(flat, tf.cast(matrix, flat.dtype))
    channels = flat.shape[-1]
    return losses.affine(flat, matrix[:channels, :channels], matrix[channels, :channels])


def distance_to(target: Tensor, statistic: Statistic, *, relative: bool = False) -> Distance:
    """Return the function that measures how far moments are from ``target``.

    Args:
        target: a style's moments.
        statistic: which.
        relative: divide by the target's energy, so that an empty picture is about 1 away from every style.
    """
    energy = tf.maximum(_energy(target, statistic), tf.cast(1e-30, target.dtype)) if relative else None
    return GramDistance(target, energy) if statistic == "gram" else _gaussian_distance(target, energy)


class GramDistance(NamedTuple):
    """Distance from a Gram matrix."""

    target: Tensor
    energy: Tensor | None
    """What the distance is divided by; None: nothing."""

    def __call__(self, found: Tensor) -> Tensor:
        """Return the distance of ``found``, shape (C, C)."""
        return _relative(losses.style_loss(found, self.target), self.energy)

    def with_derivative(self, found: Tensor) -> tuple[Tensor, Tensor]:
        """Return the distance of ``found``, shape (C, C), and its derivative ``2 (G - A) / C^4``, in that shape."""
        channels = found.shape[-1]
        derivative = (found - self.target) * (2.0 / channels**4)
        return self(found), _relative(derivative, self.energy)


class GaussianDistance(NamedTuple):
    """Distance from a Gaussian; float64, but for ``energy``."""

    mean: Tensor
    covariance: Tensor
    root: Tensor
    """Of the covariance, symmetric."""
    ridge: Tensor
    energy: Tensor | None
    """What the distance is divided by; None: nothing."""

    def __call__(self, found: Tensor) -> Tensor:
        """Return the distance of ``found``, moments of shape (C + 1, C + 1)."""
        channels = float(self.mean.shape[0])
        here_mean, here = _mean_and_covariance(found)
        here += self.ridge * tf.eye(self.mean.shape[0], dtype=tf.float64)
        shared = _trace_of_root(tf.matmul(self.root, tf.matmul(here, self.root)), floor=self.ridge**2)
        apart = tf.reduce_sum(tf.square(here_mean - self.mean))
        apart += tf.linalg.trace(self.covariance) + tf.linalg.trace(here) - 2.0 * shared
        return _relative(tf.cast(apart / channels, found.dtype), self.energy)

    def with_derivative(self, found: Tensor) -> tuple[Tensor, Tensor]:
        """Return the distance of ``found``, moments of shape (C + 1, C + 1), and its derivative, in that shape."""
        with tf.GradientTape() as tape:
            tape.watch(found)
            apart = self(found)
        return apart, tape.gradient(apart, found)


def _gaussian_distance(target: Tensor, energy: Tensor | None) -> GaussianDistance:
    mean, covariance = _mean_and_covariance(target)
    # A style of one colour has no variance but that of rounding, which may be negative: moments are float32.
    variance = tf.maximum(tf.linalg.trace(covariance), FLAT * tf.reduce_sum(tf.square(mean)))
    ridge = RIDGE * variance / float(mean.shape[0]) + 1e-12
    covariance += ridge * tf.eye(mean.shape[0], dtype=tf.float64)
    values, vectors = tf.linalg.eigh(covariance)
    root = tf.matmul(vectors * tf.sqrt(tf.maximum(values, ridge)), vectors, transpose_b=True)
    return GaussianDistance(mean, covariance, root, ridge, energy)


def _relative(distance: Tensor, energy: Tensor | None) -> Tensor:
    return distance if energy is None else distance / energy


def _energy(target: Tensor, statistic: Statistic) -> Tensor:
    if statistic == "gram":
        return losses.style_loss(tf.zeros_like(target), target)
    return tf.reduce_mean(tf.linalg.diag_part(target)[:-1])


def _mean_and_covariance(moments: Tensor) -> tuple[Tensor, Tensor]:
    # In float64: a covariance is the small difference of large numbers, and its root's derivative divides by it.
    wide = tf.cast(moments, tf.float64)
    mean = wide[:-1, -1]  # (C + 1, C + 1) -> (C,)
    return mean, wide[:-1, :-1] - mean[:, None] * mean[None]  # (C, C) - (C, 1) (1, C)


def _trace_of_root(matrix: Tensor, *, floor: Tensor) -> Tensor:
    """Return ``tr M^½`` of a symmetric matrix whose eigenvalues are at least ``floor``, but for rounding.

    Its derivative is ``½ M^-½``; that of the eigenvectors, which would divide by differences of eigenvalues, is
    never formed.
    """

    @custom_gradient
    def operation(m: Tensor) -> tuple[Tensor, Any]:
        values, vectors = tf.linalg.eigh((m + tf.transpose(m)) / 2.0)  # (C, C) -> (C,), (C, C): a column each
        roots = tf.sqrt(tf.maximum(values, floor))

        def gradient(upstream: Tensor) -> Tensor:
            return upstream * tf.matmul(vectors * (0.5 / roots), vectors, transpose_b=True)

        return tf.reduce_sum(roots), gradient

    return operation(matrix)
