"""Files written whole or not at all, also across a power loss, and an honest word when the disk is full."""

from __future__ import annotations

import errno
import math
import os
import re
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import msgspec

from styled.errors import DiskFull, OutOfResources, StorageRefuses, StyledError

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
_REFUSES = frozenset({
    errno.EIO, errno.EROFS, errno.ENXIO, errno.ENODEV, errno.ESTALE, errno.ENOTCONN, errno.ESHUTDOWN, errno.EUCLEAN,
    errno.ETIMEDOUT, errno.EREMOTEIO, errno.EFBIG, errno.ENOMEDIUM,
})  # fmt: skip
"""What a disk or a file server gives that is broken, read-only or away."""
_NONE_LEFT = frozenset({errno.EMFILE, errno.ENFILE, errno.EAGAIN, errno.ENOMEM})
_TEMPORARY = re.compile(r"\.styled-[0-9a-f]{8}\.tmp")


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """Open a hidden sibling of ``path`` for writing; leaving the block makes it ``path``, durably.

    A reader sees the old file or the new one, never half of one. On any exception the old file stays
    and the sibling is removed; after a ``kill -9`` it lies there until :func:`sweep`.

    Raises:
        DiskFull: no space, or the quota is used up.
    """
    temporary = temporary_beside(path)
    with disk_full_at(path):
        try:
            with open(temporary, "xb") as file:  # noqa: PTH123  # Path.open has no fewer arguments and a longer traceback
                yield file
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        sync_folder(path.parent)


def write_bytes(path: Path, data: bytes) -> None:
    """Replace the file ``path`` by ``data``, durably.

    Raises:
        DiskFull: no space, or the quota is used up.
    """
    with replacing(path) as file:
        file.write(data)


def write_json(path: Path, value: Any) -> None:
    """Replace the file ``path`` by ``value`` as indented JSON, durably.

    Raises:
        DiskFull: no space, or the quota is used up.
    """
    write_bytes(path, as_json(value))


def as_json(value: Any) -> bytes:
    """Return ``value`` as indented JSON, for files that people read too."""
    return msgspec.json.format(msgspec.json.encode(value), indent=2) + b"\n"


def temporary_beside(path: Path) -> Path:
    """Return a hidden sibling of ``path`` that :func:`sweep` knows.

    A random name: two writers of one file must not write into one temporary file.
    """
    return path.with_name(f".styled-{secrets.token_hex(4)}.tmp")


def sync_folder(folder: Path) -> None:
    """Make the names in ``folder`` durable: new, renamed and removed ones."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        sync_open_folder(descriptor)
    finally:
        os.close(descriptor)


def sync_open_folder(descriptor: int) -> None:
    """Do the same for a folder that is open already."""
    try:
        os.fsync(descriptor)
    except OSError as error:
        # Some network filesystems cannot sync a folder and return an error; they are as durable as they are.
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise


def sweep(folder: Path) -> None:
    """Remove what writers of this module left in ``folder`` when they were killed.

    Only for a folder without a living writer.
    """
    with os.scandir(folder) as entries:
        for entry in entries:
            if _TEMPORARY.fullmatch(entry.name):
                Path(entry.path).unlink(missing_ok=True)


def require_space(path: Path, needed: int) -> None:
    """Check that ``needed`` bytes fit on the disk of ``path``, which need not exist yet.

    Raises:
        DiskFull: they do not.
    """
    place = path
    while not place.exists() and place != place.parent:
        place = place.parent
    free = shutil.disk_usage(place).free
    if free < needed:
        # Rounded apart: that 0 MB are needed where 0 MB are free would tell nothing.
        raise DiskFull(f"{place} has {free / 1e6:.0f} MB free, {math.ceil(needed / 1e6)} MB are needed")


def passing_trouble(error: OSError, what: str) -> StyledError | None:
    """Return an error of a disk or of the system as one that may pass (``may_pass``), None for any other.

    Args:
        error: from a call that reads or writes files, or makes processes or threads.
        what: what could not be done: ``cannot write …``.
    """
    text = f"{what}: {error.strerror or error}"
    if error.errno in _FULL:
        return DiskFull(text)
    if error.errno in _REFUSES:
        return StorageRefuses(text)
    if error.errno in _NONE_LEFT:
        return OutOfResources(text)
    return None


@contextmanager
def waiting_for(path: Path) -> Iterator[None]:
    """Turn errors inside the block that may pass into those of the tree that say so; others stay as they are.

    Raises:
        StorageRefuses: the disk of ``path`` is full, broken, read-only or away.
        OutOfResources: the system gives no more.
    """
    try:
        yield
    except OSError as error:
        trouble = passing_trouble(error, f"cannot use {error.filename or path}")
        if trouble is not None:
            raise trouble from error
        raise


def refusal(folder: Path, size: int) -> OSError | None:
    """Try to write so many bytes into a folder, durably; return what came of it, None if they could be written."""
    probe = temporary_beside(folder / "probe")
    try:
        try:
            with open(probe, "xb", buffering=0) as file:  # noqa: PTH123  # as above
                file.write(b"\0" * size)
                os.fsync(file.fileno())
        finally:
            probe.unlink(missing_ok=True)
    except OSError as error:
        return error
    return None


@contextmanager
def disk_full_at(path: Path) -> Iterator[None]:
    """Turn "no space left" and "quota exceeded" inside the block into :class:`DiskFull`."""
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise DiskFull(f"cannot write {path}: {error.strerror}") from error
        raise
