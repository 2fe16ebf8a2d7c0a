"""Taking a pair out of the inbox: moves its files into ``evolution/<id>/input/``, safe against a crash at any step.

====  ======================================================  ==================================================
step  what                                                    found after a crash: what recovery does
====  ======================================================  ==================================================
1     make ``evolution/.claim-<id>/input/``                   nothing in it: removed
2     write ``claim.json``: the plan                          nothing moved: undone
3, 4  move (or copy) each file, check it is the one seen      some missing: undone; all there: done from step 5 on
5     write ``job.json``                                      all there: done from step 5 on
6     rename ``.claim-<id>`` to ``<id>``                      a folder without a row: done from step 7 on
7     clear what is left of the pair in the inbox             a folder without a row: done from step 7 on
8     the row in the store (by the caller)                    nothing to do
9     remove ``claim.json``                                   nothing to do
====  ======================================================  ==================================================

Each step is durable before the next begins. What recovery does is in :mod:`styled.inbox.claiming.recovery`.
"""

from __future__ import annotations

import errno
import os
import stat
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from styled.errors import PairChanged
from styled.evolution.job_file import digest, write_job_file
from styled.files import durable
from styled.files.failpoint import crash_point
from styled.files.moves import CANNOT_MOVE, GONE, copy_new, rename_new, signature_at
from styled.files.signature import Signature
from styled.files.untrusted import NOT_A_FILE, file_at, folder_at, is_being_written, parent_of
from styled.inbox.claiming.claim_record import EXTRAS, PLAN, PREFIX, Claim, Member
from styled.inbox.claiming.taken import Taken
from styled.inbox.claiming.undo import undo
from styled.job_folder import JobFolder
from styled.root import Root


def take(root: Root, claim: Claim) -> JobFolder:
    """Do steps 1 to 6: afterwards the job's folder is whole, and :func:`clear` and the store's row are to follow.

    Raises:
        PairChanged: a file is not what it was; everything was moved back.
        DiskFull: no space; everything was moved back.
        OSError: the inbox or ``evolution/`` cannot be used; everything was moved back as far as possible, and the
            rest is at the next start.
    """
    work = JobFolder(root.evolution / f"{PREFIX}{claim.job.id}")
    with durable.disk_full_at(work.path):
        work.path.mkdir()
        work.input.mkdir()
    crash_point("claim.1")
    try:
        durable.write_json(work.path / PLAN, claim)
        durable.sync_folder(root.evolution)
        crash_point("claim.2")
        with folder_at(root.inbox) as inbox, folder_at(work.input) as target, durable.disk_full_at(work.path):
            for member in claim.members:
                _bring(member, inbox, target)
                crash_point("claim.3")
        crash_point("claim.4")
        return finish(root, work, claim)
    except BaseException:
        undo(root, work.path)
        raise


def finish(root: Root, work: JobFolder, claim: Claim) -> JobFolder:
    """Do steps 4 to 6: check the files that were brought, write ``job.json``, give the folder its name.

    Raises:
        PairChanged: a file is not the one that was seen.
        DiskFull: no space.
        OSError: ``evolution/`` cannot be used.
    """
    with folder_at(work.input) as target:
        for member in claim.members:
            _check(member, target, work.input)
        durable.sync_open_folder(target)
    write_job_file(work, claim.job)
    crash_point("claim.5")
    with folder_at(root.evolution) as evolution:
        rename_new(work.path.name, claim.job.id, source_folder=evolution, target_folder=evolution)
        durable.sync_open_folder(evolution)
    crash_point("claim.6")
    return JobFolder(root.evolution / claim.job.id)


class Cleared(NamedTuple):
    """What :func:`clear` left."""

    stuck: dict[str, Taken]
    """Files that are in the job and may still be in the inbox: path to what is remembered of them."""
    problem: str
    """Why, if the inbox answered with an error; else empty."""


def clear(root: Root, folder: JobFolder, claim: Claim) -> Cleared:
    """Do step 7: remove from the inbox what was copied out of it, and the pair's folder. May be done twice.

    The caller flushes the inbox, once for many. An inbox that has gone away is no reason not to paint: the job has its
    files, and those in the inbox are known again when it is back.
    """
    left = {member.source: member for member in claim.members if not member.kept}
    stuck = {}
    problem = ""
    try:
        with folder_at(root.inbox) as inbox:
            for path, member in list(left.items()):
                if remove_original(path, Taken.of(member), inbox) is False:
                    stuck[path] = Taken.of(member)
                del left[path]
            if claim.folder:
                _consume(inbox, claim.folder, claim.extra_names(), folder.input)
    except OSError as error:
        problem = str(error)
        stuck |= {path: Taken.of(member) for path, member in left.items()}
    crash_point("claim.7")
    return Cleared(stuck, problem)


def forget_plan(folder: JobFolder) -> None:
    """Do step 9. That the plan is gone need not be durable: it does no harm."""
    (folder.path / PLAN).unlink(missing_ok=True)
    crash_point("claim.9")


def _bring(member: Member, inbox: int, target: int) -> None:
    """Do step 3 for one file: move it, or copy it where it stays or cannot be moved."""
    try:
        with parent_of(member.source, base=inbox) as (folder, name):
            # A file that another user owns stays his to write, wherever it is moved.
            if not member.kept and os.lstat(name, dir_fd=folder).st_uid == os.geteuid():
                try:
                    rename_new(name, member.target, source_folder=folder, target_folder=target)
                    return
                except OSError as error:
                    if error.errno not in CANNOT_MOVE:
                        raise
            copied = copy_new(name, member.target, member.signature, source_folder=folder, target_folder=target)
    except OSError as error:
        if error.errno in GONE | NOT_A_FILE:
            raise PairChanged(f"{member.source} was changed or removed") from error
        raise
    if copied != member.digest:
        raise PairChanged(f"{member.source} was changed while it was copied")


def _check(member: Member, target: int, folder: Path) -> None:
    """Check that the file in ``input/`` is the one that was found complete, and protect it from being changed."""
    status = os.lstat(member.target, dir_fd=target)
    moved = Signature.of(status).same_file(member.signature)
    if not stat.S_ISREG(status.st_mode) or status.st_nlink != 1:
        raise PairChanged(f"{member.source} was replaced by something else")
    if moved and status.st_uid != os.geteuid():
        raise PairChanged(f"{member.source} belongs to another user, who may still write it")
    if not moved and digest(folder / member.target) != member.digest:
        raise PairChanged(f"{member.source} was changed")
    with suppress(PermissionError):
        os.chmod(member.target, 0o440, dir_fd=target)
    # Nobody can open it for writing any more: is there somebody who had done so before?
    with file_at(member.target, folder=target) as file:
        if is_being_written(file):
            raise PairChanged(f"{member.source} was opened for writing")


def remove_original(path: str, taken: Taken, inbox: int) -> bool | None:
    """Remove a file of an open inbox that is a job already; return whether that could be done, None if it is not there.

    Raises:
        OSError: the inbox cannot be used.
    """
    try:
        with parent_of(path, base=inbox) as (folder, name):
            found = signature_at(name, folder)
            if found is None or not taken.is_same(found):
                return None  # moved away by us, or another file by now, which is none of ours
            os.unlink(name, dir_fd=folder)
    except OSError as error:
        if error.errno in GONE:
            return None
        if error.errno in CANNOT_MOVE:
            return False
        raise
    return True


def _consume(inbox: int, folder: str, extras: list[str], job_input: Path) -> None:
    """Move what else was in the pair's folder to ``input/extra/`` and remove the folder, unless something new is in it."""
    try:
        with folder_at(folder, inside=inbox) as source:
            present = [name for name in extras if signature_at(name, source) is not None]
            if present:
                (job_input / EXTRAS).mkdir(exist_ok=True)
                with folder_at(job_input / EXTRAS) as target:
                    for name in present:
                        rename_new(name, name, source_folder=source, target_folder=target)
        os.rmdir(folder, dir_fd=inbox)
    except OSError as error:
        # Gone, not ours to change, on another mount, or in use again: the job has its files, and the rest stays.
        if error.errno not in GONE | CANNOT_MOVE | {errno.ENOTEMPTY, errno.EEXIST, errno.EINVAL}:
            raise
