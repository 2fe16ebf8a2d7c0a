"""A root left by version 0.1.0 opens and goes on: its database, its jobs' files, a checkpoint in the middle.

``data/root-0.1.0.zip`` was made by that version, before its modules were moved: a job that is done, and one of 4,000 steps
whose daemon was stopped.
"""

from __future__ import annotations

import itertools
import zipfile
from pathlib import Path

import pytest

from styled import __version__, evolution, images
from styled.evolution import JobFolder
from styled.job import JobState
from styled.messages import Started, Stopped
from styled.painting.paint_job import paint_job
from styled.root import Root
from styled.store.reader import StoreReader
from styled.store.store import Store
from styled.version import versions

pytestmark = pytest.mark.tensorflow


@pytest.fixture
def root(tmp_path: Path) -> Root:
    with zipfile.ZipFile(Path(__file__).parent / "data" / "root-0.1.0.zip") as archive:
        archive.extractall(tmp_path)
    return Root.at(tmp_path)


def test_its_jobs_are_there_and_new_ones_get_new_numbers(root: Root) -> None:
    with Store.open(root) as store, StoreReader.open(root) as reader:
        jobs = {job.name: job for job in reader.jobs()}
        assert {name: job.state for name, job in jobs.items()} == {"done": JobState.DONE, "half": JobState.WAITING}
        assert jobs["half"].settings["steps"] == 4000
        assert store.next_number() == 3
    for job in jobs.values():
        assert evolution.read_job_file(JobFolder(root.evolution / job.id)).number == job.number


def test_without_its_database_its_folders_become_jobs_again(root: Root) -> None:
    root.database.unlink()
    with Store.open(root) as store:
        assert sorted((job.number, job.name, job.state) for job in store.jobs()) == [
            (1, "done", JobState.DONE),
            (2, "half", JobState.WAITING),
        ]


def test_a_job_goes_on_from_its_checkpoint(root: Root) -> None:
    [folder] = [JobFolder(path) for path in root.evolution.glob("*-half")]
    checkpoint = evolution.load_checkpoint(folder)
    assert checkpoint is not None
    step = checkpoint.meta["step"]
    asked = itertools.count()
    [started, *_, stopped] = paint_job(folder, lambda: next(asked) > 4)
    assert isinstance(started, Started)
    assert isinstance(stopped, Stopped)
    assert started.step == step > 1
    assert stopped.step > step
    losses = {each.step: each.loss for each in evolution.read_losses(folder).losses}
    assert losses[step + 1] < 1.1 * losses[step], "it went on from another picture"


def test_its_result_is_read_with_how_it_was_made(root: Root) -> None:
    [result] = root.evolution.glob("*-done/result.png")
    record = images.read_metadata(result)
    assert record is not None
    assert record["settings"]["steps"] == 4


def test_what_is_recorded_of_a_job_names_what_decides_the_pixels() -> None:
    found = versions()
    assert found["styled"] == __version__
    assert {"tensorflow", "numpy", "pillow"} <= found.keys()
