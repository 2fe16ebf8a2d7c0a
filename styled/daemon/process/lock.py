"""One daemon per root: a lock held for the daemon's whole life, given back by the kernel however it ends."""

from __future__ import annotations

import contextlib
import fcntl
import os
import socket
import time
from pathlib import Path
from types import TracebackType

import msgspec
import psutil

from styled.errors import DaemonAlreadyRunning, DaemonError, DataDamaged, DiskFull
from styled.files import durable
from styled.files.decoding import read_json
from styled.root import Root

PATIENCE_S = 1.0
"""Somebody who only looks whether the lock is held has it for an instant; that must not refuse a daemon."""


class Holder(msgspec.Struct, frozen=True):
    """Who holds the lock, as written in the lock file."""

    pid: int
    started_at: float
    """When that process started, Unix seconds: a pid alone is used again."""
    host: str = ""


class RootLock:
    """The lock of one root.

    Two locks are taken: on ``.styled/lock`` and on the root folder itself. ``flock`` belongs to the
    inode, so another path to the root (a link, a bind mount) meets the same lock, and deleting
    ``.styled/`` under a running daemon does not let a second one in.

    Args:
        root: the root to lock; its ``.styled/`` folder is created.
    """

    def __init__(self, root: Root) -> None:
        self._root = root
        self._descriptors: list[int] = []

    def acquire(self) -> None:
        """Take the lock.

        Raises:
            DaemonAlreadyRunning: another process holds it; the message names its pid.
            DaemonError: the root is not a folder, or cannot be written.
            DiskFull: no room for the lock file.
        """
        try:
            with durable.disk_full_at(self._root.lock):
                self._root.make_state()
                folder = os.open(self._root.path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
                self._descriptors.append(folder)
                file = os.open(self._root.lock, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644)
                self._descriptors.append(file)
        except DiskFull:
            self.release()
            raise
        except OSError as error:
            self.release()
            raise DaemonError(
                f"{error.filename} cannot be opened: {error.strerror}", "Give the daemon a root it may write to."
            ) from error
        for descriptor in self._descriptors:
            self._lock(descriptor)
        me = Holder(os.getpid(), psutil.Process().create_time(), socket.gethostname())
        text = msgspec.json.encode(me) + b"\n"
        # The lock is what counts; on a full disk nobody learns who holds it.
        with contextlib.suppress(OSError):
            os.pwrite(file, text, 0)
            os.ftruncate(file, len(text))

    def release(self) -> None:
        """Give the lock back. The file stays: unlinking it would let two daemons lock two files."""
        while self._descriptors:
            os.close(self._descriptors.pop())

    def _lock(self, descriptor: int) -> None:
        until = time.monotonic() + PATIENCE_S
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            except BlockingIOError:
                if time.monotonic() < until:
                    time.sleep(0.05)
                    continue
            self.release()
            holder = read_holder(self._root.lock)
            who = f"process {holder.pid}" if holder else "another process"
            raise DaemonAlreadyRunning(
                f"{who} already runs a daemon for {self._root.path}",
                "See it with: styled status. Stop it with: styled stop.",
            )

    def __enter__(self) -> RootLock:
        self.acquire()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


def read_holder(path: Path) -> Holder | None:
    """Return who wrote the lock file last, None if nobody did; whether he still lives is another question."""
    try:
        return read_json(path, Holder, most=4096)
    except (OSError, DataDamaged):
        return None


def holder_of(root: Root) -> Holder | None:
    """Return who holds the lock of ``root`` now, None if nobody does."""
    try:
        descriptor = os.open(root.lock, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return read_holder(root.lock)
    finally:
        os.close(descriptor)
    return None
