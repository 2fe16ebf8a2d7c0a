"""What ``job.json`` missed of the store is written later: a rebuild of the queue goes by it alone."""

from __future__ import annotations

from collections.abc import Iterator

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
        self.check.turn()
        wait_until(lambda: self.check.turn() or self.check.wake_after() != 0.0)
        wait_until(lambda: self.check._look is None or self.check.turn())


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
    is_behind = RecordCheck._is_behind
    monkeypatch.setattr(RecordCheck, "_is_behind", lambda check, job: looked.append(job.id) or is_behind(check, job))
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
