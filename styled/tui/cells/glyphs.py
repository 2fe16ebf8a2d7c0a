"""Every character that is drawing and not text, in two sets: Unicode and ASCII. One table, used by all widgets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from styled.job import JobState
from styled.tui.cells.lines import Tone


@dataclass(frozen=True)
class Glyphs:
    """The drawing characters of one kind of terminal."""

    unicode: bool
    """Whether names may be written in any script."""
    blocks: bool
    """Whether there are half blocks and braille, for pictures and plots."""
    states: dict[str, str]
    """Job state, or ``incomplete``, ``ignored``, ``rejected`` and ``hot folder``, to one character."""
    cursor: str
    selected: str
    """Before a row that is one of several to act on."""
    closed: str
    """Before a group whose jobs are not shown."""
    opened: str
    bar_full: str
    bar_empty: str
    bar_ends: tuple[str, str]
    levels: str
    """From the lowest to the highest bar of a one-row plot."""
    rule: str
    tick: str
    """Marks a scale boundary on a rule."""
    axis: str
    """Left border of a plot."""
    dot: str
    """Separates facts on one row."""


UNICODE = Glyphs(
    unicode=True,
    blocks=True,
    states={
        JobState.RUNNING: "►",
        JobState.WAITING: "·",
        JobState.PAUSED: "=",
        JobState.DONE: "✓",
        JobState.FAILED: "✗",
        JobState.CANCELLED: "–",
        "incomplete": "½",
        "ignored": "○",
        "rejected": "!",
        "hot folder": "◇",
    },
    cursor="▌",
    selected="●",
    closed="▸",
    opened="▾",
    bar_full="━",
    bar_empty="─",
    bar_ends=("", ""),
    levels="▁▂▃▄▅▆▇█",
    rule="─",
    tick="┴",
    axis="│",
    dot="·",
)

ASCII = Glyphs(
    unicode=False,
    blocks=False,
    states={
        JobState.RUNNING: ">",
        JobState.WAITING: ".",
        JobState.PAUSED: "=",
        JobState.DONE: "+",
        JobState.FAILED: "x",
        JobState.CANCELLED: "-",
        "incomplete": "/",
        "ignored": "o",
        "rejected": "!",
        "hot folder": "~",
    },
    cursor=">",
    selected="*",
    closed="+",
    opened="-",
    bar_full="#",
    bar_empty="-",
    bar_ends=("[", "]"),
    levels=".:-=+*#%@",
    rule="-",
    tick="+",
    axis="|",
    dot="|",
)

CONSOLE = replace(ASCII, unicode=True, rule="─", tick="┴", axis="│", dot="·")
"""For the Linux console: its fonts have lines and letters, of other drawing characters only some."""

STATE_TONES: dict[str, Tone] = {
    JobState.RUNNING: "accent",
    JobState.WAITING: "",
    JobState.PAUSED: "warn",
    JobState.DONE: "good",
    JobState.FAILED: "bad",
    JobState.CANCELLED: "muted",
    "incomplete": "warn",
    "ignored": "muted",
    "rejected": "bad",
    "hot folder": "muted",
}
"""The colour's meaning; glyph and word come before it."""


def history_bars(glyphs: Glyphs, shares: Sequence[float | None], cells: int) -> str:
    """Return the last of some shares, 0..1, as a row of bars of ``cells`` cells, newest at the right; "" for None."""
    last = [*([None] * cells), *shares][-cells:] if cells > 0 else []
    top = len(glyphs.levels) - 1
    return "".join(" " if share is None else glyphs.levels[round(min(1.0, max(0.0, share)) * top)] for share in last)


def progress_bar(glyphs: Glyphs, share: float, cells: int) -> tuple[str, str]:
    """Return the done and the open part of a progress bar of ``cells`` cells; ``share`` is 0..1."""
    start, end = glyphs.bar_ends
    room = max(0, cells - len(start) - len(end))
    full = round(min(1.0, max(0.0, share)) * room)
    return start + glyphs.bar_full * full, glyphs.bar_empty * (room - full) + end
