"""The database's shape: tables, pragmas, versions, and how a damaged database is recognised.

Rules that keep SQLite safe here: the daemon's one connection is the only writer; readers open the file
read-only; no memory map. Versions of SQLite before 3.51.3 can corrupt a WAL database when two connections
write or checkpoint at the same moment; with one writer there are never two.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Literal

from styled.errors import DiskFull, StoreError, StoreLocked, StoreRefused
from styled.files import durable
from styled.files.filesystem import copies_on_write, filesystem_type

APPLICATION_ID = 0x5354594C
"""``STYL``: marks the file as ours (``PRAGMA application_id``)."""

SCHEMA_VERSION = 3
"""``PRAGMA user_version`` of what this code writes."""

BUSY_MS = 5000
"""How long a reader waits for a lock, milliseconds."""

WRITER_BUSY_MS = 1000
"""How long the daemon does: readers hold it up for moments only, and clients wait for its answers meanwhile."""

SCHEMA = """
CREATE TABLE jobs (
    number INTEGER PRIMARY KEY AUTOINCREMENT,  -- never reused, not even after a removal
    id TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('waiting', 'running', 'paused', 'done', 'failed', 'cancelled')),
    content TEXT NOT NULL,
    styles TEXT NOT NULL,            -- JSON list
    mask TEXT,
    settings TEXT NOT NULL,          -- JSON object
    priority INTEGER NOT NULL,
    created_at REAL NOT NULL,
    started_at REAL,
    finished_at REAL,
    attempts INTEGER NOT NULL,
    not_before REAL NOT NULL,
    step INTEGER NOT NULL,
    steps INTEGER NOT NULL,
    loss REAL,
    reason TEXT NOT NULL,
    remarks TEXT NOT NULL,           -- JSON list
    content_digest TEXT NOT NULL,
    style_digests TEXT NOT NULL,     -- JSON list
    names TEXT NOT NULL DEFAULT '{}', -- JSON object
    attempt TEXT NOT NULL DEFAULT '',
    handle TEXT NOT NULL DEFAULT '',
    node TEXT NOT NULL DEFAULT ''
) STRICT;
CREATE INDEX jobs_next ON jobs (state, priority DESC, number);

CREATE TABLE events (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    at REAL NOT NULL,
    kind TEXT NOT NULL,
    number INTEGER,
    id TEXT NOT NULL,
    before TEXT NOT NULL,
    after TEXT NOT NULL,
    note TEXT NOT NULL
) STRICT;

CREATE TABLE seen (                  -- which job first had these bytes and settings; means nothing once that is removed
    digest TEXT PRIMARY KEY,
    number INTEGER NOT NULL,
    id TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE taken (                 -- files that became a job but could not be moved out of a read-only inbox
    path TEXT PRIMARY KEY,
    signature TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
INSERT INTO meta VALUES ('revision', '0');
"""


def _add_remarks_and_names(db: sqlite3.Connection) -> None:
    db.execute("ALTER TABLE jobs ADD COLUMN remarks TEXT NOT NULL DEFAULT '[]'")
    db.execute("ALTER TABLE jobs ADD COLUMN names TEXT NOT NULL DEFAULT '{}'")


def _name_attempts(db: sqlite3.Connection) -> None:
    for column in ("attempt", "handle", "node"):
        db.execute(f"ALTER TABLE jobs ADD COLUMN {column} TEXT NOT NULL DEFAULT ''")
    # The workers of a daemon that was killed and then upgraded are still to be ended.
    db.execute("UPDATE jobs SET handle = printf('local:%d:%.3f', pid, pid_started) WHERE pid IS NOT NULL")
    for column in ("pid", "pid_started"):
        db.execute(f"ALTER TABLE jobs DROP COLUMN {column}")


MIGRATIONS: dict[int, Callable[[sqlite3.Connection], None]] = {1: _add_remarks_and_names, 2: _name_attempts}
"""From each older version, the step to the next one; run in one transaction, after a backup."""

_PROBE = 64 * 1024
"""Bytes that are written to find out why the disk refused: more than most writes of the database."""

_REFUSED = {
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_PERM,
    sqlite3.SQLITE_PROTOCOL,
    sqlite3.SQLITE_NOMEM,
}
_DAMAGE = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_FORMAT}


def _text(cell: bytes) -> str:
    """Decode a text; a byte that is not UTF-8 becomes a surrogate, for which the row is damaged and not the query."""
    return cell.decode("utf-8", "surrogateescape")


def connect_writer(path: Path) -> sqlite3.Connection:
    """Open the one connection that writes.

    Raises:
        sqlite3.Error: not a database, or not accessible.
    """
    db = sqlite3.connect(path, isolation_level=None, cached_statements=0)
    db.text_factory = _text
    try:
        db.execute(f"PRAGMA busy_timeout = {WRITER_BUSY_MS}")
        db.execute("PRAGMA trusted_schema = OFF")
        _set_journal(db, path)
        db.execute("PRAGMA synchronous = FULL")  # NORMAL may lose the last commits on power loss
        db.execute("PRAGMA temp_store = MEMORY")
        db.execute("PRAGMA cache_size = -8000")
        db.execute("PRAGMA mmap_size = 0")
        db.execute("PRAGMA wal_autocheckpoint = 1000")
        db.execute("PRAGMA journal_size_limit = 67108864")
    except BaseException:
        db.close()
        raise
    return db


def _set_journal(db: sqlite3.Connection, path: Path) -> None:
    """Choose how a commit is made safe: a write-ahead log, but where its index would kill its writer on a full disk.

    SQLite maps that index (``-shm``) into memory, and each page of it wants new room where files are copied on write.
    A journal that is removed can be let go of when nothing can be written; one that is emptied or marked cannot, and
    would keep all readers out.
    """
    wanted = "delete" if copies_on_write(filesystem_type(path.parent)) else "wal"
    # Setting the mode takes a lock even when it is set already.
    if journal_of(db) == wanted:
        return
    try:
        db.execute(f"PRAGMA journal_mode = {wanted}")
    except sqlite3.OperationalError as error:
        # Only one that nobody else reads can leave the log: the next opening tries again.
        if wanted == "wal" or error.sqlite_errorcode != sqlite3.SQLITE_BUSY:
            raise


def journal_of(db: sqlite3.Connection) -> str:
    """Return ``wal`` or ``delete``."""
    return str(db.execute("PRAGMA journal_mode").fetchone()[0])


def connect_reader(path: Path) -> tuple[sqlite3.Connection, bool]:
    """Open a connection that cannot write. It may be used from any one thread at a time.

    Returns:
        the connection, and whether it will see later changes.

    Raises:
        sqlite3.Error: no such file, not a database, or not accessible.
    """
    try:
        return _reader(f"{path.absolute().as_uri()}?mode=ro"), True
    except sqlite3.OperationalError:
        # Reading in WAL mode needs the -shm file, which a reader without write permission cannot create.
        # With no -wal there is nothing to miss in the file itself.
        # With a journal that is not empty the file is one of a change that was cut off: its writer undoes it.
        if not path.exists() or Path(f"{path}-wal").exists() or _size(Path(f"{path}-journal")):
            raise
        return _reader(f"{path.absolute().as_uri()}?mode=ro&immutable=1"), False


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def _reader(uri: str) -> sqlite3.Connection:
    db = sqlite3.connect(uri, uri=True, isolation_level=None, cached_statements=0, check_same_thread=False)
    db.text_factory = _text
    try:
        db.execute(f"PRAGMA busy_timeout = {BUSY_MS}")
        db.execute("PRAGMA query_only = ON")
        db.execute("PRAGMA trusted_schema = OFF")
        db.execute("PRAGMA mmap_size = 0")
        db.execute("SELECT count(*) FROM sqlite_master")  # opens the file for real
    except BaseException:
        db.close()
        raise
    return db


def create(db: sqlite3.Connection) -> None:
    """Write the tables into an empty database."""
    db.executescript(
        f"BEGIN IMMEDIATE; {SCHEMA} PRAGMA application_id = {APPLICATION_ID};"
        f" PRAGMA user_version = {SCHEMA_VERSION}; COMMIT;"
    )


def is_empty(db: sqlite3.Connection) -> bool:
    """Return whether nothing was ever written to the database."""
    return not db.execute("PRAGMA user_version").fetchone()[0] and not _tables(db)


def _tables(db: sqlite3.Connection) -> int:
    return int(db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0])


def damage_in(db: sqlite3.Connection, check: Literal["quick_check", "integrity_check"] = "quick_check") -> str:
    """Return what is wrong with a database's file, or an empty text if it is sound and ours.

    Args:
        db: a connection.
        check: the pragma. ``integrity_check`` compares indexes with their tables besides.

    Raises:
        sqlite3.Error: it could not be read for a reason that is not damage (a lock, the disk).
    """
    try:
        if db.execute("PRAGMA application_id").fetchone()[0] != APPLICATION_ID and not is_empty(db):
            return "it is not a database of styled"
        found = str(db.execute(f"PRAGMA {check}(1)").fetchone()[0])
    except sqlite3.DatabaseError as error:
        if not is_damage(error):
            raise
        return str(error)
    return "" if found == "ok" else found


def is_damage(error: sqlite3.Error) -> bool:
    """Return whether the error means that the file's content is broken, not merely out of reach."""
    return (getattr(error, "sqlite_errorcode", 0) & 0xFF) in _DAMAGE


def check_version(db: sqlite3.Connection, path: Path) -> int:
    """Return the schema's version.

    Raises:
        StoreError: it was written by a newer styled.
    """
    version = int(db.execute("PRAGMA user_version").fetchone()[0])
    if version > SCHEMA_VERSION:
        raise StoreError(
            f"{path} has schema {version}, this styled reads up to {SCHEMA_VERSION}",
            "Use the newer styled that wrote it; nothing was changed.",
        )
    return version


def migrate(db: sqlite3.Connection, path: Path) -> Path | None:
    """Bring an older database up to date, after copying it to ``<name>.v<version>.bak``.

    Returns:
        the backup, or None when there was nothing to do.

    Raises:
        StoreError: the schema is newer than this code, or a step is missing.
    """
    version = check_version(db, path)
    if version == SCHEMA_VERSION:
        return None
    backup = path.with_name(f"{path.name}.v{version}.bak")
    # SQLite's own copy sees the WAL; closing a second descriptor on the file would drop our locks.
    with contextlib.closing(sqlite3.connect(backup)) as copy:
        db.backup(copy)
    db.execute("BEGIN IMMEDIATE")
    try:
        for old in range(version, SCHEMA_VERSION):
            if old not in MIGRATIONS:
                raise StoreError(f"{path} has schema {old}, which has no way to {old + 1}", f"Its copy is {backup}.")
            MIGRATIONS[old](db)
        db.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
        db.execute("COMMIT")
    except BaseException:
        db.execute("ROLLBACK")
        raise
    return backup


def writers_error(error: sqlite3.Error, path: Path) -> StoreError | DiskFull:
    """Translate an error of SQLite into ours, for the daemon: where SQLite does not say what the disk refused, try it.

    A used up quota is an I/O error for SQLite, and a read-only disk a file that cannot be opened.
    """
    if (getattr(error, "sqlite_errorcode", 0) & 0xFF) not in _REFUSED:
        return store_error(error, path)
    found = durable.refusal(path.parent, _PROBE)
    if found is None:  # it has gone by already, or it is a part of the disk
        return StoreRefused(f"{path}: {error}")
    trouble = durable.passing_trouble(found, f"cannot write {path}")
    if isinstance(trouble, DiskFull):
        return trouble
    return (StoreError if trouble is None else StoreRefused)(f"{path} cannot be written: {found.strerror}")


def store_error(error: sqlite3.Error, path: Path) -> StoreError | DiskFull:
    """Translate an error of SQLite into ours."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return StoreLocked(f"{path} is locked by another program")
    if code == sqlite3.SQLITE_FULL:
        return DiskFull(f"{path} cannot grow: the disk is full")
    if is_damage(error):
        advice = "Restart the daemon: it keeps the damaged file aside and rebuilds the queue from evolution/."
    else:
        advice = "Check the disk and the permissions of that folder."
    return StoreError(f"{path}: {error}", advice)
