"""The picture before the first step. NumPy only; images are RGB, sRGB-encoded, 0..255."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from styled import images
from styled.engine import colour
from styled.engine.objective.style_weights import painted, style_weights
from styled.settings import Settings
from styled.sizing.input_sizes import is_recoloured
from styled.sizing.scales import plan_scales

Array = npt.NDArray[Any]

_PALETTE_PX = 128
"""Side of the square that each style is shrunk to for its colours: enough for a mean and a covariance."""


def picture(
    content: Array, styles: Sequence[Array], settings: Settings, init: Array | None = None, *, is_blended: bool = True
) -> Array:
    """Return the picture to start from: as large as the first scale, but for an image taken as it is.

    Args:
        content: uint8 or float, shape (H, W, 3).
        styles: same form, of any size each.
        settings: ``init``, ``seed``, ``strength`` and ``style_weights`` are used.
        init: the picture that ``settings.init`` names, if it names one; taken as it is, of the content's shape.
        is_blended: all styles are painted everywhere, by their weights; else each in its region of a mask.
    """
    if init is not None:
        return init
    if settings.init == "style":
        # Cut, not squeezed: the style's strokes keep their shape.
        first = painted(styles, settings, is_blended=is_blended)[0]
        return cut_to_aspect(first, content.shape[1] / content.shape[0])
    scale = plan_scales(content.shape[1], content.shape[0], settings)[0]
    if settings.init == "noise":
        # Around mid-grey with the spread of a photo; made at this size, so that resizing does not smooth it.
        noise = np.random.default_rng(settings.seed).normal(128.0, 50.0, (scale.height, scale.width, 3))
        return np.clip(noise, 0.0, 255.0).astype(np.float32)
    # The regions of a mask have styles in the colours of the photo beneath: it has them already, each in its place.
    has_colours = is_recoloured(settings) and not is_blended
    content = _resized(content, scale.width, scale.height)  # before any arithmetic: a poster is a gigabyte in float32
    if settings.init == "recolored" and not has_colours:
        # The style's mean and covariance of colours, before any step: after the same number of steps the loss is
        # about a fifth lower than from the photo's own colours, and a dark photo no longer makes a dark painting.
        matched = np.clip(colour.match_palette(content, palette(styles, settings)), 0.0, 255.0)
        # Below half strength not all the way, down to the photo itself: what no step asks for shall not be there.
        start: Array = content + min(1.0, 2.0 * settings.strength) * (matched - content)
        return start
    return content


def _resized(content: Array, width: int, height: int) -> Array:
    """Return the content resized in float32, whatever it is in: one channel after the other, not a whole copy."""
    if content.shape[:2] == (height, width):
        return content
    channels = (images.resize(content[..., each].astype(np.float32), width, height) for each in range(3))
    return np.stack([*channels], axis=-1)


def palette(styles: Sequence[Array], settings: Settings) -> Array:
    """Return pixels of all styles, shape (N, 1, 3), as many of each as its weight asks for."""
    parts = []
    for weight, style in zip(style_weights(settings, len(styles)), styles, strict=True):
        small = images.resize(style, _PALETTE_PX, _PALETTE_PX).reshape(-1, 1, 3)
        count = round(weight * len(small))
        parts.append(small[np.linspace(0, len(small) - 1, count).round().astype(int)])
    return np.concatenate(parts)


def cut_to_aspect(image: Array, aspect: float) -> Array:
    """Return the middle of ``image`` with ``aspect`` = width / height."""
    height, width = image.shape[:2]
    new_width, new_height = min(width, round(height * aspect)), min(height, round(width / aspect))
    left, top = (width - new_width) // 2, (height - new_height) // 2
    return image[top : top + max(1, new_height), left : left + max(1, new_width)]
