"""What a start does about claims and rejections that were cut off, and about folders and rows that lost each other.

Only for the holder of the root's lock. Everything here may be cut off itself and done again.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from styled.errors import PairChanged
from styled.evolution.folder import JobFolder
from styled.files import durable
from styled.files.signature import Signature
from styled.inbox.claiming.claim import clear, finish, forget_plan
from styled.inbox.claiming.claim_record import PREFIX, Claim, read_plan
from styled.inbox.claiming.rejection import finish_rejections
from styled.inbox.claiming.undo import undo
from styled.job import Job, JobState
from styled.root import Root
from styled.store.adoption import adopt_folders, unknown_folders
from styled.store.store import Store


class Recovered(NamedTuple):
    """What :func:`recover` did."""

    notes: list[str]
    """For the log."""
    unfinished: list[str]
    """Claims that could be neither finished nor undone now; their files are safe in ``evolution/.claim-*``."""


def recover(root: Root, store: Store) -> Recovered:
    """Bring inbox, ``evolution/`` and store together again: every pair is in exactly one place afterwards.

    - a claim with all its files is finished, any other is undone;
    - a job folder that the store does not know is added as it says;
    - a waiting job whose folder is gone fails (and can be retried once the folder is back);
    - a rejection is finished.

    Raises:
        DiskFull: no space.
        OSError: ``evolution/`` cannot be used.
    """
    notes: list[str] = []
    unfinished: list[str] = []
    for work in sorted(root.evolution.glob(f"{PREFIX}*")):
        try:
            notes += _finish_or_undo(root, work)
        except OSError as error:
            # The inbox is away, say. One claim must not keep all others waiting.
            unfinished.append(f"the claim in {work.name} could not be finished or undone: {error}")
    jobs, problems = adopt(root, store)
    notes += [f"job {job.number:04d} ({job.name}) was found in evolution/ and added" for job in jobs]
    notes += problems
    notes += [f"job {job.number:04d} ({job.name}) has lost its folder" for job in _fail_lost(root, store)]
    notes += finish_rejections(root)
    return Recovered(notes, unfinished)


def adopt(root: Root, store: Store) -> tuple[list[Job], list[str]]:
    """Add the job folders that the store does not know, and finish their claims.

    Returns:
        the added jobs, and what could not be added, for the log.
    """
    claims = [(folder, claim) for folder in unknown_folders(store, root.evolution) if (claim := read_plan(folder.path))]
    stuck: dict[str, Signature] = {}
    for folder, claim in claims:
        stuck |= clear(root, folder, claim)
    if claims:
        durable.sync_folder(root.inbox)
    with store.batch():
        jobs, problems = adopt_folders(store, root.evolution)
        for path, signature in stuck.items():
            store.set_taken(path, signature)
    for folder, _ in claims:
        forget_plan(folder)
    return jobs, problems


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
    return [store.move(job.id, JobState.FAILED, reason="its folder in evolution/ is gone") for job in lost]
