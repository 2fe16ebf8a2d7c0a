"""Runs that somebody watches: painted one after another by a worker, until they are done or Ctrl-C is pressed."""

from __future__ import annotations

import selectors
import shlex
import signal
import sys
from types import FrameType
from typing import Self

from styled import gpus, signals
from styled.backend.devices import Devices
from styled.backend.local import LocalRunner
from styled.backend.runner import Ended, Task
from styled.backend.verdict import Verdict, verdict_of
from styled.cli.progress import Display
from styled.config import QueueConfig
from styled.errors import class_of
from styled.evolution import MAX_STEP_DOWNS, step_down
from styled.job import JobState
from styled.messages import Message, Progress, Started, Stopped
from styled.painting import one_picture
from styled.painting.one_picture import OneShot
from styled.sizing.memory_limit import has_own_limit

INTERRUPTED_EXIT_CODE = 130  # what a shell reports after Ctrl-C

STOP_GRACE_S = 600.0
"""Seconds for the step in work and the checkpoint after Ctrl-C; a second Ctrl-C does not wait."""


class _Interrupts:
    """Counts how often the user asked to stop, instead of breaking off wherever the program is."""

    def __init__(self) -> None:
        self.count = 0
        signals.handle((signal.SIGINT, signal.SIGTERM, signal.SIGHUP), self._on_signal)

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        self.count += 1


class Painter:
    """Paints runs one after another, all in one worker while nothing fails. A context manager.

    Args:
        display: shows what the worker says.
    """

    def __init__(self, display: Display) -> None:
        self._display = display
        self._selector = selectors.DefaultSelector()
        self._runner = LocalRunner(self._selector, QueueConfig(), devices=Devices(gpus.devices))
        self._interrupts = _Interrupts()

    def paint(self, job: OneShot) -> None:
        """Paint a run and deliver its result.

        Raises:
            StyledError: it failed; what was painted stays, and the advice names the command that goes on with it.
            SystemExit: the user stopped it.
        """
        ended, stopped = self._paint_within_memory(job)
        _conclude(job, ended, stopped, self._display)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._display.close()
        self._runner.detach(0.0)
        self._runner.close()
        self._selector.close()

    def _paint_within_memory(self, job: OneShot) -> tuple[Ended, Stopped | None]:
        """Run workers, each with less memory than the one before whose memory ran out; see :meth:`_paint`."""
        step_downs = 0
        while True:
            ended, stopped = self._paint(job, is_delicate=step_downs > 0)
            step_downs = 0 if ended.progressed else step_downs
            if verdict_of(ended)[0] is not Verdict.OUT_OF_MEMORY or ended.asked_to_stop or step_downs == MAX_STEP_DOWNS:
                return ended, stopped
            step_down(job.folder)
            step_downs += 1
            self._display.note("memory ran out; going on with less")

    def _paint(self, job: OneShot, *, is_delicate: bool) -> tuple[Ended, Stopped | None]:
        """Run a worker until the job ends; return how it ended, and its ``Stopped`` if it was asked to stop."""
        answered = 0
        shown: Progress | None = None
        stopped = None
        runner, display = self._runner, self._display
        has_limit = has_own_limit(one_picture.settings_of(job))
        runner.submit(Task(job.folder.id, job.folder.path, is_delicate=is_delicate or has_limit))
        while True:
            self._selector.select(timeout=0.2)
            for report in runner.poll():
                if isinstance(report.what, Ended):
                    return report.what, stopped
                if isinstance(report.what, Stopped):
                    stopped = report.what
                if isinstance(report.what, Started):
                    one_picture.record_remarks(job, report.what.remarks)
                if isinstance(report.what, Message):
                    display.show(report.what)
            progress = runner.progress(job.folder.id)
            if progress is not None and progress is not shown:
                shown = progress
                display.show(progress)
            if self._interrupts.count > answered:
                answered = self._interrupts.count
                runner.stop(job.folder.id, STOP_GRACE_S if answered == 1 else 0.0)
                display.note("saving a checkpoint; Ctrl-C again to leave without" if answered == 1 else "leaving")


def _conclude(job: OneShot, ended: Ended, stopped: Stopped | None, display: Display) -> None:
    """Deliver the result, or print why there is none and how to go on; leave with the exit code."""
    verdict, reason = verdict_of(ended)
    if verdict is Verdict.DONE:
        one_picture.record_state(job, JobState.DONE)
        one_picture.deliver(job)
        return
    if ended.asked_to_stop and ended.failure is None:
        _leave_stopped(job, stopped, display)
    one_picture.record_state(job, JobState.FAILED, reason)
    failure = ended.failure
    advice = failure.advice if failure else ""
    if failure and failure.kind == "diverged":
        one_picture.deliver(job)
        advice = f"The last good picture is {job.output}. {advice}"
    elif verdict is Verdict.HOPELESS and not any(job.folder.checkpoint.iterdir()):
        one_picture.discard(job)  # nothing was painted that could be lost
    else:
        advice = f"{advice} Its log is {job.folder.log}; go on with: {_resume_command(job)}".lstrip()
    raise class_of(failure.kind if failure else verdict.value)(failure.message if failure else reason, advice)


def _leave_stopped(job: OneShot, stopped: Stopped | None, display: Display) -> None:
    one_picture.record_state(job, JobState.PAUSED, "stopped by the user")
    if any(job.folder.checkpoint.iterdir()):
        where = f" after step {stopped.step}" if stopped else ""
        display.note(f"stopped{where}; go on with:\n  {_resume_command(job)}")
    else:
        one_picture.discard(job)
        display.note("stopped before the first step; there is nothing to go on with")
    sys.exit(INTERRUPTED_EXIT_CODE)


def _resume_command(job: OneShot) -> str:
    """Return the exact command that goes on with this run, from any folder."""
    overwrite = " --overwrite" if job.overwrite else ""
    return f"styled run --resume {shlex.quote(str(job.folder.path))}{overwrite}"
