"""What is special about styles of some shape, in words. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from styled.sizing.scales import style_pieces


def shape_remarks(styles: Sequence[tuple[int, int]]) -> tuple[str, ...]:
    """Return a remark on each style that is so long that its short side sets the size of its strokes.

    Args:
        styles: width and height of each, px.
    """
    remarks = []
    for number, (width, height) in enumerate(styles, start=1):
        if style_pieces(width, height) > 1:
            name = "the style" if len(styles) == 1 else f"style {number}"
            longest, shortest = max(width, height), min(width, height)
            ratio = f"{longest / shortest:.3g}:1" if width > height else f"1:{longest / shortest:.3g}"
            remarks.append(f"{name} is {ratio}: its short side sets the strokes")
    return tuple(remarks)
