"""What a back end is told of its root."""

from __future__ import annotations

from pathlib import Path

import pytest

from styled.backend.choose import ends_noted_in
from styled.backend.runner import Task
from styled.job import Job, JobState
from styled.root import Root
from styled.store.store import Store
from tests.daemon.workshop import add_job


@pytest.fixture
def root(tmp_path: Path) -> Root:
    """An empty root."""
    root = Root.at(tmp_path / "root")
    root.evolution.mkdir(parents=True)
    return root


def task_of(root: Root, job: Job) -> Task:
    return Task(job.id, root.evolution / job.id, job.number, attempt=job.attempt)


def test_an_end_is_noted_when_no_later_daemon_would_look_for_it(root: Root) -> None:
    noted = ends_noted_in(root)
    with Store.open(root) as store:
        for name in ("first", "second", "third", "fourth"):
            add_job(root, store, name)
        jobs = [job for _ in range(4) if (job := store.claim_next()) is not None]
        tasks = [task_of(root, job) for job in jobs]
        first, second, third, fourth = tasks
        assert noted(tasks) == []
        store.move(first.id, JobState.DONE)
        assert noted(tasks) == [first]
        store.move(second.id, JobState.PAUSED, handle="slurm:x")
        assert noted(tasks) == [first], "it was stopped, and how it ended is not known"
        store.change(second.id, handle="")
        assert noted(tasks) == [first, second]
        store.move(third.id, JobState.WAITING, not_before=0.0)
        again = store.claim_next()
        assert again is not None
        assert again.id == third.id
        assert noted(tasks) == [first, second, third]
        assert noted([task_of(root, again)]) == [], "another attempt at the same job"
        store.move(fourth.id, JobState.CANCELLED)
        store.remove(fourth.id)
        assert noted(tasks) == tasks


def test_an_end_is_not_taken_for_noted_while_the_queue_cannot_be_read(root: Root) -> None:
    with Store.open(root) as store:
        add_job(root, store, "harbour")
        job = store.claim_next()
        assert job is not None
        task = task_of(root, job)
        store.move(job.id, JobState.DONE)
    good = root.database.read_bytes()
    root.database.write_bytes(b"rubbish" * 1000)
    assert ends_noted_in(root)([task]) == []
    root.database.write_bytes(good)
    assert ends_noted_in(root)([task]) == [task]
    root.database.unlink()
    assert ends_noted_in(root)([task]) == [], "it is made again from the folders"
