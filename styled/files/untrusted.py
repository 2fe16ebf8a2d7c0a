"""Opening files: nothing that only looks like one can block. And what strangers put into the inbox: no link is followed.

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

NOT_A_FILE = frozenset({errno.EINVAL, errno.ENXIO})
"""What opening a pipe, socket, device or folder in the place of a file gives."""


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


def open_regular(path: str | Path, *, inside: int | None = None, follow_links: bool = False) -> int:
    """Open a regular file for reading, without ever blocking; return its descriptor.

    Args:
        path: the file; relative to ``inside``, if that is given.
        inside: an open folder.
        follow_links: whether ``path`` itself may be a symbolic link.

    Raises:
        OSError: it cannot be opened: ``ELOOP`` for a symbolic link; one of ``NOT_A_FILE`` for anything else that is no
            regular file.
    """
    # O_NONBLOCK: opening a FIFO that nobody writes to would wait for ever.
    flags = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC | (0 if follow_links else os.O_NOFOLLOW)
    try:
        descriptor = os.open(path, flags, dir_fd=inside)
    except ValueError as error:
        raise OSError(errno.EINVAL, "not a name of a file (it holds a zero byte)", repr(path)) from error
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "not a regular file", str(path))
    return descriptor


@contextmanager
def file_at(name: str, *, folder: int) -> Iterator[int]:
    """Open a regular file in an open folder as :func:`open_regular` does, for the length of a block."""
    descriptor = open_regular(name, inside=folder)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def is_being_written(descriptor: int) -> bool:
    """Return whether some process of this machine has the open file open for writing. Best effort.

    A read lease is granted only when nobody does (``fcntl(2)``). Writers on other machines are not seen, and
    filesystems without leases, files of other users, and other systems than Linux give False.
    """
    try:
        # When the file is opened for writing while we hold the lease, the kernel sends us a signal: SIGIO, which
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
