"""What the main and the detail screen share: the keys that act on the job in view."""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar

from textual.binding import Binding, BindingType

from styled.job import Job, JobState
from styled.tui.cells.lines import inert
from styled.tui.model.snapshot import Focus, PictureMode, Snapshot, View
from styled.tui.screens.order_screen import OrderScreen, Target
from styled.tui.widgets.question import Notice


class JobScreen(OrderScreen):
    """A screen with a job in view."""

    BINDINGS: ClassVar[list[BindingType]] = [
        *OrderScreen.BINDINGS,
        Binding(
            "t",
            "picture_mode",
            "picture",
            show=False,
            id="view.picture",
            tooltip="Draw the picture as half blocks, as ASCII, or not at all.",
        ),
        Binding(
            "left_square_bracket",
            "older_frame",
            "older frame",
            show=False,
            id="view.older",
            key_display="[",
            tooltip="Show the frame before this one.",
        ),
        Binding(
            "right_square_bracket",
            "newer_frame",
            "newer frame",
            show=False,
            id="view.newer",
            key_display="]",
            tooltip="Show the frame after this one; after the last, follow the newest.",
        ),
        Binding(
            "v",
            "next_term",
            "loss term",
            show=False,
            id="view.term",
            tooltip="Plot the next loss term: total, content, style, TV.",
        ),
        Binding(
            "y",
            "copy_path",
            "copy path",
            show=False,
            id="view.copy",
            tooltip="Copy the path of the job's folder (OSC 52), and show it.",
        ),
    ]

    def __init__(self) -> None:
        super().__init__()
        self.mode: PictureMode = "blocks"
        self.frame: int | None = None
        """Step of the frame looked at, None for the newest."""
        self._keys_for: tuple[object, ...] = ()

    @property
    def is_ready(self) -> bool:
        """Whether its widgets are there: not before it is laid out, nor while the app ends."""
        return self.is_mounted and self.is_running and not self.app._exit  # noqa: SLF001  # no public word for "exit() was called"

    # -- what each screen fills in ----------------------------------------------------------------------------

    @abstractmethod
    def show_snapshot(self, snapshot: Snapshot) -> None:
        """Draw a snapshot."""

    @abstractmethod
    def draw_clock(self) -> None:
        """Draw what depends on the time, and what was just said."""

    @abstractmethod
    def wanted_view(self) -> View:
        """Set what the next snapshot should show."""

    @abstractmethod
    def job_id(self) -> str | None:
        """Return the id of the job in view."""

    # -- helpers for the actions --------------------------------------------------------------------------------

    @property
    def focus_now(self) -> Focus | None:
        """The job in view as last read; None if there is none or it is not read yet."""
        snapshot = self.shell.snapshot
        focus = snapshot.focus if snapshot is not None else None
        return focus if focus is not None and focus.job.id == self.job_id() else None

    @property
    def job(self) -> Job | None:
        """The job in view."""
        job_id = self.job_id()
        focus = self.focus_now
        if focus is not None:
            return focus.job
        snapshot = self.shell.snapshot
        jobs = snapshot.jobs if snapshot is not None else ()
        return next((job for job in jobs if job.id == job_id), None)

    def look_again(self) -> None:
        """Ask for a snapshot of what is wanted now."""
        self.shell.look(self.wanted_view())

    def refresh_keys(self) -> None:
        """Write the row of keys again if other keys are useful now."""
        useful_for = (self.job_id(), self.states_in_view(), self.queue_is_paused, self.shell.daemon_trouble)
        if useful_for != self._keys_for:
            self._keys_for = useful_for
            self.refresh_bindings()

    def targets(self) -> list[Target]:
        """Return the job in view."""
        job = self.job
        return [Target(job.id, f"{job.number:04d}", job.state)] if job is not None else []

    def states_in_view(self) -> frozenset[JobState | None]:
        """Return the state of the job in view."""
        job = self.job
        return frozenset({job.state}) if job is not None else frozenset()

    # -- actions ------------------------------------------------------------------------------------------------

    def action_picture_mode(self) -> None:
        """Draw the picture in the next way."""
        modes = self.shell.picture_modes
        self.mode = modes[(modes.index(self.mode) + 1) % len(modes)]
        self.look_again()

    def action_older_frame(self) -> None:
        """Show the frame before this one."""
        self._scrub(-1)

    def action_newer_frame(self) -> None:
        """Show the frame after this one."""
        self._scrub(1)

    def _scrub(self, by: int) -> None:
        focus = self.focus_now
        if focus is None or not focus.frames:
            self.shell.show_message("This job has no frames yet.", "warn")
            return
        last = len(focus.frames) - 1
        at = (
            last
            if self.frame is None
            else max(i for i, step in enumerate(focus.frames) if step <= self.frame or i == 0)
        )
        target = max(0, at + by)
        self.frame = None if target > last or (target == last and by > 0) else focus.frames[target]
        self.look_again()

    def action_next_term(self) -> None:
        """Plot the next loss term."""
        self.shell.next_term()
        self.look_again()

    def action_copy_path(self) -> None:
        """Copy the folder's path to the clipboard of the terminal, and show it for those where that is off."""
        focus = self.focus_now
        if focus is not None:
            self.app.copy_to_clipboard(focus.folder)
            # Where the terminal does not take OSC 52 the path must be on the screen whole, to be selected there.
            if len(focus.folder) + 8 < self.size.width:
                self.shell.show_message(f"copied {focus.folder}", "", whole=True)
            else:
                self.app.push_screen(Notice("Copied, if the terminal allows it:", inert(focus.folder)))
