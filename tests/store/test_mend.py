"""Rows that SQLite finds sound and no job can have: the job is taken from its folder again, and all others are as they were."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing

import pytest

from styled.errors import StoreError
from styled.evolution import JobFolder
from styled.job import Job, JobState
from styled.root import Root
from styled.store.reader import StoreReader
from styled.store.store import Store
from tests.daemon.workshop import add_job

DAMAGE = {
    "settings cut off": "settings = '{\"size\": 3'",
    "settings nested without end": "settings = '" + "[" * 5000 + "'",
    "a number beyond 64 bits": "settings = '{\"seed\": 99999999999999999999}'",
    "a list for a table": "settings = '[]'",
    "not UTF-8": "name = CAST(x'ff41' AS TEXT)",
    "not UTF-8 in a reason": "reason = CAST(x'c328' AS TEXT)",
    "nothing where something must be": "styles = 'null'",
    "a number for a list": "style_digests = '5'",
}


@pytest.fixture
def root(root: Root) -> Root:
    with Store.open(root) as store:
        for name in ("before", "hit", "after"):
            add_job(root, store, name, seed=5)
    return root


def hit(root: Root, change: str) -> None:
    """Change a cell behind the store's back."""
    with closing(sqlite3.connect(root.database, isolation_level=None)) as db:
        db.execute("PRAGMA ignore_check_constraints = ON")
        # The tables are strict: what remains is damage within a cell.
        db.execute(f"UPDATE jobs SET {change} WHERE number = 2")  # noqa: S608  # our own words


def names(jobs: list[Job]) -> list[str]:
    return [job.name for job in jobs]


@pytest.mark.parametrize("change", DAMAGE.values(), ids=DAMAGE)
def test_a_start_takes_the_job_from_its_folder(root: Root, change: str) -> None:
    hit(root, change)
    with Store.open(root) as store:
        found = store.get(2)
        assert names(store.jobs()) == ["before", "hit", "after"]
        assert any(note.startswith("job 0002: a row of jobs is damaged") for note in store.notes)
        assert store.next_number() == 4
    assert (found.state, found.settings["seed"]) == (JobState.WAITING, 5)
    with Store.open(root) as store:
        assert store.notes == []


@pytest.mark.parametrize("change", DAMAGE.values(), ids=DAMAGE)
def test_until_then_it_is_left_out_and_the_others_are_shown(root: Root, change: str) -> None:
    hit(root, change)
    with StoreReader.open(root) as reader:
        assert names(reader.jobs()) == ["before", "after"]
        with pytest.raises(StoreError, match="damaged"):
            reader.get(2)


def test_damage_while_the_daemon_runs_costs_no_other_job_its_turn(root: Root) -> None:
    with Store.open(root) as store:
        hit(root, DAMAGE["not UTF-8"])
        claimed = []
        while (job := store.claim_next()) is not None:
            claimed.append(job.name)
        assert sorted(claimed) == ["after", "before", "hit"]


def test_without_its_folder_the_job_is_gone_and_said(root: Root) -> None:
    hit(root, DAMAGE["settings cut off"])
    [folder] = [JobFolder(path) for path in root.evolution.glob("*-hit")]
    folder.job_json.write_bytes(b"{")
    with Store.open(root) as store:
        assert names(store.jobs()) == ["before", "after"]
        assert any("job.json is damaged" in note for note in store.notes)
        assert any("1 damaged rows, 0 jobs" in note for note in store.notes)


def test_the_writer_mends_a_row_whoever_asks_for_it(root: Root) -> None:
    with Store.open(root) as store:
        for change in DAMAGE.values():
            hit(root, change)
            assert store.get(2).name == "hit"
        hit(root, DAMAGE["not UTF-8"])
        store.update_progress(2, step=3)
        hit(root, DAMAGE["settings cut off"])
        assert store.move(2, JobState.CANCELLED).state is JobState.CANCELLED


def test_damage_beside_the_jobs_costs_one_entry(root: Root) -> None:
    with Store.open(root) as store, closing(sqlite3.connect(root.database, isolation_level=None)) as db:
        before = store.events(0)
        db.execute("UPDATE events SET id = CAST(x'ff' AS TEXT) WHERE seq = 2")
        db.execute("PRAGMA ignore_check_constraints = ON")
        db.execute("UPDATE jobs SET state = 'wai\x01ing' WHERE number = 2")
        db.execute(
            "INSERT OR REPLACE INTO meta VALUES ('hold', CAST(x'70ff' AS TEXT)), ('status', '{'), ('revision', 'x')"
        )
        db.execute("INSERT INTO seen VALUES ('d', 1, CAST(x'61ff' AS TEXT))")
        db.execute("UPDATE sqlite_sequence SET seq = 'x' WHERE name = 'events'")
        after = store.events(0)
        assert [event.seq for event in after] == [event.seq for event in before]
        assert [event.kind for event in after] == ["added", "damaged", "added"]
        assert store.counts()[JobState.WAITING] == 2
        assert store.meta("hold") == "p\ufffd"
        assert store.first_seen("d") == (1, "a\ufffd")
        with StoreReader.open(root) as reader:
            assert (reader.status(), reader.version(), reader.last_event()) == (None, 0, 0)
    with Store.open(root) as store:
        assert names(store.jobs()) == ["before", "hit", "after"]


@pytest.mark.parametrize("content", [b"", b"9" * 20, b"99999999999", b"-3", b"\xff", b"[]", None])
def test_a_damaged_file_of_numbers_gives_no_number_twice(root: Root, content: bytes | None) -> None:
    numbers = root.state / "numbers"
    numbers.unlink()
    if content is None:
        os.mkfifo(numbers)
    else:
        numbers.write_bytes(content)
    with Store.open(root) as store:
        assert store.next_number() == 4
