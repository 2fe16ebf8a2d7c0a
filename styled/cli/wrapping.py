"""Lines for a terminal, wrapped by its cells: a character of Chinese or Japanese takes two, an accent none."""

from __future__ import annotations

import textwrap

LEAST = 20
"""Columns below which nothing is wrapped narrower: a word a line helps nobody."""

_INDENT = " " * 8


def wrapped(line: str, columns: int | None) -> list[str]:
    """Return a line in as many as it needs: what is wrong and what to do stand at its end.

    Args:
        line: printable.
        columns: of the terminal; None: there is none, and nothing is wrapped.
    """
    if columns is None:
        return [line]
    columns = max(LEAST, columns)
    if line.isascii():
        rows = textwrap.wrap(line, columns, subsequent_indent=_INDENT, break_on_hyphens=False)
    else:
        import wcwidth  # a fifth of a second, which most lines can do without

        rows = wcwidth.wrap(line, columns, subsequent_indent=_INDENT, break_on_hyphens=False)
    return rows or [line]
