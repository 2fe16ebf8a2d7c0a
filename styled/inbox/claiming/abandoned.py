"""Folders that a killed ``styled add`` left in the inbox: copies that nobody will complete."""

from __future__ import annotations

import fcntl
import os
import re
import stat
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from styled.files.untrusted import folder_at

PREFIX = ".add-"
_NAME = re.compile(r"\.add-[0-9a-f]{8}")

AFTER_S = 3600.0
"""That such a folder has not changed before it is taken for abandoned. A living ``styled add`` holds a lock besides."""


def is_hidden_copy(name: str) -> bool:
    """Return whether ``styled add`` gives such a name to the folder that it copies into."""
    return _NAME.fullmatch(name) is not None


@contextmanager
def being_filled(folder: Path) -> Iterator[None]:
    """Hold the lock by which others see that somebody works on a folder, as far as its file system has locks."""
    with folder_at(folder) as descriptor:
        _lock(descriptor)
        yield


class Sweeps:
    """When each abandoned folder was last to be swept: one that cannot be swept is tried once in ``AFTER_S``."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._tried: dict[str, float] = {}

    def due(self, abandoned: Sequence[str]) -> tuple[str, ...]:
        """Return those to be swept now, and take them for tried."""
        now = self._clock()
        self._tried = {name: at for name, at in self._tried.items() if now - at < AFTER_S}
        due = tuple(name for name in abandoned if name not in self._tried)
        self._tried.update(dict.fromkeys(due, now))
        return due


def sweep(inbox: Path, name: str) -> str:
    """Remove an abandoned folder and the files in it; return what was done, for the log, or nothing.

    Left alone are one that somebody works on, and one with anything in it that ``styled add`` does not write.

    Raises:
        OSError: it cannot be removed.
    """
    with folder_at(inbox) as base, folder_at(name, inside=base) as folder:
        if not _lock(folder):
            return ""
        with os.scandir(folder) as entries:
            files = [(entry.name, entry.stat(follow_symlinks=False)) for entry in entries]
        if not all(stat.S_ISREG(status.st_mode) for _, status in files):
            return f"inbox/{name} is not of styled add; it is left alone"
        for file, _ in files:
            os.unlink(file, dir_fd=folder)
        os.rmdir(name, dir_fd=base)
    size = sum(status.st_size for _, status in files)
    return f"removed inbox/{name}, the copies of a styled add that was killed: {len(files)} files, {size / 1e6:.1f} MB"


def _lock(folder: int) -> bool:
    """Lock an open folder; return False if somebody else has. File systems without locks give True."""
    try:
        fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return True
    return True
