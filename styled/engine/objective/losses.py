"""Content loss, Gram-matrix style loss and total variation. Pure functions of tensors.

Gatys, Ecker & Bethge, "Image Style Transfer Using Convolutional Neural Networks" (CVPR 2016), with the
normalisation of the authors' later code: Gram matrices are divided by the number of positions, and the
squared errors are means instead of sums, so that weights mean the same at every size.

Features may come in any float dtype; everything here is computed in float32 (float64 stays float64).
Formed in half precision a Gram matrix overflows: features reach thousands, float16 ends at 65504.
"""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from styled.engine.network import fused
from styled.engine.network.precision import dtype_of_sums, in_dtype_of_sums

Tensor = Any

PARTS = 64
"""Of a bfloat16 Gram matrix, at least: then it is exact to some 0.02 %, well below what bfloat16 features are."""

SHORTEST_PART, LONGEST_PART = 64, 4096
"""Positions: shorter ones cost as much as a product in float32, longer ones save nothing more."""


def gram_sum(features: Tensor, weights: Tensor | None = None) -> Tensor:
    """Return ``F^T diag(w) F``, the channel correlations summed over positions (Gatys et al. 2016, equation 3).

    Of bfloat16 features it is summed by parts, see :func:`_sum_of_products`.

    Args:
        features: shape (1, H, W, C).
        weights: shape (H, W), how much each position counts; None: each counts 1.

    Returns:
        float32 (or float64), shape (C, C).
    """
    flat, factor = _positions(features, weights)
    return _sum_of_products(flat, flat if factor is None else flat * factor)


def gram_and_sum(features: Tensor, weights: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """Return :func:`gram_sum` and the features summed over positions, shape (C,); arguments as there."""
    flat, factor = _positions(features, weights)
    weighted = flat if factor is None else flat * factor
    return _sum_of_products(flat, weighted), fused.column_sums(weighted, dtype_of_sums(features))


def affine(flat: Tensor, matrix: Tensor, row: Tensor) -> Tensor:
    """Return ``F M + r``, in the dtype of ``F``.

    As a convolution of 1x1: it adds ``r`` in place. TensorFlow makes one operation of a matrix product and a bias too,
    but in bfloat16 on CPUs that takes four times as long as the product alone, and two arrays like ``F`` more.

    Args:
        flat: F, shape (positions, C).
        matrix: M, shape (C, C).
        row: r, shape (C,).
    """
    kernel, bias = tf.cast(matrix, flat.dtype)[None, None], tf.cast(row, flat.dtype)  # (C, C) -> (1, 1, C, C)
    # (positions, C) -> (1, positions, 1, C), and back
    return tf.nn.bias_add(tf.nn.conv2d(flat[None, :, None], kernel, 1, "VALID"), bias)[0, :, 0]


def _positions(features: Tensor, weights: Tensor | None) -> tuple[Tensor, Tensor | None]:
    """Return the features as they are multiplied, shape (positions, C), and what each position counts."""
    if not can_multiply(features):
        features = in_dtype_of_sums(features)
    flat = tf.reshape(features, [-1, features.shape[-1]])  # (1, H, W, C) -> (H W, C)
    # (H, W) -> (H W, 1)
    return flat, None if weights is None else tf.reshape(tf.cast(weights, flat.dtype), [-1, 1])


def can_multiply(features: Tensor) -> bool:
    """Return whether matrix products of ``features`` (1, H, W, C) may be made in their own dtype.

    In bfloat16 only where there are positions for enough parts, see :func:`_sum_of_products`; in float16 never.
    """
    positions = features.shape[1] * features.shape[2]
    return bool(features.dtype == tf.bfloat16) and positions >= PARTS * SHORTEST_PART


def _sum_of_products(a: Tensor, b: Tensor) -> Tensor:
    """Return ``a^T b`` of matrices (positions, C), in the dtype of sums.

    Hardware that multiplies bfloat16 adds up in float32, but TensorFlow rounds the result to bfloat16: by 0.1 %. So
    the positions are cut into parts, and their products, each rounded, are added in float32; the error falls with the
    root of the number of parts. It is a fifth of the time of a product in float32.
    """
    if a.dtype != tf.bfloat16:
        return tf.matmul(a, b, transpose_a=True)
    positions, channels = a.shape
    length = LONGEST_PART
    while positions < PARTS * length and length > SHORTEST_PART:
        length //= 2
    whole = positions // length * length
    # (positions, C) -> (parts, length, C)
    a_parts, b_parts = (tf.reshape(x[:whole], [-1, length, channels]) for x in (a, b))
    total = fused.sum_of_parts(tf.matmul(a_parts, b_parts, transpose_a=True), dtype_of_sums(a))
    rest = tf.matmul(a[whole:], b[whole:], transpose_a=True)
    return total + in_dtype_of_sums(rest)


def gram_matrix(features: Tensor, weights: Tensor | None = None) -> Tensor:
    """Return :func:`gram_sum` over the number of positions, or over the sum of the weights.

    Args and result as there; the weights must not all be 0.
    """
    total = gram_sum(features, weights)
    if weights is None:
        return total / float(features.shape[1] * features.shape[2])
    return total / tf.reduce_sum(tf.cast(weights, total.dtype))


def content_loss(features: Tensor, target: Tensor) -> Tensor:
    """Return ``mean((F - P)^2)`` (Gatys et al. 2016, equation 1, with a mean instead of half the sum).

    Args:
        features: shape (1, H, W, C).
        target: the content image's features, same shape.
    """
    return fused.mean_squared_error(features, target, dtype_of_sums(features))


def style_loss(gram: Tensor, target: Tensor) -> Tensor:
    """Return ``mean((G - A)^2) / C^2`` (Gatys et al. 2016, equation 4).

    The second ``1 / C^2`` is the layer weight of the authors' code (``1e3 / C^2``): it keeps the wide, deep
    layers from drowning the shallow ones, whatever weights the user gives on top.

    Args:
        gram: shape (C, C), from :func:`gram_matrix`.
        target: the style's Gram matrix, same shape.
    """
    channels = float(gram.shape[-1])
    return tf.reduce_mean(tf.square(gram - target)) / channels**2


def total_variation(image: Tensor) -> Tensor:
    """Return the mean squared difference of neighbouring pixels, both directions added.

    Args:
        image: shape (1, H, W, 3), 0..255.
    """
    _, height, width, _ = image.shape
    return share_of_variation(image, slice(0, height), slice(0, width), (height, width))


def share_of_variation(cut: Tensor, rows: slice, columns: slice, size: tuple[int, int]) -> Tensor:
    """Return the part of an image's total variation that the steps from some of its pixels have.

    Args:
        cut: shape (1, h, w, 3), 0..255: those pixels and the ones below them and on their right.
        rows: of the pixels, in the cut, from ``start`` to ``stop``.
        columns: of the pixels, likewise.
        size: height and width of the whole image.
    """
    height, width = size
    down, right = fused.squared_steps(cut, rows, columns)
    return down / max(1, (height - 1) * width * 3) + right / max(1, height * (width - 1) * 3)
