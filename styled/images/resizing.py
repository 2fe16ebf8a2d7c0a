"""Resampling."""

from __future__ import annotations

from typing import overload

import numpy as np
import numpy.typing as npt
from PIL import Image

Picture = npt.NDArray[np.float32]
"""float32, shape (H, W, 3), RGB, sRGB-encoded, 0..255."""

Pixels = npt.NDArray[np.uint8]
"""uint8, shape (H, W, 3), RGB, sRGB; or shape (H, W), alpha."""

AnyPicture = Picture | Pixels


@overload
def resize(picture: Picture, width: int, height: int) -> Picture: ...
@overload
def resize(picture: Pixels, width: int, height: int) -> Pixels: ...
@overload
def resize(picture: AnyPicture, width: int, height: int) -> AnyPicture: ...
def resize(picture: AnyPicture, width: int, height: int) -> AnyPicture:
    """Resample with an antialiased Lanczos filter, at a cost linear in the pixels.

    float32 pictures are not clipped: Lanczos overshoots a little at edges, and the optimiser may want that.

    Args:
        picture: float32 or uint8, shape (H, W, 3) or (H, W).
        width: of the result, px.
        height: of the result, px.

    Returns:
        The same dtype, shape (height, width, 3) or (height, width); ``picture`` itself when the size is the same.
    """
    if picture.shape[:2] == (height, width):
        return picture
    if picture.dtype == np.uint8 or picture.ndim == 2:
        return np.asarray(Image.fromarray(picture).resize((width, height), Image.Resampling.LANCZOS))
    result = np.empty((height, width, picture.shape[2]), np.float32)
    for channel in range(picture.shape[2]):  # Pillow has no three-channel float
        result[..., channel] = resize(picture[..., channel], width, height)
    return result
