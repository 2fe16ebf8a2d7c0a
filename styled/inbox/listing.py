"""One look at the inbox: what is there, and the signature of every file. Nothing is opened."""

from __future__ import annotations

import os
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path

from styled.files.moves import GONE
from styled.files.signature import Signature
from styled.files.untrusted import folder_at
from styled.inbox.group import Kind
from styled.inbox.names import PUT_ASIDE
from styled.inbox.pairs import passed_over


@dataclass(slots=True)
class Look:
    """What one look found. Paths are relative to the inbox."""

    identity: tuple[int, int]
    """Device and inode of the inbox: another one means that it was replaced, mounted or unmounted."""
    kinds: dict[str, Kind] = field(default_factory=dict)
    signatures: dict[str, Signature] = field(default_factory=dict)
    """Of files, links and other things, and of folders: a folder's changes when an entry comes or goes."""
    unreadable: dict[str, str] = field(default_factory=dict)
    """Entry to the reason why it cannot be read."""
    foreign: list[str] = field(default_factory=list)
    """Entries that are on another device: something is mounted there. Not entered, and nothing about them is asked."""


def look_into(inbox: Path, *, mounts: Collection[str] = ()) -> Look:
    """List the inbox and the folders in it, links not followed.

    Args:
        inbox: the folder.
        mounts: paths in it, relative to it, at which something is mounted. Its server may be dead, and a call on it hang.

    Raises:
        OSError: the inbox itself is missing, is a link or no folder, or cannot be read.
    """
    with folder_at(inbox) as base:
        status = os.fstat(base)
        look = Look((status.st_dev, status.st_ino))
        _list(base, "", look, mounts)
        for name in [name for name, kind in look.kinds.items() if kind is Kind.FOLDER]:
            if name in PUT_ASIDE or passed_over(name):
                continue
            try:
                with folder_at(name, inside=base) as folder:
                    _list(folder, f"{name}/", look, mounts)
            except OSError as error:
                if error.errno not in GONE:
                    look.unreadable[name] = error.strerror or str(error)
    return look


def _list(folder: int, prefix: str, look: Look, mounts: Collection[str]) -> None:
    with os.scandir(folder) as entries:
        for entry in entries:
            path = prefix + entry.name
            if path in mounts:
                _leave(path, look)
                continue
            try:
                status = entry.stat(follow_symlinks=False)
            except FileNotFoundError:
                continue  # gone since the folder was read
            except OSError as error:
                look.unreadable[path] = error.strerror or str(error)
                continue
            kind = _kind(entry)
            if kind is Kind.FOLDER and status.st_dev != look.identity[0]:
                _leave(path, look)
                continue
            look.kinds[path] = kind
            look.signatures[path] = Signature.of(status)


def _leave(path: str, look: Look) -> None:
    if path not in PUT_ASIDE and not passed_over(path.rpartition("/")[2]):
        look.foreign.append(path)


def _kind(entry: os.DirEntry[str]) -> Kind:
    if entry.is_symlink():
        return Kind.LINK
    if entry.is_dir(follow_symlinks=False):
        return Kind.FOLDER
    return Kind.FILE if entry.is_file(follow_symlinks=False) else Kind.OTHER
