"""The keys that change the queue: on the job of the cursor, or on all that is selected, after one question."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, cast

from textual.binding import Binding, BindingType
from textual.screen import Screen

from styled.job import ENDED, Job, JobState
from styled.tui.cells.lines import inert
from styled.tui.reading.requests import Request, Toggle
from styled.tui.screens.edit_screen import EditScreen
from styled.tui.widgets.question import Question

if TYPE_CHECKING:
    from styled.tui.shell import Shell

COMMANDS = frozenset(
    {"pause", "cancel", "retry", "edit", "priority", "to_top", "remove", "remove_ended", "pause_queue"}
)
"""Actions that change the queue; hidden and refused with --readonly."""

_LIVE = frozenset(JobState) - ENDED
_AGAIN = frozenset({JobState.FAILED, JobState.CANCELLED})
_FITS: dict[str, frozenset[JobState]] = {
    "pause": _LIVE,
    "cancel": _LIVE,
    "retry": ENDED,
    "edit": frozenset(JobState) - {JobState.RUNNING},
    "priority": _LIVE,
    "to_top": _LIVE,
    "remove": ENDED,
}
"""Action to the states of jobs that it is for."""

_PAIR_WORDS = {"retry": "look again", "remove": "dismiss"}
"""Actions that are for pairs too, and what they are called there."""


class Target(NamedTuple):
    """A job or a pair that a command acts on."""

    key: str
    """The job's id, or what names the pair to the daemon: ``rejected/cat``."""
    name: str
    """``0042``, or the pair's key."""
    state: JobState | None
    """The job's as last read; None for a pair."""


class OrderScreen(Screen[None]):
    """A screen whose keys change the queue."""

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
            tooltip="Queue a failed or cancelled job again, from its checkpoint; of one that is done, paint a new job. "
            "Look again at a rejected or incomplete pair.",
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
            tooltip="Remove an ended job and its folder, or move a pair that is no job to inbox/dismissed/; asks first.",
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
    ]

    @property
    def shell(self) -> Shell:
        """The app, with its own type."""
        return cast("Shell", self.app)

    # -- what each screen fills in ----------------------------------------------------------------------------

    @property
    @abstractmethod
    def job(self) -> Job | None:
        """The job in view."""

    @abstractmethod
    def targets(self) -> list[Target]:
        """Return what a command acts on now."""

    @abstractmethod
    def states_in_view(self) -> frozenset[JobState | None]:
        """Return the states of what a command would act on; None stands for a pair."""

    @property
    def is_surprised(self) -> bool:
        """Whether the job in view has become another by itself just now, so that a key was meant for the one before."""
        return False

    # -- which keys are useful --------------------------------------------------------------------------------

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
            return "resume queue" if self.queue_is_paused else ""
        if name == "remove_ended":
            return ""
        states = self.states_in_view()
        if states == {None}:
            return _PAIR_WORDS.get(name)
        if not states & _FITS[name]:
            return None
        if name == "pause" and states & _LIVE == {JobState.PAUSED}:
            return "resume"
        return "paint again" if name == "retry" and states == {JobState.DONE} else ""

    @property
    def queue_is_paused(self) -> bool:
        """Whether the whole queue is, as last read."""
        snapshot = self.shell.snapshot
        return snapshot is not None and snapshot.daemon is not None and snapshot.daemon.state == "paused"

    # -- what is acted on -------------------------------------------------------------------------------------

    def _refused(self, verb: str) -> bool:
        """Refuse every command with --readonly."""
        if self.shell.options.readonly:
            self.shell.show_message(f"Read-only (--readonly): nothing can {verb} here.", "warn")
        return self.shell.options.readonly

    def _commanded(self, verb: str, states: frozenset[JobState | None]) -> tuple[list[Target], str]:
        """Return what ``verb`` may be asked of, and which of the selected are left out; none with the reason shown."""
        if self._refused(verb):
            return [], ""
        if self.is_surprised:
            self.targets()  # from now on the cursor stays on it
            job = self.job
            now = f"{job.number:04d} {inert(job.title)}" if job is not None else "another row"
            self.shell.show_message(f"The first row has just become {now}: press the key again if you mean it.", "warn")
            return [], ""
        targets = self.targets()
        fitting = [target for target in targets if target.state in states]
        if not targets:
            self.shell.show_message("Select a job first.", "warn")
        elif not fitting and len(targets) == 1:
            state = targets[0].state or "no job"
            self.shell.show_message(f"{inert(targets[0].name)} is {state}: it cannot {verb} now.", "warn")
        elif not fitting:
            self.shell.show_message(f"None of the {len(targets)} selected can {verb} now.", "warn")
        left_out = len(targets) - len(fitting)
        return fitting, f" {left_out} of the selected cannot, and stay as they are." if left_out else ""

    def _ask_first(self, question: Question, *requests: Request | Toggle, summary: str = "") -> None:
        def answered(yes: bool | None) -> None:
            if yes:
                self.shell.ask(*requests, summary=summary)

        self.app.push_screen(question, answered)

    # -- actions ------------------------------------------------------------------------------------------------

    def action_pause(self) -> None:
        """Pause the job, or put a paused one back."""
        targets, left_out = self._commanded("pause", _LIVE)
        if len(targets) == 1 and not left_out:
            self.shell.ask(Toggle(targets[0].key, targets[0].name))
        elif targets:
            # As with one: those that go on are paused; where all are paused, they are put back.
            live = [target for target in targets if target.state is not JobState.PAUSED]
            op, verb, done = ("pause", "Pause", "paused") if live else ("resume", "Resume", "put back")
            requests = [Request(op, {"job": each.key}, f"{each.name} {done}", each.name) for each in live or targets]
            question = Question(f"{verb} {_jobs(len(requests))}?", f"Its memory is freed.{left_out}")
            if not live:
                question = Question(f"{verb} {_jobs(len(requests))}?", f"They wait again.{left_out}")
            self._ask_first(question, *requests, summary=done)

    def action_pause_queue(self) -> None:
        """Pause the whole queue, or let it go on."""
        if not self._refused("pause the queue"):
            self.shell.ask(Toggle(None, "the queue"))

    def action_start_daemon(self) -> None:
        """Start the daemon where there is none that answers."""
        if not self._refused("start the daemon"):
            self.shell.start_daemon()

    def action_cancel(self) -> None:
        """Cancel the jobs, after a question."""
        targets, left_out = self._commanded("be cancelled", _LIVE)
        if not targets:
            return
        requests = [
            Request("cancel", {"job": each.key}, f"{each.name} is cancelled; its files stay", each.name)
            for each in targets
        ]
        self._ask_first(
            Question(f"Cancel {self._named(targets)}?", f"The files stay; r queues it again.{left_out}"),
            *requests,
            summary="cancelled; their files stay",
        )

    def action_retry(self) -> None:
        """Queue ended jobs again; of one that is done, ask for the settings of a new one. Look again at pairs."""
        targets, left_out = self._commanded("be retried", ENDED | {None})
        if len(targets) == 1 and targets[0].state is JobState.DONE and not left_out:
            self.action_edit()
            return
        again = [target for target in targets if target.state is not JobState.DONE]
        requests = [look_again(each) for each in again]
        if targets and not again:
            self.shell.show_message("All of the selected are done: paint them again one by one.", "warn")
        elif len(requests) == 1 and not left_out:
            self.shell.ask(*requests)
        elif requests:
            done = f" {len(targets) - len(again)} are done, and stay as they are." if len(again) < len(targets) else ""
            question = Question(
                f"Queue {self._named(again)} again?", f"Each goes on from where it was.{done}{left_out}"
            )
            self._ask_first(question, *requests, summary="queued again")

    def action_edit(self) -> None:
        """Change the settings of a job that has not begun; of another, ask for those of a new one."""
        targets, left_out = self._commanded("be edited", _FITS["edit"])
        job = self.job
        if not targets:
            return
        if len(targets) > 1 or left_out or job is None or job.id != targets[0].key:
            self.shell.show_message("One job at a time can be edited: esc selects none.", "warn")
            return
        fresh = job.state not in ENDED and not job.step
        job_id, name = job.id, f"{job.number:04d} {job.title}"
        title = f"Settings of {name}" if fresh else f"Paint again as a new job; {name} stays"
        words = (
            f"{job.number:04d} has other settings now" if fresh else f"{job.number:04d} is painted again, as a new job"
        )

        def typed(settings: dict[str, Any] | None) -> None:
            if settings is not None:
                self.shell.ask(Request("edit" if fresh else "again", {"job": job_id, "settings": settings}, words))

        edit = EditScreen(job, self.shell.root, title, self.shell.glyphs, needs_change=fresh)
        self.app.push_screen(edit, typed)

    def action_priority(self, by: int) -> None:
        """Raise or lower the priority."""
        targets, left_out = self._commanded("change its priority", _LIVE)
        requests = [_prioritise(each, by=by) for each in targets]
        verb = "Raise" if by > 0 else "Lower"
        self._ask_about_several(f"{verb} the priority of", requests, left_out, "have another priority now")

    def action_to_top(self) -> None:
        """Give the jobs a priority above all that wait, in the order they have."""
        targets, left_out = self._commanded("move to the top", _LIVE)
        requests = [_prioritise(each, to_top=True) for each in reversed(targets)]
        self._ask_about_several("Move to the top", requests, left_out, "moved to the top")

    def _ask_about_several(self, verb: str, requests: list[Request], left_out: str, summary: str) -> None:
        if len(requests) == 1 and not left_out:
            self.shell.ask(*requests)
        elif requests:
            question = Question(f"{verb} {_jobs(len(requests))}?", f"Higher runs first.{left_out}")
            self._ask_first(question, *requests, summary=summary)

    def action_remove(self) -> None:
        """Remove ended jobs and their folders, and dismiss pairs, after a question."""
        targets, left_out = self._commanded("be removed", ENDED | {None})
        if targets:
            self.remove_after_asking(targets, left_out)

    def remove_after_asking(self, targets: list[Target], left_out: str = "") -> None:
        """Ask whether to remove these jobs and dismiss these pairs, and do it."""
        jobs = [target for target in targets if target.state is not None]
        pairs = [target for target in targets if target.state is None]
        warnings = []
        if jobs:
            what = (
                f"evolution/{inert(jobs[0].key)} with its" if len(jobs) == 1 else "their folders in evolution/ with all"
            )
            warnings.append(f"This deletes {what} frames and results. It cannot be undone.")
        if pairs:
            warnings.append("Pairs move to inbox/dismissed/; nothing of them is deleted.")
        verb = "Remove" if jobs else "Dismiss"
        question = Question(f"{verb} {self._named(targets)}?", " ".join(warnings) + left_out)
        requests = [
            Request("remove", {"job": each.key}, f"{each.name} is removed", each.name)
            if each.state is not None
            else Request("dismiss", {"pair": each.key}, _moved_to, each.name)
            for each in targets
        ]
        self._ask_first(question, *requests, summary="removed" if jobs else "moved to inbox/dismissed/")

    def _named(self, targets: list[Target]) -> str:
        """Return one target by its name, several by their number."""
        jobs = sum(target.state is not None for target in targets)
        pairs = len(targets) - jobs
        if len(targets) > 1:
            parts = ([_jobs(jobs)] if jobs else []) + ([f"{pairs} pair{'s' * (pairs > 1)}"] if pairs else [])
            return " and ".join(parts)
        job = self.job
        if job is not None and job.id == targets[0].key:
            return f"job {job.number:04d} {inert(job.name)}"
        return inert(targets[0].name) if pairs else f"job {targets[0].name}"


def _jobs(count: int) -> str:
    return f"{count} job{'s' * (count != 1)}"


def look_again(target: Target) -> Request:
    """Return what queues a job again, or has a pair looked at again."""
    if target.state is None:
        return Request("recheck", {"pair": target.key}, _looked_at, target.name)
    return Request("retry", {"job": target.key}, f"{target.name} re-queued", target.name)


def _prioritise(target: Target, **change: object) -> Request:
    def done(result: dict[str, Any]) -> str:
        return f"{target.name} has priority {result['job']['priority']} now"

    return Request("priority", {"job": target.key, **change}, done, target.name)


def _looked_at(result: dict[str, Any]) -> str:
    back = f"back in inbox/ ({', '.join(result['to'])}), " if result["to"] else ""
    return f"{result['name']} is {back}looked at again"


def _moved_to(result: dict[str, Any]) -> str:
    return f"{result['name']} is moved to {result['to']}/"
