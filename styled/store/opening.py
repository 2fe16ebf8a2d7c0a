"""Opening the writer's database: sound ones as they are, older ones migrated, damaged ones kept aside."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import time
from pathlib import Path
from typing import NamedTuple

from styled.errors import StoreError, StyledError
from styled.files import durable
from styled.files.filesystem import filesystem_type, is_network
from styled.root import Root
from styled.store import schema

_COMPANIONS = ("", "-wal", "-shm", "-journal")


class Opened(NamedTuple):
    """A database ready for writing."""

    db: sqlite3.Connection
    notes: list[str]
    """What was found and done, for the log."""
    fresh: bool
    """The tables are new and want filling."""
    last_number: int
    """The last job number that was given: by this database, or by the one that was kept aside if it can be read."""


def open_database(root: Root, *, is_suspect: bool = False) -> Opened:
    """Open the root's database for writing.

    Args:
        root: whose.
        is_suspect: SQLite found damage in it: search indexes too, which takes longer.

    Raises:
        StoreError: written by a newer styled, on a network filesystem, or not accessible.
        StorageRefuses: the disk is full, broken or read-only.
        OutOfResources: no descriptor is left.
    """
    path = root.database
    try:
        root.make_state()
        _refuse_network(path)
        notes, last_number = [], 0
        damage = _damage_of(path, is_suspect=is_suspect)
        if damage:
            last_number = _last_number_of_damaged(path)
            notes.append(f"the database was damaged ({damage}); it is kept as {_move_aside(path).name}")
        elif not path.exists() and Path(f"{path}-wal").exists():
            notes.append(f"the database was gone; what is left of it is kept as {_move_aside(path).name}")
        # Nobody else may open it, or he could lock it: SQLite gives its companions the same permissions.
        with durable.disk_full_at(path):
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        for part in (f"{path}{end}" for end in _COMPANIONS):
            with contextlib.suppress(FileNotFoundError, PermissionError):
                os.chmod(part, 0o600)  # noqa: PTH101  # of a text
        db = schema.connect_writer(path)
        try:
            fresh = schema.is_empty(db)
            if fresh:
                schema.create(db)
            else:
                backup = schema.migrate(db, path)
                notes += [f"the database was brought up to date; its copy is {backup.name}"] if backup else []
        except BaseException:
            db.close()
            raise
        return Opened(db, notes, fresh, last_number or _last_number(db))
    except sqlite3.Error as error:
        raise schema.writers_error(error, path) from error
    except OSError as error:
        trouble = durable.passing_trouble(error, f"{error.filename or path} cannot be opened")
        if trouble is not None:
            raise trouble from error
        raise StoreError(f"{path} cannot be opened: {error.strerror}", "Check that folder's permissions.") from error


def inode_of(path: Path) -> tuple[int, int] | None:
    """Return device and inode of a file, None if it is not there."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino


def write_again(db: sqlite3.Connection, path: Path) -> list[str]:
    """Write an open database whose file was removed or replaced beside its place, and close it: :func:`put_back` follows.

    Raises:
        StoreError: it cannot be written; ``db`` stays open.
        StorageRefuses: the disk does not take it.
    """
    new = _written_again(path)
    notes = [f"{path.name} was removed, and is written again"]
    try:
        new.unlink(missing_ok=True)
        os.close(os.open(new, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        with contextlib.closing(sqlite3.connect(new)) as copy:
            db.backup(copy)
        if any(Path(f"{path}{end}").exists() for end in _COMPANIONS):
            notes.append(f"what was in its place is kept as {_move_aside(path).name}")
    except sqlite3.Error as error:
        raise schema.writers_error(error, path) from error
    except OSError as error:
        raise _not_written(error, path) from error
    # SQLite removes the companions by their names when it closes: before there are new ones.
    db.close()
    return notes


def put_back(path: Path) -> None:
    """Give what :func:`write_again` has written its name; may be done again, for it is the only copy until then.

    Raises:
        StoreError: it cannot be renamed.
        StorageRefuses: the disk does not take it.
    """
    new = _written_again(path)
    try:
        if new.exists():
            new.replace(path)
            durable.sync_folder(path.parent)
    except OSError as error:
        raise _not_written(error, path) from error


def _written_again(path: Path) -> Path:
    return path.with_name(f"{path.name}.new")


def _not_written(error: OSError, path: Path) -> StyledError:
    trouble = durable.passing_trouble(error, f"cannot write {path}")
    return trouble or StoreError(f"{path} cannot be written again: {error.strerror}")


def _refuse_network(path: Path) -> None:
    kind = filesystem_type(path.parent)
    if is_network(kind):
        raise StoreError(
            f"{path.parent} lies on {kind}, where SQLite cannot keep a queue safely",
            "Put the root on a local disk; only inbox/ may be a network mount.",
        )


def _damage_of(path: Path, *, is_suspect: bool) -> str:
    """Return what is wrong with the file, an empty text if nothing is or there is none."""
    if not path.exists():
        return ""
    try:
        db = schema.connect_writer(path)
    except sqlite3.DatabaseError as error:
        if not schema.is_damage(error):
            raise
        return str(error)
    try:
        return schema.damage_in(db, "integrity_check" if is_suspect else "quick_check")
    finally:
        db.close()


def _last_number_of_damaged(path: Path) -> int:
    try:
        with contextlib.closing(sqlite3.connect(path)) as db:
            return _last_number(db)
    except sqlite3.Error:
        return 0  # the folders know the numbers of the jobs that still exist


def _last_number(db: sqlite3.Connection) -> int:
    row = db.execute("SELECT seq FROM sqlite_sequence WHERE name = 'jobs'").fetchone()
    return row[0] if row and isinstance(row[0], int) else 0


def _move_aside(path: Path) -> Path:
    """Rename the database and its companions, so that they still belong together; return the new path."""
    stamp = time.strftime("%Y%m%d-%H%M%S")
    aside = path.with_name(f"{path.name}.corrupt-{stamp}")
    count = 1
    while any(Path(f"{aside}{end}").exists() for end in _COMPANIONS):
        count += 1
        aside = path.with_name(f"{path.name}.corrupt-{stamp}-{count}")
    for end in _COMPANIONS:
        part = Path(f"{path}{end}")
        if part.exists():
            part.rename(f"{aside}{end}")
    return aside
