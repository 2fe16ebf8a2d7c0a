"""Colours of a result that neither its photo nor its paintings have. NumPy only."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from styled.score.structure import luminance

Picture = npt.NDArray[Any]
Floats = npt.NDArray[np.float64]

_DIRECTIONS = 32
_MARGIN = 16.0
"""Levels of chroma beyond the outermost hundredth: so far a mixed colour may be off."""
_SAMPLES = 2**16


def foreign_colours(picture: Picture, others: Sequence[Picture]) -> float:
    """Return the share of a result whose hue is stronger than any mixture of the colours of other images, 0..1.

    Args:
        picture: shape (H, W, 3), 0..255.
        others: the photo and the paintings, any size each.
    """
    angles = np.arange(_DIRECTIONS) * (2.0 * np.pi / _DIRECTIONS)
    directions = np.stack([np.cos(angles), np.sin(angles)])
    # Of a convex set by how far it reaches in each direction: what is within is a mixture.
    reach = np.max([np.quantile(_chroma(other) @ directions, 0.99, axis=0) for other in others], axis=0)
    return float((_chroma(picture) @ directions > reach + _MARGIN).any(axis=1).mean())


def _chroma(picture: Picture) -> Floats:
    """Return red and blue less luminance of pixels on an even grid, shape (N, 2), levels."""
    step = max(1, round((picture.shape[0] * picture.shape[1] / _SAMPLES) ** 0.5))
    cut = picture[::step, ::step].astype(np.float64)
    light = luminance(cut)
    return np.stack([(cut[..., 0] - light).ravel(), (cut[..., 2] - light).ravel()], axis=1)
