"""What a job is: its states, the moves between them, and its record. Pure, no input or output."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import Annotated, Any

import msgspec

from styled.errors import IllegalMove
from styled.titles import input_title, job_title


class JobState(StrEnum):
    """The word for where a job stands: the same on screen, in JSON and in the store."""

    WAITING = "waiting"
    RUNNING = "running"
    PAUSED = "paused"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


LEGAL_MOVES: dict[JobState, frozenset[JobState]] = {
    # waiting -> failed: its input was lost or is unreadable before it could run.
    JobState.WAITING: frozenset({JobState.RUNNING, JobState.PAUSED, JobState.CANCELLED, JobState.FAILED}),
    # running -> waiting: the daemon stops, the worker crashed and is retried, or the disk is full.
    JobState.RUNNING: frozenset(
        {JobState.WAITING, JobState.PAUSED, JobState.DONE, JobState.FAILED, JobState.CANCELLED}
    ),
    JobState.PAUSED: frozenset({JobState.WAITING, JobState.CANCELLED}),
    # Ended jobs go back to the queue by `retry` only; done too: "paint it again" is a wish.
    JobState.DONE: frozenset({JobState.WAITING}),
    JobState.FAILED: frozenset({JobState.WAITING}),
    JobState.CANCELLED: frozenset({JobState.WAITING}),
}
"""From each state, the states it may move to."""

ENDED = frozenset({JobState.DONE, JobState.FAILED, JobState.CANCELLED})
"""States in which nothing happens any more unless a user asks."""


def check_move(before: JobState, after: JobState) -> None:
    """Check that a job may move from ``before`` to ``after``.

    Raises:
        IllegalMove: it may not.
    """
    if after not in LEGAL_MOVES[before]:
        raise IllegalMove(
            f"a job that is {before} cannot become {after}",
            f"From {before} it can become {', '.join(sorted(LEGAL_MOVES[before]))}.",
        )


LARGEST_NUMBER = 2**31 - 1
"""Of a job: new ones must have room above."""

PRIORITIES = range(-1000, 1001)
"""That a job may have."""

Priority = Annotated[int, msgspec.Meta(ge=PRIORITIES[0], le=PRIORITIES[-1])]
"""Higher runs first."""


Moment = Annotated[float, msgspec.Meta(ge=-3e10, le=2.5e11)]
"""Unix seconds, in the years 1019 to 9892: what no calendar has is damage."""


def style_stem(position: int) -> str:
    """Return the name, without its suffix, of the style at ``position`` (from 1) in a pair's folder: ``style-2``."""
    return "style" if position == 1 else f"style-{position}"


def input_titles(styles: int) -> list[str]:
    """Return the names, for people, of the inputs of a job with so many styles: ``content``, ``style``, ``style 2``."""
    return ["content", *(style_stem(position).replace("-", " ") for position in range(1, styles + 1))]


MOST_REMARKS = 50
"""Of a job: nobody reads more."""


def joined_remarks(*lists: Iterable[str]) -> tuple[str, ...]:
    """Return the remarks of several lists, each once, in their order; the last one counts those left out."""
    every = tuple(dict.fromkeys(remark for remarks in lists for remark in remarks))
    if len(every) <= MOST_REMARKS:
        return every
    return (*every[: MOST_REMARKS - 1], f"… and {len(every) - MOST_REMARKS + 1} more remarks")


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """One job as the store records it. Paths are relative to the job's folder; times are Unix seconds."""

    id: str
    """Folder name under ``evolution/``: ``20261122-201500-harbour``."""
    number: int
    """Short number, from 1, never reused; shown as ``0042``."""
    name: str
    """The pair's name in the inbox, safe to print."""
    state: JobState
    content: str
    """Path of the content image: ``input/content.jpg``."""
    styles: tuple[str, ...]
    """Paths of the style images, in order."""
    mask: str | None = None
    """Path of the region mask, if one was given."""
    settings: dict[str, Any] = msgspec.field(default_factory=dict)
    """Settings that differ from the defaults, as plain values; :func:`styled.settings.whole_values` adds the others."""
    priority: int = 0
    """Higher runs first."""
    created_at: Moment = 0.0
    started_at: Moment | None = None
    """When a worker first ran it."""
    finished_at: Moment | None = None
    attempts: int = 0
    """Workers started without progress since."""
    not_before: Moment = 0.0
    """Not run before this time (back-off)."""
    step: int = 0
    steps: int = 0
    loss: float | None = None
    """Total loss at ``step``."""
    reason: str = ""
    """Why it is where it is: why it failed, was paused or cancelled; one line, printable."""
    remarks: tuple[str, ...] = ()
    """What was done to its files or settings, or not done with them, that its user may not expect: colours guessed, a
    file not used. Each one printable line."""
    attempt: str = ""
    """Token of the latest attempt: no other attempt, of this job or another, ever has it."""
    handle: str = ""
    """What the back end knows that attempt by while it runs: ``local:<pid>:<started>``, ``slurm:<id>``."""
    node: str = ""
    """Name of the machine that paints it, where that is not the daemon's."""
    content_digest: str = ""
    """SHA-256 of the content file, hexadecimal."""
    style_digests: tuple[str, ...] = ()
    names: dict[str, str] = msgspec.field(default_factory=dict)
    """Path of each input to its path in the inbox, or to the name that its sender gave it; empty if not known."""

    def input_title(self, path: str) -> str:
        """Return what the image at ``path``, one of the job's inputs, is called."""
        return input_title(self.names.get(path, path.rpartition("/")[2]))

    @property
    def style_title(self) -> str:
        """What the styles are called, separated by commas."""
        return ", ".join(self.input_title(style) for style in self.styles)

    @property
    def title(self) -> str:
        """The name, and the styles where they have a name of their own: ``cat × starry_night``."""
        return job_title(self.name, self.styles, self.names)
