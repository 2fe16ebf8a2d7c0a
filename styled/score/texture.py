"""Sliced Wasserstein distances: of patches, for the texture, and of pixels, for the colours. NumPy only.

Rabin, Peyré, Delon & Bernot, "Wasserstein barycenter and its application to texture mixing" (SSVM 2011): the
mean over random directions of the one-dimensional distances of the projections. Patches of each level of a
Laplacian pyramid, as Karras et al. compare generated images with ("Progressive growing of GANs", ICLR 2018).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from styled import images

Floats = npt.NDArray[np.float64]

PATCH_PX = 7
LEVELS = 3
"""Of the pyramid, each half as large as the one before; fewer where a picture is too small for a patch."""
_DIRECTIONS = 64
_SAMPLES = 8192
"""Patches or pixels taken of a picture, on an even grid."""
_QUANTILES = 512


def texture_distance(
    picture: npt.NDArray[np.uint8], styles: Sequence[npt.NDArray[np.uint8]], shares: Sequence[float]
) -> float:
    """Return how far the picture's texture is from that of the styles, in levels of 0..255; 0 is the same.

    Args:
        picture: shape (H, W, 3).
        styles: at the scale that their brush strokes shall have; same form, any size each.
        shares: how much of the texture is to be of each style, adding up to 1.
    """
    ours = _laplacian(picture)
    theirs = [_laplacian(style) for style in styles]
    levels = min(len(ours), *map(len, theirs))
    return float(
        np.mean([
            sliced_distance(_patches(ours[level]), [_patches(each[level]) for each in theirs], shares)
            for level in range(levels)
        ])
    )  # fmt: skip


def colour_distance(
    picture: npt.NDArray[np.uint8], styles: Sequence[npt.NDArray[np.uint8]], shares: Sequence[float]
) -> float:
    """Return how far the picture's colours are from those of the styles, wherever they are, in levels of 0..255.

    Args and shapes as for :func:`texture_distance`.
    """
    return sliced_distance(_pixels(picture), [_pixels(style) for style in styles], shares)


def sliced_distance(ours: Floats, theirs: Sequence[Floats], shares: Sequence[float]) -> float:
    """Return the sliced 1-Wasserstein distance of a set of points from a mixture of sets.

    Args:
        ours: shape (N, D).
        theirs: sets of shape (M, D), any M each.
        shares: the weight of each set, adding up to 1.

    Returns:
        The mean over fixed random directions of unit length: points moved by d in every coordinate are about 0.8 d away.
    """
    dimensions = ours.shape[1]
    directions = np.random.default_rng(0).normal(size=(dimensions, _DIRECTIONS))
    directions /= np.linalg.norm(directions, axis=0)
    at = (np.arange(_QUANTILES) + 0.5) / _QUANTILES
    here = _quantiles([ours @ directions], [1.0], at)
    there = _quantiles([each @ directions for each in theirs], shares, at)
    return float(np.mean(np.abs(here - there)))


def _quantiles(sets: Sequence[Floats], shares: Sequence[float], at: Floats) -> Floats:
    """Return the quantiles ``at`` of a mixture of sets (N, K) along each column; shape (len(at), K)."""
    points = np.concatenate(sets)
    weights = np.concatenate([np.full(len(each), share / len(each)) for each, share in zip(sets, shares, strict=True)])
    order = np.argsort(points, axis=0, kind="stable")
    found = np.empty((len(at), points.shape[1]))
    for column in range(points.shape[1]):
        rising = points[order[:, column], column]
        passed = np.cumsum(weights[order[:, column]])
        found[:, column] = rising[np.minimum(np.searchsorted(passed, at), len(rising) - 1)]
    return found


def _laplacian(picture: npt.NDArray[np.uint8]) -> list[npt.NDArray[np.float32]]:
    """Return what each level adds to the one below it, fine to coarse; shapes (H, W, 3)."""
    levels: list[npt.NDArray[np.float32]] = []
    at = picture.astype(np.float32)
    while len(levels) < LEVELS and min(at.shape[:2]) >= 2 * PATCH_PX:
        height, width = at.shape[:2]
        below = images.resize(at, width // 2, height // 2)
        levels.append(at - images.resize(below, width, height))
        at = below
    return levels or [at - at.mean(axis=(0, 1))]


def _patches(level: npt.NDArray[np.float32]) -> Floats:
    side = min(PATCH_PX, *level.shape[:2])
    windows = np.lib.stride_tricks.sliding_window_view(level, (side, side), axis=(0, 1))
    rows, columns = windows.shape[:2]
    step = max(1, round((rows * columns / _SAMPLES) ** 0.5))
    return windows[::step, ::step].reshape(-1, 3 * side * side).astype(np.float64)


def _pixels(picture: npt.NDArray[np.uint8]) -> Floats:
    step = max(1, round((picture.shape[0] * picture.shape[1] / _SAMPLES) ** 0.5))
    return picture[::step, ::step].reshape(-1, 3).astype(np.float64)
