"""Region masks: which style is painted where. NumPy only.

Spatial control as in Gatys et al., "Controlling Perceptual Factors in Neural Style Transfer" (CVPR 2017),
section 4: each region has Gram matrices of its own, over the positions of the layer that it covers.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from styled import images
from styled.errors import SettingsError

Array = npt.NDArray[Any]
Floats = npt.NDArray[np.float32]

_LUMA = np.array([0.299, 0.587, 0.114])

_LEAST_SHARE = 0.002
"""Colours on less of the mask than this are the smooth edges between regions, not regions."""


class Region(NamedTuple):
    """A part of the picture with its style."""

    style: int | None
    """Index of the style; None: the photo stays."""
    cover: Floats
    """How much of each pixel belongs to it, shape (H, W), 0..1; the covers of all regions add up to 1."""


def read_regions(mask: Array, styles: int) -> list[Region]:
    """Read a mask: one region for each colour, from the darkest to the brightest.

    With as many colours as styles, the darkest is painted in the first style, the next in the second, and so
    on. With one colour more, the darkest is not painted at all. Pixels of other colours (smooth edges) go to the
    nearest of these.

    Args:
        mask: uint8, shape (H, W, 3), RGB.
        styles: how many styles there are.

    Raises:
        SettingsError: another number of colours.
    """
    colours, counts = np.unique(mask.reshape(-1, 3), axis=0, return_counts=True)  # (H, W, 3) -> (K, 3), (K,)
    main = colours[counts >= _LEAST_SHARE * counts.sum()].astype(np.float64)
    main = main[np.argsort(main @ _LUMA, kind="stable")]
    if len(main) not in {styles, styles + 1}:
        raise SettingsError(
            f"the mask has {len(main)} colours for {styles} style{'s' * (styles != 1)}",
            f"Give it {styles} colours, or {styles + 1} to leave the darkest unpainted; save it as PNG, not JPEG.",
        )
    # (K, 1, 3) - (1, M, 3) -> (K, M) -> (K,)
    nearest = np.argmin(((colours[:, None].astype(np.float64) - main[None]) ** 2).sum(axis=2), axis=1)
    keys = colours.astype(np.uint32) @ np.array([65536, 256, 1], np.uint32)
    labels = nearest[np.searchsorted(keys, mask.astype(np.uint32) @ np.array([65536, 256, 1], np.uint32))]
    unpainted = len(main) - styles
    return [
        Region(None if index < unpainted else index - unpainted, (labels == index).astype(np.float32))
        for index in range(len(main))
    ]


def at_size(regions: Sequence[Region], width: int, height: int) -> list[Region]:
    """Return the regions for a picture of ``width`` x ``height`` pixels, with smooth edges."""
    covers = [_resized(region.cover, width, height) for region in regions]
    total = np.maximum(np.sum(covers, axis=0), 1e-6).astype(np.float32)
    return [Region(region.style, cover / total) for region, cover in zip(regions, covers, strict=True)]


def cells(cover: Floats, stride: int) -> Floats:
    """Return the share of each cell of a layer of ``stride`` that is covered, shape (H // stride, W // stride)."""
    height, width = cover.shape[0] // stride, cover.shape[1] // stride
    cut = cover[: height * stride, : width * stride]
    # (H, W) -> (H / stride, stride, W / stride, stride) -> (H / stride, W / stride)
    mean: Floats = cut.reshape(height, stride, width, stride).mean(axis=(1, 3), dtype=np.float32)
    return mean


def unpainted(regions: Sequence[Region]) -> Floats | None:
    """Return how much of each pixel stays the photo, None if no region does."""
    covers = [region.cover for region in regions if region.style is None]
    return covers[0] if covers else None


def _resized(cover: Floats, width: int, height: int) -> Floats:
    three = np.repeat((cover * 255.0)[..., None], 3, axis=2)
    resized: Floats = np.clip(images.resize(three, width, height)[..., 0] / 255.0, 0.0, 1.0)
    return resized
