"""One look at the inbox: what is there, and the signature of every file. Nothing is opened."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

from styled.files.moves import GONE
from styled.files.signature import Signature
from styled.files.untrusted import folder_at
from styled.inbox.names import REJECTED_FOLDER
from styled.inbox.pairs import Kind, passed_over


@dataclass(slots=True)
class Look:
    """What one look found. Paths are relative to the inbox."""

    identity: tuple[int, int]
    """Device and inode of the inbox: another one means that it was replaced, mounted or unmounted."""
    kinds: dict[str, Kind] = field(default_factory=dict)
    signatures: dict[str, Signature] = field(default_factory=dict)
    """Of files, links and other things, and of folders: a folder's changes when an entry comes or goes."""
    unreadable: dict[str, str] = field(default_factory=dict)
    """Folder to the reason why it cannot be read."""


def look_into(inbox: Path) -> Look:
    """List the inbox and the folders in it, links not followed.

    Raises:
        OSError: the inbox itself is missing, is a link or no folder, or cannot be read.
    """
    with folder_at(inbox) as base:
        status = os.fstat(base)
        look = Look((status.st_dev, status.st_ino))
        _list(base, "", look)
        for name in [name for name, kind in look.kinds.items() if kind is Kind.FOLDER]:
            if name == REJECTED_FOLDER or passed_over(name):
                continue
            try:
                with folder_at(name, inside=base) as folder:
                    _list(folder, f"{name}/", look)
            except OSError as error:
                if error.errno not in GONE:
                    look.unreadable[name] = error.strerror or str(error)
    return look


def _list(folder: int, prefix: str, look: Look) -> None:
    with os.scandir(folder) as entries:
        for entry in entries:
            try:
                signature = Signature.of(entry.stat(follow_symlinks=False))
            except FileNotFoundError:
                continue  # gone since the folder was read
            path = prefix + entry.name
            look.kinds[path] = _kind(entry)
            look.signatures[path] = signature


def _kind(entry: os.DirEntry[str]) -> Kind:
    if entry.is_symlink():
        return Kind.LINK
    if entry.is_dir(follow_symlinks=False):
        return Kind.FOLDER
    return Kind.FILE if entry.is_file(follow_symlinks=False) else Kind.OTHER
