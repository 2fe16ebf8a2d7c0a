"""The rows of the queue as text: one job, one hot folder's jobs, or one thing in the inbox that is no job. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NamedTuple

from styled import figures
from styled.job import Job, JobState
from styled.messages import Progress
from styled.settings import default_values
from styled.tui.cells.glyphs import STATE_TONES, Glyphs, progress_bar
from styled.tui.cells.lines import Line, Span, cut, inert, left, right, width
from styled.tui.model.queue_index import Group
from styled.tui.panes.why_lines import Pair, pair_words

Row = Job | Group | Pair
"""What a row of the queue shows."""

_NUMBER = 5
_SIZE = 5
_NODE = 8
_PRIORITY = 4
_LOSS = 7
_LEFT = 7
_FIXED = 2 + 2 + _NUMBER + 1  # cursor and mark, glyph, number


class Layout(NamedTuple):
    """Widths of the columns that depend on the width of the table, in cells."""

    name: int
    styles: int
    """0: not shown."""
    priority: bool
    """Whether the priority has a column."""
    size: bool
    node: bool
    """Whether the machines have one."""
    progress: int


def layout(cells: int, *, nodes: bool = False) -> Layout:
    """Choose the columns for a table of ``cells`` cells.

    Args:
        cells: of the table.
        nodes: whether some job is painted by a machine that has a name. Where there is no room the names of jobs come first.
    """
    progress = 10 if cells < 72 else 17 if cells < 100 else 27
    priority, size = cells >= 72, cells >= 100
    room = cells - _FIXED - progress - _LOSS - _LEFT - 3 - priority * (_PRIORITY + 1) - size * (_SIZE + 1)
    node = nodes and room >= 12 + _NODE + 1
    if node:
        room -= _NODE + 1
    if room < 28:
        return Layout(max(6, room), 0, priority, size, node, progress)
    styles = room * 2 // 5
    return Layout(room - styles - 1, styles, priority, size, node, progress)


def header(cells: int, position: str = "", *, nodes: bool = False) -> Line:
    """Return the table's head; ``position`` (row of how many) stands in the name's column at its right.

    ``nodes`` as for :func:`layout`.
    """
    columns = layout(cells, nodes=nodes)
    name = left("NAME", max(0, columns.name - len(position) - 1)) + " " + position if position else "NAME"
    text = f"    {right('JOB', _NUMBER)} {left(name, columns.name)} "
    if columns.styles:
        text += left("STYLE", columns.styles) + " "
    if columns.size:
        text += right("SIZE", _SIZE) + " "
    if columns.node:
        text += left("NODE", _NODE) + " "
    if columns.priority:
        text += right("PRI", _PRIORITY) + " "
    text += f"{left('PROGRESS', columns.progress)} {right('LOSS', _LOSS)} {right('LEFT', _LEFT)}"
    return ((text, "muted"),)


def column_at(head: str, cell: int) -> str:
    """Return the word of the column whose head is at or before ``cell`` of :func:`header`'s text; empty before the first."""
    words = list(re.finditer(r"[A-Z]+", head))
    # Numbers stand at the right of their column, below the end of its word; a click a little before it means it too.
    return next((word.group() for word in reversed(words) if word.start() - 1 <= cell), "")


@dataclass(frozen=True, slots=True)
class RowFigures:
    """What a row shows beside the job itself."""

    progress: Progress | None = None
    """The job's newest losses, fresher than the store's."""
    left: float | None = None
    """Seconds until a waiting job, or the last of a group, may be done."""
    share: float = 0.0
    """Of a group, how much is done, 0..1."""
    picked: bool = False
    """The job was picked for a comparison."""
    nodes: bool = False
    """As for :func:`layout`."""
    inside: bool = False
    """It is a row below its group's."""


_NOTHING = RowFigures()


def queue_row(row: Row, cells: int, glyphs: Glyphs, known: RowFigures = _NOTHING) -> Line:
    """Return one row of a table of ``cells`` cells, without its cursor and mark."""
    if isinstance(row, Job):
        return _job_row(row, cells, glyphs, known)
    if isinstance(row, Group):
        return _group_row(row, cells, glyphs, known)
    return _words_row(*pair_words(row), cells, glyphs)


def _job_row(job: Job, cells: int, glyphs: Glyphs, known: RowFigures) -> Line:
    number = f"{'*' if known.picked else ''}{job.number:04d}"
    indent = "  " if known.inside else ""
    # A running job with a reason is one that its cluster has not begun.
    if job.state in {JobState.FAILED, JobState.CANCELLED, JobState.RUNNING} and job.reason:
        title = indent + job.title
        return _words_row(job.state, title, job.reason, cells, glyphs, number=number, is_marked=bool(job.remarks))
    columns = layout(cells, nodes=known.nodes)
    step, loss, steps = job.step, job.loss, job.steps
    remaining = figures.about(known.left) if job.state is JobState.WAITING else ""
    if known.progress is not None and job.state is JobState.RUNNING:
        step, loss, steps = known.progress.step, known.progress.loss, known.progress.steps
        remaining = figures.duration(known.progress.left_seconds)
    middle = _names(job, indent, columns, glyphs)
    if columns.size:
        middle += right(str(job.settings.get("size", default_values()["size"])), _SIZE) + " "
    if columns.node:
        middle += left(cut(inert(job.node, ascii_only=not glyphs.unicode), _NODE), _NODE) + " "
    if columns.priority:
        middle += right(str(job.priority) if job.priority else "", _PRIORITY) + " "
    tone = STATE_TONES[job.state]
    return (
        (f"{glyphs.states[job.state]} ", tone),
        (f"{right(number, _NUMBER)} ", "muted"),
        (middle, ""),
        *_progress(job.state, step, steps, columns.progress, glyphs),
        (f" {right(figures.loss(loss) if loss is not None else '', _LOSS)} ", ""),
        (right(remaining, _LEFT), ""),
    )


def _progress(state: JobState, step: int, steps: int, cells: int, glyphs: Glyphs) -> tuple[Span, ...]:
    """Return a bar for what runs; for the others a word, with how far they came."""
    percent = figures.percent(step, steps) if steps and step else ""
    if state is JobState.RUNNING:
        return _bar(step / max(steps, 1), figures.percent(step, steps) if steps else "", cells, glyphs)
    word = f"{state} {percent}" if percent and state is not JobState.DONE else str(state)
    return ((left(word, cells), STATE_TONES[state]),)


def _bar(share: float, words: str, cells: int, glyphs: Glyphs) -> tuple[Span, ...]:
    done, rest = progress_bar(glyphs, share, max(1, cells - max(5, len(words) + 1)))
    return ((done, "accent"), (rest, "muted"), (right(words, cells - width(done) - width(rest)), ""))


def _names(job: Job, indent: str, columns: Layout, glyphs: Glyphs) -> str:
    ascii_only = not glyphs.unicode
    name = indent + inert(job.name if columns.styles else job.title, ascii_only=ascii_only)
    text = (f"{left(name, columns.name - 2)} !" if job.remarks else left(name, columns.name)) + " "
    if columns.styles:
        text += left(inert(job.style_title, ascii_only=ascii_only), columns.styles) + " "
    return text


def _group_row(group: Group, cells: int, glyphs: Glyphs, known: RowFigures) -> Line:
    columns = layout(cells, nodes=known.nodes)
    count = len(group.jobs)
    jobs = f"{count} jobs"
    name = inert(f"{group.name}/", ascii_only=not glyphs.unicode)
    middle = left(name if columns.styles else f"{name} {jobs}", columns.name) + " "
    if columns.styles:
        middle += left(jobs, columns.styles) + " "
    middle += " " * (columns.size * (_SIZE + 1) + columns.node * (_NODE + 1) + columns.priority * (_PRIORITY + 1))
    failed = group.counts.get(JobState.FAILED, 0)
    running = group.counts.get(JobState.RUNNING, 0)
    state = JobState.RUNNING if running else JobState.WAITING
    return (
        (f"{glyphs.opened if group.is_open else glyphs.closed} ", STATE_TONES[state]),
        (" " * (_NUMBER + 1), ""),
        (middle, "strong"),
        *_bar(known.share, f"{group.ended}/{count}", columns.progress, glyphs),
        (f" {right(f'{failed} fail' if failed else '', _LOSS)} ", "bad"),
        (right(figures.about(known.left) if known.left is not None else "", _LEFT), ""),
    )


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
    words = cut(inert(f"{word}: {reason}", ascii_only=ascii_only), max(0, room - name_cells - 1))
    tone = STATE_TONES[word]
    return (
        (f"{glyphs.states[word]} ", tone),
        (f"{right(number, _NUMBER)} ", "muted"),
        (f"{shown} ", ""),
        (words, tone if word in {JobState.FAILED, "rejected"} else "muted"),
    )
