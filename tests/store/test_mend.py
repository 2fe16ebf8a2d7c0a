"""Rows that SQLite finds sound and no job can have: the job is taken from its folder again, and all others are as they were."""

from __future__ import annotations

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
