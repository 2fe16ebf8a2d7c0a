"""Structural similarity of a result to its photo. NumPy only.

Wang, Bovik, Sheikh & Simoncelli, "Image quality assessment: from error visibility to structural similarity"
(IEEE TIP 2004): Gaussian windows of 11 px with a standard deviation of 1.5 px, K1 = 0.01, K2 = 0.03.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

_LUMA = np.array([0.299, 0.587, 0.114])
_WINDOW = np.exp(-((np.arange(11) - 5.0) ** 2) / (2 * 1.5**2))
_WINDOW /= _WINDOW.sum()


def luminance(picture: npt.NDArray[Any]) -> Floats:
    """Return the luma (Rec. 601) of a picture (H, W, 3), 0..255: shape (H, W), float64."""
    light: Floats = picture.astype(np.float64) @ _LUMA
    return light


def luminance_ssim(picture: npt.NDArray[Any], content: npt.NDArray[Any]) -> float:
    """Return the mean SSIM of the luminances, -1..1; both pictures (H, W, 3), 0..255, at least 11 px a side."""
    return ssim(luminance(picture), luminance(content))


def gradient_ssim(picture: npt.NDArray[Any], content: npt.NDArray[Any]) -> float:
    """Return the mean SSIM of the strengths of the luminances' edges (Sobel): which lines are where, not how bright."""
    return ssim(edges(luminance(picture)), edges(luminance(content)))


def ssim(first: Floats, second: Floats) -> float:
    """Return the mean SSIM of two pictures (H, W) over all windows that lie inside, for the range 0..255."""
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    mean_1, mean_2 = _blurred(first), _blurred(second)
    variance_1 = _blurred(first * first) - mean_1**2
    variance_2 = _blurred(second * second) - mean_2**2
    covariance = _blurred(first * second) - mean_1 * mean_2
    similar = (2 * mean_1 * mean_2 + c1) * (2 * covariance + c2)
    similar /= (mean_1**2 + mean_2**2 + c1) * (variance_1 + variance_2 + c2)
    return float(similar.mean())


def edges(grey: Floats) -> Floats:
    """Return the Sobel gradient's length, shape (H - 2, W - 2), scaled so that a step from 0 to 255 has 255."""
    down = grey[2:] - grey[:-2]
    right = grey[:, 2:] - grey[:, :-2]
    vertical = (down[:, :-2] + 2 * down[:, 1:-1] + down[:, 2:]) / 4
    horizontal = (right[:-2] + 2 * right[1:-1] + right[2:]) / 4
    return np.hypot(vertical, horizontal)


def _blurred(grey: Floats) -> Floats:
    """Convolve with the Gaussian window along both axes, where it lies inside."""
    for axis in (0, 1):
        windows = np.lib.stride_tricks.sliding_window_view(grey, len(_WINDOW), axis=axis)
        grey = windows @ _WINDOW
    return grey
