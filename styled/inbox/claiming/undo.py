"""Undoing a claim: every file goes back to where the user dropped it. Safe against a crash at any step."""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from pathlib import Path

from styled.files import durable
from styled.files.moves import rename_new, signature_at
from styled.files.untrusted import folder_at, parent_of
from styled.inbox.claiming.claim_record import PLAN, Claim, Member, read_plan
from styled.inbox.claiming.rejection import reject
from styled.root import Root


def undo(root: Root, work: Path) -> list[str]:
    """Undo the claim in the folder ``work``. May be done twice, and goes on where it was cut off.

    A file that cannot go back (its name was taken, its folder is a link by now) goes to ``inbox/rejected/`` instead.

    Returns:
        what could not go back to its place, for the log.

    Raises:
        OSError: the inbox cannot be used; what is not back yet stays in ``work``.
    """
    durable.sweep(work)
    target = work / "input"
    claim = read_plan(work)
    notes = []
    if target.is_dir():
        durable.sweep(target)
        if claim is not None:
            _put_back(root, claim, target)
        left = sorted(path.name for path in target.iterdir())
        if left:
            reason = "its place in the inbox was taken or closed while it was being claimed"
            paths = [f"evolution/{work.name}/input/{name}" for name in left]
            place = reject(root, claim.job.name if claim else work.name.lstrip("."), reason, paths)
            notes.append(f"{', '.join(left)} of a claim that was undone: see {place}")
        target.rmdir()
    (work / "job.json").unlink(missing_ok=True)
    # The plan goes last: without it the files' places are lost.
    (work / PLAN).unlink(missing_ok=True)
    with suppress(FileNotFoundError):
        work.rmdir()
    durable.sync_folder(root.evolution)
    return notes


def _put_back(root: Root, claim: Claim, target: Path) -> None:
    with folder_at(root.inbox) as inbox, folder_at(target) as source:
        for member in claim.members:
            if signature_at(member.target, source) is not None:
                # Its folder may be a link or a file by now, its name taken: the caller finds it left, and reports it.
                with suppress(OSError):
                    _put_one_back(member, inbox, source)
        durable.sync_open_folder(inbox)
        durable.sync_open_folder(source)


def _put_one_back(member: Member, inbox: int, source: int) -> None:
    folder = member.source.rpartition("/")[0]
    if folder:
        with suppress(FileExistsError):
            os.mkdir(folder, dir_fd=inbox)
    with parent_of(member.source, base=inbox) as (place, name):
        there = signature_at(name, place)
        if member.kept or (there is not None and there.same_file(member.signature)):
            os.unlink(member.target, dir_fd=source)  # a copy: the original was never moved
            return
        # Not through a link, which is what may have been moved; another user's file has its mode still.
        if stat.S_ISREG(os.lstat(member.target, dir_fd=source).st_mode):
            with suppress(PermissionError):
                os.chmod(member.target, member.mode, dir_fd=source)
        rename_new(member.target, name, source_folder=source, target_folder=place)
