"""Seams between tiles: what approximate tiling leaves, and exact tiling must not. NumPy only."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from styled.score.structure import luminance

NEIGHBOURS = 8
"""How many lines to either side of a boundary it is compared with."""


def seam_score(picture: npt.NDArray[Any], *, columns: Sequence[int] = (), rows: Sequence[int] = ()) -> float:
    """Return how much more the luminance jumps at the boundaries of tiles than beside them: 1 means no seams.

    The mean absolute step of luminance from the last line of one tile to the first of the next, over that between
    the eight pairs of lines to either side, for the worst of the boundaries.

    Args:
        picture: shape (H, W, 3), RGB, 0..255.
        columns: where tiles begin from left to right, px, without the first at 0.
        rows: where they begin from top to bottom.
    """
    light = luminance(picture)
    scores = [_jump(light, place) for place in columns]
    scores += [_jump(light.T, place) for place in rows]
    return max(scores, default=1.0)


def _jump(light: npt.NDArray[Any], column: int) -> float:
    first, last = max(1, column - NEIGHBOURS), min(light.shape[1] - 1, column + NEIGHBOURS)
    steps = {x: float(np.abs(light[:, x] - light[:, x - 1]).mean()) for x in range(first, last + 1)}
    at = steps.pop(column)
    # A flat picture has no steps beside the boundary; half a level is rounding.
    return at / max(float(np.mean(list(steps.values()))), 0.5)
