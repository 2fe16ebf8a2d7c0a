"""``styled wait``: until one job has ended, or everything has."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import NamedTuple

import click

from styled.cli.options import FiniteRange, job_ids, root_option
from styled.daemon.process.lock import holder_of
from styled.errors import DaemonNotRunning, NoSuchJob, WaitTimedOut
from styled.inbox.listing import look_into
from styled.inbox.pairs import pair_up
from styled.job import ENDED, Job, JobState
from styled.root import Root
from styled.store.reader import StoreReader
from styled.store.records import Event, Rejection

POLL_S = 0.25
"""Between two looks at the queue."""

NOTED_S = 1.0
"""A rejection is on record so long after its files have left the inbox."""
LEFT_S = 10.0
"""A pair that left the inbox so long ago, and of which nothing is on record, was taken out by its user."""


class Look(NamedTuple):
    """What was seen in one look at the queue."""

    job: Job | None = None
    """None while what is waited for is no job, or more than one."""
    outcome: tuple[int, str] | None = None
    """Exit code and last words; None while there is more to come."""


@click.command()
@root_option
@click.argument("job", required=False, shell_complete=job_ids)
@click.option("--timeout", type=FiniteRange(min=0), metavar="SECONDS", help="Give up after this time.")
def wait(root_path: str | None, job: str | None, timeout: float | None) -> None:
    """Wait until JOB (a number, an id or a name) has ended, or without it until there is nothing left to do.

    Exits with 0 if what was waited for is done, with 1 if it failed, was cancelled or rejected, with
    124 after the time of --timeout.
    """
    root = Root.at(root_path)
    until = None if timeout is None else time.monotonic() + timeout
    with StoreReader.open(root) as reader:
        for look in looks_at(root, reader, job) if job is not None else _everything(root, reader):
            if look.outcome is not None:
                click.echo(look.outcome[1])
                sys.exit(look.outcome[0])
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
        return reader.find(ref)
    except NoSuchJob:
        for job in reader.jobs(search=ref, order="newest"):
            if job.name == ref:
                return job
        raise


def looks_at(root: Root, reader: StoreReader, ref: str) -> Iterator[Look]:
    """Look at one job again and again, until it has ended.

    A name means the newest of that name: the pair in the inbox before any job, and the rejection before an older job.
    """
    start = reader.last_event()
    left_at: float | None = None
    while True:
        # In the order in which a pair moves, so that it is found wherever it goes meanwhile.
        comes = ref in _names_to_come(root, reader)
        found = _found(partial(find, reader, ref))
        if isinstance(found, Job) and found.name != ref:
            break  # a number or an id
        rejection = reader.last_rejection(ref)
        if comes:
            left_at = time.monotonic()
        elif left_at is not None and not _is_since(reader, start, found, rejection):
            if time.monotonic() - left_at > LEFT_S:
                yield Look(outcome=(1, f"{ref} was taken out of the inbox"))
        elif rejection is not None and (isinstance(found, NoSuchJob) or rejection.at > found.created_at):
            yield Look(outcome=(1, f"{ref} was rejected: {rejection.reason}"))
        elif isinstance(found, Job):
            break
        else:
            reason = _reason_of(root, ref)  # its event may be older than the record of events
            if reason is None:
                raise found
            yield Look(outcome=(1, f"{ref} was rejected: {reason}"))
        yield Look()
    while isinstance(found, Job):
        ended = found.state in ENDED
        yield Look(found, (0 if found.state is JobState.DONE else 1, _last_words(found)) if ended else None)
        found = _found(partial(reader.get, found.id))
    yield Look(outcome=(1, f"{ref} was removed"))


def _found(look: Callable[[], Job]) -> Job | NoSuchJob:
    try:
        return look()
    except NoSuchJob as error:
        return error


def _is_since(reader: StoreReader, seq: int, job: Job | NoSuchJob, rejection: Rejection | None) -> bool:
    """Tell whether a job was added, or a pair rejected, after an event."""
    if rejection is not None and rejection.seq > seq:
        return True
    return isinstance(job, Job) and any(event.kind == "added" and event.id == job.id for event in _events(reader, seq))


def _everything(root: Root, reader: StoreReader) -> Iterator[Look]:
    """Look at the whole queue again and again, until nothing in it or in the inbox will still run."""
    start = reader.last_event()
    came_at = -math.inf
    while True:
        # In the order in which a pair moves, so that it is found wherever it goes meanwhile.
        is_busy = _is_busy(reader)
        if _names_to_come(root, reader):
            came_at = time.monotonic()
        elif not (is_busy or _is_busy(reader)) and time.monotonic() - came_at > NOTED_S:
            yield Look(outcome=_what_ended(reader, start))
        yield Look()


def _what_ended(reader: StoreReader, seq: int) -> tuple[int, str]:
    """Return the exit code and the words for all that ended since an event."""
    last: dict[str, str] = {}
    rejected = 0
    for event in _events(reader, seq):
        if event.kind == "moved":
            last[event.id] = event.after
        rejected += event.kind == "rejected"
    ended = [state for state in map(JobState, last.values()) if state in ENDED]
    failed = sum(state is not JobState.DONE for state in ended)
    words = [f"{len(ended)} jobs ended, {failed} of them without a result"] if ended else []
    words += [f"{rejected} rejected: see styled status"] if rejected else []
    return (1 if failed or rejected else 0), ", ".join(words) or "nothing to wait for"


def _events(reader: StoreReader, seq: int) -> Iterator[Event]:
    """Give the events after a number, oldest first."""
    while events := reader.events(seq):
        yield from events
        seq = events[-1].seq


def _is_busy(reader: StoreReader) -> bool:
    counts = reader.counts()
    return bool(counts[JobState.WAITING] or counts[JobState.RUNNING])


def _last_words(job: Job) -> str:
    words = f"{job.number:04d} {job.name}: {job.state}"
    return ": ".join([words, *filter(None, [job.reason, "; ".join(job.remarks)])])


def _reason_of(root: Root, name: str) -> str | None:
    from styled.inbox.claiming.rejection import reason_of  # loads NumPy, which completing a word must not wait for

    return reason_of(root, name)


def _names_to_come(root: Root, reader: StoreReader) -> set[str]:
    """Return the names of the pairs in the inbox that need nothing but time, then of those that are just being claimed."""
    from styled.inbox.claiming.claim_record import (  # loads NumPy, which completing a word must not wait for
        PLAN,
        read_plan,
    )
    from styled.inbox.claiming.taken import Taken
    from styled.inbox.classify import is_taken

    try:
        look = look_into(root.inbox)
    except OSError:
        waiting = set()  # no inbox, nothing to take
    else:
        pairing = pair_up(look.kinds)
        # What could not be moved out of the inbox stays there, and is a job already.
        taken = Taken.parse_all(reader.taken())
        waiting = {pair.name for pair in pairing.pairs if not is_taken(pair, look, taken)}
        waiting |= {half.name for half in pairing.halves if half.arrives}
    # A claim has its plan beside it until the job is in the store; of finished ones none is left to find.
    plans = (read_plan(path.parent) for path in root.evolution.glob(f"*/{PLAN}"))
    return waiting | {plan.job.name for plan in plans if plan is not None}
