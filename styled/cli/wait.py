"""``styled wait``: until one job has ended, or everything has."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator

import click

from styled.cli.options import job_ids, root_option
from styled.daemon.process.lock import holder_of
from styled.errors import DaemonNotRunning, NoSuchJob, WaitTimedOut
from styled.inbox.listing import look_into
from styled.inbox.pairs import pair_up
from styled.job import ENDED, Job, JobState
from styled.root import Root
from styled.store.reader import StoreReader

POLL_S = 0.25
"""Between two looks at the queue."""

_Outcome = tuple[int, str]
"""Exit code and last words."""


@click.command()
@root_option
@click.argument("job", required=False, shell_complete=job_ids)
@click.option("--timeout", type=click.FloatRange(min=0), metavar="SECONDS", help="Give up after this time.")
def wait(root_path: str | None, job: str | None, timeout: float | None) -> None:
    """Wait until JOB (a number, an id or a name) has ended, or without it until there is nothing left to do.

    Exits with 0 if what was waited for is done, with 1 if it failed, was cancelled or rejected, with
    124 after the time of --timeout.
    """
    root = Root.at(root_path)
    until = None if timeout is None else time.monotonic() + timeout
    with StoreReader.open(root) as reader:
        for outcome in looks_at(root, reader, job) if job is not None else _everything(root, reader):
            if outcome is not None:
                click.echo(outcome[1])
                sys.exit(outcome[0])
            if holder_of(root) is None:
                raise DaemonNotRunning(f"the daemon of {root.path} is not running, so this will never finish")
            if until is not None and time.monotonic() >= until:
                raise WaitTimedOut(f"not ended after {timeout:g} s")
            time.sleep(POLL_S)


def find(reader: StoreReader, ref: str) -> Job:
    """Return the job that ``ref`` means: a number, an id or its beginning, or else the newest of that name.

    Raises:
        NoSuchJob: none.
    """
    try:
        return reader.get(ref)
    except NoSuchJob:
        for job in reader.jobs(search=ref, order="newest"):
            if job.name == ref:
                return job
        raise


def looks_at(root: Root, reader: StoreReader, ref: str) -> Iterator[_Outcome | None]:
    """Look at one job again and again; None while it has not ended."""
    known = False
    while True:
        # In the order in which a pair moves, so that it is found wherever it goes meanwhile.
        to_come = set() if known else _names_to_come(root)
        try:
            job = find(reader, ref)
        except NoSuchJob:
            if known:
                yield 1, f"{ref} was removed"
            reason = _reason_of(root, ref)
            if reason is not None:
                yield 1, f"{ref} was rejected: {reason}"
            if ref not in to_come:
                raise
        else:
            ref, known = job.id, True
            if job.state in ENDED:
                yield (0 if job.state is JobState.DONE else 1), _outcome(job)
        yield None


def _everything(root: Root, reader: StoreReader) -> Iterator[_Outcome | None]:
    """Look at the whole queue again and again; None while something in it or in the inbox will still run."""
    start = reader.last_event()
    while True:
        # In the order in which a pair moves, so that it is found wherever it goes meanwhile.
        if not (_is_busy(reader) or _names_to_come(root) or _is_busy(reader)):
            ended = _ended_since(reader, start)
            failed = sum(state is not JobState.DONE for state in ended)
            yield (
                (1 if failed else 0),
                f"{len(ended)} jobs ended, {failed} of them without a result" if ended else "nothing to wait for",
            )
        yield None


def _is_busy(reader: StoreReader) -> bool:
    counts = reader.counts()
    return bool(counts[JobState.WAITING] or counts[JobState.RUNNING])


def _ended_since(reader: StoreReader, seq: int) -> list[JobState]:
    """Return the state of each job that has ended since an event and has not been queued again."""
    last: dict[str, str] = {}
    while events := reader.events(seq):
        last |= {event.id: event.after for event in events if event.kind == "moved"}
        seq = events[-1].seq
    return [JobState(state) for state in last.values() if state in ENDED]


def _outcome(job: Job) -> str:
    words = f"{job.number:04d} {job.name}: {job.state}"
    return ": ".join([words, *filter(None, [job.reason, "; ".join(job.remarks)])])


def _reason_of(root: Root, name: str) -> str | None:
    from styled.inbox.claiming.rejection import reason_of  # loads NumPy, which completing a word must not wait for

    return reason_of(root, name)


def _names_to_come(root: Root) -> set[str]:
    """Return the names of the pairs that lie complete in the inbox, then of those that are just being claimed."""
    from styled.inbox.claiming.claim_record import (  # loads NumPy, which completing a word must not wait for
        PLAN,
        read_plan,
    )

    try:
        waiting = {pair.name for pair in pair_up(look_into(root.inbox).kinds).pairs}
    except OSError:
        waiting = set()  # no inbox, nothing to take
    # A claim has its plan beside it until the job is in the store; of finished ones none is left to find.
    plans = (read_plan(path.parent) for path in root.evolution.glob(f"*/{PLAN}"))
    return waiting | {plan.job.name for plan in plans if plan is not None}
