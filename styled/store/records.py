"""Rows of the database as values: jobs, events, and the questions asked of them by writer and readers alike."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import Any, Literal

import msgspec

from styled.errors import DataDamaged, NoSuchJob, StoreError
from styled.files.decoding import from_json
from styled.job import Job, JobState

JOB_COLUMNS = Job.__struct_fields__
_JSON_COLUMNS = frozenset({"styles", "settings", "style_digests", "remarks"})
_COLUMNS = ", ".join(JOB_COLUMNS)

Order = Literal["number", "queue", "newest", "name"]
"""``queue``: running, then waiting as they will run, then paused, then ended from the latest back."""

_SEARCHED = ("name", "id", "printf('%04d', number)", "reason")
_ESCAPE = r"'\'"

_ORDER_BY: dict[Order, str] = {
    "number": "number",
    "newest": "number DESC",
    "name": "name COLLATE NOCASE, number",
    "queue": "CASE state WHEN 'running' THEN 0 WHEN 'waiting' THEN 1 WHEN 'paused' THEN 2 ELSE 3 END,"
    " CASE WHEN finished_at IS NULL THEN 0 ELSE -finished_at END, priority DESC, number",
}


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """Something that happened to the queue."""

    seq: int
    """From 1, without gaps; a first number other than the one asked for means that older ones were dropped."""
    at: float
    """Unix seconds."""
    kind: str
    """``added``, ``moved``, ``priority``, ``removed``, ``rejected``, ``duplicate``, ``incomplete`` or ``rebuilt``."""
    number: int | None
    """The job's, None where none is meant."""
    id: str
    before: str
    """The earlier state or value."""
    after: str
    note: str
    """Printable."""


def to_row(values: dict[str, Any]) -> dict[str, Any]:
    """Turn values of a job into values that SQLite stores."""
    return {
        key: msgspec.json.encode(value).decode() if key in _JSON_COLUMNS else value for key, value in values.items()
    }


def to_job(row: Sequence[Any]) -> Job:
    """Turn a row with the columns of ``JOB_COLUMNS`` into a job.

    Raises:
        DataDamaged: a cell holds what no job can: the database's own checks do not look into cells.
    """
    values = dict(zip(JOB_COLUMNS, row, strict=True))
    try:
        "".join(cell for cell in row if isinstance(cell, str)).encode()
        for column in _JSON_COLUMNS:
            values[column] = from_json(values[column], Any)
        return msgspec.convert(values, Job)
    except (DataDamaged, msgspec.ValidationError, UnicodeEncodeError, TypeError) as error:
        raise DataDamaged(f"a row of jobs is damaged: {error}") from error


def jobs(
    db: sqlite3.Connection,
    states: Iterable[JobState] | None,
    *,
    limit: int | None,
    offset: int,
    search: str | None,
    order: Order,
) -> list[Job]:
    """Return the jobs in the given states whose name, id, number or reason contains ``search``; no damaged ones."""
    clause, values = _where(states, search)
    rows = db.execute(
        f"SELECT {_COLUMNS} FROM jobs {clause} ORDER BY {_ORDER_BY[order]} LIMIT ? OFFSET ?",  # noqa: S608  # only our own words
        (*values, -1 if limit is None else limit, offset),
    )
    found = []
    for row in rows:
        with suppress(DataDamaged):  # told and mended by the writer: Store.mend
            found.append(to_job(row))
    return found


def damaged_rows(db: sqlite3.Connection) -> dict[int, str]:
    """Return the number of each job whose row is damaged, and what is wrong with it."""
    damaged = {}
    for rowid, *row in db.execute(f"SELECT rowid, {_COLUMNS} FROM jobs"):  # noqa: S608  # only our own words
        try:
            to_job(row)
        except DataDamaged as error:
            damaged[int(rowid)] = error.message
    return damaged


def count(db: sqlite3.Connection, states: Iterable[JobState] | None, search: str | None) -> int:
    """Return how many jobs :func:`jobs` would return without a limit."""
    clause, values = _where(states, search)
    return int(db.execute(f"SELECT count(*) FROM jobs {clause}", values).fetchone()[0])  # noqa: S608  # only our own words


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


def find(db: sqlite3.Connection, ref: str | int) -> Job:
    """Return the job that ``ref`` means: its number, its id, or the beginning of one id only.

    Raises:
        NoSuchJob: none, or more than one.
        StoreError: its row is damaged.
    """
    try:
        return _find(db, ref)
    except DataDamaged as error:
        raise StoreError(error.message, "It is taken from its folder when the daemon starts again.") from error


def _find(db: sqlite3.Connection, ref: str | int) -> Job:
    text = str(ref).strip().removeprefix("#")
    select = f"SELECT {_COLUMNS} FROM jobs WHERE"  # noqa: S608  # only our own words
    # "7" and "0042" are numbers; a run of eight digits or more is the date an id begins with.
    if text.isascii() and text.isdigit() and len(text) < 8:
        row = db.execute(f"{select} number = ?", (int(text),)).fetchone()
        if row is not None:
            return to_job(row)
    row = db.execute(f"{select} id = ?", (text,)).fetchone()
    if row is not None:
        return to_job(row)
    rows = db.execute(f"{select} substr(id, 1, ?) = ? LIMIT 2", (len(text), text)).fetchall() if text else []
    if len(rows) != 1:
        raise NoSuchJob(f"{'no job is' if not rows else 'more than one job begins with'} {text[:80]!r}")
    return to_job(rows[0])


def counts(db: sqlite3.Connection) -> dict[JobState, int]:
    """Return how many jobs are in each state, zeros included."""
    found = dict.fromkeys(JobState, 0)
    for state, count in db.execute("SELECT state, count(*) FROM jobs GROUP BY state"):
        found[JobState(state)] = count
    return found


def events(db: sqlite3.Connection, since: int, limit: int) -> list[Event]:
    """Return the events after number ``since``, oldest first."""
    rows = db.execute(
        "SELECT seq, at, kind, number, id, before, after, note FROM events WHERE seq > ? ORDER BY seq LIMIT ?",
        (since, limit),
    )
    return [Event(**dict(zip(Event.__struct_fields__, row, strict=True))) for row in rows]


def last_event(db: sqlite3.Connection) -> int:
    """Return the number of the newest event, 0 if there never was one."""
    row = db.execute("SELECT seq FROM sqlite_sequence WHERE name = 'events'").fetchone()
    return int(row[0]) if row else 0


def set_sequence(db: sqlite3.Connection, table: str, last: int) -> None:
    """Make ``table`` number its next row ``last + 1``."""
    db.execute("DELETE FROM sqlite_sequence WHERE name = ?", (table,))
    db.execute("INSERT INTO sqlite_sequence VALUES (?, ?)", (table, last))


def meta(db: sqlite3.Connection, key: str) -> str | None:
    """Return a value of the meta table."""
    row = db.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
    return None if row is None else str(row[0])
