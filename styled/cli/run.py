"""``styled run``: paint one picture now, without a queue."""

from __future__ import annotations

import selectors
import shlex
import signal
import sys
from pathlib import Path
from types import FrameType
from typing import Any

import click

from styled import evolution, figures, planning
from styled.backend.local import LocalRunner
from styled.backend.runner import Ended, Task
from styled.backend.verdict import Verdict, judge
from styled.cli.progress import Display, JsonLines, TextLines
from styled.cli.settings_options import SHORTCUTS, settings_options, settings_values
from styled.errors import StyledError, class_of
from styled.evolution import MAX_STEP_DOWNS, step_down
from styled.job import JobState
from styled.messages import Message, Progress, Started, Stopped
from styled.painting import one_picture
from styled.painting.one_picture import OneShot

INTERRUPTED_EXIT_CODE = 130  # what a shell reports after Ctrl-C

_WORTH_A_PROBE_PX = 2000
"""Long side of a result from which ten seconds do not matter."""

STOP_GRACE_S = 600.0
"""Seconds for the step in work and the checkpoint after Ctrl-C; a second Ctrl-C does not wait."""


@click.command()
@click.argument("content", type=click.Path(path_type=Path), required=False)
@click.argument("styles", metavar="STYLE...", type=click.Path(path_type=Path), nargs=-1)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    help="The result: png, jpg, tif or webp. [default: CONTENT-STYLE.png here]",
)
@click.option(
    "--mask",
    type=click.Path(path_type=Path),
    help="An image with a colour for each style, dark to bright: where each is painted.",
)
@settings_options
@click.option(
    "--evolution",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Keep frames, losses and settings in a folder in DIR.",
)
@click.option(
    "--resume",
    type=click.Path(path_type=Path),
    metavar="FOLDER",
    help="Go on with a run that was stopped; needs no images.",
)
@click.option("--overwrite", is_flag=True, help="Replace the result if it exists.")
@click.option("--json", "as_json", is_flag=True, help="Print every message as a JSON line.")
def run(content: Path | None, styles: tuple[Path, ...], resume: Path | None, as_json: bool, **options: Any) -> None:
    """Paint one content image in the style of others, now.

    Ctrl-C saves a checkpoint and prints how to go on. Settings that are not given come from styled.toml of the
    current root, if there is one.
    """
    if resume is not None:
        if content is not None or any(options[name] for name in ("assignments", "evolution", "mask", *SHORTCUTS)):
            raise click.UsageError("--resume goes on with the images and settings of the stopped run; give none.")
        job = one_picture.reopen(resume, output=options["output"], overwrite=options["overwrite"])
    elif content is None or not styles:
        raise click.UsageError("Give a content image and at least one style image.")
    else:
        job = _prepared(content, styles, options)
    display: Display = JsonLines() if as_json else TextLines(sys.stderr)
    one_picture.record_state(job, JobState.RUNNING)
    if not as_json and resume is None:
        display.note(_forecast(job))
    if not as_json:
        display.note("starting")  # TensorFlow takes some seconds to load
    try:
        ended, stopped = _paint_within_memory(job, display)
    finally:
        display.close()
    _conclude(job, ended, stopped, display)
    if not as_json:
        click.echo(job.output)


def _prepared(content: Path, styles: tuple[Path, ...], options: dict[str, Any]) -> OneShot:
    return one_picture.prepare(
        content,
        styles,
        settings_values(options),
        output=options["output"] or Path(f"{content.stem}-{styles[0].stem}.png"),
        mask=options["mask"],
        evolution_folder=options["evolution"],
        overwrite=options["overwrite"],
    )


def _forecast(job: OneShot) -> str:
    """Return what the run will take: large ones are worth a probe of a machine that was never measured."""
    recorded = evolution.read_job_file(job.folder)
    settings = recorded.settings
    content, *styles = (job.folder.path / name for name in (recorded.content, *recorded.styles))
    try:
        estimated = planning.plan(
            content,
            styles,
            settings,
            has_mask=recorded.mask is not None,
            may_probe=settings.size >= _WORTH_A_PROBE_PX,
        )
    except StyledError as error:
        return f"no forecast: {error.message}"
    time = f", about {figures.duration(estimated.seconds)}" if estimated.seconds is not None else ""
    return f"{estimated.width}x{estimated.height} px in {estimated.steps} steps{time}, memory {figures.size_of(estimated.peak_bytes)}"


class _Interrupts:
    """Counts how often the user asked to stop, instead of breaking off wherever the program is."""

    def __init__(self) -> None:
        self.count = 0
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._on_signal)

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        self.count += 1


def _paint_within_memory(job: OneShot, display: Display) -> tuple[Ended, Stopped | None]:
    """Run workers, each with less memory than the one before whose memory ran out; see :func:`_paint`."""
    step_downs = 0
    while True:
        ended, stopped = _paint(job, display)
        step_downs = 0 if ended.progressed else step_downs
        if judge(ended)[0] is not Verdict.OUT_OF_MEMORY or ended.asked_to_stop or step_downs == MAX_STEP_DOWNS:
            return ended, stopped
        step_down(job.folder)
        step_downs += 1
        display.note("memory ran out; going on with less")


def _paint(job: OneShot, display: Display) -> tuple[Ended, Stopped | None]:
    """Run the worker to its end; return how it ended, and its ``Stopped`` if it was asked to stop."""
    interrupts, answered = _Interrupts(), 0
    told: Progress | None = None
    stopped = None
    with selectors.DefaultSelector() as selector:
        runner = LocalRunner(selector)
        runner.submit(Task(job.folder.id, job.folder.path))
        while True:
            selector.select(timeout=0.2)
            progress = None
            for report in runner.poll():
                progress = runner.progress(job.folder.id)
                if isinstance(report.what, Ended):
                    return report.what, stopped
                if isinstance(report.what, Stopped):
                    stopped = report.what
                if isinstance(report.what, Started):
                    one_picture.record_remarks(job, report.what.remarks)
                if isinstance(report.what, Message):
                    display.show(report.what)
            progress = runner.progress(job.folder.id)
            if progress is not None and progress is not told:
                told = progress
                display.show(progress)
            if interrupts.count > answered:
                answered = interrupts.count
                runner.stop(job.folder.id, STOP_GRACE_S if answered == 1 else 0.0)
                display.note("saving a checkpoint; Ctrl-C again to leave without" if answered == 1 else "leaving")


def _conclude(job: OneShot, ended: Ended, stopped: Stopped | None, display: Display) -> None:
    """Deliver the result, or print why there is none and how to go on; leave with the exit code."""
    verdict, reason = judge(ended)
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
