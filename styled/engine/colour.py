"""Keeping the content's colours, three ways. NumPy only; images are RGB, sRGB-encoded, 0..255.

Gatys, Bethge, Hertzmann & Shechtman, "Preserving Color in Neural Artistic Style Transfer" (2016):
``linear`` and ``histogram`` recolour the style before painting, ``luminance`` paints freely and then takes the
colours of the content back.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Floats = npt.NDArray[np.float32]

_LUMA = np.array([0.299, 0.587, 0.114], np.float32)
"""Rec. 601, the Y of YIQ and YCbCr, as the paper uses."""


def match_linear(style: Array, content: Array) -> Floats:
    """Give ``style`` the mean and covariance of ``content``'s colours (section 4.1, equations 4 to 6).

    Uses the symmetric square root ("3D color matching" of image analogies), which the paper found better than
    Cholesky's. A flat style (no variance in some direction) gains none there.

    Args:
        style: shape (H, W, 3).
        content: shape (h, w, 3).

    Returns:
        float32, shape (H, W, 3); may reach outside 0..255, which the feature extractor does not mind.
    """
    source, target = (_pixels(image) for image in (style, content))
    source_mean, target_mean = source.mean(axis=0), target.mean(axis=0)
    matrix = _power(_covariance(target, target_mean), 0.5) @ _power(_covariance(source, source_mean), -0.5)
    matched: Floats = ((source - source_mean) @ matrix.T + target_mean).reshape(style.shape).astype(np.float32)
    return matched


def match_histogram(style: Array, content: Array) -> Floats:
    """Give each channel of ``style`` the distribution of values that the channel has in ``content`` (section 4.2).

    Args and result as for :func:`match_linear`; the result stays in 0..255.
    """
    source, target = (_pixels(image) for image in (style, content))
    matched = np.empty_like(source)
    for channel in range(3):
        values, positions, counts = np.unique(source[:, channel], return_inverse=True, return_counts=True)
        # The middle of each value's share of the ranks, so that equal pixels stay equal.
        ranks = (np.cumsum(counts) - 0.5 * counts) / source.shape[0]
        wanted = np.quantile(target[:, channel], ranks)
        matched[:, channel] = wanted.reshape(values.shape)[positions.reshape(-1)]
    return matched.reshape(style.shape).astype(np.float32)


def with_colours_of(picture: Floats, content: Array) -> Floats:
    """Return the luminance of ``picture`` with the chrominance of ``content`` (section 4.3), within 0..255.

    Args:
        picture: float32, shape (H, W, 3).
        content: same shape.
    """
    content = content.astype(np.float32)
    luma = picture @ _LUMA - content @ _LUMA
    return np.clip(content + luma[..., None], 0.0, 255.0)


def _pixels(image: Array) -> npt.NDArray[np.float64]:
    return image.reshape(-1, 3).astype(np.float64)


def _covariance(pixels: npt.NDArray[np.float64], mean: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    centred = pixels - mean
    covariance: npt.NDArray[np.float64] = centred.T @ centred / pixels.shape[0]
    return covariance


def _power(matrix: npt.NDArray[np.float64], exponent: float) -> npt.NDArray[np.float64]:
    """Return a power of a symmetric positive semidefinite matrix; directions without variance give 0."""
    values, vectors = np.linalg.eigh(matrix)
    kept = values > 1e-6 * max(float(values[-1]), 1e-6)
    powers = np.where(kept, np.where(kept, values, 1.0) ** exponent, 0.0)
    result: npt.NDArray[np.float64] = (vectors * powers) @ vectors.T
    return result
