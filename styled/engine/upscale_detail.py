"""The finest detail of a scale's first picture, which no coarser scale can have painted. NumPy only.

An enlarged painting is smooth, and the style loss there is up to a hundred times what it ends at. The optimiser's first
moves fill the empty frequencies with whatever is steepest: noise and specks, which take it many steps to
arrange. The photo's own detail lies along its edges, where strokes will be. With it, 60 steps at full size do what 75
did (480x360, Gatys' objective), and 8 what 14 did (960x662).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from styled import images
from styled.engine.objective.style_weights import style_weights
from styled.settings import Settings

Array = npt.NDArray[Any]
Picture = npt.NDArray[np.float32]

STRONGEST = 2.0
"""The photo's detail is multiplied by no more than this: where it has hardly any, that is noise of the camera."""


def with_detail(
    picture: Picture, content: Array, styles: Sequence[Array], settings: Settings, enlarged: float
) -> Picture:
    """Add the detail of the ``content``, as strong as it is in the styles, to an enlarged ``picture`` and return it.

    Args:
        picture: float32, shape (H, W, 3), 0..255; changed.
        content: uint8 or float, same shape.
        styles: same form, each of the size it has at this scale.
        settings: ``style_weights`` and ``strength``: towards 0 the detail is as strong as it is in the photo.
        enlarged: from which size, as a factor above 1: detail is what is lost on the way there and back.
    """
    shares = style_weights(settings, len(styles))
    wanted = sum(share * _strength(style, enlarged) for share, style in zip(shares, styles, strict=True))
    factor = min(STRONGEST, wanted / max(_strength(content, enlarged), 1e-6))
    factor = 1.0 + min(1.0, 2.0 * settings.strength) * (factor - 1.0)
    for channel in range(picture.shape[2]):  # one at a time: a print's are 400 MB each
        picture[..., channel] += factor * _detail(content[..., channel], enlarged)
    return np.clip(picture, 0.0, 255.0, out=picture)


def _strength(image: Array, enlarged: float) -> float:
    """Return the root mean square of an image's detail, in levels."""
    squares = [
        np.mean(np.square(_detail(image[..., each], enlarged)), dtype=np.float64) for each in range(image.shape[2])
    ]
    return math.sqrt(np.mean(squares))


def _detail(plane: Array, enlarged: float) -> Picture:
    """Return what ``plane`` (H, W) loses when it is made smaller by ``enlarged``."""
    height, width = plane.shape
    whole = plane.astype(np.float32)
    small = images.resize(whole, max(1, round(width / enlarged)), max(1, round(height / enlarged)))
    return whole - images.resize(small, width, height)
