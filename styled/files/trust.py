"""Whether others may write what decides what the daemon does: its configuration, its records, the jobs' folders.

Trusted are this process' own user, root, and the owner of the folder that all of it lies in: in a container they may
differ. A group that may write that folder was let in by its owner, and so were its members. Everybody may not.
"""

from __future__ import annotations

import os
import pwd
import stat
from pathlib import Path

from styled.files.filesystem import filesystem_type, keeps_permissions

EVERYBODY = "may be written by everybody"


def distrust(path: Path, *, base: Path) -> str:
    """Return why a file or folder cannot be trusted, in words that follow its name; empty if it can be, or is not there.

    Args:
        path: a link is judged, and what it leads to.
        base: the folder whose owner is trusted.

    Raises:
        OSError: it cannot be looked at.
    """
    try:
        seen = [path.lstat()]
        if stat.S_ISLNK(seen[0].st_mode):
            seen.append(path.stat())
    except FileNotFoundError:
        return ""
    place = base.stat()
    trusted = {0, os.geteuid(), place.st_uid}
    for status in seen:
        if status.st_uid not in trusted and not (
            place.st_mode & stat.S_IWGRP and _is_member(status.st_uid, place.st_gid)
        ):
            return f"belongs to another user ({status.st_uid})"
    if seen[-1].st_mode & stat.S_IWOTH and keeps_permissions(filesystem_type(path)):
        return EVERYBODY
    return ""


def _is_member(user: int, group: int) -> bool:
    try:
        entry = pwd.getpwuid(user)
    except KeyError:
        return False
    return group in os.getgrouplist(entry.pw_name, entry.pw_gid)
