"""``styled follow``: one job's progress in this terminal, to its end."""

from __future__ import annotations

import sys
import time

import click

from styled.cli.options import job_ids, root_option
from styled.cli.progress import TextLines
from styled.cli.wait import POLL_S, looks_at
from styled.daemon.process.lock import holder_of
from styled.errors import DaemonNotRunning
from styled.job import ENDED, Job, JobState
from styled.root import Root
from styled.store.reader import StoreReader

RESTART_S = 10.0
"""A daemon that was restarted has this long to come back."""

INTERRUPTED = 130
"""Exit code after Ctrl-C, as a shell gives it."""


@click.command()
@root_option
@click.argument("job", shell_complete=job_ids)
def follow(root_path: str | None, job: str) -> None:
    """Follow JOB (a number, an id or a name) as it is painted, until it has ended. Ctrl-C leaves it alone.

    On a terminal one line changes; elsewhere a line is printed every few seconds. Exits with 0 if the job is done,
    with 1 if it failed, was cancelled, rejected or removed.
    """
    root = Root.at(root_path)
    lines = TextLines(sys.stdout)
    try:
        with StoreReader.open(root) as reader:
            code, words = _followed(root, reader, job, lines)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    finally:
        lines.close()
    click.echo(words)
    sys.exit(code)


def _followed(root: Root, reader: StoreReader, ref: str, lines: TextLines) -> tuple[int, str]:
    """Show the job until it has ended; return the exit code and the last words."""
    view = _View(root, lines)
    seen_at = time.monotonic()
    for look in looks_at(root, reader, ref):
        if look.job is not None:
            view.show(look.job, reader)
        if look.outcome is not None:
            return look.outcome
        if holder_of(root) is not None:
            seen_at = time.monotonic()
        elif time.monotonic() - seen_at > RESTART_S:
            raise DaemonNotRunning(f"the daemon of {root.path} is not running, so nothing happens")
        time.sleep(POLL_S)
    raise AssertionError("looks_at() ends with an outcome only")


class _View:
    """What was shown of the job, so that only what is new is shown."""

    def __init__(self, root: Root, lines: TextLines) -> None:
        self._root, self._lines = root, lines
        self._offset = 0
        self._said = ""

    def show(self, job: Job, reader: StoreReader) -> None:
        """Show what has changed: the steps painted since, and where the job stands."""
        from styled.evolution import JobFolder, read_losses  # brings NumPy, which completing a JOB can do without

        part = read_losses(JobFolder(self._root.evolution / job.id), self._offset)
        self._offset = part.offset
        words = _standing(job, reader)
        if job.state not in ENDED and words != self._said:
            self._said = words
            self._lines.note(f"{job.number:04d} {job.name}: {words}")
        if part.losses:
            self._lines.show(part.losses[-1])


def _standing(job: Job, reader: StoreReader) -> str:
    """Return the state of a job that has not ended."""
    words = str(job.state)
    if job.state is JobState.WAITING:
        before = [other.id for other in reader.jobs([JobState.WAITING], order="queue")]
        ahead = before.index(job.id) if job.id in before else 0
        words += f", {ahead} before it" if ahead else ", next"
    return f"{words}: {job.reason}" if job.reason else words
