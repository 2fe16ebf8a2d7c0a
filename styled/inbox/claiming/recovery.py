"""What a start does about claims and rejections that were cut off, and about folders and rows that lost each other.

Only for the holder of the root's lock. Everything here may be cut off itself and done again.
"""

from __future__ import annotations

from collections.abc import Collection
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from styled.errors import PairChanged
from styled.files import durable
from styled.inbox.claiming.claim import clear, finish, forget_plan
from styled.inbox.claiming.claim_record import PREFIX, Claim, read_plan
from styled.inbox.claiming.rejection import finish_rejections
from styled.inbox.claiming.taken import Taken
from styled.inbox.claiming.undo import undo
from styled.job import Job, JobState
from styled.job_folder import JobFolder
from styled.root import Root
from styled.store.adoption import adopt_folders, unknown_folders
from styled.store.store import Store

LOST = "its folder in evolution/ is gone"
"""The reason of a job that failed for that: it is queued again when the folder is back."""


class Recovered(NamedTuple):
    """What :func:`recover` did."""

    notes: list[str]
    """For the log."""
    unfinished: list[str]
    """Claims that could be neither finished nor undone now, whose files are safe in ``evolution/.claim-*``, and rejections
    that were cut off and wait for ``inbox/rejected/``."""


class FilesMended(NamedTuple):
    """What :func:`mend_files` did; the queue is to follow."""

    recovered: Recovered
    stuck: dict[str, Taken]
    """Files that are in a job and could not be removed from the inbox."""
    claimed: list[JobFolder]
    """Folders with a plan that is done but for the job's row."""


def recover(root: Root, store: Store) -> Recovered:
    """Bring inbox, ``evolution/`` and store together again: every pair is in exactly one place afterwards.

    - a claim with all its files is finished, any other is undone;
    - a job folder that is not in the store is added by its job.json;
    - a waiting job whose folder is gone fails, and is queued again once the folder is back;
    - a rejection is finished.

    The daemon does the two halves apart: whatever touches the inbox may take for ever.

    Raises:
        DiskFull: no space.
        OSError: ``evolution/`` cannot be used.
    """
    mended = mend_files(root, store.ids())
    notes = mend_queue(root, store, mended)
    return Recovered(mended.recovered.notes + notes, mended.recovered.unfinished)


def mend_files(root: Root, known: Collection[str], *, only_folders: bool = False) -> FilesMended:
    """Do what a recovery does in the inbox and in ``evolution/``. The store is not needed, and so any thread will do.

    Args:
        root: whose files.
        known: ids of the jobs that the store has.
        only_folders: leave claims and rejections that were cut off: only jobs are missing in the store.

    Raises:
        DiskFull: no space.
        OSError: ``evolution/`` cannot be used.
    """
    notes: list[str] = []
    unfinished: list[str] = []
    for work in [] if only_folders else sorted(root.evolution.glob(f"{PREFIX}*")):
        try:
            notes += _finish_or_undo(root, work)
        except OSError as error:
            # For example, the inbox is unmounted. One claim must not keep all others waiting.
            unfinished.append(f"the claim in {work.name} could not be finished or undone: {error}")
    stuck: dict[str, Taken] = {}
    claimed = []
    for folder in unknown_folders(known, root.evolution):
        claim = read_plan(folder.path)
        if claim is not None:
            cleared = clear(root, folder, claim)
            stuck |= cleared.stuck
            notes += (
                [f"the inbox could not be cleared of {claim.job.name}: {cleared.problem}"] if cleared.problem else []
            )
            claimed.append(folder)
    if claimed:
        flush_inbox(root)
    if not only_folders:
        finished = finish_rejections(root)
        notes += finished.notes
        unfinished += finished.unfinished
    return FilesMended(Recovered(notes, unfinished), stuck, claimed)


def mend_queue(root: Root, store: Store, mended: FilesMended, *, only_folders: bool = False) -> list[str]:
    """Do what a recovery does in the store; return notes for the log. To follow :func:`mend_files`.

    Raises:
        StoreError: the store refused.
        DiskFull: no space.
        OSError: ``evolution/`` cannot be used.
    """
    with store.batch():
        jobs, notes = adopt_folders(store, root.evolution)
        for path, taken in mended.stuck.items():
            store.set_taken(path, taken.text)
    for folder in mended.claimed:
        forget_plan(folder)
    notes = [f"job {job.number:04d} ({job.name}) was found in evolution/ and added" for job in jobs] + notes
    if not only_folders:
        notes += [f"job {job.number:04d} ({job.name}) has lost its folder" for job in _fail_lost(root, store)]
        notes += [f"job {job.number:04d} ({job.name}) has its folder again" for job in _requeue_found(root, store)]
    return notes


def flush_inbox(root: Root) -> None:
    """Make the inbox durable if it can be: it may have gone away since, and the jobs have their files."""
    with suppress(OSError):
        durable.sync_folder(root.inbox)


def _finish_or_undo(root: Root, work: Path) -> list[str]:
    claim = read_plan(work)
    if claim is not None and _is_whole(work, claim):
        durable.sweep(work / "input")
        try:
            finish(root, JobFolder(work), claim)
        except (PairChanged, FileExistsError) as error:
            return [*undo(root, work), f"the claim of {claim.job.name} was undone: {error}"]
        return [f"the claim of {claim.job.name} was finished"]
    name = claim.job.name if claim else work.name
    return [*undo(root, work), f"the claim of {name} was undone"]


def _is_whole(work: Path, claim: Claim) -> bool:
    return all((work / "input" / member.target).exists() for member in claim.members)


def _fail_lost(root: Root, store: Store) -> list[Job]:
    lost = [job for job in store.jobs([JobState.WAITING]) if not (root.evolution / job.id).is_dir()]
    return [store.move(job.id, JobState.FAILED, reason=LOST) for job in lost]


def _requeue_found(root: Root, store: Store) -> list[Job]:
    """Queue the jobs again that failed only because their folder was not there."""
    found = [job for job in store.jobs([JobState.FAILED]) if job.reason == LOST and (root.evolution / job.id).is_dir()]
    return [store.move(job.id, JobState.WAITING, reason="its folder in evolution/ is back") for job in found]
