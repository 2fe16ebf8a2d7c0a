"""The contact sheet: what a job was made from, how it went and what came out, as one picture to send around."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from PIL import Image, ImageDraw

from styled import figures, images
from styled.errors import ImageError, StyledError
from styled.evolution import all_losses
from styled.gallery.curve import Curve, curve_of, decades
from styled.gallery.entry import GalleryEntry
from styled.gallery.lettering import write
from styled.messages import LOSS_TERMS
from styled.settings import settings_table

WIDTH = 1600
"""Of the sheet, px."""

JOBS_MAX = 50
"""On one sheet: about 5 MB of memory each."""

FRAMES = 6
"""Shown of each job, evenly chosen, besides the result."""

_MARGIN, _GAP, _LABEL = 40, 16, 30
_MAIN_HEIGHT, _FRAME_HEIGHT, _PLOT_HEIGHT = 460, 190, 200
_PAPER, _INK, _QUIET, _RULE = "#faf9f6", "#1c1b19", "#5f5b54", "#dbd7cf"
_COLOURS = {"loss": _INK, "content_loss": "#1f6fb5", "style_loss": "#b0530d", "tv_loss": "#5b7a1d"}

Labelled = tuple[str, Image.Image]


class _Row(NamedTuple):
    """Pictures side by side, of one height."""

    pictures: list[Labelled]
    height: int


def draw_sheet(entries: Sequence[GalleryEntry]) -> Image.Image:
    """Return the sheet: RGB, :data:`WIDTH` px wide, one job below the other.

    Raises:
        StyledError: no job, too many, or one without a picture.
    """
    if not 1 <= len(entries) <= JOBS_MAX:
        raise StyledError(
            f"a sheet shows 1 to {JOBS_MAX} jobs, not {len(entries)}", "See all of them with: styled gallery."
        )
    panels = [_panel(entry) for entry in entries]
    sheet = Image.new("RGB", (WIDTH, sum(panel.height for panel in panels)), _PAPER)
    top = 0
    for panel in panels:
        sheet.paste(panel, (0, top))
        top += panel.height
    return sheet


def _panel(entry: GalleryEntry) -> Image.Image:
    if entry.picture is None:
        raise StyledError(f"{entry.name} has no picture yet", "Wait for its first frame: styled follow JOB.")
    rows = [_row(_main_pictures(entry), _MAIN_HEIGHT), _row(_frame_pictures(entry), _FRAME_HEIGHT)]
    rows = [row for row in rows if row.pictures]
    curve = curve_of(all_losses(entry.folder), columns=600)
    height = _MARGIN + 84 + sum(row.height + _LABEL + _GAP for row in rows) + (_PLOT_HEIGHT + 50 if curve else 0)
    panel = Image.new("RGB", (WIDTH, height + _MARGIN // 2), _PAPER)
    draw = ImageDraw.Draw(panel)
    inner = WIDTH - 2 * _MARGIN
    write(draw, (_MARGIN, _MARGIN - 8), entry.title, 34, _INK, width=inner)
    write(draw, (_MARGIN, _MARGIN + 38), _line(entry), 19, _QUIET, width=inner)
    top = _MARGIN + 84
    for row in rows:
        _draw_row(panel, draw, row, top)
        top += row.height + _LABEL + _GAP
    if curve:
        _draw_curve(draw, curve, (_MARGIN + 60, top + 28, WIDTH - _MARGIN, top + _PLOT_HEIGHT))
    draw.line((0, panel.height - 1, WIDTH, panel.height - 1), fill=_RULE)
    return panel


def _line(entry: GalleryEntry) -> str:
    parts = [entry.folder.id]
    if entry.last:
        last = entry.last
        parts += [f"{last.width} x {last.height} px", f"{last.step} steps", f"loss {figures.loss(last.loss)}"]
        parts.append(f"painted in {figures.duration(last.seconds)}")
    said = {"size", "steps"} | {row.name for row in settings_table() if row.group == "files"}
    changed = [(name, value) for name, value in entry.changed.items() if name not in said]
    return "   ".join([*parts, *(f"{name} {value}" for name, value in changed if not isinstance(value, dict))])


def _main_pictures(entry: GalleryEntry) -> list[Labelled]:
    sources = [(title, path) for title, path in entry.inputs]
    if entry.picture is not None:
        newest = "result" if entry.has_result else f"step {entry.frames[-1][0]}, not finished"
        sources.append((newest, entry.picture))
    return _loaded(sources, 2 * _MAIN_HEIGHT)


def _frame_pictures(entry: GalleryEntry) -> list[Labelled]:
    found = entry.frames
    if len(found) > FRAMES:
        last = len(found) - 1
        found = [found[round(index * last / (FRAMES - 1))] for index in range(FRAMES)]
    return _loaded([(f"step {step}", path) for step, path in found], 2 * _FRAME_HEIGHT)


def _loaded(sources: Sequence[tuple[str, Path]], side: int) -> list[Labelled]:
    pictures = []
    for title, path in sources:
        try:
            pixels = images.load(path, long_side=side).pixels
        except ImageError:
            # A frame cut by a power loss, an input that is gone: an empty place on the sheet shows it.
            pictures.append((f"{title}: cannot be read", Image.new("RGB", (4, 3), _RULE)))
        else:
            pictures.append((title, Image.fromarray(pixels)))
    return pictures


def _row(pictures: list[Labelled], height: int) -> _Row:
    """Return a row as high as asked for, or less where its pictures would be wider than the sheet."""
    if not pictures:
        return _Row([], 0)
    room = WIDTH - 2 * _MARGIN - _GAP * (len(pictures) - 1)
    aspects = sum(picture.width / picture.height for _, picture in pictures)
    return _Row(pictures, max(1, min(height, int(room / aspects))))


def _draw_row(panel: Image.Image, draw: ImageDraw.ImageDraw, row: _Row, top: int) -> None:
    left = _MARGIN
    for title, picture in row.pictures:
        width = max(1, int(row.height * picture.width / picture.height))
        panel.paste(picture.resize((width, row.height), Image.Resampling.LANCZOS), (left, top))
        write(draw, (left, top + row.height + 6), title, 18, _QUIET, width=width + _GAP - 4)
        left += width + _GAP


def _draw_curve(draw: ImageDraw.ImageDraw, curve: Curve, box: tuple[int, int, int, int]) -> None:
    left, top, right, bottom = box
    marks: list[tuple[str, float]] = [(f"1e{power}", y) for power, y in decades(curve)]
    if len(marks) < 2:
        marks = [(figures.loss(10.0**curve.high), 0.0), (figures.loss(10.0**curve.low), 1.0)]
    for label, y in marks:
        at = top + y * (bottom - top)
        draw.line((left, at, right, at), fill=_RULE)
        write(draw, (left - 8, at), label, 15, _QUIET, width=80, anchor="rm")
    for x in curve.scales:
        at = left + x * (right - left)
        draw.line((at, top, at, bottom), fill=_RULE, width=2)
    for term, points in reversed(curve.lines.items()):
        places = [(left + point.x * (right - left), top + point.y * (bottom - top)) for point in points]
        draw.line(places, fill=_COLOURS[term], width=3 if term == "loss" else 2, joint="curve")
    write(draw, (left, bottom + 8), "step 1", 15, _QUIET, width=200)
    write(draw, (right, bottom + 8), f"step {curve.steps}", 15, _QUIET, width=200, anchor="ra")
    at = float(left)
    for term in curve.lines:
        draw.line((at, top - 15, at + 28, top - 15), fill=_COLOURS[term], width=4)
        write(draw, (at + 36, top - 15), LOSS_TERMS[term], 17, _QUIET, width=200, anchor="lm")
        at += 190
