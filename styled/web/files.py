"""The files of ``evolution/`` that a page may show: results, frames, small copies, and what the gallery links to.

A request names a file by plain names. Each folder is opened inside the one before, no link is followed, and nothing but
regular files of these names is read: inputs, checkpoints, the queue and everything else of a root stay unseen.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

from styled.files.untrusted import folder_at, is_single_name, open_folder, open_regular

_MEDIA_TYPES = {
    "html": "text/html; charset=utf-8",
    # As text: a browser shows it, and takes it for nothing else.
    "json": "text/plain; charset=utf-8",
    "txt": "text/plain; charset=utf-8",
    "png": "image/png",
    "jpg": "image/jpeg",
    "tif": "image/tiff",
    "webp": "image/webp",
}

GALLERY = "index.html"

_OF_A_JOB = frozenset({"result.png", "result.tif", "result.jpg", "evolution.webp", "job.json", "log.txt"})
_OF_ITS_FOLDERS = {"frames": re.compile(r"[0-9]{6,}\.jpg"), "views": re.compile(r"[a-z0-9-]+\.webp")}


class Served(NamedTuple):
    """An open file."""

    descriptor: int
    """To be closed by who gets it."""
    size: int
    """Bytes."""
    mark: str
    """Another one when the file is another one: an ETag."""
    media_type: str


def open_served(evolution: Path, names: Sequence[str]) -> Served:
    """Open a file by its path below ``evolution/``, as plain names.

    Raises:
        FileNotFoundError: there is none, or it is not one that is shown.
        OSError: it cannot be opened: it is a link, a pipe, or may not be read.
    """
    if not _is_shown(names):
        raise FileNotFoundError
    with ExitStack() as opened:
        # The root's own evolution/ may be a link that its owner has made: Root.evolution has followed it.
        folder = opened.enter_context(folder_at(evolution))
        for name in names[:-1]:
            folder = open_folder(name, inside=folder)
            opened.callback(os.close, folder)
        descriptor = open_regular(names[-1], inside=folder)
    status = os.fstat(descriptor)
    mark = f'"{status.st_ino:x}-{status.st_mtime_ns:x}-{status.st_size:x}"'
    return Served(descriptor, status.st_size, mark, _MEDIA_TYPES[names[-1].rpartition(".")[2]])


def _is_shown(names: Sequence[str]) -> bool:
    match names:
        case [name]:
            return name == GALLERY
        case [job, name]:
            return _is_job(job) and name in _OF_A_JOB
        case [job, folder, name]:
            kept = _OF_ITS_FOLDERS.get(folder)
            return _is_job(job) and kept is not None and kept.fullmatch(name) is not None
        case _:
            return False


def _is_job(name: str) -> bool:
    """Return whether it may be the name of a job's folder: hidden ones are claims that are not finished."""
    return is_single_name(name) and not name.startswith(".") and name.isprintable()
