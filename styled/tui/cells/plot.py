"""A loss curve as text: log10, the lowest and highest value of each column kept so that spikes stay. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence

from styled.tui.cells.glyphs import Glyphs
from styled.tui.cells.lines import Line

Column = tuple[float, float] | None
"""Lowest and highest log10 of a column, or None where there is no value yet."""

_BRAILLE_BASE = 0x2800
_BRAILLE_DOTS = ((0x01, 0x02, 0x04, 0x40), (0x08, 0x10, 0x20, 0x80))  # [column][row], Unicode's numbering


def columns_of(steps: Sequence[int], values: Sequence[float], planned: int, count: int) -> list[Column]:
    """Sort the values into ``count`` columns over the steps 1..``planned`` and keep each column's extremes.

    Values that have no logarithm (0, negative, NaN, infinite) are left out. Between two steps that lie more
    than one column apart the last value is held.
    """
    columns: list[Column] = [None] * max(0, count)
    if not columns:
        return columns
    last = max(planned, steps[-1] if steps else 0, 1)
    held: float | None = None
    edge = 0
    for step, value in zip(steps, values, strict=True):
        if not (math.isfinite(value) and value > 0.0):
            continue
        level = math.log10(value)
        index = min(count - 1, max(0, (step - 1) * count // last))
        for between in range(edge, index):
            if held is not None and columns[between] is None:
                columns[between] = (held, held)
        known = columns[index]
        columns[index] = (level, level) if known is None else (min(known[0], level), max(known[1], level))
        held, edge = level, index
    if steps and held is not None:  # the last step lasts until where the next would begin
        for index in range(edge + 1, min(count, steps[-1] * count // last)):
            columns[index] = (held, held)
    return columns


def limits(columns: Sequence[Column], boundaries: Sequence[int] = (), planned: int = 0) -> tuple[float, float] | None:
    """Return the lowest and highest log10 to be drawn, at least 0.1 apart; None without values.

    The first tenth of each scale falls steeply, and would make a flat line of the rest: it is left out once there is
    more, and drawn as far as it fits. ``boundaries`` are the first steps of the scales after the first.
    """
    steep = _steep(len(columns), boundaries, planned)
    known = [column for x, column in enumerate(columns) if column is not None and x not in steep]
    if len(known) < 2:
        known = [column for column in columns if column is not None]
    if not known:
        return None
    low, high = min(column[0] for column in known), max(column[1] for column in known)
    if high - low < 0.1:
        middle = (high + low) / 2
        return middle - 0.05, middle + 0.05
    return low, high


def _steep(count: int, boundaries: Sequence[int], planned: int) -> set[int]:
    """Return the columns of the first tenth of each scale."""
    if planned < 1:
        return set()
    starts = [1, *boundaries]
    ends = [*boundaries, planned + 1]
    found: set[int] = set()
    for start, end in zip(starts, ends, strict=True):
        first, last = (start - 1) * count // planned, (start - 1 + (end - start) / 10) * count / planned
        found.update(range(first, max(first + 1, round(last))))
    return found


def bars(
    columns: Sequence[Column], rows: int, glyphs: Glyphs, boundaries: Sequence[int] = (), planned: int = 0
) -> list[str]:
    """Draw a plot of a few rows, top first: the height of each column's highest value; :func:`limits` is the scale."""
    span = limits(columns, boundaries, planned)
    if span is None:
        return [" " * len(columns)] * rows
    low, high = span
    steps = len(glyphs.levels)
    # The lowest value still shows one step, so that it differs from no value.
    heights = [
        0 if column is None else max(1, 1 + round((column[1] - low) / (high - low) * (rows * steps - 1)))
        for column in columns
    ]
    lines = []
    for row in reversed(range(rows)):
        fill = [min(max(height - row * steps, 0), steps) for height in heights]
        lines.append("".join(" " if not one else glyphs.levels[one - 1] for one in fill))
    return lines


def boundary_rule(cells: int, boundaries: Sequence[int], planned: int, glyphs: Glyphs) -> str:
    """Draw a rule of ``cells`` cells with a tick where each scale of ``boundaries`` (first steps) begins."""
    rule = [glyphs.rule] * max(0, cells)
    for step in boundaries:
        index = (step - 1) * cells // max(planned, 1)
        if 0 < index < cells:
            rule[index] = glyphs.tick
    return "".join(rule)


def braille(columns: Sequence[Column], rows: int, span: tuple[float, float]) -> list[str]:
    """Draw columns as braille dots: two columns and four dots of height to a cell.

    Returns:
        ``rows`` texts, top first, of ``len(columns) // 2`` cells.
    """
    cells = [[0] * (len(columns) // 2) for _ in range(rows)]
    for x, (lowest, highest) in _dot_ranges(columns, rows * 4, span):
        if x // 2 >= len(columns) // 2:
            continue
        for dot in range(lowest, highest + 1):
            cells[dot // 4][x // 2] |= _BRAILLE_DOTS[x % 2][dot % 4]
    return ["".join(chr(_BRAILLE_BASE + bits) if bits else " " for bits in row) for row in cells]


def ascii_plot(columns: Sequence[Column], rows: int, span: tuple[float, float]) -> list[str]:
    """Draw columns with one character each: ``*``, and ``|`` where a column spans several rows."""
    cells = [[" "] * len(columns) for _ in range(rows)]
    for x, (top, bottom) in _dot_ranges(columns, rows, span):
        for row in range(top, bottom + 1):
            cells[row][x] = "*" if top == bottom else "|"
    return ["".join(row) for row in cells]


def _dot_ranges(columns: Sequence[Column], height: int, span: tuple[float, float]) -> list[tuple[int, tuple[int, int]]]:
    """Return (x, (first, last)) of the dots each column covers, 0 at the top, joined to its left neighbour."""
    low, high = span
    ranges: list[tuple[int, tuple[int, int]]] = []
    before: tuple[int, int] | None = None
    for x, column in enumerate(columns):
        if column is None:
            before = None
            continue
        first = round((high - column[1]) / (high - low) * (height - 1))
        last = round((high - column[0]) / (high - low) * (height - 1))
        first, last = min(max(0, first), height - 1), min(max(0, last), height - 1)
        covered = (first, last)
        if before is not None:  # close the gap to the neighbour, or a steep fall looks like scattered dots
            if covered[0] > before[1] + 1:
                covered = (before[1] + 1, covered[1])
            elif covered[1] < before[0] - 1:
                covered = (covered[0], before[0] - 1)
        ranges.append((x, covered))
        before = (first, last)
    return ranges


def plot(
    columns_for: Sequence[Column],
    boundaries: Sequence[int],
    planned: int,
    *,
    rows: int,
    glyphs: Glyphs,
) -> list[Line]:
    """Draw a plot with its axes in ``rows`` rows (3 or more): log10 at the left, steps below.

    ``columns_for`` has two columns a cell with Unicode, one with ASCII.
    """
    span = limits(columns_for, boundaries, planned)
    cells = len(columns_for) // 2 if glyphs.blocks else len(columns_for)
    if span is None:
        return [(("no loss yet", "muted"),)]
    body_rows = max(1, rows - 2)
    body = (braille if glyphs.blocks else ascii_plot)(columns_for, body_rows, span)
    low, high = span
    is_cut = any(column is not None and column[1] > high for column in columns_for)
    lines: list[Line] = []
    for index, text in enumerate(body):
        at = high - (high - low) * index / max(1, body_rows - 1)
        labelled = index in {0, body_rows - 1} or (body_rows > 6 and index == body_rows // 2)
        mark = "^" if index == 0 and is_cut else " "  # what is higher is not drawn to scale
        label = f"{at:5.2f}{mark}" if labelled else " " * 6
        lines.append(((label, "muted"), (glyphs.axis, "muted"), (text, "accent")))
    lines.append(
        ((" " * 6, ""), (("└" if glyphs.unicode else "+") + boundary_rule(cells, boundaries, planned, glyphs), "muted"))
    )
    lines.append(((" " * 6, ""), (_step_labels(cells + 1, boundaries, planned), "muted")))
    return lines


def _step_labels(cells: int, boundaries: Sequence[int], planned: int) -> str:
    """Write the step below each boundary, as far as they do not touch; the first and the last always."""
    row = [" "] * cells
    end = f"{planned}"
    row[cells - len(end) :] = end
    free_until = cells - len(end) - 1
    row[0] = "0"
    edge = 2
    for step in boundaries:
        label = str(step - 1)
        start = 1 + (step - 1) * (cells - 1) // max(planned, 1)
        if start >= edge and start + len(label) <= free_until:
            row[start : start + len(label)] = label
            edge = start + len(label) + 1
    return "".join(row)[:cells]
