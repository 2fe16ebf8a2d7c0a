"""Reading the queue from outside the daemon: while it runs, after it died, or before there ever was one."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Self

from styled.errors import DataDamaged, NoSuchJob, StoreError
from styled.files.decoding import from_json
from styled.job import Job, JobState
from styled.root import Root
from styled.store import records, schema
from styled.store.records import Event, Order
from styled.store.status import DaemonStatus


class StoreReader:
    """The queue's record, open for reading. Cheap to keep; may be shared by threads.

    Nothing here needs the daemon. A missing database reads as an empty queue; a replaced one is noticed.
    Each question is its own short transaction, because a long one would keep the write-ahead log growing.
    """

    def __init__(self, root: Root) -> None:
        self._path = root.database
        self._db: sqlite3.Connection | None = None
        self._file: tuple[int, int] | None = None
        self._lock = threading.Lock()

    @classmethod
    def open(cls, root: Root) -> Self:
        """Prepare to read the root's queue. The database need not exist yet."""
        return cls(root)

    def close(self) -> None:
        """Let go of the database."""
        with self._lock:
            self._disconnect()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def jobs(
        self,
        states: Iterable[JobState] | None = None,
        *,
        limit: int | None = None,
        offset: int = 0,
        search: str | None = None,
        order: Order = "number",
    ) -> list[Job]:
        """Return jobs.

        Args:
            states: only these; all by default.
            limit: at most so many.
            offset: skip so many first.
            search: only those whose name, id, number or reason contains this text (ASCII letters match in either case).
            order: ``number``, ``newest``, ``name``, or ``queue``: running, waiting as they will run, paused, ended newest first.

        Raises:
            StoreError: the database cannot be read.
        """
        with self._reading() as db:
            if db is None:
                return []
            return records.jobs(db, states, limit=limit, offset=offset, search=search, order=order)

    def get(self, ref: str | int) -> Job:
        """Return the job with that number, id, or beginning of one id only.

        Raises:
            NoSuchJob: none, or several.
            StoreError: the database cannot be read.
        """
        with self._reading() as db:
            if db is None:
                raise NoSuchJob(f"no job is {str(ref)[:80]!r}")
            return records.find(db, ref)

    def count(self, states: Iterable[JobState] | None = None, *, search: str | None = None) -> int:
        """Return how many jobs :meth:`jobs` would return without a limit."""
        with self._reading() as db:
            return 0 if db is None else records.count(db, states, search)

    def counts(self) -> dict[JobState, int]:
        """Return how many jobs are in each state, zeros included."""
        with self._reading() as db:
            return dict.fromkeys(JobState, 0) if db is None else records.counts(db)

    def status(self) -> DaemonStatus | None:
        """Return what the daemon last said about itself; None if it never did. Compare ``beat_at`` with the time."""
        with self._reading() as db:
            text = None if db is None else records.meta(db, "status")
        if text is None:
            return None
        try:
            return from_json(text, DaemonStatus)
        except DataDamaged:
            return None  # written by another version of styled, whose daemon is not ours to read

    def version(self) -> int:
        """Return a number that changes whenever a job or an event changed; not with the daemon's heartbeat."""
        with self._reading() as db:
            return 0 if db is None else int(records.meta(db, "revision") or 0)

    def events(self, since: int = 0, *, limit: int = 1000) -> list[Event]:
        """Return the events after number ``since``, oldest first."""
        with self._reading() as db:
            return [] if db is None else records.events(db, since, limit)

    def last_event(self) -> int:
        """Return the number of the newest event, 0 if there never was one."""
        with self._reading() as db:
            return 0 if db is None else records.last_event(db)

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection | None]:
        with self._lock:
            try:
                yield self._connected()
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

    def _disconnect(self) -> None:
        if self._db is not None:
            self._db.close()
        self._db, self._file = None, None
