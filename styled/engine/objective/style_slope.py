"""The style loss of a layer and its derivative by the features, in closed form; whole and tiled objective share it.

A layer's style loss depends on its features F (positions, C) through their moments only, which are sums over positions.
With D the derivative by these sums, that by the features is ``F (D + D')``: one matrix product. What automatic
differentiation makes of it are two, and twice the operations to trace.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from styled.engine.network import precision
from styled.engine.objective import losses
from styled.engine.objective.statistic import Distance, Statistic, slope

Tensor = Any


def loss_and_matrix(
    distance: Distance, sums: Tensor, positions: float | Tensor, factor: float | Tensor, *, scale: float = 1.0
) -> tuple[Tensor, Tensor]:
    """Return one layer's weighted style loss and the matrix that :func:`by_features` takes.

    Args:
        distance: from the style's moments.
        sums: of :func:`styled.engine.objective.statistic.moment_sums`, shape (C, C) or (C + 1, C + 1), float32 or float64.
        positions: how many there are, or the sum of what they count.
        factor: what the distance is multiplied with.
        scale: what the matrix is multiplied with besides, see ``FeatureExtractor.gradient_scale``.

    Returns:
        The loss, a scalar, and ``K = D + D'``, both in the dtype of the sums; the matrix in their shape.
    """
    share = 1.0 / positions
    apart, derivative = distance.with_derivative(sums * share)
    derivative *= factor * (scale * share)
    return factor * apart, derivative + tf.transpose(derivative)


def by_features(features: Tensor, parts: Sequence[tuple[Tensor, Tensor | None]], statistic: Statistic) -> Tensor:
    """Return the derivative of style losses by the features they see.

    Args:
        features: shape (1, H, W, C).
        parts: for each style, the matrix of :func:`loss_and_matrix` and the part of each cell that is in its region, shape
            (H, W); None: all of it.
        statistic: which the sums are of.

    Returns:
        In the features' shape and dtype.
    """
    multiplied = features if losses.can_multiply(features) else precision.in_dtype_of_sums(features)
    flat = tf.reshape(multiplied, [-1, features.shape[-1]])  # (1, H, W, C) -> (H W, C)
    total: Tensor = None  # a layer's array is the largest there is: no zeros to begin with
    for matrix, cover in parts:
        part = slope(flat, matrix, statistic)
        # The cover as a column, (H, W) -> (H W, 1).
        part = part if cover is None else part * tf.cast(tf.reshape(cover, [-1, 1]), part.dtype)
        total = part if total is None else total + part
    return tf.reshape(tf.cast(total, features.dtype), features.shape)  # (H W, C) -> (1, H, W, C)
