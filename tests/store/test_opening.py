from __future__ import annotations

import errno
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from styled.backend.orphans import Process
from styled.errors import DiskFull, StorageRefuses, StoreError
from styled.evolution import JobFile, JobFolder, write_job_file
from styled.job import Job, JobState
from styled.root import Root
from styled.settings import Settings
from styled.store import schema
from styled.store.adoption import adopt_folders, save_state
from styled.store.reader import StoreReader
from styled.store.store import Store
from tests.daemon.workshop import add_job

AddJob = Callable[..., Job]


def write_folder(root: Root, number: int, **fields: object) -> JobFolder:
    folder = JobFolder(root.evolution / f"20261122-2015{number:02d}-harbour")
    folder.create()
    values: dict[str, object] = {
        "id": folder.id,
        "number": number,
        "name": "harbour",
        "content": "input/content.png",
        "styles": ("input/style.png",),
        "settings": Settings(),
        "created_at": 5.0 + number,
    }
    write_job_file(folder, JobFile(**{**values, **fields}))  # type: ignore[arg-type]
    return folder


def kept_aside(root: Root) -> list[str]:
    return sorted(path.name for path in root.state.iterdir() if ".corrupt-" in path.name)


def test_a_new_root_gets_an_empty_queue_without_a_word(root: Root):
    with Store.open(root) as store:
        assert (store.jobs(), store.notes, store.events(0)) == ([], [], [])
    assert root.database.exists()


@pytest.mark.parametrize("damage", ["header", "page", "garbage", "foreign"])
def test_a_damaged_database_is_kept_aside_and_rebuilt_from_the_folders(root: Root, damage: str):
    with Store.open(root) as store:
        for number in (1, 2, 3):
            folder = write_folder(root, number)
            store.add(
                number=number, id=folder.id, name="harbour", content="input/content.png", styles=("input/style.png",)
            )
        save_state(root.evolution, store.set_priority(3, 9))
        save_state(root.evolution, store.move(2, JobState.PAUSED, reason="later"))
        before = [job.id for job in store.jobs(order="queue")]
    data = bytearray(root.database.read_bytes())
    if damage == "header":
        data[:16] = b"x" * 16
    elif damage == "page":
        data[4096:] = os.urandom(len(data) - 4096)
    elif damage == "garbage":
        data = bytearray(b"\x00" * 50)
    else:
        data[68:72] = b"\x12\x34\x56\x78"  # application_id
    root.database.write_bytes(data)
    with Store.open(root) as store:
        assert [job.id for job in store.jobs(order="queue")] == before
        assert store.get(2).state is JobState.PAUSED
        assert any("kept as queue.db.corrupt-" in note for note in store.notes)
        assert store.events(0)[-1].kind == "rebuilt"
        assert store.next_number() == 4
    (aside,) = [name for name in kept_aside(root) if not name.endswith(("-wal", "-shm"))]
    assert (root.state / aside).read_bytes() == bytes(data)


def test_a_second_damage_in_the_same_second_keeps_both(root: Root, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("time.strftime", lambda *_: "20261122-201500")
    root.state.mkdir()
    for text in (b"one" * 200, b"two" * 200):
        root.database.write_bytes(text)
        Store.open(root).close()
    assert kept_aside(root) == ["queue.db.corrupt-20261122-201500", "queue.db.corrupt-20261122-201500-2"]


@pytest.mark.parametrize("how", ["deleted", "emptied"])
def test_a_lost_database_is_rebuilt_and_subscribers_notice_the_gap(root: Root, how: str):
    write_folder(root, 1, state=JobState.RUNNING)
    write_folder(root, 7, state=JobState.DONE, finished_at=8.0)
    with Store.open(root) as store:
        last = store.last_event()
    root.database.unlink() if how == "deleted" else root.database.write_bytes(b"")
    with Store.open(root) as store:
        assert [(job.number, job.state) for job in store.jobs()] == [(1, JobState.WAITING), (7, JobState.DONE)]
        assert store.next_number() == 8
        after = store.events(last)
        assert after
        assert after[0].seq > last + 1


def test_a_log_without_its_database_is_kept_aside_too(root: Root):
    root.state.mkdir()
    Path(f"{root.database}-wal").write_bytes(b"left over")
    with Store.open(root) as store:
        assert "gone" in store.notes[0]
    assert [name for name in kept_aside(root) if name.endswith("-wal")]


def test_a_newer_schema_is_refused_and_nothing_is_touched(root: Root):
    Store.open(root).close()
    with sqlite3.connect(root.database) as db:
        db.execute(f"PRAGMA user_version = {schema.SCHEMA_VERSION + 1}")
    before = root.database.read_bytes()
    with pytest.raises(StoreError, match=r"newer styled.*nothing was changed"):
        Store.open(root)
    assert root.database.read_bytes() == before
    assert kept_aside(root) == []


def test_an_older_schema_is_migrated_after_a_backup(root: Root, monkeypatch: pytest.MonkeyPatch):
    with Store.open(root) as store:
        store.add(id="a", name="a", content="c", styles=("s",))
    old = schema.SCHEMA_VERSION
    monkeypatch.setattr(schema, "SCHEMA_VERSION", old + 1)
    monkeypatch.setitem(schema.MIGRATIONS, old, lambda db: db.execute("CREATE TABLE extra (x)"))
    with Store.open(root) as store:
        assert store.get("a").name == "a"
        assert store._db.execute("SELECT count(*) FROM extra").fetchone() == (0,)
        assert any(f"queue.db.v{old}.bak" in note for note in store.notes)
    with sqlite3.connect(root.state / f"queue.db.v{old}.bak") as backup:
        assert backup.execute("PRAGMA user_version").fetchone() == (old,)
        assert backup.execute("SELECT id FROM jobs").fetchall() == [("a",)]


def test_a_migration_that_fails_leaves_the_old_schema(root: Root, monkeypatch: pytest.MonkeyPatch):
    Store.open(root).close()
    old = schema.SCHEMA_VERSION

    def fail(db: sqlite3.Connection) -> None:
        db.execute("CREATE TABLE extra (x)")
        db.execute("no such statement")

    monkeypatch.setattr(schema, "SCHEMA_VERSION", old + 1)
    monkeypatch.setitem(schema.MIGRATIONS, old, fail)
    with pytest.raises(StoreError):
        Store.open(root)
    monkeypatch.setattr(schema, "SCHEMA_VERSION", old)
    with Store.open(root) as store:
        assert store._db.execute("SELECT count(*) FROM sqlite_master WHERE name = 'extra'").fetchone() == (0,)


def test_the_first_release_s_database_still_opens(root: Root):
    """A database as schema 1 wrote it, kept here as a file: later versions must go on from it."""
    root.state.mkdir()
    shutil.copy(Path(__file__).parent / "queue_v1.db", root.database)
    with Store.open(root) as store:
        job = store.get(2)
        assert (job.name, job.state, job.settings, job.styles) == (
            "harbour",
            JobState.PAUSED,
            {"seed": 4},
            ("input/style.png",),
        )
        assert store.next_number() == 3
        store.move(2, JobState.WAITING)
        assert store.change(2, remarks=("colours guessed",)).remarks == ("colours guessed",)


def test_the_process_of_a_worker_that_an_older_styled_started_is_still_known(root: Root):
    root.state.mkdir()
    shutil.copy(Path(__file__).parent / "queue_v1.db", root.database)
    with closing(sqlite3.connect(root.database)) as db:
        db.execute("UPDATE jobs SET pid = 4711, pid_started = 1700000000.25 WHERE number = 2")
        db.commit()
    with Store.open(root) as store:
        assert Process.of(store.get(2).handle) == (4711, 1700000000.25)
        assert [job.handle for job in store.jobs() if job.number != 2] == [""] * (len(store.jobs()) - 1)


def test_a_network_filesystem_is_refused(root: Root, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("styled.store.opening.filesystem_type", lambda _: "nfs4")
    with pytest.raises(StoreError, match=r"nfs4.*local disk"):
        Store.open(root)
    assert not root.database.exists()


@pytest.mark.processes
def test_a_torn_write_ahead_log_loses_only_what_was_not_committed(root: Root):
    """The writer is killed; then the end of its log is cut off, as a power loss may do."""
    script = (
        "import os, signal, sys; from pathlib import Path; from styled.root import Root; from styled.store.store import Store\n"
        "store = Store.open(Root(Path(sys.argv[1])))\n"
        "for n in range(20): store.add(id=f'j{n:02d}', name='n', content='c', styles=('s',))\n"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    done = subprocess.run([sys.executable, "-c", script, str(root.path)], check=False)
    assert done.returncode == -signal.SIGKILL
    log = Path(f"{root.database}-wal")
    with log.open("r+b") as file:
        file.truncate(log.stat().st_size - 3000)
    with Store.open(root) as store:
        ids = [job.id for job in store.jobs()]
        assert ids == [f"j{n:02d}" for n in range(len(ids))]
        assert len(ids) == 19
        assert store.notes == []


def add_many(store: Store) -> None:
    for number in range(1000):
        store.add(id=f"b{number}", name="b" * 2000, content="c", styles=("s",))


def test_a_full_disk_is_told_as_such_and_loses_nothing(root: Root):
    with Store.open(root) as store:
        store.add(id="a", name="a", content="c", styles=("s",))
        pages = store._db.execute("PRAGMA page_count").fetchone()[0]
        store._db.execute(f"PRAGMA max_page_count = {pages}")
        with pytest.raises(DiskFull):
            add_many(store)
        store._db.execute("PRAGMA max_page_count = 1000000")
        store.add(id="z", name="z", content="c", styles=("s",))
        jobs = store.jobs()
        assert (jobs[0].id, jobs[-1].id) == ("a", "z")
        assert len({job.number for job in jobs}) == len(jobs)


def test_a_database_that_is_removed_under_its_writer_is_written_again_with_all_that_was_in_it(root: Root) -> None:
    with Store.open(root) as store:
        add_job(root, store, "before")
        store.set_meta("hold", "paused by ann")
        assert not store.restore()
        shutil.rmtree(root.state)
        root.make_state()
        add_job(root, store, "between")  # the open file takes it still
        assert store.restore()
        assert not store.restore()
        add_job(root, store, "after")
        with StoreReader.open(root) as reader:
            assert [job.name for job in reader.jobs()] == ["before", "between", "after"]
            assert reader.meta("hold") == "paused by ann"
        assert store.notes == ["queue.db was removed, and is written again"]
    with Store.open(root) as store:
        assert [job.number for job in store.jobs()] == [1, 2, 3]
        assert store.next_number() == 4


def test_another_database_in_its_place_is_kept_aside(root: Root) -> None:
    with Store.open(root) as store:
        add_job(root, store, "ours")
        root.database.unlink()
        with closing(sqlite3.connect(root.database)) as other:
            other.execute("CREATE TABLE theirs (x)")
        assert store.restore()
        (aside,) = (path for path in root.state.glob("queue.db.corrupt-*") if not path.name.endswith(("-wal", "-shm")))
        with closing(sqlite3.connect(f"{aside.as_uri()}?immutable=1", uri=True)) as other:
            assert other.execute("SELECT name FROM sqlite_master").fetchall() == [("theirs",)]
        assert [job.name for job in store.jobs()] == ["ours"]


def test_a_database_that_cannot_be_written_again_now_is_tried_again(root: Root) -> None:
    with Store.open(root) as store:
        add_job(root, store, "harbour")
        shutil.rmtree(root.state)
        with pytest.raises(StoreError):
            store.restore()
        assert [job.name for job in store.jobs()] == ["harbour"]
        root.make_state()
        assert store.restore()


def test_a_database_that_is_written_again_but_not_renamed_is_not_lost(
    root: Root, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What lies beside its place is the only copy by then: a second try must not begin by removing it."""
    real = Path.replace

    def refuse(path: Path, target: Path) -> Path:
        if path.name == "queue.db.new":
            raise OSError(errno.EIO, "Input/output error")
        return real(path, target)

    with Store.open(root) as store:
        add_job(root, store, "harbour")
        root.database.unlink()
        with monkeypatch.context() as patch:
            patch.setattr(Path, "replace", refuse)
            for _ in range(2):
                with pytest.raises(StorageRefuses):
                    store.restore()
        assert store.restore()
        assert [job.name for job in store.jobs()] == ["harbour"]


@pytest.mark.parametrize("damage", ["page", "truncated"])
def test_a_database_that_is_damaged_under_its_writer_is_rebuilt_and_what_is_painted_stays_running(
    root: Root, damage: str
) -> None:
    with Store.open(root) as store:
        for number in range(1, 41):
            write_folder(root, number, state=JobState.RUNNING if number < 3 else JobState.WAITING)
        adopt_folders(store, root.evolution, {"20261122-201501-harbour", "20261122-201502-harbour"})
        store.follow(lambda: {"20261122-201502-harbour"})
        assert not store.is_damaged
        with closing(sqlite3.connect(root.database, isolation_level=None)) as other:  # empties its cache
            other.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            other.execute("INSERT INTO meta VALUES ('x', 'y')")
            data = root.database.read_bytes()
            with root.database.open("r+b") as file:
                if damage == "page":
                    file.seek(4096)
                    file.write(os.urandom(len(data) - 4096))
                else:
                    file.truncate(4096)
            with pytest.raises(StoreError):
                store.jobs()
        assert store.is_damaged
        assert store.restore()
        assert not store.is_damaged
        assert kept_aside(root)
        assert [job.number for job in store.jobs()] == list(range(1, 41))
        assert [job.number for job in store.jobs([JobState.RUNNING])] == [2]
        assert store.get(2).attempts == 1
        assert any("damaged" in note for note in store.notes)
        assert not store.restore()
        claimed = store.claim_next()
        assert claimed is not None
        assert claimed.number == 1
