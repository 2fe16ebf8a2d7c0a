"""One daemon per root: a lock held for the daemon's whole life, given back by the kernel however it ends."""

from __future__ import annotations

import contextlib
import fcntl
import os
import socket
import stat
import time
from pathlib import Path
from types import TracebackType

import msgspec
import psutil

from styled.errors import DaemonAlreadyRunning, DaemonError, DataDamaged, RootAway
from styled.files import durable
from styled.files.decoding import read_json
from styled.files.filesystem import is_mount_point
from styled.files.printable import escaped
from styled.files.trust import EVERYBODY, distrust
from styled.root import Root

PATIENCE_S = 1.0
"""Somebody who only looks whether the lock is held has it for an instant; that must not refuse a daemon."""


_LOCKS = Path("/proc/locks")


class Holder(msgspec.Struct, frozen=True):
    """Who holds the lock, as written in the lock file."""

    pid: int
    started_at: float
    """When that process started, Unix seconds: a pid alone is used again."""
    host: str = ""
    waits: str = ""
    """Why it does not serve yet, one printable line; empty if it does."""


class RootLock:
    """The lock of one root.

    Two locks are taken: on ``.styled/lock`` and on the root folder itself. ``flock`` belongs to the
    inode, so another path to the root (a link, a bind mount) meets the same lock, and deleting
    ``.styled/`` under a running daemon does not let a second one in. Any user who may read the root folder can lock it,
    though: where ``.styled/lock``, which nobody else can open, is free, a stranger's lock on the folder is passed over.

    Args:
        root: the root to lock; its ``.styled/`` folder is created.
    """

    def __init__(self, root: Root) -> None:
        self._root = root
        self.warnings: list[str] = []
        """What taking it found and did, for the log, which is not open by then."""
        self._descriptors: list[int] = []

    def acquire(self) -> None:
        """Take the lock, unless it is ours already.

        Raises:
            DaemonAlreadyRunning: another process holds it; the message names its pid.
            DaemonError: the root is not a folder, or cannot be written; others may write what is kept there.
            StorageRefuses: the disk is full, broken or read-only.
            OutOfResources: no descriptor is left.
        """
        if self._descriptors:
            return
        try:
            self._root.make_state()
            self._check_trust()
            folder = os.open(self._root.path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            self._descriptors.append(folder)
            file = os.open(self._root.lock, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
            self._descriptors.append(file)
        except OSError as error:
            self.release()
            trouble = durable.passing_trouble(error, f"{error.filename or self._root.lock} cannot be opened")
            if trouble is not None:
                raise trouble from error
            raise DaemonError(
                f"{error.filename} cannot be opened: {error.strerror}", "Give the daemon a root it may write to."
            ) from error
        try:
            with contextlib.suppress(PermissionError):  # the owner's, who is another user
                os.fchmod(file, 0o600)  # an older version's may be read, and so locked, by others
            if not _locked(file) or not (_locked(folder) or self._is_strangers(folder)):
                raise self._refusal()
            # Not before: the daemon that holds it may have let a group in.
            self._root.close_state()
        except BaseException:
            self.release()
            raise
        self.note("")

    def note(self, waits: str) -> None:
        """Write down who holds the lock, and why that daemon does not serve yet; does nothing without the lock."""
        if not self._descriptors:
            return
        me = Holder(os.getpid(), psutil.Process().create_time(), socket.gethostname(), escaped(waits))
        text = msgspec.json.encode(me) + b"\n"
        # The lock is what counts; on a disk that takes nothing the kernel is asked who holds it.
        with contextlib.suppress(OSError):
            os.pwrite(self._descriptors[-1], text, 0)
            os.ftruncate(self._descriptors[-1], len(text))

    def keep(self) -> bool:
        """Take the lock again on a new file if that in ``.styled/`` was removed; return whether it was.

        Raises:
            RootAway: the root's folder is not the one that was locked.
            DaemonAlreadyRunning: another process holds the new file.
            DaemonError: others may write what is there now.
            OSError: it cannot be made.
        """
        try:
            root = self._root.path.stat()
        except OSError as error:
            raise RootAway(f"{self._root.path} is not there any more: {error.strerror}") from error
        if not os.path.samestat(root, os.fstat(self._descriptors[0])):
            raise RootAway(f"{self._root.path} is another folder than when the daemon started")
        with contextlib.suppress(FileNotFoundError):
            if os.path.samestat(self._root.lock.lstat(), os.fstat(self._descriptors[1])):
                return False
        self._root.state.mkdir(mode=0o700, exist_ok=True)
        self._check_trust()
        file = os.open(self._root.lock, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        if not _locked(file):
            os.close(file)
            raise self._refusal()
        os.close(self._descriptors[1])
        self._descriptors[1] = file
        self.note("")
        return True

    def release(self) -> None:
        """Give the lock back. The file stays: unlinking it would let two daemons lock two files."""
        while self._descriptors:
            os.close(self._descriptors.pop())

    def _check_trust(self) -> None:
        """Check that only trusted users may write what the daemon goes by; close what is open to everybody."""
        folders = [self._root.state]
        # A mount has an owner of its own; and its file server may be dead, and a call on it hang.
        folders += [] if is_mount_point(self._root.evolution) else [self._root.evolution]
        for folder in folders:
            why = ""
            # What cannot be looked at cannot be gone by either.
            with contextlib.suppress(OSError):
                why = distrust(folder, base=self._root.path)
                if why == EVERYBODY:
                    folder.chmod(stat.S_IMODE(folder.stat().st_mode) & ~stat.S_IWOTH)
                    self.warnings.append(f"everybody could write {folder}; it is closed to others now")
                    why = ""
            if why:
                raise DaemonError(
                    f"{folder} {why}, who could make the daemon do anything",
                    "Look what is in it, then chown it; or move it away, and a new one is made.",
                )
        if distrust(self._root.path, base=self._root.path):
            self.warnings.append(
                f"everybody may write {self._root.path}, and so exchange what the daemon goes by: chmod o-w"
            )

    def _refusal(self) -> DaemonAlreadyRunning:
        holder = holder_of(self._root)
        is_known = holder is not None and holder.pid != os.getpid()  # ours: a new file, while the root's folder is held
        who = f"process {holder.pid}" if holder and is_known else "another process"
        return DaemonAlreadyRunning(
            f"{who} already runs a daemon for {self._root.path}",
            "See it with: styled status. Stop it with: styled stop.",
        )

    def _is_strangers(self, folder: int) -> bool:
        """Return whether all who hold a lock on the open root folder are processes of other users, root not among them."""
        pids = _lockers(folder)
        if not pids or not all(map(_is_of_another_user, pids)):
            return False
        self.warnings.append(
            f"another user has locked the root's folder (processes {pids}); going on without that lock"
        )
        return True

    def __enter__(self) -> RootLock:
        self.acquire()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


def _locked(descriptor: int) -> bool:
    """Take a lock; return whether that was possible."""
    until = time.monotonic() + PATIENCE_S
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= until:
                return False
            time.sleep(0.05)
        else:
            return True


def _lockers(descriptor: int) -> list[int]:
    """Return the processes that the kernel knows to hold a lock on an open file, 0 for one of another container."""
    try:
        lines = [line.split() for line in _LOCKS.read_text().splitlines()]
    except OSError:
        return []
    inode = str(os.fstat(descriptor).st_ino)
    # "1: FLOCK ADVISORY WRITE 812 08:01:1835009 0 EOF"; the device's numbers are not everywhere those of stat().
    return [int(line[4]) for line in lines if line[1] == "FLOCK" and line[5].rpartition(":")[2] == inode]


def _is_of_another_user(pid: int) -> bool:
    if pid <= 0:  # of another container: it may be a daemon
        return False
    try:
        return not {0, os.geteuid()} & set(psutil.Process(pid).uids())
    except psutil.NoSuchProcess:
        return True  # it took the lock and has given it to another; or it is hidden from us, as only strangers are


def read_holder(path: Path) -> Holder | None:
    """Return who wrote the lock file last, None if nobody did; whether he still lives is another question."""
    try:
        return read_json(path, Holder, most=4096)
    except (OSError, DataDamaged):
        return None


def holder_of(root: Root) -> Holder | None:
    """Return who holds the lock of ``root`` now, None if nobody does."""
    try:
        descriptor = os.open(root.lock, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return _checked(read_holder(root.lock), _lockers(descriptor))
    finally:
        os.close(descriptor)
    return None


def _checked(noted: Holder | None, pids: list[int]) -> Holder | None:
    """Return who holds the lock: as noted, unless the kernel knows another process.

    A daemon that starts on a disk that takes nothing cannot note itself: the file names the last one, or nobody.
    """
    if noted is not None and noted.pid in pids:
        # The kernel knows it: since it was noted the clock may have been set, or the machine renamed.
        with contextlib.suppress(psutil.Error):
            return msgspec.structs.replace(
                noted, started_at=psutil.Process(noted.pid).create_time(), host=socket.gethostname()
            )
    if noted is not None and noted.host not in ("", socket.gethostname()):
        return noted
    for pid in pids:
        with contextlib.suppress(psutil.Error):
            return Holder(pid, psutil.Process(pid).create_time(), socket.gethostname())
    return noted
