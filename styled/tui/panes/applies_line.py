"""What changes the queue's looks or holds it, as one line, each with the key that takes it back. Pure."""

from __future__ import annotations

from typing import NamedTuple

from styled.tui.cells.glyphs import Glyphs
from styled.tui.cells.lines import Line, cut, inert, line_width
from styled.tui.model.snapshot import Snapshot

_ORDERS = {"newest": ("newest first", "newest"), "name": ("by name", "by name")}
_SHORTEST_FILTER = 6
"""Cells of the filter's text where all four apply on the narrowest screen, of 60 cells."""


class _Part(NamedTuple):
    words: str
    short: str
    colour: str
    key: str
    does: str


def applies_line(
    snapshot: Snapshot | None, filter_text: str, order: str, selected: int, *, ranged: bool, cells: int, glyphs: Glyphs
) -> Line:
    """Return what applies now; an empty line if nothing does.

    Args:
        snapshot: says whether the queue is held, and how many jobs match.
        filter_text: as typed.
        order: of the rows.
        selected: how many jobs and pairs are.
        ranged: a range is being selected.
        cells: width of the line. What the keys do is left out where it does not fit, and then words are, never a part.
        glyphs: drawing characters.
    """
    parts: list[_Part] = []
    if snapshot is not None and snapshot.daemon is not None and snapshot.daemon.state == "paused":
        parts.append(_Part("queue paused: nothing starts", "paused", "warn", "P", "resumes"))
    if selected or ranged:
        words = f"{selected} selected"
        end = ("V", "ends") if ranged else ("esc", "clears")
        parts.append(_Part(words + (", to the cursor" if ranged else ""), words, "accent", *end))
    if filter_text:
        count = len(snapshot.index.states) if snapshot is not None else 0
        matching = f" ({count} job{'s' * (count != 1)})" if snapshot is not None else ""
        text = inert(filter_text, ascii_only=not glyphs.unicode)
        words = f"filter: {cut(text, max(8, cells // 3))}{matching}"
        parts.append(_Part(words, f"filter: {cut(text, _SHORTEST_FILTER)}", "warn", "esc", "clears"))
    if order in _ORDERS:
        words, short = _ORDERS[order]
        parts.append(_Part(f"sorted: {words}", short, "warn", "s", "changes"))
    # The hold is shortened first: the line above says it too.
    shortened = ([part._replace(words=part.short) for part in parts[:n]] + parts[n:] for n in range(len(parts) + 1))
    lines = [_joined(parts, does=True), *(_joined(each, does=False) for each in shortened)]
    return next((line for line in lines if line_width(line) - 1 <= cells), lines[-1])  # each ends with a blank


def _joined(parts: list[_Part], *, does: bool) -> Line:
    return tuple(
        span
        for part in parts
        for span in (
            (" ", ""),
            (part.words, part.colour),
            (f" {part.key}", "key"),
            (f" {part.does} " if does else " ", "muted"),
        )
    )
