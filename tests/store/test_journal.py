"""How a commit is made safe on filesystems that copy on write, where the index of a write-ahead log would kill its writer."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import msgspec
import pytest

from styled.errors import StoreError
from styled.root import Root
from styled.store import schema
from styled.store.reader import StoreReader
from styled.store.status import DaemonStatus
from styled.store.store import Store
from tests.daemon.workshop import add_job


@pytest.fixture
def on_btrfs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schema, "filesystem_type", lambda _path: "btrfs")


def files(root: Root) -> set[str]:
    return {path.name for path in root.state.iterdir() if path.name.startswith("queue.db") and path.stat().st_size}


@pytest.mark.usefixtures("on_btrfs")
def test_nothing_is_mapped_where_files_are_copied_on_write(root: Root) -> None:
    with Store.open(root) as store:
        with StoreReader.open(root) as reader:
            for number, name in enumerate(["first", "second"], start=1):
                add_job(root, store, name)
                assert len(reader.jobs()) == number
        assert files(root) == {"queue.db"}
        assert str(root.database) not in Path("/proc/self/maps").read_text()


def test_a_database_with_a_log_is_taken_over_unless_somebody_reads_it(
    root: Root, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Store.open(root) as store:
        add_job(root, store, "before")
        assert "queue.db-shm" in files(root)
    monkeypatch.setattr(schema, "filesystem_type", lambda _path: "btrfs")
    monkeypatch.setattr(schema, "WRITER_BUSY_MS", 10)
    with StoreReader.open(root) as reader:
        assert reader.jobs()
        with Store.open(root) as store:
            add_job(root, store, "between")
            assert "queue.db-shm" in files(root)
    with Store.open(root) as store:
        assert [job.name for job in store.jobs()] == ["before", "between"]
        assert files(root) == {"queue.db"}


def test_the_state_is_written_less_often_there(root: Root, monkeypatch: pytest.MonkeyPatch) -> None:
    status = DaemonStatus(pid=1, version="1", started_at=0.0, beat_at=100.0, state="running")
    later = [msgspec.structs.replace(status, beat_at=100.0 + seconds) for seconds in (1.0, 2.0, 5.0, 3.0)]
    paused = msgspec.structs.replace(later[-1], state="paused")
    for kind, seen in (("ext4", [100.0, 101.0, 102.0, 105.0, 103.0]), ("btrfs", [100.0, 100.0, 100.0, 105.0, 103.0])):
        monkeypatch.setattr(schema, "filesystem_type", lambda _path, kind=kind: kind)
        with Store.open(root) as store:
            found = []
            for each in (status, *later):
                store.publish(each)
                found.append(store.status())
            assert [each.beat_at for each in found if each is not None] == seen
            store.publish(paused)
            last = store.status()
            assert last is not None
            assert last.state == "paused"


_CUT_OFF = """
import os, sqlite3, sys
db = sqlite3.connect(sys.argv[1], isolation_level=None)
db.execute("PRAGMA journal_mode = TRUNCATE")
db.execute("PRAGMA cache_size = 1")
db.execute("BEGIN IMMEDIATE")
for number in range(2000):
    db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (f"key-{number}", "x" * 500))
os._exit(9)
"""


@pytest.mark.processes
@pytest.mark.usefixtures("on_btrfs")
def test_a_change_that_was_cut_off_is_undone_by_the_writer_and_read_by_nobody(root: Root) -> None:
    with Store.open(root) as store:
        add_job(root, store, "harbour")
    assert subprocess.run([sys.executable, "-c", _CUT_OFF, root.database], check=False).returncode == 9
    assert "queue.db-journal" in files(root)
    with pytest.raises(StoreError), StoreReader.open(root) as reader:
        reader.jobs()
    with Store.open(root) as store:
        assert [job.name for job in store.jobs()] == ["harbour"]
        assert store.meta("key-1") is None
    with closing(sqlite3.connect(f"{root.database.as_uri()}?mode=ro", uri=True)) as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
