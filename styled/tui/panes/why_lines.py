"""Why a job or a pair is not getting on, whole and wrapped, with what can be done. Pure."""

from __future__ import annotations

from styled.job import Job, JobState
from styled.store.status import Ignored, Incomplete, Rejected
from styled.tui.cells.glyphs import STATE_TONES, Glyphs
from styled.tui.cells.lines import Line, inert, wrap
from styled.tui.model.snapshot import HotFolder

Pair = Incomplete | Ignored | Rejected | HotFolder
"""Something in the inbox that is no job."""

HOT = "hot"
"""Begins the key of a hot folder, of which nothing can be asked."""

_KEYS = {
    "rejected": "Correct its files, then r moves them back into inbox/ and looks again. D dismisses it.",
    "incomplete": "r looks again now. D dismisses it.",
    "ignored": "D dismisses it.",
    "hot folder": "Its style is ready: each image that is dropped there is painted with it.",
    JobState.FAILED: "r queues it again from where it was, e paints its images again with other settings.",
    JobState.CANCELLED: "r queues it again from where it was, e paints its images again with other settings.",
    JobState.PAUSED: "p puts it back into the queue.",
}
_PLACES: dict[type[object], str] = {Rejected: "rejected", HotFolder: HOT}
_MOVED = "Dismissing moves files to inbox/dismissed/; nothing is deleted."


def pair_words(pair: Pair) -> tuple[str, str, str]:
    """Return what kind of thing it is, its name, and why it is no job."""
    if isinstance(pair, Incomplete):
        return "incomplete", pair.name, f"waits for {pair.missing}"
    if isinstance(pair, HotFolder):
        return "hot folder", pair.name, "waits for images"
    return ("ignored" if isinstance(pair, Ignored) else "rejected"), pair.name, pair.reason


def pair_key(pair: Pair) -> str:
    """Return what names it on the screen and to the daemon; no job's id has a slash in it."""
    return f"{_PLACES.get(type(pair), 'inbox')}/{pair.name}"


def pair_lines(pair: Pair, cells: int, glyphs: Glyphs) -> list[Line]:
    """Return the whole reason of a pair and the keys that help."""
    kind, name, reason = pair_words(pair)
    place = f"inbox/rejected/{name}/" if kind == "rejected" else f"inbox/{name}"
    return [
        *_wrapped(f"{kind}: {reason}", cells, glyphs, kind),
        ((" ", ""),),
        *_wrapped(f"It is in {place}", cells, glyphs, ""),
        *_wrapped(_KEYS[kind], cells, glyphs, ""),
        *(() if kind == "hot folder" else _wrapped(_MOVED, cells, glyphs, "muted")),
    ]


def job_reason_lines(job: Job, cells: int, glyphs: Glyphs) -> list[Line]:
    """Return why a job failed, was cancelled or is paused, whole, the keys that help, and the remarks on it."""
    lines: list[Line] = []
    if job.reason and job.state is not JobState.DONE:
        lines += _wrapped(f"{job.state}: {job.reason}", cells, glyphs, job.state)
        if job.state in _KEYS:
            lines += _wrapped(_KEYS[job.state], cells, glyphs, "muted")
    for remark in job.remarks:
        lines += _wrapped(f"note: {remark}", cells, glyphs, "incomplete")
    return lines


def _wrapped(text: str, cells: int, glyphs: Glyphs, kind: str) -> list[Line]:
    tone = STATE_TONES.get(kind, "muted" if kind == "muted" else "")
    return [((row, tone),) for row in wrap(inert(text, ascii_only=not glyphs.unicode), max(8, cells))]
