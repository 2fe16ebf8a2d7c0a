"""Whether a root can live where it lies: some file systems have no sockets, some no database that is written while it is read."""

from __future__ import annotations

import os
import secrets
import socket
import sqlite3
from contextlib import closing, suppress
from pathlib import Path

from styled.daemon.control.protocol import short_path
from styled.errors import DaemonError
from styled.files import durable
from styled.files.filesystem import filesystem_type

ADVICE = "Put the root on a local file system of Linux (ext4, xfs, btrfs); only inbox/ may lie elsewhere."

_PROBE = 4096
"""Bytes that must fit before anything else is tried."""


def unliveable(folder: Path) -> str:
    """Return what the file system of a folder cannot do though a daemon needs it; empty if it can all, or takes nothing now.

    Makes a few small files, and removes them again.
    """
    if durable.refusal(folder, _PROBE) is not None:
        return ""  # full, broken, read-only: that may pass
    for name, attempt in (("sockets", _socket), ("SQLite's write-ahead log", _database)):
        place = folder / f".styled-{secrets.token_hex(4)}.tmp"
        try:
            attempt(place)
        except (OSError, sqlite3.Error) as error:
            kind = filesystem_type(folder) or "unknown"
            return f"its file system ({kind}) has no {name}: {error}"
        finally:
            for end in ("", "-wal", "-shm", "-journal"):
                with suppress(OSError):
                    os.unlink(f"{place}{end}")  # noqa: PTH108  # of a text
    return ""


def explain(folder: Path) -> DaemonError | None:
    """Return why a daemon cannot begin in a folder, if it is the file system; None if it is something else."""
    why = unliveable(folder) if folder.is_dir() else ""
    return DaemonError(f"{folder.parent} is no place for a root: {why}", ADVICE) if why else None


def _socket(place: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener, short_path(place) as address:
        listener.bind(address)


def _database(place: Path) -> None:
    with closing(sqlite3.connect(place, isolation_level=None)) as db:
        mode = db.execute("PRAGMA journal_mode = WAL").fetchone()[0]
        if mode != "wal":
            raise sqlite3.OperationalError(f"the journal stays {mode}")
        db.execute("CREATE TABLE probe (x)")
