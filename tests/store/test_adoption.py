"""Folders that somebody renamed or copied: each is a job of its own, whatever its name looks like."""

from __future__ import annotations

import os
import shutil

import pytest

from styled.errors import NoSuchJob
from styled.job import JobState
from styled.root import Root
from styled.store.adoption import adopt_folders
from styled.store.reader import StoreReader
from styled.store.store import Store
from tests.daemon.workshop import add_job

ODD_NAMES = ["1", "0001", "#1", "#1 harbour", " 1 ", "20261122", "-harbour", "--all", "harbour", "two\nlines", "a*b"]


@pytest.mark.parametrize("name", ODD_NAMES)
def test_what_is_noted_of_a_job_goes_to_that_job_alone(root: Root, name: str) -> None:
    with Store.open(root) as store:
        first = add_job(root, store, "harbour")
        shutil.copytree(root.evolution / first.id, root.evolution / name)
        (job,), _ = adopt_folders(store, root.evolution)
        assert (job.id, job.number, store.get(name), store.get(first.id)) == (name, 2, job, first)
        store.move(name, JobState.RUNNING)
        store.update_progress(name, step=3)
        store.change(name, remarks=("noted",))
        store.set_priority(name, 4)
        store.requeue_running("the daemon ended")
        job = store.get(job.number)
        assert (job.id, job.state, job.step, job.priority, job.remarks) == (name, JobState.WAITING, 3, 4, ("noted",))
        store.move(name, JobState.CANCELLED)
        store.remove(name)
        assert store.jobs() == [first]


def test_a_typed_number_is_the_job_s_number_and_other_odd_ids_are_themselves(root: Root) -> None:
    with Store.open(root) as store:
        first = add_job(root, store, "harbour")
        ids = ["1", "#1 harbour", " wave", "-wave", "9"]
        for name in ids:
            shutil.copytree(root.evolution / first.id, root.evolution / name)
        numbers = {job.id: job.number for job in adopt_folders(store, root.evolution)[0]}
    with StoreReader.open(root) as reader:
        assert [reader.find(typed).id for typed in ("1", "#1", "0001", 1)] == [first.id] * 4
        assert [reader.find(typed).id for typed in ("#1 harbour", " wave", "-wave", "9")] == [*ids[1:]]
        assert [reader.get(name).number for name in ids] == [numbers[name] for name in ids]
        for key in ("0001", "#1", first.id[:15], "harbour", 10**30, "\udcff"):
            with pytest.raises(NoSuchJob):
                reader.get(key)
        with pytest.raises(NoSuchJob):
            reader.find("\udcff")


def test_a_folder_whose_name_is_no_text_is_said_and_keeps_no_other_out(root: Root) -> None:
    with Store.open(root) as store:
        first = add_job(root, store, "harbour")
        for name in (os.fsdecode(b"h\xe4fen"), "wave"):
            shutil.copytree(root.evolution / first.id, root.evolution / name)
        jobs, problems = adopt_folders(store, root.evolution)
        assert [job.id for job in jobs] == ["wave"]
        assert len(problems) == 1
        assert "h\\xe4fen" in problems[0]
        assert "not UTF-8" in problems[0]
