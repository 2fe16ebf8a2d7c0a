"""The job that a command looks at: the number that the screens show goes before a folder that is called like it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from styled.cli.folder_of import folder_of
from styled.cli.wait import Look, looks_at
from styled.job import JobState
from styled.root import Root
from styled.store.adoption import adopt_folders
from styled.store.reader import StoreReader
from styled.store.store import Store
from tests.daemon.workshop import add_job


@pytest.fixture
def root(tmp_path: Path) -> Root:
    root = Root(tmp_path)
    root.evolution.mkdir()
    return root


def test_a_number_is_a_job_s_before_it_is_a_folder_s_name(root: Root) -> None:
    with Store.open(root) as store:
        first = add_job(root, store, "harbour")
        for name in ("1", "77"):
            shutil.copytree(root.evolution / first.id, root.evolution / name)
    assert folder_of(root, "1").id == first.id
    assert folder_of(root, str(root.evolution / "1")).id == "1"
    assert folder_of(root, "77").id == "77"


def test_the_job_that_is_waited_for_stays_the_same_one(root: Root) -> None:
    with Store.open(root) as store, StoreReader.open(root) as reader:
        first = add_job(root, store, "harbour")
        shutil.copytree(root.evolution / first.id, root.evolution / "1")
        adopt_folders(store, root.evolution)
        looks = looks_at(root, reader, "#2")
        assert next(looks) == Look(reader.get("1"))
        store.move(first.id, JobState.CANCELLED)
        assert next(looks) == Look(reader.get("1"))
        store.remove(first.id)
        store.move("1", JobState.CANCELLED, reason="tired of it")
        assert next(looks).outcome == (1, "0002 harbour: cancelled: tired of it")
