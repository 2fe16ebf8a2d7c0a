"""Everything else about a job as text: inputs, times, memory, settings. Pure."""

from __future__ import annotations

import time
from collections.abc import Sequence

from styled import figures
from styled.job import ENDED, Job, JobState
from styled.memory import MemorySample
from styled.settings import Settings, default_values
from styled.tui.cells.glyphs import STATE_TONES, Glyphs, history_bars
from styled.tui.cells.lines import Line, Span, Tone, cut_middle, inert, left, wrap
from styled.tui.model.snapshot import Focus

_LABEL = 9


_HISTORY_CELLS = 20
_HIGH, _FULL = 0.8, 0.95
"""Shares of a memory from which it is a warning, and nearly full."""


def job_lines(
    focus: Focus | None,
    memory: MemorySample | None,
    cells: int,
    glyphs: Glyphs,
    history: Sequence[MemorySample] = (),
) -> list[Line]:
    """Return the job's facts, then the memory of the host and of each GPU, each with its last minute."""
    lines: list[Line] = []
    if focus is not None:
        lines += _facts(focus, cells, glyphs)
        lines.append(((" ", ""),))
    return [*lines, *memory_lines(memory, history, glyphs)]


def _facts(focus: Focus, cells: int, glyphs: Glyphs) -> list[Line]:
    job = focus.job
    ascii_only = not glyphs.unicode
    room = max(8, cells - _LABEL)

    def fact(label: str, text: str) -> Line:
        return ((left(label, _LABEL), "muted"), (cut_middle(inert(text, ascii_only=ascii_only), room), ""))

    state: Span = (f"{glyphs.states[job.state]} {job.state}", STATE_TONES[job.state])
    lines: list[Line] = [
        ((left("state", _LABEL), "muted"), state, (f"   priority {job.priority}" if job.priority else "", "")),
    ]
    if job.node:
        lines.append(fact("node", job.node))
    if job.reason:
        lines += [
            (
                (left("reason" if index == 0 else "", _LABEL), "muted"),
                (text, "bad" if job.state is JobState.FAILED else ""),
            )
            for index, text in enumerate(wrap(inert(job.reason, ascii_only=ascii_only), room))
        ]
    for remark in job.remarks:
        lines += [
            ((left("note" if index == 0 else "", _LABEL), "muted"), (text, "warn"))
            for index, text in enumerate(wrap(inert(remark, ascii_only=ascii_only), room))
        ]
    lines.append(fact("content", job.names.get(job.content, job.content)))
    lines += [
        fact("style" if len(job.styles) == 1 else f"style {n}", job.names.get(path, path))
        for n, path in enumerate(job.styles[:4], 1)
    ]
    lines += [
        ((left("times" if index == 0 else "", _LABEL), "muted"), (text, ""))
        for index, text in enumerate(wrap(_times(job, focus.took), room))
    ]
    if job.settings:
        lines.append(fact("settings", ", ".join(f"{key} {shown(value)}" for key, value in job.settings.items())))
    if focus.progress is not None:
        peak = figures.size_of(focus.progress.memory_bytes)
        if focus.progress.gpu_memory_bytes is not None:
            peak += f", on the GPU {figures.size_of(focus.progress.gpu_memory_bytes)}"
        lines.append(fact("peak", peak))
    if focus.frames:
        lines.append(fact("frames", f"{len(focus.frames)}, newest of step {focus.frames[-1]}"))
    lines.append(fact("folder", focus.folder))
    return lines


def no_frame_words(job: Job) -> str:
    """Return what stands in the place of a picture while there is none."""
    return "no frame was painted" if job.state in ENDED else "no frame yet"


def _times(job: Job, took: float | None) -> str:
    parts = [f"added {_moment(job.created_at)}"]
    if job.started_at is not None:
        parts.append(f"started {_moment(job.started_at)}")
    if job.finished_at is not None:
        parts.append(f"ended {_moment(job.finished_at)}")
    if took is not None:
        parts.append(f"took {figures.duration(took)}")
    return ", ".join(parts)


def _moment(at: float) -> str:
    return time.strftime("%d %b %H:%M", time.localtime(at))


def memory_lines(memory: MemorySample | None, history: Sequence[MemorySample], glyphs: Glyphs) -> list[Line]:
    """Return a line for the host, and for each GPU one for its memory and one for how busy it is."""
    if memory is None:
        return []
    limit = " (limit of the control group)" if memory.limited else ""
    host = f"{figures.gibibytes(memory.host_used)}/{figures.gibibytes(memory.host_total)} GiB"
    host += f" {figures.percent(memory.host_used, memory.host_total)}{limit}"
    lines = [_with_history("host", host, [_share(each.host_used, each.host_total) for each in history], glyphs)]
    if not memory.gpus:
        return [*lines, ((left("GPU", _LABEL), "muted"), ("none, running on the CPU", ""))]
    for gpu in memory.gpus:
        seen = [next((one for one in each.gpus if one.label == gpu.label), None) for each in history]
        text = (
            f"{figures.gibibytes(gpu.used)}/{figures.gibibytes(gpu.total)} GiB {figures.percent(gpu.used, gpu.total)}"
        )
        if gpu.temperature is not None:
            text += f"  {gpu.temperature} C"
        text += f"  {inert(gpu.name or '')}"
        shares = [_share(one.used, one.total) if one is not None else None for one in seen]
        lines.append(_with_history(f"GPU {gpu.label}", text, shares, glyphs))
        if gpu.utilisation is not None:
            busy = [one.utilisation / 100 if one is not None and one.utilisation is not None else None for one in seen]
            lines.append(_with_history("", f"busy {gpu.utilisation}%", busy, glyphs, can_be_full=False))
    return lines


def _share(part: int | None, whole: int | None) -> float | None:
    return part / whole if part is not None and whole else None


def _with_history(
    label: str, text: str, shares: Sequence[float | None], glyphs: Glyphs, *, can_be_full: bool = True
) -> Line:
    """Return a figure with its last minute as bars, in the colour of a warning where little is left."""
    now = next((share for share in reversed(shares) if share is not None), 0.0)
    tone: Tone = "" if not can_be_full or now < _HIGH else "warn" if now < _FULL else "bad"
    bars = history_bars(glyphs, shares, _HISTORY_CELLS)
    return ((left(label, _LABEL), "muted"), (f"{bars} ", tone or "accent"), (text, tone))


def shown(value: object) -> str:
    """Return a setting's value as one would type it."""
    if isinstance(value, dict):
        return " ".join(f"{key}={shown(one)}" for key, one in value.items())
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(shown(one) for one in value) + "]"
    return f"{value:g}" if isinstance(value, float) else str(value)


def settings_lines(job: Job, cells: int, glyphs: Glyphs) -> list[Line]:
    """Return every setting of a job; those that were given for it come first and stand out."""
    lines: list[Line] = []
    names = max(len(name) for name in Settings.__struct_fields__)
    for name, default in sorted(default_values().items(), key=lambda item: item[0] not in job.settings):
        own = name in job.settings
        value = shown(job.settings.get(name, default))
        rows = wrap(inert(value, ascii_only=not glyphs.unicode), max(8, cells - names - 2))
        lines.append(((left(name, names + 1), "accent" if own else "muted"), (rows[0], "strong" if own else "")))
        lines += [((" " * (names + 1), ""), (row, "strong" if own else "")) for row in rows[1:]]
    return lines
