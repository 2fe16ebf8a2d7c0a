"""The status row and the event line as text. Pure."""

from __future__ import annotations

import time
from collections.abc import Sequence

from styled import figures
from styled.job import JobState
from styled.memory import MemorySample
from styled.store.records import Event
from styled.tui.cells.glyphs import STATE_TONES, Glyphs
from styled.tui.cells.lines import Line, Span, Tone, inert, line_width
from styled.tui.model.snapshot import Happening, Snapshot

_DAY_S = 86_400.0

FRESH_S = 5.0
"""Below this age of the daemon's heartbeat nothing is said of it."""

_STATES: dict[str, tuple[str, Tone]] = {
    "running": ("daemon up", "accent"),
    "paused": ("queue paused", "warn"),
    "stopping": ("daemon stopping", "warn"),
    "degraded": ("degraded", "bad"),
}
"""The daemon's words for its state to those on the screen."""

_COUNTED = (JobState.WAITING, JobState.PAUSED, JobState.DONE, JobState.FAILED, "incomplete", "rejected")
_NORMAL = frozenset({JobState.WAITING, JobState.DONE})
"""Of which the glyph is enough where there is little room."""
_BESIDE_COUNTS = 31
"""Cells that the daemon's state and the end of the queue need at least."""


def status_line(
    snapshot: Snapshot | None,
    now: float,
    cells: int,
    glyphs: Glyphs,
    *,
    title: str = "styled",
    is_starting: bool = False,
) -> Line:
    """Return the status row: daemon and heartbeat, memory, counts. The counts win the room.

    ``is_starting``: a daemon is being started from here.
    """
    head: Line = ((f" {title} ", "strong"),)
    if snapshot is None:
        return (*head, (" reading the queue...", "muted"))
    state = _daemon(snapshot, now, is_starting=is_starting)
    counts = _counts(snapshot, cells - max(line_width(state) + 1, _BESIDE_COUNTS), glyphs)
    if snapshot.all_done is not None:
        ends = f" all done ~{clock(now + snapshot.all_done)[:5]}" + _days(snapshot.all_done)
        if line_width(state) + len(ends) + line_width(counts) < cells:
            state = (*state, (ends, ""))
    room = cells - line_width(state) - line_width(counts) - 4
    memory = memory_spans(snapshot.memory, room - line_width(head))
    if not memory:  # the memory matters more than our own name
        head, memory = (), memory_spans(snapshot.memory, room)
    used = line_width(head) + line_width(state) + line_width(memory) + line_width(counts)
    gap = max(1, cells - used - 2)
    return (*head, *state, ("  ", ""), *memory, (" " * gap, ""), *counts)


def _daemon(snapshot: Snapshot, now: float, *, is_starting: bool) -> Line:
    daemon = snapshot.daemon
    if snapshot.trouble:
        return ((" store unreadable ", "bad"),)
    trouble = snapshot.daemon_trouble(now)
    if trouble and is_starting:
        return ((" starting the daemon ", "accent"),)
    if trouble == "gone":
        return ((" the daemon is not running ", "bad"),)
    beat = now - daemon.beat_at if daemon is not None else 0.0
    if trouble == "silent":
        since = max(beat, now - snapshot.pulse.since if snapshot.pulse.state == "silent" else 0.0)
        return ((f" the daemon does not respond ({figures.age(since)}) ", "bad"),)
    if daemon is None:  # it answers, and has not reported yet
        return ((" the daemon begins ", "accent"),)
    words, tone = _STATES[daemon.state]
    return ((f" {words} ", tone), *(((f"silent for {figures.age(beat)}", "muted"),) if beat >= FRESH_S else ()))


def _days(seconds: float) -> str:
    """Return how many days after today an end may be, where the time of day is not enough."""
    return "" if seconds < _DAY_S else f" in {seconds / _DAY_S:.0f}d"


def memory_spans(memory: MemorySample | None, cells: int) -> Line:
    """Return GPU memory and load, each GPU as far as there is room; host memory when there is no GPU."""
    if memory is None:
        return ()
    if not memory.gpus:
        host = f"{figures.gibibytes(memory.host_used)}/{figures.gibibytes(memory.host_total)} GiB"
        share = figures.percent(memory.host_used, memory.host_total)
        for text in (f"no GPU, host {host} {share}", f"no GPU, {host}", f"host {host}", host):
            if len(text) <= cells:
                return ((text, "muted"),)
        return ()
    used = [f"{figures.gibibytes(gpu.used)}/{figures.gibibytes(gpu.total)}" for gpu in memory.gpus]
    load = [f" {gpu.utilisation}%" if gpu.utilisation is not None else "" for gpu in memory.gpus]
    full = [f"gpu{gpu.label} {one}G{busy}" for gpu, one, busy in zip(memory.gpus, used, load, strict=True)]
    whole = [f"{_whole(gpu.used)}/{_whole(gpu.total)}" for gpu in memory.gpus]
    candidates = ["  ".join(full), f"gpu {' '.join(whole)} GiB"]
    candidates += ["  ".join(full[:shown]) + f"  +{len(full) - shown}" for shown in range(len(full) - 1, 0, -1)]
    for text in candidates:
        if len(text) <= cells:
            return ((text, "muted"),)
    return ()


def _whole(value: int | None) -> str:
    return figures.UNKNOWN if value is None else f"{value / 1024**3:.0f}"


def _counts(snapshot: Snapshot, cells: int, glyphs: Glyphs) -> Line:
    """Return how many jobs are in each state, in words as far as the width allows, else by the glyphs of the rows."""
    daemon = snapshot.daemon
    counts: dict[str, int] = {state: snapshot.counts.get(state, 0) for state in JobState}
    counts |= {
        "incomplete": daemon.incomplete_count if daemon else 0,
        "rejected": daemon.rejected_count if daemon else 0,
    }
    for in_words in (frozenset(_COUNTED), frozenset(_COUNTED) - _NORMAL, frozenset[str]()):
        spans: list[Span] = []
        for state in _COUNTED:
            count = counts[state]
            text = f"{count} {state}" if state in in_words else f"{glyphs.states[state]}{count}"
            if count or state in _NORMAL or state is JobState.FAILED:
                spans.append((f" {text}", STATE_TONES[state] if count else "muted"))
        line = (*spans, (" ", ""))
        if line_width(line) <= cells:
            break
    return line


def happening(event: Event) -> Happening:
    """Return an event of the queue as one line."""
    job = f"{event.number:04d}" if event.number is not None else ""
    name = inert(event.id.split("-", 2)[-1]) if event.id else ""
    note = f": {inert(event.note)}" if event.note else ""
    if event.kind == "moved":
        text = f"{job} {name} {event.after}{note}"
    elif event.kind == "priority":
        text = f"{job} {name} priority {event.after}, was {event.before}{note}"
    else:
        text = " ".join(part for part in (job, name, event.kind) if part) + note
    return Happening(event.at, text)


def clock(at: float) -> str:
    """Return the local time of day: ``14:03:07``."""
    return time.strftime("%H:%M:%S", time.localtime(at))


def event_lines(happenings: Sequence[Happening], count: int, *, ascii_only: bool) -> list[Line]:
    """Return the newest ``count`` happenings, oldest first."""
    return [
        ((f" {clock(one.at)} ", "muted"), (inert(one.text, ascii_only=ascii_only), "")) for one in happenings[-count:]
    ]
