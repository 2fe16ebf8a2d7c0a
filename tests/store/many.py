"""Thousands of jobs at once: one is added, and its row copied."""

from __future__ import annotations

from typing import Any

from styled.store.records import JOB_COLUMNS
from styled.store.store import Store


def add_copies(store: Store, count: int, **fields: Any) -> None:
    """Add jobs ``n1`` to ``n<count>`` to an empty store, with ids alike, that ended one second after another."""
    store.add(number=1, id="n1", name="n1", content="c", styles=("s",), **fields)
    differing = {"number": "i", "id": "'n' || i", "name": "'n' || i", "finished_at": "finished_at + i - 1.0"}
    values = ", ".join(differing.get(column, column) for column in JOB_COLUMNS)
    with store.batch():
        store._db.execute(
            "WITH RECURSIVE numbers(i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM numbers WHERE i < ?)"  # noqa: S608
            f" INSERT INTO jobs ({', '.join(JOB_COLUMNS)}) SELECT {values} FROM jobs, numbers WHERE number = 1",
            (count,),
        )
