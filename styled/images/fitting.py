"""Sizes, without a pixel: the daemon plans with them, and loads no NumPy."""

from __future__ import annotations


def fit(width: int, height: int, long_side: int, *, upscale: bool) -> tuple[int, int]:
    """Return the size whose long side is ``long_side``, with the aspect ratio of ``width`` x ``height``.

    Args:
        width: px.
        height: px.
        long_side: px.
        upscale: whether the result may be larger than ``width`` x ``height``; if not, that is the most.

    Returns:
        Width and height, px, each at least 1.
    """
    longest = max(width, height)
    if longest <= long_side and not upscale:
        return width, height
    scale = long_side / longest
    return max(1, round(width * scale)), max(1, round(height * scale))
