"""The rows of the queue as text: one job, or one thing in the inbox that is not a job yet. Pure."""

from __future__ import annotations

from typing import NamedTuple

from styled import figures
from styled.job import Job, JobState
from styled.messages import Progress
from styled.settings import default_values
from styled.store.status import Ignored, Incomplete, Rejected
from styled.tui.cells.glyphs import STATE_TONES, Glyphs
from styled.tui.cells.lines import Line, cut, inert, left, right, width

Row = Job | Incomplete | Ignored | Rejected
"""What a row of the queue shows."""


_STATE = 10  # the longest words: incomplete
_NUMBER = 5
_SIZE = 5
_NODE = 8
_STEP = 9
_LOSS = 7
_LEFT = 7
_FIXED = 2 + 2 + _STATE + 1 + _NUMBER + 1  # cursor, glyph, state, number
_FIGURES = _SIZE + _STEP + _LOSS + _LEFT + 4


class Layout(NamedTuple):
    """Widths of the columns that depend on the width of the table, in cells."""

    name: int
    styles: int
    """0: not shown."""
    size: bool
    """Whether the size has a column."""
    node: bool
    """Whether the machines have one."""


def layout(cells: int, *, nodes: bool = False) -> Layout:
    """Choose the columns for a table of ``cells`` cells.

    Args:
        cells: of the table.
        nodes: whether some job is painted by a machine that has a name. Where there is no room the names of jobs come first.
    """
    room = cells - _FIXED - _FIGURES - 1
    node = nodes and room >= 12 + _NODE + 1
    if node:
        room -= _NODE + 1
    if room < 12:
        return Layout(max(6, room + _SIZE + 1), 0, size=False, node=node)
    if room < 44:
        return Layout(room, 0, size=True, node=node)
    return Layout(room - room // 3 - 1, room // 3, size=True, node=node)


def header(cells: int, position: str = "", *, nodes: bool = False) -> Line:
    """Return the table's head; ``position`` (row of how many) stands in the name's column at its right.

    ``nodes`` as for :func:`layout`.
    """
    columns = layout(cells, nodes=nodes)
    name = left("NAME", max(0, columns.name - len(position) - 1)) + " " + position if position else "NAME"
    text = f"    {left('STATE', _STATE)} {right('JOB', _NUMBER)} {left(name, columns.name)} "
    if columns.styles:
        text += left("STYLE", columns.styles) + " "
    if columns.size:
        text += right("SIZE", _SIZE) + " "
    if columns.node:
        text += left("NODE", _NODE) + " "
    text += f"{right('STEP', _STEP)} {right('LOSS', _LOSS)} {right('LEFT', _LEFT)}"
    return ((text, "muted"),)


def queue_row(
    row: Row,
    cells: int,
    glyphs: Glyphs,
    *,
    progress: Progress | None = None,
    foreseen: float | None = None,
    picked: bool = False,
    nodes: bool = False,
) -> Line:
    """Return one row of the table without its cursor.

    Args:
        row: what to show.
        cells: width of the table.
        glyphs: drawing characters.
        progress: the job's newest losses, fresher than the store's.
        foreseen: seconds until a waiting job may be done.
        picked: the job was picked for a comparison.
        nodes: as for :func:`layout`.
    """
    if isinstance(row, Job):
        return _job_row(row, cells, glyphs, progress, foreseen, picked=picked, nodes=nodes)
    if isinstance(row, Incomplete):
        return _words_row("incomplete", row.name, f"waits for {row.missing}", cells, glyphs)
    return _words_row("ignored" if isinstance(row, Ignored) else "rejected", row.name, row.reason, cells, glyphs)


def _job_row(
    job: Job,
    cells: int,
    glyphs: Glyphs,
    progress: Progress | None,
    foreseen: float | None,
    *,
    picked: bool,
    nodes: bool,
) -> Line:
    number = f"{'*' if picked else ''}{job.number:04d}"
    # A running job with a reason is one that its cluster has not begun.
    if job.state in {JobState.FAILED, JobState.CANCELLED, JobState.RUNNING} and job.reason:
        return _words_row(job.state, job.title, job.reason, cells, glyphs, number=number, is_marked=bool(job.remarks))
    columns = layout(cells, nodes=nodes)
    step, loss, steps = job.step, job.loss, job.steps
    remaining = figures.about(foreseen) if job.state is JobState.WAITING else figures.UNKNOWN
    if progress is not None and job.state is JobState.RUNNING:
        step, loss, steps = progress.step, progress.loss, progress.steps
        remaining = figures.duration(progress.left_seconds)
    done = f"{step}/{steps}" if steps else figures.UNKNOWN
    middle = _names(job, columns, glyphs)
    if columns.size:
        middle += right(str(job.settings.get("size", default_values()["size"])), _SIZE) + " "
    if columns.node:
        middle += left(cut(inert(job.node, ascii_only=not glyphs.unicode), _NODE), _NODE) + " "
    tone = STATE_TONES[job.state]
    return (
        (f"{glyphs.states[job.state]} {left(job.state, _STATE)} ", tone),
        (f"{right(number, _NUMBER)} ", "muted"),
        (middle, ""),
        (f"{right(done, _STEP)} ", ""),
        (f"{right(figures.loss(loss), _LOSS)} ", ""),
        (right(remaining, _LEFT), ""),
    )


def _names(job: Job, columns: Layout, glyphs: Glyphs) -> str:
    ascii_only = not glyphs.unicode
    name = inert(job.name if columns.styles else job.title, ascii_only=ascii_only)
    text = (f"{left(name, columns.name - 2)} !" if job.remarks else left(name, columns.name)) + " "
    if columns.styles:
        text += left(inert(job.style_title, ascii_only=ascii_only), columns.styles) + " "
    return text


def _words_row(
    word: str, name: str, reason: str, cells: int, glyphs: Glyphs, *, number: str = "", is_marked: bool = False
) -> Line:
    """Return a row whose figures give way to a reason; ``is_marked`` puts a ``!`` after the name, for remarks."""
    columns = layout(cells)
    ascii_only = not glyphs.unicode
    shown = inert(name, ascii_only=ascii_only)
    room = cells - _FIXED
    # The name lends what it does not need to the reason: the reason is what one looks for.
    name_cells = min(columns.name, room // 2, max(12, width(shown) + (2 if is_marked else 0)))
    shown = f"{left(shown, name_cells - 2)} !" if is_marked else left(shown, name_cells)
    words = cut(inert(reason, ascii_only=ascii_only), max(0, room - name_cells - 1))
    tone = STATE_TONES[word]
    return (
        (f"{glyphs.states[word]} {left(word, _STATE)} ", tone),
        (f"{right(number, _NUMBER)} ", "muted"),
        (f"{shown} ", ""),
        (words, tone if word in {JobState.FAILED, "rejected"} else "muted"),
    )
