from __future__ import annotations

import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from styled.errors import NoSuchJob, StoreError
from styled.gpus import Gpu
from styled.job import Job, JobState
from styled.memory import MemorySample
from styled.root import Root
from styled.store.reader import StoreReader
from styled.store.status import DaemonStatus, Incomplete, Rejected
from styled.store.store import Store
from tests.deadlines import patience
from tests.store.conftest import FakeClock
from tests.store.many import add_copies

AddJob = Callable[..., Job]


@pytest.fixture
def reader(root: Root) -> StoreReader:
    return StoreReader.open(root)


def test_a_root_without_a_database_reads_as_an_empty_queue(reader: StoreReader):
    assert reader.jobs() == []
    assert reader.counts() == dict.fromkeys(JobState, 0)
    assert reader.status() is None
    assert reader.version() == 0
    assert reader.events(0) == []
    with pytest.raises(NoSuchJob, match="1"):
        reader.get(1)


def test_a_reader_opened_before_the_database_sees_it_once_it_is_there(reader: StoreReader, root: Root):
    assert reader.jobs() == []
    with Store.open(root) as store:
        store.add(id="a", name="a", content="c", styles=("s",))
        assert [job.id for job in reader.jobs()] == ["a"]


def test_everything_can_be_read_after_the_daemon_is_gone(reader: StoreReader, store: Store, add_job: AddJob):
    job = add_job(settings={"seed": 4})
    store.close()
    assert reader.jobs() == [job]
    assert reader.get(job.id) == job


def test_a_reader_cannot_write(reader: StoreReader, store: Store):
    reader.jobs()
    assert reader._db is not None
    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        reader._db.execute("DELETE FROM jobs")


@pytest.mark.parametrize("ref", [7, "7", "0007", "#7", " 7 ", "20261122-201507-harbour", "20261122-201507"])
def test_a_job_is_found_by_number_id_or_beginning(reader: StoreReader, add_job: AddJob, ref: str | int):
    for _ in range(8):
        add_job()
    assert reader.find(ref).number == 7


def test_a_name_is_that_of_one_job_only(reader: StoreReader, add_job: AddJob):
    add_job("wave", id="20261122-201500-wave")
    assert reader.find("wave").number == 1
    with pytest.raises(NoSuchJob):  # no job has that number, and it is not the beginning of an id
        reader.find("2")
    add_job("wave", id="20261122-201501-wave")
    with pytest.raises(NoSuchJob, match="more than one job is called 'wave'"):
        reader.find("wave")


@pytest.mark.parametrize("ref", ["", "99", "20261122", "%", "no such", "2026112220151", 10**30])
def test_what_means_no_job_or_several_is_no_such_job(reader: StoreReader, add_job: AddJob, ref: str | int):
    for _ in range(3):
        add_job()
    with pytest.raises(NoSuchJob):
        reader.find(ref)


def test_jobs_that_others_are_to_start_from_are_known(reader: StoreReader, store: Store, add_job: AddJob):
    first, second, third = (add_job(name) for name in ("first", "second", "third"))
    add_job("later", settings={"init": f"job:{first.id}"})
    add_job("latest", settings={"init": f"job:{first.id}"})
    paused = add_job("paused", settings={"init": f"job:{second.id}"})
    store.move(paused.id, JobState.PAUSED)
    ended = add_job("ended", settings={"init": f"job:{third.id}"})
    store.move(ended.id, JobState.CANCELLED)
    add_job("job:", settings={"init": "noise"})
    assert reader.started_from() == {first.id: 4, second.id: 6}


def test_the_last_rejection_of_a_name_is_known(reader: StoreReader, store: Store, clock: FakeClock):
    assert reader.last_rejection("cat") is None
    for note in ("cat: no image", "cat: too small: 3 px", "cat-2: another", "a cat: another"):
        clock.pass_by(1)
        store.note_event("rejected", note)
    store.note_event("incomplete", "cat: waits")
    found = reader.last_rejection("cat")
    assert found is not None
    assert (found.seq, found.at, found.reason) == (2, 1002.0, "too small: 3 px")


def test_jobs_can_be_chosen_by_state_text_and_window(reader: StoreReader, store: Store, add_job: AddJob):
    for name in ("harbour", "Harbour_2", "100%", "cat"):
        add_job(name)
    store.move(4, JobState.CANCELLED, reason="not a harbour")
    assert [job.number for job in reader.jobs([JobState.WAITING])] == [1, 2, 3]
    assert [job.number for job in reader.jobs(search="harbour")] == [1, 2, 4]
    assert [job.number for job in reader.jobs(search="0%")] == [3]
    assert [job.number for job in reader.jobs(search="r_2")] == [2]
    assert [job.number for job in reader.jobs(search="0003")] == [3]
    assert [job.number for job in reader.jobs(limit=2, offset=1)] == [2, 3]
    assert reader.jobs([]) == []


def test_the_order_of_the_queue_is_running_then_next_then_paused_then_ended(
    reader: StoreReader, store: Store, add_job: AddJob, clock: FakeClock
):
    for priority in (0, 0, 0, 0, 0, 2, 1):
        add_job(priority=priority)
    store.move(1, JobState.CANCELLED)
    clock.pass_by(5)
    store.move(2, JobState.CANCELLED)
    store.move(3, JobState.PAUSED)
    store.move(4, JobState.RUNNING)
    assert [job.number for job in reader.jobs(order="queue")] == [4, 6, 7, 5, 3, 2, 1]
    assert [job.number for job in reader.jobs(order="newest")] == [7, 6, 5, 4, 3, 2, 1]


def test_the_version_changes_with_every_change_and_not_otherwise(reader: StoreReader, store: Store, add_job: AddJob):
    versions = [reader.version()]
    job = add_job()
    versions.append(reader.version())
    store.claim_next()
    versions.append(reader.version())
    store.update_progress(job.id, step=1)
    versions.append(reader.version())
    assert len(set(versions)) == 4
    store.publish(DaemonStatus(pid=1, version="0", started_at=0, beat_at=1, state="running"))
    assert reader.version() == versions[-1]


def test_the_status_comes_back_whole(reader: StoreReader, store: Store):
    status = DaemonStatus(
        pid=12,
        version="0.1.0",
        started_at=1.5,
        beat_at=2.5,
        state="degraded",
        note="the disk is full",
        incomplete=[Incomplete(name="cat", missing="a style", since=1.0)],
        incomplete_count=1,
        rejected=[Rejected(name="bad", reason="truncated", at=2.0)],
        rejected_count=1,
        memory=MemorySample(host_used=1, host_total=2, gpus=(Gpu(index=0, name="A"),)),
    )
    store.publish(status)
    assert reader.status() == status


def test_a_status_of_another_version_reads_as_none(reader: StoreReader, store: Store):
    store.set_meta("status", '{"pid": "one"}')
    assert reader.status() is None


def test_a_replaced_database_is_noticed(reader: StoreReader, root: Root, store: Store, add_job: AddJob):
    add_job()
    assert len(reader.jobs()) == 1
    store.close()
    root.database.unlink()
    assert reader.jobs() == []
    with Store.open(root) as other:
        other.add(id="b", name="b", content="c", styles=("s",))
        assert [job.id for job in reader.jobs()] == ["b"]


def test_a_database_put_in_the_place_of_another_is_noticed(
    reader: StoreReader, root: Root, store: Store, tmp_path: Path
):
    assert reader.jobs() == []
    store.close()
    other = Root(tmp_path / "other")
    with Store.open(other) as filled:
        filled.add(id="b", name="b", content="c", styles=("s",))
    other.database.replace(root.database)
    assert [job.id for job in reader.jobs()] == ["b"]


def test_a_database_of_a_newer_or_older_styled_is_refused_with_advice(reader: StoreReader, store: Store, root: Root):
    store.close()
    with sqlite3.connect(root.database) as db:
        db.execute("PRAGMA user_version = 99")
    with pytest.raises(StoreError, match="newer styled"):
        reader.jobs()
    with sqlite3.connect(root.database) as db:
        db.execute("PRAGMA user_version = 0")
    with pytest.raises(StoreError, match="Start the daemon once"):
        reader.jobs()


def test_a_damaged_database_is_an_error_with_advice(reader: StoreReader, root: Root):
    root.state.mkdir()
    root.database.write_bytes(b"this is not a database, but long enough to look like a page" * 100)
    with pytest.raises(StoreError, match="Restart the daemon"):
        reader.jobs()


@pytest.mark.processes
def test_a_read_only_folder_without_a_log_can_be_read(reader: StoreReader, root: Root, store: Store, add_job: AddJob):
    add_job()
    store.close()
    for end in ("-wal", "-shm"):
        Path(f"{root.database}{end}").unlink(missing_ok=True)
    script = (
        "import os, sys; from pathlib import Path; from styled.root import Root; from styled.store.reader import StoreReader\n"
        "if os.getuid() == 0: os.setgid(65534); os.setuid(65534)\n"  # a folder's mode does not stop root
        "reader = StoreReader.open(Root(Path(sys.argv[1])))\n"
        "assert [len(reader.jobs()) for _ in range(2)] == [1, 1]"
    )
    root.database.chmod(0o644)  # as in a copy that its owner gave away
    root.state.chmod(0o555)
    root.database.chmod(0o644)  # of itself it is its owner's alone
    for folder in (root.path, *root.path.parents):
        if folder.is_relative_to(tempfile.gettempdir()) and folder != Path(tempfile.gettempdir()):
            folder.chmod(0o755)  # so that the other user gets there at all
    subprocess.run([sys.executable, "-c", script, str(root.path)], check=True)


def test_many_threads_share_a_reader_while_the_writer_writes(reader: StoreReader, store: Store, add_job: AddJob):
    failures: list[BaseException] = []
    stop = threading.Event()

    def read() -> None:
        try:
            while not stop.is_set():
                numbers = [job.number for job in reader.jobs()]
                assert numbers == list(range(1, len(numbers) + 1))
        except BaseException as error:  # noqa: BLE001  # told to the test
            failures.append(error)

    threads = [threading.Thread(target=read) for _ in range(4)]
    for thread in threads:
        thread.start()
    for _ in range(50):
        add_job()
    stop.set()
    for thread in threads:
        thread.join()
    assert failures == []


def test_ten_thousand_jobs_are_quick_to_ask(reader: StoreReader, store: Store):
    add_copies(store, 10_000, state=JobState.DONE, finished_at=1.0)
    cpu = time.process_time()
    counts = reader.counts()
    page = reader.jobs(order="queue", limit=50)
    found = reader.get("n7777")
    reader.version()
    spent = time.process_time() - cpu
    assert (counts[JobState.DONE], page[0].number, found.number) == (10_000, 10_000, 7777)
    assert spent < 0.15
    cpu = time.process_time()
    assert len(reader.jobs()) == 10_000
    assert time.process_time() - cpu < patience(0.3)
