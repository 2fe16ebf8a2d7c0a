"""Rows of the database as values: jobs and events."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Any

import msgspec

from styled.errors import DataDamaged
from styled.files.decoding import from_json
from styled.job import Job

JOB_COLUMNS = Job.__struct_fields__
_JSON_COLUMNS = frozenset({"styles", "settings", "style_digests", "remarks", "names"})
_COLUMNS = ", ".join(JOB_COLUMNS)


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """Something that happened to the queue."""

    seq: int
    """From 1, without gaps; a first number other than the one asked for means that older ones were dropped."""
    at: float
    """Unix seconds."""
    kind: str
    """``added``, ``moved``, ``priority``, ``removed``, ``rejected``, ``duplicate``, ``incomplete``, ``ignored``,
    ``rechecked``, ``dismissed`` or ``rebuilt``;
    ``damaged`` where the row cannot be read."""
    number: int | None
    """The job's, None where none is meant."""
    id: str
    before: str
    """The earlier state or value."""
    after: str
    note: str
    """Printable."""


class Rejection(msgspec.Struct, frozen=True, kw_only=True):
    """A pair that became no job."""

    seq: int
    """Of its event."""
    at: float
    """Unix seconds."""
    reason: str
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


def to_event(row: Sequence[Any]) -> Event:
    """Turn a row into an event; a damaged one still takes its place, so that who follows the numbers comes past it."""
    values = dict(zip(Event.__struct_fields__, row, strict=True))
    try:
        "".join(cell for cell in row if isinstance(cell, str)).encode()
        return msgspec.convert(values, Event)
    except (msgspec.ValidationError, UnicodeEncodeError):
        return Event(seq=row[0], at=0.0, kind="damaged", number=None, id="", before="", after="", note="")


def readable(text: str) -> str:
    """Return a text of the database as one that can be printed and stored: bytes that are not UTF-8 are replaced."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def damaged_rows(db: sqlite3.Connection) -> dict[int, str]:
    """Return the number of each job whose row is damaged, and what is wrong with it."""
    damaged = {}
    for rowid, *row in db.execute(f"SELECT rowid, {_COLUMNS} FROM jobs"):  # noqa: S608  # only our own words
        try:
            to_job(row)
        except DataDamaged as error:
            damaged[int(rowid)] = error.message
    return damaged


def set_sequence(db: sqlite3.Connection, table: str, last: int) -> None:
    """Make ``table`` number its next row ``last + 1``."""
    db.execute("DELETE FROM sqlite_sequence WHERE name = ?", (table,))
    db.execute("INSERT INTO sqlite_sequence VALUES (?, ?)", (table, last))
