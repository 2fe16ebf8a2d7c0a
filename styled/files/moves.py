"""Moving files between folders that are held open: never over another file, never through a link."""

from __future__ import annotations

import ctypes
import errno
import hashlib
import os
import secrets
from contextlib import suppress
from functools import cache
from typing import Any

from styled.files.signature import Signature
from styled.files.untrusted import file_at

_RENAME_NOREPLACE = 1
_NO_SUCH_CALL = (errno.ENOSYS, errno.EINVAL)
_CHUNK = 1024 * 1024

CANNOT_MOVE = frozenset({errno.EXDEV, errno.EACCES, errno.EPERM, errno.EROFS})
"""Why a file that may be read cannot be moved: another mount, a folder that may not be written, a sticky bit."""

GONE = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ELOOP})
"""Why a file is not where it was seen: removed, or its folder replaced."""


def rename_new(source: str, target: str, *, source_folder: int, target_folder: int) -> None:
    """Rename ``source`` in one open folder to ``target`` in another; never over something that is there.

    Raises:
        FileExistsError: ``target`` exists.
        OSError: as ``rename(2)``.
    """
    call = _renameat2()
    if call is not None:
        if call(source_folder, os.fsencode(source), target_folder, os.fsencode(target), _RENAME_NOREPLACE) == 0:
            return
        code = ctypes.get_errno()
        if code not in _NO_SUCH_CALL:
            raise OSError(code, os.strerror(code), source, None, target)
    # A filesystem (NFS) or system without that call: look first. Nobody else writes where we move things to,
    # except a user who puts a file back into the inbox within these microseconds.
    with suppress(FileNotFoundError):
        os.lstat(target, dir_fd=target_folder)
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), source, None, target)
    os.rename(source, target, src_dir_fd=source_folder, dst_dir_fd=target_folder)


@cache
def _renameat2() -> Any:
    try:
        call = ctypes.CDLL(None, use_errno=True).renameat2
    except (OSError, AttributeError):
        return None
    call.argtypes = (ctypes.c_int, ctypes.c_char_p, ctypes.c_int, ctypes.c_char_p, ctypes.c_uint)
    return call


def copy_new(source: str, target: str, signature: Signature, *, source_folder: int, target_folder: int) -> str:
    """Copy a file durably; the target appears whole or not at all. Return the SHA-256 of the copy, hexadecimal.

    Args:
        source: name in ``source_folder``.
        target: name in ``target_folder``.
        signature: what the source must be, before and after.
        source_folder: descriptor.
        target_folder: descriptor.

    Raises:
        FileNotFoundError: the source is gone, or is another file by now.
        OSError: it cannot be read, or the copy cannot be written.
    """
    temporary = f".styled-{secrets.token_hex(4)}.tmp"
    with file_at(source, folder=source_folder) as reading:
        writing = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o640, dir_fd=target_folder)
        try:
            try:
                digest = _copy(reading, writing)
                os.fsync(writing)
            finally:
                os.close(writing)
            if not Signature.of(os.fstat(reading)).same_file(signature):
                raise FileNotFoundError(errno.ENOENT, "changed while it was copied", source)
            os.rename(temporary, target, src_dir_fd=target_folder, dst_dir_fd=target_folder)
        except BaseException:
            with suppress(FileNotFoundError):
                os.unlink(temporary, dir_fd=target_folder)
            raise
    return digest


def _copy(reading: int, writing: int) -> str:
    digest = hashlib.sha256()
    while chunk := os.read(reading, _CHUNK):
        digest.update(chunk)
        rest = memoryview(chunk)
        while rest:
            rest = rest[os.write(writing, rest) :]
    return digest.hexdigest()


def signature_at(name: str, folder: int) -> Signature | None:
    """Return the signature of what has that name in an open folder, links not followed; None if nothing has."""
    try:
        return Signature.of(os.lstat(name, dir_fd=folder))
    except FileNotFoundError:
        return None
