"""Opening what strangers put into the inbox: links are not followed, and nothing that only looks like a file can block.

Folders are opened first and files inside them relative to that, so that swapping a folder for a link
between two steps leads nowhere.
"""

from __future__ import annotations

import errno
import fcntl
import os
import signal
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def is_single_name(name: str) -> bool:
    """Return whether a text is the name of an entry of a folder, and leads nowhere else: no slash, not ``.`` or ``..``."""
    return name not in ("", ".", "..") and "/" not in name and "\0" not in name


def open_folder(path: str | Path, *, inside: int | None = None) -> int:
    """Open a folder that must not be a symbolic link; return its descriptor.

    Raises:
        OSError: it is not there, is a link or no folder (``ELOOP``, ``ENOTDIR``), or may not be read.
    """
    return os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=inside)


@contextmanager
def folder_at(path: str | Path, *, inside: int | None = None) -> Iterator[int]:
    """Open a folder as :func:`open_folder` does, for the length of a block."""
    descriptor = open_folder(path, inside=inside)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


@contextmanager
def parent_of(path: str, *, base: int) -> Iterator[tuple[int, str]]:
    """Open the folder that holds ``path``, relative to the open folder ``base``; give it and the last name.

    Raises:
        OSError: as :func:`open_folder`; ``EINVAL`` for a path with ``..``, ``.`` or an empty name in it.
    """
    first, slash, rest = path.partition("/")
    if not is_single_name(first):
        raise OSError(errno.EINVAL, "not a path of plain names", path)
    if not slash:
        yield base, first
        return
    with folder_at(first, inside=base) as folder, parent_of(rest, base=folder) as found:
        yield found


@contextmanager
def file_at(name: str, *, folder: int) -> Iterator[int]:
    """Open a regular file for reading, for the length of a block.

    Raises:
        OSError: it cannot be opened: ``ELOOP`` for a symbolic link, ``ENXIO`` for a socket, ``EINVAL`` for anything
            else that is not a regular file.
    """
    # O_NONBLOCK: opening a FIFO that nobody writes to would wait for ever.
    descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC, dir_fd=folder)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "not a regular file", name)
        yield descriptor
    finally:
        os.close(descriptor)


def is_being_written(descriptor: int) -> bool:
    """Return whether some process of this machine has the open file open for writing. Best effort.

    A read lease is granted only when nobody does (``fcntl(2)``). Writers on other machines are not seen, and
    filesystems without leases, files of other users, and other systems than Linux give False.
    """
    try:
        # Whoever opens the file for writing while we hold the lease makes the kernel send us a signal: SIGIO, which
        # would end the daemon, unless another one is chosen. SIGURG is ignored by default.
        fcntl.fcntl(descriptor, fcntl.F_SETSIG, signal.SIGURG)
        fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_RDLCK)
    except (AttributeError, OSError) as error:
        return isinstance(error, BlockingIOError)
    fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    return False


def is_file(path: Path) -> bool:
    """Return whether there is a file; no where that cannot be seen: another user's folder, a dead mount, ``lost+found``."""
    try:
        return path.is_file()
    except OSError:
        return False
