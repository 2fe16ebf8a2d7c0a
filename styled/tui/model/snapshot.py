"""What the screens draw: one frozen picture of the store, the files and the memory at one moment.

The poller's thread builds it, the event loop only reads it: no widget ever touches a disk.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from styled.job import Job, JobState
from styled.memory import MemorySample
from styled.messages import Progress
from styled.store.queries import Order
from styled.store.status import STALE_S, DaemonStatus, Ignored, Incomplete, NodeSeen, Rejected
from styled.tui.cells.lines import Run
from styled.tui.cells.plot import Column
from styled.tui.model.history import ScaleStart, Term
from styled.tui.model.queue_index import Group, QueueIndex

PictureMode = Literal["kitty", "blocks", "ascii", "off"]
PICTURE_MODES: tuple[PictureMode, ...] = ("kitty", "blocks", "ascii", "off")

ORDERS: tuple[Order, ...] = ("queue", "newest", "name")
"""The orders that the sort key goes through."""


@dataclass(frozen=True, slots=True)
class HotFolder:
    """A folder of the inbox that has a style, and waits for images."""

    name: str


Shown = Literal["frame", "content", "style", "result"]
"""Which picture of a job is shown."""


@dataclass(frozen=True, slots=True)
class Canvas:
    """Cells to draw a picture in, and how."""

    columns: int = 0
    rows: int = 0
    mode: PictureMode = "blocks"
    few_colours: bool = False
    """The terminal has 256 colours, not all of them."""
    on_light: bool = False
    """Characters are dark on a light ground."""

    @property
    def wanted(self) -> bool:
        """Whether there is anything to draw in."""
        return self.columns > 0 and self.rows > 0 and self.mode != "off"


@dataclass(frozen=True, slots=True)
class View:
    """What the screen shows; the poller answers with a snapshot that carries it back."""

    offset: int = 0
    """First row of the queue wanted."""
    limit: int = 100
    filter: str = ""
    order: Order = "queue"
    opened: tuple[str, ...] = ()
    """Keys of the groups whose jobs are shown as rows."""
    job: str | None = None
    """Id of the job under the cursor; None takes the first of the queue."""
    canvas: Canvas = Canvas()
    """For the frame."""
    frame: int | None = None
    """Step of the frame wanted; None follows the newest."""
    term: Term = "total"
    plot_columns: int = 0
    """Columns the loss plot has."""
    log: bool = False
    """The last lines of the job's log are wanted."""
    sides: Canvas = Canvas()
    """For each of content, style and result, or of the compared results."""
    large_result: bool = False
    """A job that is done is shown by its result on ``canvas``, instead of its newest frame; it is not among the sides."""
    compared: tuple[str, ...] = ()
    """Ids of the jobs whose results are compared."""


@dataclass(frozen=True, slots=True)
class Graphic:
    """A real picture for terminals that can show one; see :mod:`styled.tui.cells.kitty`."""

    png: bytes
    columns: int
    """Cells."""
    rows: int


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture as cells, ready to draw: ``blocks``, ``text`` or ``graphic``."""

    caption: str
    """What it shows: ``frame 120``, ``content``."""
    width: int
    """Of the file it was made from, px."""
    height: int
    step: int | None = None
    """Of the frame."""
    blocks: tuple[tuple[Run, ...], ...] = ()
    text: tuple[str, ...] = ()
    graphic: Graphic | None = None


@dataclass(frozen=True, slots=True)
class Losses:
    """The losses of a job, prepared for the plot."""

    columns: tuple[Column, ...] = ()
    scales: tuple[ScaleStart, ...] = ()
    best: float | None = None
    """Lowest total at this scale."""
    ten_before: dict[Term, float] = field(default_factory=dict)
    """The terms ten steps ago; empty while the scale is younger."""
    per_second: float | None = None
    """Relative change per second, lately."""


@dataclass(frozen=True, slots=True)
class Focus:
    """The job under the cursor, with all that is known of it."""

    job: Job
    folder: str
    """Absolute path of its folder, for the eye and the clipboard."""
    progress: Progress | None = None
    """Newest line of its losses."""
    losses: Losses = Losses()
    frames: tuple[int, ...] = ()
    """Steps of the frames on disk, oldest first."""
    picture: Picture | None = None
    sides: tuple[Picture, ...] = ()
    """Content, styles and result, as far as they exist; only where asked for."""
    log: tuple[str, ...] = ()
    """Last lines of its log, for people; only where asked for."""
    took: float | None = None
    """For how long it ran until it ended, s, without its pauses; None if that is not known."""
    trouble: str = ""
    """What could not be read of it, in words."""


@dataclass(frozen=True, slots=True)
class Compared:
    """A job beside another."""

    job: Job
    progress: Progress | None = None
    picture: Picture | None = None
    """Its result, else its newest frame."""
    trouble: str = ""


@dataclass(frozen=True, slots=True)
class Happening:
    """One line of the event log."""

    at: float
    """Unix seconds."""
    text: str


@dataclass(frozen=True, slots=True)
class Pulse:
    """Whether the daemon answers."""

    State = Literal["up", "silent", "gone", "unknown"]

    state: State
    """``silent``: it is there and does not answer; ``unknown``: it cannot be asked from here, its report counts."""
    since: float
    """Unix seconds."""


UNKNOWN_PULSE = Pulse("unknown", 0.0)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything on the screen."""

    view: View
    taken_at: float
    """Unix seconds."""
    daemon: DaemonStatus | None = None
    """Its last report."""
    pulse: Pulse = UNKNOWN_PULSE
    trouble: str = ""
    """Why the store could not be read; empty when it could."""
    counts: dict[JobState, int] = field(default_factory=dict)
    index: QueueIndex = field(default_factory=QueueIndex)
    """All rows that match the filter."""
    rows: tuple[Job | Group | None, ...] = ()
    """The rows from ``view.offset`` on; None for a job that cannot be read."""
    progress: dict[str, Progress] = field(default_factory=dict)
    """Newest losses of the running jobs on the screen, by id; fresher than the store's."""
    foreseen: dict[str, float] = field(default_factory=dict)
    """Seconds until each waiting job is done, by id, as far as that can be foreseen."""
    all_done: float | None = None
    """Seconds until nothing runs or waits, as far as that can be foreseen."""
    incomplete: tuple[Incomplete, ...] = ()
    ignored: tuple[Ignored, ...] = ()
    hot_folders: tuple[HotFolder, ...] = ()
    """Those without an image now."""
    rejected: tuple[Rejected, ...] = ()
    focus: Focus | None = None
    compared: tuple[Compared, ...] = ()
    nodes: tuple[NodeSeen, ...] = ()
    """The machines of a cluster that jobs were placed on."""
    memory: MemorySample | None = None
    memory_history: tuple[MemorySample, ...] = ()
    """Some seconds apart, newest last; with ``memory``."""
    happenings: tuple[Happening, ...] = ()
    """Newest last."""

    def daemon_trouble(self, now: float) -> Literal["", "silent", "gone"]:
        """Return whether a daemon is missing or does not answer, as far as is known at ``now``, Unix seconds."""
        if self.pulse.state in ("silent", "gone"):
            return self.pulse.state
        age = now - self.daemon.beat_at if self.daemon is not None else 0.0
        if self.daemon is None or (
            self.daemon.state == "stopping" and age > STALE_S
        ):  # its last word was that it stops
            return "" if self.pulse.state == "up" else "gone"
        return "silent" if age > STALE_S else ""

    @property
    def jobs(self) -> tuple[Job, ...]:
        """The jobs among the rows."""
        return tuple(row for row in self.rows if isinstance(row, Job))
