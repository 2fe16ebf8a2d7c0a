"""Pictures the engine's tests start from."""

from __future__ import annotations

from pathlib import Path

import numpy as np

import styled

SAMPLES = Path(styled.__file__).parent / "data" / "samples"
"""The packaged sample pair."""


def random_picture(height: int, width: int, seed: int = 0, dtype: type = np.float64) -> np.ndarray:
    """Return noise, shape (1, height, width, 3), 0..255."""
    return np.random.default_rng(seed).uniform(0.0, 255.0, (1, height, width, 3)).astype(dtype)
