"""What the main and the detail screen share: the keys that act on the job in view."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar, cast

from textual.binding import Binding, BindingType
from textual.screen import Screen

from styled.job import ENDED, Job, JobState
from styled.tui.cells.lines import inert
from styled.tui.model.snapshot import Focus, PictureMode, Snapshot, View
from styled.tui.reading.requests import Request
from styled.tui.screens.edit_screen import EditScreen
from styled.tui.widgets.question import Notice, Question

if TYPE_CHECKING:
    from styled.tui.shell import Shell

COMMANDS = frozenset(
    {"pause", "cancel", "retry", "edit", "priority", "to_top", "remove", "remove_ended", "pause_queue"}
)
"""Actions that change the queue; hidden and refused with --readonly."""

TOP_MARGIN = 1
"""How far above the highest waiting priority "to the top" goes."""


class JobScreen(Screen[None]):
    """A screen with a job in view."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(
            "p",
            "pause",
            "pause",
            id="job.pause",
            tooltip="Pause the job (its memory is freed), or put a paused one back.",
        ),
        Binding("x", "cancel", "cancel", id="job.cancel", tooltip="Cancel the job; asks first. Its files stay."),
        Binding(
            "r",
            "retry",
            "retry",
            id="job.retry",
            tooltip="Queue a failed or cancelled job again, from its checkpoint; of one that is done, paint a new job.",
        ),
        Binding(
            "e",
            "edit",
            "edit",
            show=False,
            id="job.edit",
            tooltip="Change the job's settings, or paint its images again with others, as a new job.",
        ),
        Binding(
            "plus,equals_sign",
            "priority(1)",
            "sooner",
            show=False,
            id="job.sooner",
            key_display="+",
            tooltip="Raise the job's priority.",
        ),
        Binding(
            "minus",
            "priority(-1)",
            "later",
            show=False,
            id="job.later",
            key_display="-",
            tooltip="Lower the job's priority.",
        ),
        Binding("T", "to_top", "to the top", show=False, id="job.top", tooltip="Run the job before all that wait."),
        Binding(
            "D",
            "remove",
            "remove",
            show=False,
            id="job.remove",
            tooltip="Remove an ended job and its folder; asks first.",
        ),
        Binding(
            "P",
            "pause_queue",
            "pause queue",
            show=False,
            id="job.pause-queue",
            tooltip="Pause the whole queue, or let it go on: nothing starts while it is paused.",
        ),
        Binding(
            "U",
            "start_daemon",
            "start daemon",
            id="app.start-daemon",
            tooltip="Start the daemon; asks first if one does not respond.",
        ),
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
    def shell(self) -> Shell:
        """The app, with its own type."""
        return cast("Shell", self.app)

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
        job, queue_is_paused = self.job, self._queue_is_paused
        trouble = self.shell.daemon_trouble
        useful_for = (
            job.id if job is not None else None,
            job.state if job is not None else None,
            queue_is_paused,
            trouble,
        )
        if useful_for != self._keys_for:
            self._keys_for = useful_for
            self.refresh_bindings()

    def useful(self, action: str) -> str | None:
        """Return the word for an action in the row of keys; None where it would do nothing now."""
        name = action.partition("(")[0].rpartition(".")[2]
        if name == "start_daemon":
            return None if self.shell.options.readonly or not self.shell.daemon_trouble else ""
        if name not in COMMANDS:
            return ""
        if self.shell.options.readonly:
            return None
        if name == "pause_queue":
            return "resume queue" if self._queue_is_paused else ""
        if name == "remove_ended":
            return ""
        job = self.job
        if job is None:
            return None
        fits = {
            "pause": job.state not in ENDED,
            "cancel": job.state not in ENDED,
            "retry": job.state in ENDED,
            "edit": job.state is not JobState.RUNNING,
            "priority": job.state not in ENDED,
            "to_top": job.state not in ENDED,
            "remove": job.state in ENDED,
        }[name]
        if not fits:
            return None
        if name == "pause" and job.state is JobState.PAUSED:
            return "resume"
        return "paint again" if name == "retry" and job.state is JobState.DONE else ""

    def _refused(self, verb: str) -> bool:
        """Refuse every command with --readonly."""
        if self.shell.options.readonly:
            self.shell.say(f"Read-only (--readonly): nothing can {verb} here.", "warn")
        return self.shell.options.readonly

    def _commanded(self, verb: str, states: frozenset[JobState]) -> Job | None:
        """Return the job in view if ``verb`` may be asked of it; else show why not."""
        if self._refused(verb):
            return None
        job = self.job
        if job is None:
            self.shell.say(f"There is no job here that could {verb}.", "warn")
            return None
        if job.state not in states:
            self.shell.say(f"{job.number:04d} is {job.state}: it cannot {verb} now.", "warn")
            return None
        return job

    # -- actions ------------------------------------------------------------------------------------------------

    def action_pause(self) -> None:
        """Pause the job, or put a paused one back."""
        job = self._commanded("pause", frozenset(JobState) - ENDED)
        if job is None:
            return
        op, done = ("resume", "waits again") if job.state is JobState.PAUSED else ("pause", "is paused")
        self.shell.ask(Request(op, {"job": job.id}, f"{job.number:04d} {done}"))

    @property
    def _queue_is_paused(self) -> bool:
        snapshot = self.shell.snapshot
        return snapshot is not None and snapshot.daemon is not None and snapshot.daemon.state == "paused"

    def action_pause_queue(self) -> None:
        """Pause the whole queue, or let it go on."""
        if self._refused("pause the queue"):
            return
        op, done = ("resume", "the queue goes on") if self._queue_is_paused else ("pause", "the queue is paused")
        self.shell.ask(Request(op, {}, done))

    def action_start_daemon(self) -> None:
        """Start the daemon where there is none that answers."""
        if not self._refused("start the daemon"):
            self.shell.start_daemon()

    def action_cancel(self) -> None:
        """Cancel the job, after a question."""
        job = self._commanded("be cancelled", frozenset(JobState) - ENDED)
        if job is None:
            return
        request = Request("cancel", {"job": job.id}, f"{job.number:04d} is cancelled; its files stay")
        question = Question(f"Cancel job {job.number:04d} {inert(job.name)}?", "Its files stay; r queues it again.")
        self._ask_first(question, request)

    def action_retry(self) -> None:
        """Queue the ended job again; of one that is done, ask for the settings of a new one."""
        job = self._commanded("be retried", ENDED)
        if job is None:
            return
        if job.state is JobState.DONE:
            self.action_edit()
        else:
            self.shell.ask(Request("retry", {"job": job.id}, f"{job.number:04d} waits again"))

    def action_edit(self) -> None:
        """Change the settings of a job that has not begun; of another, ask for those of a new one."""
        job = self._commanded("be edited", frozenset(JobState) - {JobState.RUNNING})
        if job is None:
            return
        fresh = job.state not in ENDED and not job.step
        name = f"{job.number:04d} {job.title}"
        title = f"Settings of {name}" if fresh else f"Paint {name} again, as a new job; this one stays"
        words = (
            f"{job.number:04d} has other settings now" if fresh else f"{job.number:04d} is painted again, as a new job"
        )

        def typed(settings: dict[str, Any] | None) -> None:
            if settings is not None:
                self.shell.ask(Request("edit" if fresh else "again", {"job": job.id, "settings": settings}, words))

        folder = self.shell.root.evolution / job.id
        self.app.push_screen(EditScreen(job, folder, title, self.shell.glyphs, needs_change=fresh), typed)

    def action_priority(self, by: int) -> None:
        """Raise or lower the job's priority."""
        job = self._commanded("change its priority", frozenset(JobState) - ENDED)
        if job is not None:
            self._set_priority(job, job.priority + by)

    def action_to_top(self) -> None:
        """Give the job a priority above all that wait."""
        job = self._commanded("move to the top", frozenset(JobState) - ENDED)
        snapshot = self.shell.snapshot
        if job is not None and snapshot is not None:
            self._set_priority(job, max(snapshot.top_priority + TOP_MARGIN, job.priority))

    def _set_priority(self, job: Job, priority: int) -> None:
        args: dict[str, object] = {"job": job.id, "priority": priority}
        self.shell.ask(Request("priority", args, f"{job.number:04d} has priority {priority} now"))

    def action_remove(self) -> None:
        """Remove the ended job and its folder, after a question."""
        job = self._commanded("be removed", ENDED)
        if job is None:
            return
        request = Request("remove", {"job": job.id}, f"{job.number:04d} is removed")
        folder = inert(job.id)
        question = Question(
            f"Remove job {job.number:04d} {inert(job.name)}?",
            f"This deletes evolution/{folder} with its frames and its result. It cannot be undone.",
        )
        self._ask_first(question, request)

    def _ask_first(self, question: Question, *requests: Request) -> None:
        def answered(yes: bool | None) -> None:
            if yes:
                self.shell.ask(*requests)

        self.app.push_screen(question, answered)

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
            self.shell.say("This job has no frames yet.", "warn")
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
                self.shell.say(f"copied {focus.folder}", "", whole=True)
            else:
                self.app.push_screen(Notice("Copied, if the terminal allows it:", inert(focus.folder)))
