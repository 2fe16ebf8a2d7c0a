"""The daemon's report on itself in the store, for readers while it runs or after it died."""

from __future__ import annotations

from typing import Literal

import msgspec

from styled.memory import MemorySample

LISTED = 100
"""At most so many incomplete and rejected names are listed; the counts are always right."""


STALE_S = 10.0
"""A heartbeat older than this is of a daemon that is dead or stuck: it beats every second or two."""

OVERDUE_S = 3600.0
"""After which an incomplete pair is reported: no upload takes so long between two files."""


class Incomplete(msgspec.Struct, frozen=True, kw_only=True):
    """An incomplete pair in the inbox. Texts are safe to print."""

    name: str
    missing: str
    """What is awaited, or what is wrong with it: ``a style``, ``the rest of content.jpg``."""
    since: float
    """Unix seconds."""


class Ignored(msgspec.Struct, frozen=True, kw_only=True):
    """Something that lies in the inbox, is part of no pair, and is left where it is. Texts are safe to print."""

    name: str
    """Path relative to the inbox."""
    reason: str
    """What it is, and what to do where something can be done."""
    since: float
    """Unix seconds."""


class Rejected(msgspec.Struct, frozen=True, kw_only=True):
    """Something in ``inbox/rejected/``. Texts are safe to print."""

    name: str
    """Its folder under ``inbox/rejected/``."""
    reason: str
    """First line of its ``REASON.txt``."""
    at: float
    """Unix seconds."""


class NodeSeen(msgspec.Struct, frozen=True, kw_only=True):
    """A machine of a cluster that the daemon's jobs were placed on since it began. Texts are safe to print."""

    name: str
    device: str
    """``cpu``, or the name of the GPU that its last worker found; empty if none has begun yet."""
    jobs: list[str] = []
    """Ids of the jobs that it paints now."""
    ended: int = 0
    """Workers that have ended there, well or not."""
    lost: int = 0
    """Workers that were lost with it: it did not answer any more."""


class PartTrouble(msgspec.Struct, frozen=True, kw_only=True):
    """A part of the daemon that does not work now, or not as it should. The other parts go on."""

    part: str
    """``root``, ``socket``, ``dispatch``, ``intake``, ``hooks``, ``gallery``, ``retention``, ``status``, ``events``, ``configuration``, ``log``."""
    trouble: str
    """What is wrong, one line, printable."""
    since: float
    """Unix seconds."""
    retry_at: float | None = None
    """When it is tried again, Unix seconds; None where it goes on as well as it can."""


class DaemonStatus(msgspec.Struct, frozen=True, kw_only=True):
    """The daemon's own state, published every second or two."""

    pid: int
    version: str
    started_at: float
    """Unix seconds."""
    beat_at: float
    """Unix seconds of this report; an old one means a dead or stuck daemon."""
    believed_at: float | None = None
    """The same by the clock as it was before it went far ahead; None unless that is in doubt. It is in the report so
    that no daemon is killed between both: the next one would take a wrong ``beat_at`` for right."""
    doubted_s: float = 0.0
    """For how long the clock has been in doubt, over restarts."""
    state: Literal["running", "paused", "stopping", "degraded"]
    note: str = ""
    """Why it is not simply running; one line, printable."""
    parts: list[PartTrouble] = []
    """The parts that do not work, or not as they should, the longest first."""
    incomplete: list[Incomplete] = []
    """The oldest first, at most ``LISTED``."""
    incomplete_count: int = 0
    hot_folders: list[str] = []
    """Names of folders in the inbox with a style, ready for images, at most ``LISTED``; printable."""
    hot_folders_count: int = 0
    ignored: list[Ignored] = []
    """What is left alone in the inbox, the oldest first, at most ``LISTED``; no hidden files, and no other programs' litter."""
    ignored_count: int = 0
    rejected: list[Rejected] = []
    """The newest first, at most ``LISTED``."""
    rejected_count: int = 0
    memory: MemorySample | None = None
    nodes: list[NodeSeen] = []
    """The machines of a cluster that jobs were placed on, those that paint first, at most ``LISTED``; none on this machine alone."""
    nodes_count: int = 0
    slots: int = 1
    """Jobs that are painted at once, at most."""

    @property
    def words(self) -> str:
        """All that is to be said of its state, in one line; empty if it simply runs."""
        parts = [f"{part.part}: {part.trouble}" for part in self.parts]
        return "; ".join([self.note, *(words for words in parts if words != self.note)]).removeprefix("; ")
