"""The queue's record: one SQLite database with one writer, the daemon. Readers use :mod:`styled.store.reader`.

Files are the truth for inputs and outputs; this is the truth for order and state, and it can be rebuilt
from ``evolution/*/job.json``. Every change is one transaction with a row in ``events``, and is on the disk
when the call returns; only the heartbeat and the progress of running jobs may be lost with the power.
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from typing import Any, Self

import msgspec

from styled.errors import DataDamaged, IllegalMove, NoSuchJob, StoreError, StyledError
from styled.job import ENDED, Job, JobState, check_move
from styled.root import Root
from styled.store import records
from styled.store.adoption import adopt_folders
from styled.store.numbers import Numbers
from styled.store.older_copy import Age, age_of, take_ended
from styled.store.opening import Opened, inode_of, open_database, put_back, write_again
from styled.store.queries import Queries
from styled.store.records import JOB_COLUMNS
from styled.store.schema import connect_writer, is_damage, journal_of, writers_error
from styled.store.status import DaemonStatus

EVENTS_KEPT = 50_000
"""Older events are dropped; a reader that asks for them sees the gap and reads the queue again."""

_LONGEST_WAIT_S = 86_400.0
"""No back-off is longer. A job due later than that was put off before the clock was set back: it is due now."""

_SLOW_BEAT_S = 4.0
"""Between two reports where there is no write-ahead log; well below :data:`styled.store.status.STALE_S`."""

_OUTER = ("BEGIN IMMEDIATE", "COMMIT", ("ROLLBACK",))
_INNER = ("SAVEPOINT inner", "RELEASE inner", ("ROLLBACK TO inner", "RELEASE inner"))
"""How a change begins, ends and is undone: alone, and inside a batch."""

_BUT = "AND id NOT IN (SELECT value FROM json_each(:but))"

_CHANGEABLE = frozenset(JOB_COLUMNS) - {"id", "number", "state"}


class Store(Queries):
    """The queue's record, open for writing. Use it from the thread that opened it, and never across a fork."""

    def __init__(self, root: Root, opened: Opened, *, clock: Callable[[], float] = time.time) -> None:
        self._root = root
        self._db = opened.db
        self._inode = inode_of(root.database)
        self._counted_at = -1
        self._counts: dict[JobState, int] = {}
        self._clock = clock
        self._depth = 0
        self._published: DaemonStatus | None = None
        self.age: Age | None = None
        """When the last daemon reported last, Unix seconds; None if it is not known."""
        self.is_damaged = False
        """SQLite found damage since it was opened; :meth:`restore` mends it."""
        self._is_unfilled = False
        self._running: Callable[[], Collection[str]] = tuple
        self._numbers = Numbers(root.state / "numbers", opened.last_number, lost=opened.fresh)
        self.notes = list(opened.notes)
        """What opening it found and did (a damaged file kept aside, a rebuild, a migration), for the log."""

    @classmethod
    def open(cls, root: Root, *, clock: Callable[[], float] = time.time) -> Self:
        """Open the root's database; create, migrate or rebuild it as needed.

        A damaged database is renamed to ``queue.db.corrupt-<time>`` and a new one is filled from
        ``evolution/*/job.json``, as is one that is missing. Only the holder of the root's lock may call this.

        Raises:
            StoreError: written by a newer styled, on a network filesystem, or not accessible.
            DiskFull: no room for it.
        """
        opened = open_database(root)
        store = cls(root, opened, clock=clock)
        try:
            if opened.fresh:
                store._fill(opened)
            else:
                store.mend()
                store.age = age_of(store)
                store.notes += take_ended(store, root.evolution, is_first=True)
        except BaseException:
            store.close()
            raise
        return store

    def follow(self, running: Callable[[], Collection[str]]) -> None:
        """Be given the ids of the jobs that have a worker: they stay ``running`` when they are taken from their folders."""
        self._running = running

    def _fill(self, opened: Opened) -> None:
        """Fill new tables from the job folders."""
        jobs, problems = adopt_folders(self, self._root.evolution, self._running())
        with self._transaction():
            records.set_sequence(self._db, "jobs", self._numbers.last)
            if not (jobs or problems or opened.notes):
                return  # a new root
            note = f"rebuilt from evolution/: {len(jobs)} jobs"
            # Subscribers of the lost database must notice the gap, so its numbers must not come again.
            records.set_sequence(self._db, "events", int(self._clock() * 1000))
            self._record("rebuilt", None, "", "", note)
        self.notes += [note, *problems]

    def mend(self) -> None:
        """Take the jobs whose rows are damaged from their folders again; :attr:`notes` lists them."""
        damaged = records.damaged_rows(self._db)
        if not damaged:
            return
        with self._transaction():
            for number, what in damaged.items():
                self._db.execute("DELETE FROM jobs WHERE number = ?", (number,))
                self.notes.append(f"job {number:04d}: {what}")
        jobs, problems = adopt_folders(self, self._root.evolution, self._running())
        note = f"{len(damaged)} damaged rows, {len(jobs)} jobs taken from their folders"
        with self._transaction():
            self._record("rebuilt", None, "", "", note)
        self.notes += [note, *problems]

    def restore(self) -> bool:
        """Bring the database in order if something happened to its file while it was open; return whether it did.

        One that was removed or replaced is written again. One that SQLite found damaged since is opened as at a
        start: kept aside, and filled from the folders in ``evolution/``. :attr:`notes` has what was found.

        Raises:
            StoreError: it cannot be written or opened.
            StorageRefuses: the disk does not take it.
        """
        if self.is_damaged:
            self._open_again()
            return True
        if self._inode is not None and inode_of(self._root.database) == self._inode:
            return False
        if self._inode is not None:
            self.notes += write_again(self._db, self._root.database)
            self._inode = None  # from here to the end each part may fail, and is done again
        put_back(self._root.database)
        try:
            self._db = connect_writer(self._root.database)
        except sqlite3.Error as error:
            raise writers_error(error, self._root.database) from error
        self._inode = inode_of(self._root.database)
        return True

    def _open_again(self) -> None:
        self.close()
        opened = open_database(self._root, is_suspect=True)
        self._db, self._inode, self._counted_at = opened.db, inode_of(self._root.database), -1
        self._numbers = Numbers(self._root.state / "numbers", opened.last_number, lost=opened.fresh)
        self.notes += opened.notes
        self._is_unfilled = self._is_unfilled or opened.fresh  # the last try may have come as far as this
        if self._is_unfilled:
            self._fill(opened)
        self._is_unfilled = self.is_damaged = False

    def close(self) -> None:
        """Fold the log into the database and let go of it."""
        # On a full disk this cannot be done; the log is folded in by a later opening, nothing is lost.
        with suppress(sqlite3.Error):
            self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        self._db.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # -- changes -------------------------------------------------------------------------------------------

    @contextmanager
    def batch(self, *, durable: bool = True) -> Iterator[None]:
        """Make the changes inside one transaction, durable at its end: one disk flush for many jobs.

        Not ``durable``: without that flush, as :meth:`update_progress` makes a single change.

        An error inside a single change undoes only that change, if it is caught inside the batch.
        """
        with self._transaction(durable=durable):
            yield

    def next_number(self) -> int:
        """Return a job number that was never given to anybody.

        Raises:
            DiskFull: no room to remember that.
        """
        return self._numbers.next()

    def add(self, *, number: int | None = None, note: str = "", **fields: Any) -> Job:
        """Add a job and return it.

        Args:
            number: from :meth:`next_number`; a new one by default.
            note: for the event.
            fields: of :class:`Job`; ``state`` is ``waiting`` and ``created_at`` now by default.

        Raises:
            StoreError: the number or the id is taken.
        """
        fields = {"state": JobState.WAITING, "created_at": self._clock(), **fields}
        job = Job(number=self.next_number() if number is None else number, **fields)
        self._numbers.note(job.number)
        with self._transaction():
            try:
                self._db.execute(
                    f"INSERT INTO jobs ({', '.join(JOB_COLUMNS)})"  # noqa: S608  # only our own words
                    f" VALUES ({', '.join(':' + column for column in JOB_COLUMNS)})",
                    records.to_row(msgspec.structs.asdict(job)),
                )
            except sqlite3.IntegrityError as error:
                raise StoreError(f"job {job.number} ({job.id}) is in the store already") from error
            self._record("added", job, "", job.state, note)
        return job

    def move(self, key: str | int, to: JobState, *, expect: JobState | None = None, **changes: Any) -> Job:
        """Move a job to another state, with other changes in the same transaction, and return it as it is now.

        Unless given among ``changes``: ``reason`` is emptied; ``finished_at`` is set when the job ends and emptied
        when it is queued again, as are ``attempts`` and ``not_before``; ``handle`` and ``node`` are emptied.

        Args:
            key: the job's id, or its number as an int, as for :meth:`get`.
            to: the new state.
            expect: the state it must be in.
            changes: fields of :class:`Job`.

        Raises:
            NoSuchJob: no such job.
            IllegalMove: its state does not allow the move, or is not the one expected.
        """
        with self._transaction():
            job = self.get(key)
            if expect is not None and job.state != expect:
                raise IllegalMove(f"job {job.number:04d} is not {expect}", f"It is {job.state}.")
            check_move(job.state, to)
            now = self._clock()
            implied: dict[str, Any] = {"reason": "", "handle": "", "node": ""}
            if to in ENDED:
                implied["finished_at"] = max(now, job.started_at or now)  # the clock may have been set back meanwhile
            if job.state in ENDED:
                implied |= {"finished_at": None, "attempts": 0, "not_before": 0.0}
            if to is JobState.RUNNING and job.started_at is None:
                implied["started_at"] = now
            moved = self._update(job, {**implied, **changes}, state=to)
            self._record("moved", moved, job.state, to, moved.reason)
        return moved

    def replace(self, job: Job, state: JobState, **changes: Any) -> None:
        """Have a job as its folder has it, whatever moves there are: this database is older."""
        with self._transaction():
            self._record("moved", self._update(job, changes, state=state), job.state, state, "taken from its folder")

    def claim_next(self, now: float | None = None, *, but: Collection[str] = ()) -> Job | None:
        """Move the next waiting job, but some, to ``running``, count and name the attempt, and return it; None if none is due."""
        now = self._clock() if now is None else now
        try:
            return self._claim_next(now, but)
        except DataDamaged:  # its row: taken from its folder now, so it comes again
            self.mend()
            return self._claim_next(now, but)

    def _claim_next(self, now: float, but: Collection[str]) -> Job | None:
        with self._transaction():
            row = self._db.execute(
                f"UPDATE jobs SET state = 'running', attempts = attempts + 1, reason = '',"  # noqa: S608  # only our own words
                "  attempt = lower(hex(randomblob(6))), handle = '', node = '', started_at = coalesce(started_at, :started)"
                " WHERE number = (SELECT number FROM jobs WHERE state = 'waiting'"
                f"   AND (not_before <= :now OR not_before > :now + :longest) {_BUT}"
                "   ORDER BY priority DESC, number LIMIT 1) AND state = 'waiting'"
                f" RETURNING {', '.join(JOB_COLUMNS)}",
                {"now": now, "started": self._clock(), "longest": _LONGEST_WAIT_S, "but": json.dumps(list(but))},
            ).fetchone()
            if row is None:
                return None
            job = records.to_job(row)
            self._record("moved", job, JobState.WAITING, JobState.RUNNING, "")
        return job

    def counts(self) -> dict[JobState, int]:
        """Return how many jobs are in each state, zeros included; the jobs are counted only after an event."""
        if self._depth:  # what this transaction has done may be undone yet
            return super().counts()
        last = self.last_event()
        if last != self._counted_at:
            self._counted_at, self._counts = last, super().counts()
        return self._counts

    def next_due(self, now: float, *, but: Collection[str] = ()) -> float | None:
        """Return from when on :meth:`claim_next` has a job to give, Unix seconds, maybe past; None if no job waits.

        Args:
            now: as :meth:`claim_next` will be given it; by another clock a job would be due that is not given.
            but: likewise.
        """
        values = {"now": now, "latest": now + _LONGEST_WAIT_S, "but": json.dumps(list(but))}
        with self._reading() as db:
            # In the order of the queue, as claim_next looks: a long queue whose first job is due is not read to its end.
            due = db.execute(
                "SELECT not_before FROM jobs WHERE state = 'waiting' AND (not_before <= :now OR not_before > :latest)"  # noqa: S608  # only our own words
                f" {_BUT} ORDER BY priority DESC, number LIMIT 1",
                values,
            ).fetchone()
            if due is not None:
                return float(due[0]) if due[0] <= now else 0.0
            row = db.execute(
                "SELECT min(CASE WHEN not_before > :latest THEN 0.0 ELSE not_before END) FROM jobs"  # noqa: S608  # as above
                f" WHERE state = 'waiting' {_BUT}",
                values,
            ).fetchone()
        return None if row[0] is None else float(row[0])

    def requeue_running(self, reason: str, *, but: Collection[str] = ()) -> list[Job]:
        """Move every running job, but some, back to ``waiting``, due at once: at start, when no worker of theirs is left.

        When it was due last means nothing any more, and is in the future if the clock was set back since.
        """
        with self._transaction():
            running = [job for job in self.jobs([JobState.RUNNING]) if job.id not in but]
            return [self.move(job.id, JobState.WAITING, reason=reason, not_before=0.0) for job in running]

    def update_progress(self, key: str | int, **changes: Any) -> None:
        """Note fields of a running job such as ``step``, ``steps``, ``loss``, ``attempts``, ``handle``.

        No event, and no flush to the disk: callers do this every few seconds, and losing the last one to a
        power cut costs nothing. A job that is gone or no longer running is left alone.
        """
        self._check_names(changes)
        with self._transaction(durable=False), suppress(NoSuchJob):
            job = self.get(key)
            if job.state is JobState.RUNNING:
                self._update(job, changes)

    def set_priority(self, key: str | int, priority: int) -> Job:
        """Set a job's priority; higher runs first.

        Raises:
            NoSuchJob: no such job.
        """
        with self._transaction():
            job = self.get(key)
            changed = self._update(job, {"priority": priority})
            self._record("priority", changed, str(job.priority), str(priority), "")
        return changed

    def change(self, key: str | int, **changes: Any) -> Job:
        """Change fields of a job without moving it, durably and without an event: ``reason`` or ``settings``, say.

        Raises:
            NoSuchJob: no such job.
        """
        with self._transaction():
            return self._update(self.get(key), changes)

    def remove(self, key: str | int) -> Job:
        """Forget an ended job. Its folder must be gone by then, or the next start adopts it again.

        Raises:
            NoSuchJob: no such job.
            IllegalMove: it has not ended.
        """
        with self._transaction():
            job = self.get(key)
            if job.state not in ENDED:
                raise IllegalMove(f"job {job.number:04d} is {job.state}", "Cancel it first.")
            self._db.execute("DELETE FROM jobs WHERE number = ?", (job.number,))
            self._record("removed", job, job.state, "", "")
        return job

    def note_event(self, kind: str, note: str, *, job: Job | None = None) -> None:
        """Record something that happened beside the jobs' moves: a rejected pair, a duplicate, a rebuild."""
        with self._transaction():
            self._record(kind, job, "", "", note)

    def publish(self, status: DaemonStatus) -> None:
        """Leave the daemon's state for readers. Not flushed to the disk: the next one comes in a second."""
        last = self._published
        is_new = last is None or last.state != status.state or not 0.0 <= status.beat_at - last.beat_at < _SLOW_BEAT_S
        with self._reading() as db:
            if not is_new and journal_of(db) != "wal":
                return  # each change is flushed there: once in a few seconds is enough
        with self._transaction(durable=False, revision=False):
            self.set_meta("status", msgspec.json.encode(status).decode())
        self._published = status

    def set_meta(self, key: str, value: str) -> None:
        """Keep a value under a key."""
        with self._transaction():
            self._db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, value))

    # -- duplicates, and what could not be moved -----------------------------------------------------------

    def mark_seen(self, digest: str, job: Job) -> None:
        """Remember a job's digest, unless an earlier job that was not removed had the same."""
        with self._transaction():
            self._db.execute(
                "INSERT INTO seen VALUES (?, ?, ?) ON CONFLICT (digest) DO UPDATE"
                " SET number = excluded.number, id = excluded.id WHERE number NOT IN (SELECT number FROM jobs)",
                (digest, job.number, job.id),
            )

    def set_taken(self, path: str, taken: str | None) -> None:
        """Remember, or with None forget, a file that is a job and could not be moved."""
        with self._transaction():
            if taken is None:
                self._db.execute("DELETE FROM taken WHERE path = ?", (path,))
            else:
                self._db.execute("INSERT OR REPLACE INTO taken VALUES (?, ?)", (path, taken))

    # -- questions -----------------------------------------------------------------------------------------

    def _look_up(self, look: Callable[[sqlite3.Connection], Job]) -> Job:
        """Look a job up; a damaged row is mended first."""
        try:
            return super()._look_up(look)
        except StoreError as error:
            if not isinstance(error.__cause__, DataDamaged):
                raise
            self.mend()
            return super()._look_up(look)

    # -- inside --------------------------------------------------------------------------------------------

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        try:
            yield self._db
        except sqlite3.Error as error:
            raise self._translated(error) from error

    def _translated(self, error: sqlite3.Error) -> StyledError:
        self.is_damaged = self.is_damaged or is_damage(error)
        return writers_error(error, self._root.database)

    @contextmanager
    def _transaction(self, *, durable: bool = True, revision: bool = True) -> Iterator[None]:
        outer = self._depth == 0
        begin, commit, undo = _OUTER if outer else _INNER
        try:
            if outer and not durable:
                self._db.execute("PRAGMA synchronous = NORMAL")
            self._db.execute(begin)
            self._depth += 1
            try:
                yield
                if outer and revision:
                    self._db.execute("UPDATE meta SET value = value + 1 WHERE key = 'revision'")
                self._db.execute(commit)
            except BaseException:
                for statement in undo:
                    if self._db.in_transaction:  # a full disk may have rolled it back already
                        self._db.execute(statement)
                raise
            finally:
                self._depth -= 1
                if outer and not durable:
                    self._db.execute("PRAGMA synchronous = FULL")
        except sqlite3.Error as error:
            raise self._translated(error) from error

    @staticmethod
    def _check_names(changes: dict[str, Any]) -> None:
        unknown = set(changes) - _CHANGEABLE
        if unknown:
            raise TypeError(f"not fields of a job that can change: {', '.join(sorted(unknown))}")

    def _update(self, job: Job, changes: dict[str, Any], *, state: JobState | None = None) -> Job:
        """Write changes to the row of ``job``, which must still be in the state it has there."""
        self._check_names(changes)
        values = records.to_row(changes) | {"state": str(state or job.state)}
        row = self._db.execute(
            f"UPDATE jobs SET {', '.join(f'{key} = :{key}' for key in values)}"  # noqa: S608  # names were checked
            f" WHERE number = :_number AND state = :_state RETURNING {', '.join(JOB_COLUMNS)}",
            values | {"_number": job.number, "_state": str(job.state)},
        ).fetchone()
        if row is None:
            raise IllegalMove(f"job {job.number:04d} is not {job.state} any more", "Look again.")
        return records.to_job(row)

    def _record(self, kind: str, job: Job | None, before: str, after: str, note: str) -> None:
        seq = self._db.execute(
            "INSERT INTO events (at, kind, number, id, before, after, note) VALUES (?, ?, ?, ?, ?, ?, ?) RETURNING seq",
            (self._clock(), kind, job and job.number, job.id if job else "", str(before), str(after), note),
        ).fetchone()[0]
        if seq % 1000 == 0:
            self._db.execute("DELETE FROM events WHERE seq <= ?", (seq - EVENTS_KEPT,))
