"""The rule with a title above each panel. Pure."""

from __future__ import annotations

from styled.tui.cells.glyphs import Glyphs
from styled.tui.cells.lines import Line, cut, width


def heading(text: str, cells: int, glyphs: Glyphs, *, extra: str = "") -> Line:
    """Return ``── text  extra ─────`` of ``cells`` cells; ``extra`` is left out where it does not fit whole."""
    room = max(0, cells - 5)
    title = cut(f"{text}  {extra}" if extra and width(text) + width(extra) + 2 <= room else text, room)
    rest = room - width(title)
    return ((glyphs.rule * 2 + " ", "muted"), (title, "strong"), (" " + glyphs.rule * rest + glyphs.rule, "muted"))
