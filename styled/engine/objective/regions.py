"""Region masks: which style is painted where. NumPy only.

Spatial control as in Gatys et al., "Controlling Perceptual Factors in Neural Style Transfer" (CVPR 2017),
section 4: each region has Gram matrices of its own, over the positions of the layer that it covers.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image

from styled import images
from styled.images import find_regions

Array = npt.NDArray[Any]
Floats = npt.NDArray[np.float32]


_FEW = 100
"""Pixels: of fewer there are no colours to speak of."""


class Region(NamedTuple):
    """A part of the picture with its style."""

    style: int | None
    """Index of the style; None: the photo stays."""
    cover: Floats
    """How much of each pixel belongs to it, shape (H, W), 0..1; the covers of all regions add up to 1."""


def read_regions(mask: Array, styles: int) -> list[Region]:
    """Read a mask: one region for each colour, from the darkest to the brightest.

    Which colours those are, :func:`styled.images.find_regions` says.

    Args:
        mask: uint8, shape (H, W, 3), RGB.
        styles: how many styles there are.

    Raises:
        SettingsError: another number of colours.
    """
    return covers_of(find_regions(mask, None, styles))


def covers_of(found: images.Regions, width: int | None = None, height: int | None = None) -> list[Region]:
    """Return the regions of a mask by how much of each pixel they cover.

    Args:
        found: what was understood of the mask.
        width: shrink to this width, px; None keeps the mask's size.
        height: and to this height.
    """
    return [Region(style, _shrunk(found.labels == index, width, height)) for index, style in enumerate(found.styles)]


def _shrunk(area: npt.NDArray[np.bool_], width: int | None, height: int | None) -> Floats:
    rows, columns = area.shape
    if width is None or height is None or width >= columns or height >= rows:
        return area.astype(np.float32)
    # Each pixel gets the share of the mask's pixels that lie in it.
    image = Image.fromarray(area.astype(np.uint8) * 255).resize((width, height), Image.Resampling.BOX)
    return np.asarray(image).astype(np.float32) / np.float32(255.0)


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
    return np.sum(covers, axis=0, dtype=np.float32) if covers else None


def beneath(content: Array, regions: Sequence[Region], style: int) -> Array:
    """Return the pixels of a content (H, W, 3) over which a style is painted, shape (N, 1, 3); all, if those are too few."""
    covers = [region.cover for region in regions if region.style == style]
    if not covers:
        return content
    cover = images.resize(np.sum(covers, axis=0, dtype=np.float32), content.shape[1], content.shape[0])
    seen = content[cover > 0.5]
    return seen[:, None] if len(seen) >= _FEW else content


def _resized(cover: Floats, width: int, height: int) -> Floats:
    three = np.repeat((cover * 255.0)[..., None], 3, axis=2)
    resized: Floats = np.clip(images.resize(three, width, height)[..., 0] / 255.0, 0.0, 1.0)
    return resized
