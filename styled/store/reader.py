"""Reading the queue from outside the daemon: while it runs, after it died, or before there ever was one."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Self

from styled.errors import StoreError
from styled.root import Root
from styled.store import schema
from styled.store.queries import Queries


class StoreReader(Queries):
    """The queue's record, open for reading. Cheap to keep; may be shared by threads.

    Nothing here needs the daemon. A missing database reads as an empty queue; a replaced one is noticed.
    Each question is its own short transaction, because a long one would keep the write-ahead log growing.
    """

    def __init__(self, root: Root) -> None:
        self._path = root.database
        self._db: sqlite3.Connection | None = None
        self._file: tuple[int, int] | None = None
        self._nothing: sqlite3.Connection | None = None
        """An empty queue, asked while there is no database."""
        self._lock = threading.Lock()

    @classmethod
    def open(cls, root: Root) -> Self:
        """Prepare to read the root's queue. The database need not exist yet."""
        return cls(root)

    def close(self) -> None:
        """Let go of the database."""
        with self._lock:
            self._disconnect()
            if self._nothing is not None:
                self._nothing.close()
            self._nothing = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def version(self) -> int:
        """Return a number that changes whenever a job or an event changed; not with the daemon's heartbeat."""
        text = self.meta("revision") or ""
        return int(text) if text.isdecimal() and len(text) < 20 else 0

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            try:
                yield self._connected() or self._empty()
            except sqlite3.Error as error:
                self._disconnect()
                raise schema.store_error(error, self._path) from error
            except OSError as error:
                self._disconnect()
                raise StoreError(f"{self._path} cannot be read: {error.strerror}", "Check its permissions.") from error

    def _connected(self) -> sqlite3.Connection | None:
        """Return a connection to the file that is there now, None if there is none or nothing in it yet."""
        try:
            found = self._path.stat()
        except (FileNotFoundError, NotADirectoryError):
            self._disconnect()
            return None
        if self._db is not None and self._file == (found.st_dev, found.st_ino):
            return self._db
        self._disconnect()
        db, lasting = schema.connect_reader(self._path)
        try:
            ready = not schema.is_empty(db)
            if ready and schema.check_version(db, self._path) < schema.SCHEMA_VERSION:
                raise StoreError(
                    f"{self._path} is from an older styled", "Start the daemon once; it brings it up to date."
                )
        except BaseException:
            db.close()
            raise
        if not ready:
            db.close()
            return None
        self._db, self._file = db, (found.st_dev, found.st_ino) if lasting else None
        return db

    def _empty(self) -> sqlite3.Connection:
        if self._nothing is None:
            self._nothing = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
            schema.create(self._nothing)
        return self._nothing

    def _disconnect(self) -> None:
        if self._db is not None:
            self._db.close()
        self._db, self._file = None, None
