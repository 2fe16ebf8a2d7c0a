"""Text as the screens draw it: lines of spans, measured in terminal cells. Pure, no Textual.

A span is a text and a tone. The tone is a word ("bad", "muted" …); the theme gives it a colour, so that
the text of a pane can be built and tested without a terminal. Text from outside (names, reasons, log lines)
goes through :func:`inert` first.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from typing import Literal, NamedTuple

from rich.cells import cell_len, set_cell_size

Tone = Literal["", "strong", "muted", "accent", "good", "bad", "warn", "cursor", "key"]
"""What a span means; "" is ordinary text."""

Span = tuple[str, Tone]
"""A text without control characters, and its tone."""

Line = tuple[Span, ...]
"""One row of a pane, left to right."""


class Run(NamedTuple):
    """Neighbouring cells of one row that look the same."""

    cells: int
    top: tuple[int, int, int]
    """sRGB of the upper half, 0..255."""
    bottom: tuple[int, int, int]


# Controls, format characters (bidi overrides, joiners), surrogates, private and unassigned code points:
# terminals disagree on them, or obey them. Separators that are not the plain space end or break lines.
_UNSAFE_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_IN_ASCII = {"×": "x", "…": "~", "–": "-", "—": "-"}
"""Characters that this program itself puts into names and reasons."""
_VARIATION_SELECTORS = range(0xFE00, 0xFE10)  # they change the width of the character before them


def inert(text: str, *, ascii_only: bool = False) -> str:
    """Make a text from outside safe to print: one line, no control sequences, no surprises in width.

    Args:
        text: any text, for example a file name with escape sequences or undecodable bytes in it.
        ascii_only: replace everything beyond ASCII too, for terminals without UTF-8.
    """
    return "".join(_inert_character(character, ascii_only) for character in text)


def _inert_character(character: str, ascii_only: bool) -> str:
    if " " <= character <= "~":
        return character
    if character in "\t\n\r\v\f\u00a0\u3000" or unicodedata.category(character) == "Zs":
        return " "
    if ord(character) in _VARIATION_SELECTORS:
        return ""
    if ascii_only and character in _IN_ASCII:
        return _IN_ASCII[character]
    if ascii_only or unicodedata.category(character) in _UNSAFE_CATEGORIES:
        return "?"
    return character


def width(text: str) -> int:
    """Return how many terminal cells ``text`` takes."""
    return cell_len(text)


def cut(text: str, cells: int, *, mark: str = "~") -> str:
    """Shorten ``text`` to at most ``cells`` cells, ending in ``mark`` if anything was lost."""
    if cell_len(text) <= cells:
        return text
    if cells <= 0:
        return ""
    return set_cell_size(text, cells - 1).rstrip() + mark


def cut_middle(text: str, cells: int, *, mark: str = "~") -> str:
    """Shorten a path to ``cells`` cells, keeping both ends, since the end matters most."""
    if cell_len(text) <= cells:
        return text
    if cells < 4:
        return cut(text, cells, mark=mark)
    tail_cells = (cells - 1) * 2 // 3
    tail = text
    while cell_len(tail) > tail_cells:
        tail = tail[1:]
    return set_cell_size(text, cells - 1 - cell_len(tail)) + mark + tail


def left(text: str, cells: int) -> str:
    """Cut and pad ``text`` to exactly ``cells`` cells, at the left."""
    return set_cell_size(cut(text, cells), cells)


def right(text: str, cells: int) -> str:
    """Cut and pad ``text`` to exactly ``cells`` cells, at the right."""
    short = cut(text, cells)
    return " " * (cells - cell_len(short)) + short


def line_width(line: Iterable[Span]) -> int:
    """Return how many cells a line takes."""
    return sum(cell_len(text) for text, _ in line)


def fit_line(line: Line, cells: int) -> Line:
    """Cut and pad a line to exactly ``cells`` cells; the last span that fits is cut."""
    spans: list[Span] = []
    room = cells
    for text, tone in line:
        if room <= 0:
            break
        short = cut(text, room)
        spans.append((short, tone))
        room -= cell_len(short)
    if room > 0:
        spans.append((" " * room, ""))
    return tuple(spans)


def spread(start: Line, end: Line, cells: int) -> Line:
    """Put ``start`` at the left and ``end`` at the right of a line of ``cells`` cells; ``end`` wins the room."""
    room = cells - line_width(end)
    if room <= 0:
        return fit_line(end, cells)
    return fit_line(start, room) + end


def plain(line: Iterable[Span]) -> str:
    """Return the text of a line without its tones."""
    return "".join(text for text, _ in line)


def wrap(text: str, cells: int) -> list[str]:
    """Break a text into rows of at most ``cells`` cells, at spaces where there are any."""
    rows: list[str] = []
    row = ""
    for word in text.split(" "):
        rest = word
        while cell_len(rest) > cells > 0:
            if row:
                rows.append(row)
                row = ""
            head = set_cell_size(rest, cells).rstrip()
            rows.append(head)
            rest = rest[len(head) :]
        candidate = f"{row} {rest}" if row else rest
        if cell_len(candidate) > cells:
            rows.append(row)
            candidate = rest
        row = candidate
    return [*rows, row] if row or not rows else rows
