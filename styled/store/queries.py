"""The questions that the queue's record answers, for its writer and its readers alike."""

from __future__ import annotations

import sqlite3
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, suppress
from functools import partial
from itertools import pairwise
from typing import Literal, NamedTuple

from styled.errors import DataDamaged, NoSuchJob, StoreError
from styled.files.decoding import from_json
from styled.files.printable import escaped, is_text
from styled.job import ENDED, Job, JobState
from styled.settings import JOB_PREFIX
from styled.store.records import JOB_COLUMNS, Event, Rejection, readable, to_event, to_job
from styled.store.status import DaemonStatus

Order = Literal["number", "queue", "newest", "name"]
"""``queue``: running, then waiting as they will run, then paused, then ended from the latest back."""

_COLUMNS = ", ".join(JOB_COLUMNS)
_NAMES = "CASE WHEN json_valid(names) THEN (SELECT group_concat(value, ' ') FROM json_each(names)) ELSE '' END"
_SEARCHED = ("name", "id", "printf('%04d', number)", "reason", _NAMES)
_ESCAPE = r"'\'"

_DROPPED_AS = (
    "CASE WHEN names = '{}' OR instr(content, '\"') OR NOT json_valid(names) THEN ''"
    " ELSE coalesce(json_extract(names, '$.\"' || content || '\"'), '') END"
)
_INIT = "CASE WHEN json_valid(settings) THEN coalesce(json_extract(settings, '$.init'), '') ELSE '' END"
_AT_ONCE = 500
"""Ids in one question: SQLite takes 999 values and more."""

_ORDER_BY: dict[Order, str] = {
    "number": "number",
    "newest": "number DESC",
    "name": "name COLLATE NOCASE, number",
    "queue": "CASE state WHEN 'running' THEN 0 WHEN 'waiting' THEN 1 WHEN 'paused' THEN 2 ELSE 3 END,"
    " CASE WHEN finished_at IS NULL THEN 0 ELSE -finished_at END, priority DESC, number",
}


class JobRow(NamedTuple):
    """As much of a job as its place in a list needs."""

    id: str
    number: int
    state: JobState
    dropped_as: str
    """Path of its content in the inbox, ``photos/cat.jpg``; empty where that is not known."""


class Queries(ABC):
    """What can be asked of the queue. Every method raises StoreError where the database cannot be read."""

    @abstractmethod
    def _reading(self) -> AbstractContextManager[sqlite3.Connection]:
        """Give a connection for one question; errors of SQLite become a StoreError."""

    def jobs(
        self,
        states: Iterable[JobState] | None = None,
        *,
        limit: int | None = None,
        offset: int = 0,
        search: str | None = None,
        order: Order = "number",
    ) -> list[Job]:
        """Return jobs, without those whose row is damaged: :meth:`styled.store.store.Store.mend` reports them.

        Args:
            states: only these; all by default.
            limit: at most so many.
            offset: skip so many first.
            search: only those whose name, id, number, reason or images' names contain this text (ASCII letters match in either case).
            order: ``number``, ``newest``, ``name``, or ``queue``: running, waiting as they will run, paused, ended newest first.
        """
        clause, values = _where(states, search)
        found = []
        with self._reading() as db:
            rows = db.execute(
                f"SELECT {_COLUMNS} FROM jobs {clause} ORDER BY {_ORDER_BY[order]} LIMIT ? OFFSET ?",  # noqa: S608  # only our own words
                (*values, -1 if limit is None else limit, offset),
            )
            for row in rows:
                with suppress(DataDamaged):
                    found.append(to_job(row))
        return found

    def rows(
        self, states: Iterable[JobState] | None = None, *, search: str | None = None, order: Order = "number"
    ) -> list[JobRow]:
        """Return all jobs that :meth:`jobs` would return without a limit, a few values of each."""
        clause, values = _where(states, search)
        found = []
        with self._reading() as db:
            rows = db.execute(
                f"SELECT id, number, state, {_DROPPED_AS} FROM jobs {clause} ORDER BY {_ORDER_BY[order]}",  # noqa: S608  # only our own words
                values,
            )
            for job_id, number, state, dropped_as in rows:
                with suppress(ValueError):  # no state: the row is damaged, and mended by the writer
                    found.append(JobRow(str(job_id), int(number), JobState(state), str(dropped_as)))
        return found

    def jobs_of(self, ids: Iterable[str]) -> dict[str, Job]:
        """Return the jobs with these ids, by id, without those that are gone or whose row is damaged."""
        wanted = list(ids)
        found = {}
        for start in range(0, len(wanted), _AT_ONCE):
            part = wanted[start : start + _AT_ONCE]
            with self._reading() as db:
                marks = ", ".join("?" * len(part))
                for row in db.execute(f"SELECT {_COLUMNS} FROM jobs WHERE id IN ({marks})", part):  # noqa: S608  # only our own words
                    with suppress(DataDamaged):
                        job = to_job(row)
                        found[job.id] = job
        return found

    def status(self) -> DaemonStatus | None:
        """Return what the daemon last said about itself; None if it never did. Compare ``beat_at`` with the time."""
        text = self.meta("status")
        try:
            return None if text is None else from_json(text, DaemonStatus)
        except DataDamaged:
            return None  # written by another version of styled, whose daemon is not ours to read

    def count(self, states: Iterable[JobState] | None = None, *, search: str | None = None) -> int:
        """Return how many jobs :meth:`jobs` would return without a limit."""
        clause, values = _where(states, search)
        with self._reading() as db:
            return int(db.execute(f"SELECT count(*) FROM jobs {clause}", values).fetchone()[0])  # noqa: S608  # only our own words

    def get(self, key: str | int) -> Job:
        """Return the job with exactly that id, or that number: for whoever knows which job is meant.

        An id is the name of a folder, which anybody may have given it: ``7``, say. What users type is for :meth:`find`.

        Args:
            key: a text is an id, an int a number.

        Raises:
            NoSuchJob: none.
            StoreError: its row is damaged.
        """
        return self._look_up(partial(_exactly, key=key))

    def find(self, typed: str | int) -> Job:
        """Return the job that a user means: with that number, id, beginning of one id only, or name of one job only.

        Where one job's id looks like another one's number, the number counts: it is what the screens show.

        Raises:
            NoSuchJob: none, or several.
            StoreError: its row is damaged.
        """
        return self._look_up(partial(_find, typed=typed))

    def _look_up(self, look: Callable[[sqlite3.Connection], Job]) -> Job:
        with self._reading() as db:
            try:
                return look(db)
            except DataDamaged as error:
                raise StoreError(error.message, "It is taken from its folder when the daemon starts again.") from error

    def ids(self) -> set[str]:
        """Return the ids of all jobs."""
        with self._reading() as db:
            return {row[0] for row in db.execute("SELECT id FROM jobs")}

    def counts(self) -> dict[JobState, int]:
        """Return how many jobs are in each state, zeros included."""
        found = dict.fromkeys(JobState, 0)
        with self._reading() as db:
            for state, count in db.execute("SELECT state, count(*) FROM jobs GROUP BY state"):
                with suppress(ValueError):  # no state: the row is damaged, and mended by the writer
                    found[JobState(state)] = count
        return found

    def events(self, since: int = 0, *, limit: int = 1000) -> list[Event]:
        """Return the events after number ``since``, oldest first."""
        with self._reading() as db:
            rows = db.execute(
                "SELECT seq, at, kind, number, id, before, after, note FROM events WHERE seq > ? ORDER BY seq LIMIT ?",
                (since, limit),
            )
            return [to_event(row) for row in rows]

    def noted_at(self, job_id: str, until: int | None = None) -> float:
        """Return when the newest event of a job was noted, by the clock of that time; 0 if there is none.

        Args:
            job_id: whole.
            until: the number of the last event that counts; all by default.
        """
        newest = "SELECT coalesce(max(at), 0) FROM events WHERE id = ? AND (? IS NULL OR seq <= ?)"
        with self._reading() as db:
            return float(db.execute(newest, (job_id, until, until)).fetchone()[0])

    def first_seen(self, digest: str) -> tuple[int, str] | None:
        """Return number and id of the job that first had this digest; None if that job was removed.

        What became of a job that was removed cannot be looked at or retried, nor is it known after a rebuild.
        """
        row: tuple[int, str] | None
        with self._reading() as db:
            row = db.execute(
                "SELECT number, id FROM seen WHERE digest = ? AND number IN (SELECT number FROM jobs)", (digest,)
            ).fetchone()
        return None if row is None else (row[0], readable(row[1]))

    def taken(self) -> dict[str, str]:
        """Return path in the inbox → text of :class:`styled.inbox.claiming.taken.Taken`, of files that could not be moved."""
        with self._reading() as db:
            return dict(db.execute("SELECT path, signature FROM taken"))

    def started_from(self) -> dict[str, int]:
        """Return the ids of jobs whose picture one that has not ended is to start from, with the number of the first such job."""
        clause, values = _where([state for state in JobState if state not in ENDED], None)
        with self._reading() as db:
            rows = db.execute(
                f"SELECT {_INIT}, min(number) FROM jobs {clause} AND instr(settings, '{JOB_PREFIX}') GROUP BY 1",  # noqa: S608  # only our own words
                values,
            )
            return {init.removeprefix(JOB_PREFIX): number for init, number in rows if init.startswith(JOB_PREFIX)}

    def last_rejection(self, name: str) -> Rejection | None:
        """Return what is on record of the newest rejection of a pair of that name; None if none is."""
        begins = f"{escaped(name)}: "
        with self._reading() as db:
            row = db.execute(
                "SELECT seq, at, note FROM events WHERE kind = 'rejected' AND substr(note, 1, ?) = ? ORDER BY seq DESC LIMIT 1",
                (len(begins), begins),
            ).fetchone()
        return None if row is None else Rejection(seq=row[0], at=float(row[1]), reason=readable(row[2][len(begins) :]))

    def begun_at(self, job_id: str) -> list[float]:
        """Return when a worker began with the job, each time, Unix seconds; without what the record of events has lost."""
        with self._reading() as db:
            rows = db.execute(
                "SELECT at FROM events WHERE id = ? AND kind = 'moved' AND after = 'running' ORDER BY seq", (job_id,)
            )
            return [float(row[0]) for row in rows]

    def worked_seconds(self, job_id: str) -> float | None:
        """Return for how long an ended job ran, all its goes together, without its pauses and waits.

        None where that is not known: of a job taken from its folder, or older than what is left of the record of events.
        """
        with self._reading() as db:
            rows = db.execute(
                "SELECT at, kind, after FROM events WHERE id = ? AND kind IN ('added', 'moved') ORDER BY seq", (job_id,)
            ).fetchall()
        if not rows or rows[0][1] != "added":
            return None
        goes = (after[0] - before[0] for before, after in pairwise(rows) if before[2] == JobState.RUNNING)
        return float(sum(max(0.0, seconds) for seconds in goes))  # the clock may have been set back in between

    def last_event(self) -> int:
        """Return the number of the newest event, 0 if there never was one."""
        with self._reading() as db:
            row = db.execute("SELECT seq FROM sqlite_sequence WHERE name = 'events'").fetchone()
        return row[0] if row and isinstance(row[0], int) else 0

    def meta(self, key: str) -> str | None:
        """Return the value kept under a key."""
        with self._reading() as db:
            row = db.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
        return None if row is None else readable(str(row[0]))


def _where(states: Iterable[JobState] | None, search: str | None) -> tuple[str, list[str]]:
    where: list[str] = []
    values: list[str] = []
    if states is not None:
        chosen = list(states)
        where.append(f"state IN ({', '.join('?' * len(chosen))})")
        values += [str(state) for state in chosen]
    if search:
        pattern = "%" + search.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"
        where.append(f"({' OR '.join(f'{column} LIKE ? ESCAPE {_ESCAPE}' for column in _SEARCHED)})")
        values += [pattern] * len(_SEARCHED)
    return (f"WHERE {' AND '.join(where)}" if where else "", values)


def is_read_as_number(typed: str) -> bool:
    """Return whether a text that a user typed may be a job's number: ``7``, ``0042``, ``#7``.

    A run of eight digits or more is the date an id begins with.
    """
    text = typed.strip().removeprefix("#")
    return text.isascii() and text.isdigit() and len(text) < 8


def _one(db: sqlite3.Connection, column: str, value: str | int) -> Job | None:
    try:
        row = db.execute(f"SELECT {_COLUMNS} FROM jobs WHERE {column} = ?", (value,)).fetchone()  # noqa: S608  # only our own words
    except (UnicodeEncodeError, OverflowError):  # no text, or beyond 64 bits: no job has it
        return None
    return None if row is None else to_job(row)


def _exactly(db: sqlite3.Connection, *, key: str | int) -> Job:
    job = _one(db, "id", key) if isinstance(key, str) else _one(db, "number", key)
    if job is None:
        raise NoSuchJob(f"no job is {escaped(str(key)[:80])!r}")
    return job


def _find(db: sqlite3.Connection, *, typed: str | int) -> Job:
    if isinstance(typed, int):
        return _exactly(db, key=typed)
    text = typed.strip().removeprefix("#")
    # A number that no job has is not taken for the beginning of an id: "2" is that of every id of this century.
    is_number = is_read_as_number(typed)
    if is_number and (job := _one(db, "number", int(text))) is not None:
        return job
    for written in dict.fromkeys((typed, text)):  # an id may begin with a blank or "#": somebody renamed the folder
        if (job := _one(db, "id", written)) is not None:
            return job
    if not is_text(text):
        raise NoSuchJob(f"no job is {escaped(text[:80])!r}")
    select = f"SELECT {_COLUMNS} FROM jobs WHERE"  # noqa: S608  # only our own words
    begins = f"{select} substr(id, 1, ?) = ? LIMIT 2"
    rows = db.execute(begins, (len(text), text)).fetchall() if text and not is_number else []
    if len(rows) == 1:
        return to_job(rows[0])
    named = db.execute(f"{select} name = ? LIMIT 2", (text,)).fetchall() if text else []
    if len(named) == 1:
        return to_job(named[0])
    if named:
        raise NoSuchJob(f"more than one job is called {text[:80]!r}", "Give its number; styled status has them.")
    raise NoSuchJob(f"{'no job is' if not rows else 'more than one job begins with'} {text[:80]!r}")
