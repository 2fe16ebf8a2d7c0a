"""Pixels that are not square: faxes, scans and video frames record it, and are stretched to the picture that was meant."""

from __future__ import annotations

import math

from PIL import ImageFile

TURNED = frozenset({5, 6, 7, 8})
"""EXIF orientations that swap width and height."""

_FROM = 1.05
"""A ratio of width to height below which nobody sees it, and resolutions are rounded."""
_TO = 4.0
"""A ratio above which it is a mistake: a fax has 2.1, wide-screen video 1.5."""


def square_size(image: ImageFile.ImageFile) -> tuple[int, int]:
    """Return width and height of the stored picture once its pixels are square: the coarser axis gets more of them."""
    ratio = _ratio(image)
    if not _FROM <= max(ratio, 1 / ratio) <= _TO:
        return image.size
    width, height = image.size
    return (width, round(height * ratio)) if ratio > 1 else (round(width / ratio), height)


def remark(image: ImageFile.ImageFile) -> str:
    """Return what is to be said of the pixels' shape; empty when they are square."""
    ratio = _ratio(image)
    if max(ratio, 1 / ratio) < _FROM:
        return ""
    if max(ratio, 1 / ratio) > _TO:
        return f"its pixels are said to be {ratio:.3g} times as high as wide; that is not believed, they are taken as square"
    width, height = square_size(image)
    return f"its pixels are {ratio:.3g} times as high as wide: stretched to {width}x{height} px"


def _ratio(image: ImageFile.ImageFile) -> float:
    """Return the height of a pixel by its width: the resolution across by that down. 1 where nothing plausible is said."""
    if image.format == "PCX":
        return 1.0  # old programs wrote the screen's size there
    found = _of_jfif(image) or image.info.get("dpi") or image.info.get("aspect") or image.info.get("resolution")
    try:
        across, down = (float(value) for value in found)  # type: ignore[union-attr]  # None raises TypeError
        ratio = across / down
    except (TypeError, ValueError, ArithmeticError):
        return 1.0
    if not (math.isfinite(ratio) and ratio > 0):
        return 1.0
    return 1 / ratio if _was_turned(image) else ratio


def _of_jfif(image: ImageFile.ImageFile) -> object:
    # Unit 0: only their ratio means something (JFIF 1.02). Pillow may give 72 dpi besides.
    return image.info.get("jfif_density") if image.info.get("jfif_unit") == 0 else None


def _was_turned(image: ImageFile.ImageFile) -> bool:
    """Return whether Pillow has given a TIFF's size already turned on its side, but not its resolution."""
    tags = getattr(image, "tag_v2", None)
    is_pillows = image.format == "TIFF" and not hasattr(image, "alpha_plane")
    return is_pillows and tags is not None and tags.get(274, 1) in TURNED
