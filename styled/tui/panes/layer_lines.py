"""What each layer of the network adds to the losses, as text: which of them the picture still fights with. Pure."""

from __future__ import annotations

from styled import figures
from styled.messages import Progress
from styled.tui.cells.glyphs import Glyphs, progress_bar
from styled.tui.cells.lines import Line, inert, left, right

_KIND = 8
_NAME = 13
_FIGURES = _KIND + _NAME + 1 + 7 + 1 + 4 + 1


def layer_lines(progress: Progress | None, cells: int, glyphs: Glyphs) -> list[Line]:
    """Return a line for each layer: its weighted loss and its share of the total; none where they are not known."""
    if progress is None or not progress.layers:
        return []
    lines: list[Line] = []
    shown = ""
    for term, value in progress.layers.items():
        kind, _, name = inert(term, ascii_only=not glyphs.unicode).partition(".")
        share = value / progress.loss if progress.loss > 0 else 0.0
        full, empty = progress_bar(glyphs, min(1.0, share), max(0, cells - _FIGURES))
        lines.append(
            (
                (left(kind if kind != shown else "", _KIND), "muted"),
                (left(name, _NAME), ""),
                (f" {right(figures.loss(value), 7)} {right(figures.percent(value, progress.loss), 4)} ", ""),
                (full, "accent"),
                (empty, "muted"),
            )
        )
        shown = kind
    return lines
