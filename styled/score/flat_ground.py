"""What a result has where its photo has nothing: a lattice of dots, and objects of the painting. NumPy only."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from styled import images
from styled.score.structure import luminance

Picture = npt.NDArray[Any]
Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

_BLOCK_PX = 8
_FLAT = 4.0
"""Standard deviation of the luminance around a block, levels: below it the photo is flat there."""
_PERIODS = (4, 8)
"""Of what is looked for, px; they divide a block."""
_LEAST_CELLS = 64
_COARSE = 1 / 24
"""Of the long side: what is smaller is a stroke, and no object."""


def flat_ground(content: Picture) -> Bools:
    """Return which blocks of 8x8 px of a photo (H, W, 3) are flat, with those around them: shape (H // 8, W // 8)."""
    light = luminance(content)
    rows, columns = (side // _BLOCK_PX for side in light.shape)
    blocks = light[: rows * _BLOCK_PX, : columns * _BLOCK_PX].reshape(rows, _BLOCK_PX, columns, _BLOCK_PX)
    around = np.pad(
        np.stack([blocks.mean(axis=(1, 3)), (blocks**2).mean(axis=(1, 3))]), ((0, 0), (1, 1), (1, 1)), mode="edge"
    )
    mean, square = np.lib.stride_tricks.sliding_window_view(around, (3, 3), axis=(1, 2)).mean(axis=(3, 4))
    flat: Bools = np.asarray(square - mean**2 < _FLAT**2)
    return flat


def lattice(picture: Picture, flat: Bools) -> float:
    """Return the strength of what repeats itself every 4 or 8 pixels on flat ground, in levels; 0 where too little is flat.

    The network sees a picture through pools, on a grid: dots of that period are cheap for it. Laid over each other, the cells
    of the grid keep these, and strokes average out.

    Args:
        picture: shape (H, W, 3), 0..255.
        flat: from :func:`flat_ground`.
    """
    light = luminance(picture)
    height, width = (side * _BLOCK_PX for side in flat.shape)
    found = 0.0
    for period in _PERIODS:
        cells = light[:height, :width].reshape(height // period, period, width // period, period).swapaxes(1, 2)
        on_flat = np.repeat(np.repeat(flat, _BLOCK_PX // period, axis=0), _BLOCK_PX // period, axis=1)
        ground = cells[on_flat]  # (N, period, period)
        if len(ground) < _LEAST_CELLS:
            continue
        ground = ground - ground.mean(axis=(1, 2), keepdims=True)
        by_chance = ground.var(axis=0).mean() / len(ground)
        found = max(found, float(ground.mean(axis=0).var() - by_chance))
    return math.sqrt(found)


def objects(picture: Picture, content: Picture, flat: Bools) -> float:
    """Return how much of larger shapes a result has where its photo is flat: their standard deviation, in levels.

    Strokes average out; a face or a sun of the painting does not. 0 where hardly anything of the photo is flat.

    Args:
        picture: shape (H, W, 3), 0..255.
        content: the photo, same shape.
        flat: from :func:`flat_ground`.
    """
    if flat.mean() < 0.1:
        return 0.0
    height, width = picture.shape[:2]
    coarse = max(2.0, _COARSE * max(height, width))
    columns, rows = max(4, round(width / coarse)), max(4, round(height / coarse))
    at = np.repeat(np.repeat(flat, _BLOCK_PX, axis=0), _BLOCK_PX, axis=1).astype(np.float32)
    cover = images.resize(np.repeat(at[..., None], 3, axis=2), columns, rows)[..., 0] > 0.9
    if cover.sum() < 8:
        return 0.0
    shapes, ground = (luminance(images.resize(each.astype(np.float32), columns, rows)) for each in (picture, content))
    down, across = np.mgrid[:rows, :columns]
    # Shading from one side to the other, and what follows the photo's own, is no object.
    known = np.stack([np.ones(cover.sum()), down[cover], across[cover], ground[cover]], axis=1)
    fit = np.linalg.lstsq(known, shapes[cover], rcond=None)[0]
    return float((shapes[cover] - known @ fit).std())
