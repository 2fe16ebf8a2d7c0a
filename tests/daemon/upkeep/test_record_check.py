"""What ``job.json`` missed of the store is written later: a rebuild of the queue goes by it alone."""

from __future__ import annotations

import errno
import shutil
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
import structlog

from styled.daemon import job_record
from styled.daemon.upkeep import record_check
from styled.daemon.upkeep.record_check import RecordCheck
from styled.errors import DiskFull
from styled.evolution import JobFolder, read_job_file, write_job_file
from styled.job import Job, JobState
from styled.root import Root
from styled.store.adoption import save_state
from styled.store.older_copy import Age
from styled.store.store import Store
from tests.daemon.workshop import add_job
from tests.deadlines import wait_until


class Desk:
    """A store, its folders, and a check whose clock is moved by hand."""

    def __init__(self, root: Root, store: Store) -> None:
        self.root = root
        self.store = store
        self.now = 0.0
        self.check = RecordCheck(root, store, clock=lambda: self.now)

    def add(self, *moves: JobState) -> Job:
        """Add a job, then move it in the store alone."""
        job = add_job(self.root, self.store, "harbour")
        for state in moves:
            job = self.store.move(job.id, state)
        return job

    def file_state(self, job: Job) -> JobState:
        """Return what a rebuild would go by."""
        return read_job_file(JobFolder(self.root.evolution / job.id)).state

    def look(self) -> None:
        """Turn until all is done that is due now."""
        wait_until(lambda: self.check.turn() or (self.check._look is None and self.check.wake_after() != 0.0))


@pytest.fixture
def desk(root: Root) -> Iterator[Desk]:
    with Store.open(root) as store:
        desk = Desk(root, store)
        with desk.check:
            yield desk


@pytest.mark.parametrize("state", [JobState.DONE, JobState.FAILED, JobState.CANCELLED])
def test_a_daemon_killed_between_store_and_folder_is_made_good_by_the_next(desk: Desk, state: JobState) -> None:
    job = desk.add(JobState.RUNNING, state)
    assert desk.file_state(job) is JobState.WAITING
    desk.look()
    assert desk.file_state(job) is state
    assert desk.check.wake_after() is None


def checkpoint_of(desk: Desk, job: Job) -> Path:
    """Return the folder of a job's checkpoint, in which there is one."""
    folder = JobFolder(desk.root.evolution / job.id).checkpoint
    folder.mkdir(exist_ok=True)
    (folder / "a").mkdir()
    (folder / "a" / "image.npy").write_bytes(b"x" * 1000)
    return folder


@pytest.mark.parametrize("is_recorded", [False, True])
def test_the_checkpoint_that_a_killed_daemon_left_of_a_done_job_is_removed(desk: Desk, is_recorded: bool) -> None:
    done = [desk.add(JobState.RUNNING, JobState.DONE) for _ in range(3)]
    others = [
        desk.add(JobState.RUNNING),
        *(desk.add(JobState.RUNNING, state) for state in (JobState.FAILED, JobState.CANCELLED, JobState.PAUSED)),
    ]
    for job in (*done, *others) if is_recorded else ():
        save_state(desk.root.evolution, job)
    left, kept = ([checkpoint_of(desk, job) for job in jobs] for jobs in (done, others))
    desk.look()
    assert [folder.exists() for folder in left] == [False, False, False]
    assert [(folder / "a" / "image.npy").exists() for folder in kept] == [True] * 4
    assert [desk.file_state(job) for job in done] == [JobState.DONE] * 3
    assert desk.check.wake_after() is None


def test_a_checkpoint_stays_while_a_rebuild_would_need_it_or_the_job_is_painted_again(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    unrecorded, damaged, again = (desk.add(JobState.RUNNING, JobState.DONE) for _ in range(3))
    save_state(desk.root.evolution, again)
    JobFolder(desk.root.evolution / damaged.id).job_json.write_bytes(b"{")
    kept = [checkpoint_of(desk, job) for job in (unrecorded, damaged, again)]

    def refuse(*_: object) -> None:
        raise DiskFull("no room")

    monkeypatch.setattr(job_record, "save_state", refuse)
    desk.check.turn()
    wait_until(lambda: desk.check._look is not None and desk.check._look.done())
    desk.store.move(again.id, JobState.WAITING)
    with structlog.testing.capture_logs():
        desk.look()
    assert [(folder / "a" / "image.npy").exists() for folder in kept] == [True] * 3


def test_a_checkpoint_that_cannot_be_removed_is_told_and_costs_only_itself(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = (desk.add(JobState.RUNNING, JobState.DONE) for _ in range(2))
    for job in (first, second):
        save_state(desk.root.evolution, job)
    stuck, left = checkpoint_of(desk, first), checkpoint_of(desk, second)
    rmtree = shutil.rmtree

    def refuse(path: Path) -> None:
        if path == stuck:
            raise PermissionError(errno.EACCES, "Permission denied")
        rmtree(path)

    monkeypatch.setattr(shutil, "rmtree", refuse)
    with structlog.testing.capture_logs() as logged:
        desk.look()
    assert (stuck.exists(), left.exists()) == (True, False)
    assert [entry["job"] for entry in logged if entry["log_level"] == "warning"] == [first.id]


def test_a_full_disk_is_waited_for_longer_and_longer(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    jobs = [desk.add(JobState.PAUSED) for _ in range(2)]
    attempts: list[float] = []

    def refuse(*_: object) -> None:
        attempts.append(desk.now)
        raise DiskFull("no room")

    monkeypatch.setattr(job_record, "save_state", refuse)
    with structlog.testing.capture_logs():
        desk.look()
        for _ in range(60):
            desk.now += record_check.AFTER_S
            desk.look()
    assert attempts == [0.0, 60.0, 180.0, 420.0]
    monkeypatch.setattr(job_record, "save_state", save_state)
    desk.now += record_check.MOST_S
    desk.look()
    assert [desk.file_state(job) for job in jobs] == [JobState.PAUSED, JobState.PAUSED]


def test_after_the_start_it_looks_at_what_has_moved(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    still = desk.add()
    desk.look()
    looked = []
    compare = RecordCheck._compare
    monkeypatch.setattr(
        RecordCheck, "_compare", lambda check, job, undone: looked.append(job.id) or compare(check, job, undone)
    )
    job = desk.add(JobState.PAUSED)
    removed = desk.add(JobState.CANCELLED)
    desk.store.remove(removed.id)
    desk.look()
    assert looked == []
    desk.now += record_check.AFTER_S
    desk.look()
    assert looked == [job.id]
    assert (desk.file_state(job), desk.file_state(still)) == (JobState.PAUSED, JobState.WAITING)


def test_a_folder_that_is_gone_damaged_or_of_a_newer_styled_is_left(desk: Desk) -> None:
    gone, damaged, newer = (desk.add(JobState.PAUSED) for _ in range(3))
    folders = [JobFolder(desk.root.evolution / job.id) for job in (gone, damaged, newer)]
    folders[0].path.rename(desk.root.path / "elsewhere")
    folders[1].job_json.write_bytes(b"{")
    write_job_file(folders[2], msgspec.structs.replace(read_job_file(folders[2]), version=999))
    before = [folder.job_json.read_bytes() for folder in folders[1:]]
    with structlog.testing.capture_logs() as logged:
        desk.look()
        desk.now += record_check.AFTER_S
        desk.look()
    assert logged == []
    assert not folders[0].path.exists()
    assert [folder.job_json.read_bytes() for folder in folders[1:]] == before


def test_a_job_that_ended_otherwise_after_the_database_was_written_is_taken_from_its_folder(desk: Desk) -> None:
    """The database is restored from a backup of before the user's retry: the job failed there, and is done since."""
    job = desk.add(JobState.RUNNING, JobState.FAILED)
    folder = JobFolder(desk.root.evolution / job.id)
    assert job.finished_at is not None
    done = msgspec.structs.replace(
        read_job_file(folder), state=JobState.DONE, started_at=job.started_at, finished_at=job.finished_at + 100.0
    )
    write_job_file(folder, done)
    desk.store.age = Age(job.finished_at + 1.0, desk.store.last_event())
    with structlog.testing.capture_logs() as logged:
        desk.look()
    assert read_job_file(folder) == done
    assert (desk.store.get(job.id).state, desk.store.get(job.id).finished_at) == (JobState.DONE, done.finished_at)
    assert ["older copy" in line["event"] or "older copy" in line.get("note", "") for line in logged] == [True]
