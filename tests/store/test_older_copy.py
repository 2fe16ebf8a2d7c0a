"""A database that was restored from a backup, with folders that went on since: what ended there has ended."""

from __future__ import annotations

import msgspec
import pytest

from styled.evolution import JobFolder, read_job_file, write_job_file
from styled.job import Job, JobState
from styled.root import Root
from styled.store.adoption import save_state
from styled.store.older_copy import take_ended
from styled.store.status import DaemonStatus
from styled.store.store import Store
from tests.daemon.workshop import add_job
from tests.store.conftest import FakeClock


def beat(store: Store, clock: FakeClock) -> None:
    """Report as the daemon does."""
    store.publish(DaemonStatus(pid=1, version="1", started_at=0.0, beat_at=clock.now, state="running"))


def back_up(root: Root) -> bytes:
    return root.database.read_bytes()


def restore(root: Root, copy: bytes) -> None:
    for part in root.state.glob(f"{root.database.name}*"):
        part.unlink()
    root.database.write_bytes(copy)


def folder_of(root: Root, job: Job) -> JobFolder:
    return JobFolder(root.evolution / job.id)


def end(root: Root, store: Store, job: Job, state: JobState, **changes: object) -> Job:
    """Let a job end as the daemon does."""
    ended = store.move(store.move(job.id, JobState.RUNNING).id, state, **changes)
    save_state(root.evolution, ended)
    return ended


@pytest.mark.parametrize("before", [JobState.WAITING, JobState.RUNNING, JobState.PAUSED])
@pytest.mark.parametrize("state", [JobState.DONE, JobState.FAILED, JobState.CANCELLED])
def test_a_job_that_ended_after_the_backup_is_not_painted_again(
    root: Root, clock: FakeClock, before: JobState, state: JobState
) -> None:
    with Store.open(root, clock=clock) as store:
        job = add_job(root, store, "harbour")
        if before is not JobState.WAITING:
            job = store.move(job.id, before)
        other = add_job(root, store, "bridge")
        beat(store, clock)
    copy = back_up(root)
    with Store.open(root, clock=clock) as store:
        clock.pass_by(100.0)
        if before is not JobState.WAITING:
            store.move(job.id, JobState.WAITING)
        ended = end(root, store, job, state, reason="because", remarks=("a remark",))
    written = folder_of(root, job).job_json.read_bytes()
    restore(root, copy)
    clock.pass_by(100.0)
    with Store.open(root, clock=clock) as store:
        taken = store.get(job.id)
        assert (taken.state, taken.finished_at, taken.reason, taken.remarks) == (
            state, ended.finished_at, "because", ("a remark",)
        )  # fmt: skip
        (note,) = store.notes
        assert "job 0001 (harbour)" in note
        assert "older" in note
        assert store.get(other.id).state is JobState.WAITING
    assert folder_of(root, job).job_json.read_bytes() == written
    with Store.open(root, clock=clock) as store:
        assert store.notes == []


def retried(root: Root, clock: FakeClock, *, again: float) -> tuple[Store, Job]:
    """Return a store with a job that its user retried, and whose job.json says that it is done."""
    store = Store.open(root, clock=clock)
    job = add_job(root, store, "harbour")
    beat(store, clock)
    clock.pass_by(1.0)
    end(root, store, job, JobState.DONE)
    clock.pass_by(again)
    return store, store.move(job.id, JobState.WAITING)


@pytest.mark.parametrize("beats", [True, False])
@pytest.mark.parametrize("again", [0.0, 1.0, -3600.0])
def test_a_job_that_was_retried_waits_though_its_file_was_not_written(
    root: Root, clock: FakeClock, again: float, beats: bool
) -> None:
    """Also where the daemon was killed before its next report, and where the clock was set back meanwhile."""
    store, job = retried(root, clock, again=again)
    if beats:
        beat(store, clock)
    store.close()
    assert read_job_file(folder_of(root, job)).state is JobState.DONE
    with Store.open(root, clock=clock) as store:
        assert (store.get(job.id), store.notes) == (job, [])
        assert take_ended(store, root.evolution, [job]) == []


def test_what_proves_nothing_changes_nothing(root: Root, clock: FakeClock) -> None:
    """No report that tells how old the database is; a file that is damaged, gone, has not ended or has no time."""
    with Store.open(root, clock=clock) as store:
        unknown = add_job(root, store, "harbour")
        later = {"state": JobState.DONE, "finished_at": clock.now + 100.0}
        write_job_file(
            folder_of(root, unknown), msgspec.structs.replace(read_job_file(folder_of(root, unknown)), **later)
        )
    with Store.open(root, clock=clock) as store:
        assert store.get(unknown.id).state is JobState.WAITING
        jobs = [add_job(root, store, name) for name in ("gone", "damaged", "running", "timeless")]
        files = [read_job_file(folder_of(root, job)) for job in jobs]
        folder_of(root, jobs[0]).path.rename(root.path / "elsewhere")
        folder_of(root, jobs[1]).job_json.write_bytes(b"{")
        for file, changes in zip(files[2:], [{"state": JobState.RUNNING}, {"state": JobState.DONE}], strict=True):
            write_job_file(JobFolder(root.evolution / file.id), msgspec.structs.replace(file, **changes))
        write_job_file(
            folder_of(root, unknown),
            msgspec.structs.replace(
                read_job_file(folder_of(root, unknown)), state=JobState.WAITING, finished_at=clock.now + 100.0
            ),
        )
        beat(store, clock)
    with Store.open(root, clock=clock) as store:
        assert {job.state for job in store.jobs()} == {JobState.WAITING}
        assert store.notes == []
