"""The loss pane as text: the terms as numbers, how fast they fall, the plot, and how far the job is. Pure."""

from __future__ import annotations

from styled import figures
from styled.job import ENDED, JobState
from styled.memory import MemorySample
from styled.messages import Progress
from styled.settings import default_values
from styled.tui.cells import plot
from styled.tui.cells.glyphs import Glyphs, progress_bar
from styled.tui.cells.lines import Line, inert, left, right
from styled.tui.model.history import TERMS, Term, terms_of
from styled.tui.model.snapshot import Focus, Losses
from styled.tui.panes.status_lines import memory_spans

_WEIGHTS = {"content": "content_weight", "style": "style_weight", "tv": "tv_weight"}
_AXIS_CELLS = 7  # "12.34 │"


def term_word(term: Term) -> str:
    """Return the term as printed."""
    return "TV" if term == "tv" else term


def plot_cells(cells: int, rows: int) -> int:
    """Return how many cells wide the plot of a pane of that size is."""
    return max(8, cells - _AXIS_CELLS - 1) if _has_axes(rows) else max(8, cells - 1)


def plot_columns(cells: int, rows: int, glyphs: Glyphs) -> int:
    """Return how many columns of values that plot shows."""
    wide = plot_cells(cells, rows)
    return wide * 2 if glyphs.blocks and _has_axes(rows) else wide


def _plot_rows(rows: int) -> int:
    """Return the rows the plot gets: what the numbers (4), the bar and the three lines of figures leave."""
    return max(0, rows - 8)


def _has_axes(rows: int) -> bool:
    return _plot_rows(rows) >= 5


def loss_lines(
    focus: Focus | None, memory: MemorySample | None, size: tuple[int, int], glyphs: Glyphs, term: Term
) -> list[Line]:
    """Return the pane's lines for a pane of ``size``: (cells, rows)."""
    cells, rows = size
    if focus is None:
        return []
    progress = focus.progress
    if progress is None:
        return [((_nothing_yet(focus), "muted"),)]
    numbers = _numbers(focus, progress, cells, term)
    figures_below = _figures(focus, progress, memory, cells, glyphs)
    if rows < 8:  # a very low pane: the total, the bar, the time left and the memory matter most
        return [*figures_below[:2], *numbers, figures_below[3]][:rows]
    planned = max(progress.steps, 1)
    plotted = _plot(focus.losses, planned, cells, rows, glyphs)
    lines = [*figures_below[:2], *numbers, *plotted, *figures_below[2:]]  # how far, and how long: one looks for that
    return lines[:rows]


def _nothing_yet(focus: Focus) -> str:
    state = focus.job.state
    if state is JobState.WAITING:
        return "queued: it has not started"
    if state is JobState.PAUSED:
        return "paused before its first step"
    if state is JobState.RUNNING:
        return "starting: the first step takes longest"
    return "no losses were written"


def _numbers(focus: Focus, progress: Progress, cells: int, term: Term) -> list[Line]:
    losses = focus.losses
    lines: list[Line] = []
    for name, value in zip(TERMS, terms_of(progress), strict=True):
        notes = [f"{right(figures.change(losses.ten_before.get(name), value), 6)}/10 steps"]
        if name == "total":
            if losses.per_second is not None:
                notes.append(f"{losses.per_second * 100.0:+.1f}%/s")
            notes.append(f"best {figures.loss(losses.best)}")
        else:
            weight = _WEIGHTS[name]
            notes.append(f"weight {focus.job.settings.get(weight, default_values()[weight]):g}")
        while len(notes) > 1 and len("  ".join(notes)) > cells - 17:
            notes.pop()  # rather nothing than half a number
        tone = "accent" if name == term else ""
        lines.append(
            (
                (left(term_word(name), 8), tone),  # type: ignore[arg-type]  # both are tones
                (right(figures.loss(value), 8), "strong" if name == "total" else ""),
                (" " + "  ".join(notes), "muted"),
            )
        )
    return lines


def _plot(losses: Losses, planned: int, cells: int, rows: int, glyphs: Glyphs) -> list[Line]:
    boundaries = [scale.step for scale in losses.scales[1:]]
    room = _plot_rows(rows)
    if _has_axes(rows):
        return plot.plot(losses.columns, boundaries, planned, rows=room, glyphs=glyphs)
    if room < 1:
        return []
    lines: list[Line] = [
        ((text, "accent"),) for text in plot.bars(losses.columns, max(1, room - 1), glyphs, boundaries, planned)
    ]
    if room >= 2:
        lines.append(((_labelled_rule(losses, boundaries, planned, plot_cells(cells, rows), glyphs), "muted"),))
    return lines


def _labelled_rule(losses: Losses, boundaries: list[int], planned: int, cells: int, glyphs: Glyphs) -> str:
    """Return the rule below a one-row plot, with the plot's highest and lowest log10 at its ends."""
    rule = plot.boundary_rule(cells, boundaries, planned, glyphs)
    span = plot.limits(losses.columns, boundaries, planned)
    if span is None:
        return rule
    high, low = f"{span[1]:.2f} ", f" {span[0]:.2f}"
    return high + rule[len(high) : -len(low)] + low


def _figures(focus: Focus, progress: Progress, memory: MemorySample | None, cells: int, glyphs: Glyphs) -> list[Line]:
    share = progress.step / max(progress.steps, 1)
    label = f"step {progress.step}/{progress.steps} "
    percent = f" {figures.percent(progress.step, progress.steps)}"
    full, empty = progress_bar(glyphs, share, max(4, cells - len(label) - len(percent) - 1))
    running = focus.job.state is JobState.RUNNING
    remaining = f"left {figures.duration(progress.left_seconds if running else None)}"
    if focus.job.state in ENDED:
        remaining = str(focus.job.state)
    scale = f"scale {progress.scale}/{progress.scales} {progress.width}x{progress.height}"
    speed = figures.speed(progress.step_seconds)
    return [
        ((label, ""), (full, "accent"), (empty, "muted"), (percent, "")),
        ((remaining, "strong"), (f"  elapsed {figures.duration(progress.seconds)}  {speed}", "muted")),
        ((scale, "muted"),),
        _memory(progress, memory, cells),
    ]


def _memory(progress: Progress, memory: MemorySample | None, cells: int) -> Line:
    """Return the job's own peak, then what the machine uses, as far as it fits."""
    peak = figures.size_of(progress.memory_bytes)
    if progress.gpu_memory_bytes is not None:
        peak = f"{figures.size_of(progress.gpu_memory_bytes)} on GPU, {peak}"
    own = f"peak {peak}  "
    return ((own, ""), *memory_spans(memory, cells - len(own)))


def trouble_line(focus: Focus, *, ascii_only: bool) -> Line:
    """Return what could not be read of the job, as a line; empty when all could."""
    return ((inert(focus.trouble, ascii_only=ascii_only), "warn"),) if focus.trouble else ()
