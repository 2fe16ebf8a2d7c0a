"""The status row and the event line as text. Pure."""

from __future__ import annotations

import time
from collections.abc import Sequence

from styled import figures
from styled.job import JobState
from styled.memory import MemorySample
from styled.store.records import Event
from styled.tui.cells.glyphs import STATE_TONES, Glyphs
from styled.tui.cells.lines import Line, Span, inert, line_width
from styled.tui.model.snapshot import Happening, Snapshot

_DAY_S = 86_400.0

FRESH_S = 5.0
"""Below this age the daemon's heartbeat is shown as one word, so that an idle screen sends no bytes."""


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
        return (*head, (" reading the queue…" if glyphs.unicode else " reading the queue...", "muted"))
    counts = _counts(snapshot, cells, glyphs)
    state = _daemon(snapshot, now, is_starting=is_starting)
    if snapshot.all_done is not None:
        ends = f"  all done ~{clock(now + snapshot.all_done)[:5]}" + _days(snapshot.all_done)
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
    tone = {"running": "accent", "paused": "warn", "stopping": "warn", "degraded": "bad"}[daemon.state]
    fresh = f"beat <{FRESH_S:.0f}s" if beat < FRESH_S else f"beat {figures.age(beat)}"
    return ((f" {daemon.state} ", tone), (fresh, "muted"))  # type: ignore[return-value]  # the dict's values are tones


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
    """Return how many jobs are in each state: with whole words, short words, or glyphs, as the width allows."""
    spans: list[Span] = []
    words: list[tuple[str, str, int]] = [
        (state, short, snapshot.counts.get(state, 0))
        for state, short in (
            (JobState.WAITING, "wait"),
            (JobState.PAUSED, "hold"),
            (JobState.DONE, "done"),
            (JobState.FAILED, "fail"),
        )
    ]
    daemon = snapshot.daemon
    words.append(("incomplete", "half", daemon.incomplete_count if daemon else 0))
    words.append(("rejected", "rej", daemon.rejected_count if daemon else 0))
    always = {JobState.WAITING, JobState.DONE, JobState.FAILED}
    for state, short, count in words:
        if count or state in always:
            word = f"{state} " if cells >= 120 else f"{short} " if cells >= 72 else glyphs.states[state]
            spans.append((f" {word}{count}", STATE_TONES[state] if count else "muted"))
    return (*spans, (" ", ""))


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
