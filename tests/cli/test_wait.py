"""Waiting for a pair on its way from the inbox into the queue: it is found at every stop."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from PIL import Image

from styled.cli import wait
from styled.cli.wait import Look, looks_at
from styled.errors import NoSuchJob
from styled.evolution import JobFile
from styled.files import durable
from styled.inbox.claiming.claim_record import PLAN, PREFIX, Claim
from styled.job import JobState
from styled.root import Root
from styled.settings import Settings
from styled.store.reader import StoreReader
from styled.store.store import Store

JOB = JobFile(
    id="20261122-201501-harbour",
    number=1,
    name="harbour",
    content="input/content.png",
    styles=("input/style.png",),
    settings=Settings(),
    created_at=0.0,
)

NOTHING = Look()


def add(store: Store, number: int, name: str = "harbour") -> str:
    """Add a job that waits, and return its id."""
    job_id = f"20261122-20150{number}-{name}"
    store.add(number=number, name=name, id=job_id, content=JOB.content, styles=JOB.styles)
    return job_id


def drop(root: Root, name: str = "harbour") -> Path:
    """Lay a complete pair in the inbox."""
    pair = root.inbox / name
    pair.mkdir(parents=True)
    for file in ("content.png", "style.png"):
        Image.new("RGB", (8, 8)).save(pair / file)
    return pair


def test_a_pair_is_found_wherever_it_is(tmp_path: Path) -> None:
    root = Root(tmp_path)
    claimed, folder = root.evolution / f"{PREFIX}{JOB.id}", root.evolution / JOB.id
    with Store.open(root) as store, StoreReader.open(root) as reader:
        pair = drop(root)
        looks = looks_at(root, reader, "harbour")
        assert next(looks) == NOTHING
        claimed.mkdir(parents=True)
        durable.write_json(claimed / PLAN, Claim(job=JOB, members=()))
        pair.rename(claimed / "input")
        assert next(looks) == NOTHING
        claimed.rename(folder)
        assert next(looks) == NOTHING
        store.add(number=1, name=JOB.name, id=JOB.id, content=JOB.content, styles=JOB.styles)
        assert next(looks) == NOTHING  # it is being claimed until its plan is gone
        (folder / PLAN).unlink()
        look = next(looks)
        assert (look.job, look.outcome) == (reader.get(JOB.id), None)
        store.move(JOB.id, JobState.CANCELLED, reason="tired of it")
        assert next(looks).outcome == (1, "0001 harbour: cancelled: tired of it")


def test_a_pair_that_becomes_a_job_between_two_looks_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = Root(tmp_path)
    with Store.open(root) as store, StoreReader.open(root) as reader:
        pair = drop(root)
        find = reader.find

        def find_late(ref: str) -> object:
            # The daemon claims the pair just before the store is asked.
            if pair.exists():
                (root.evolution / JOB.id).mkdir(parents=True)
                pair.rename(root.evolution / JOB.id / "input")
                store.add(number=1, name=JOB.name, id=JOB.id, content=JOB.content, styles=JOB.styles)
            return find(ref)

        monkeypatch.setattr(reader, "find", find_late)
        look = next(looks_at(root, reader, "harbour"))
        assert (look.job, look.outcome) == (None, None)  # the job is looked at next: it was a pair just now


def test_what_is_nowhere_is_no_job(tmp_path: Path) -> None:
    root = Root(tmp_path)
    with Store.open(root), StoreReader.open(root) as reader, pytest.raises(NoSuchJob):
        next(looks_at(root, reader, "harbour"))


def test_the_pair_in_the_inbox_is_meant_and_not_an_older_job_of_its_name(tmp_path: Path) -> None:
    root = Root(tmp_path)
    with Store.open(root) as store, StoreReader.open(root) as reader:
        store.move(add(store, 1), JobState.CANCELLED)
        assert next(looks_at(root, reader, "harbour")).outcome == (1, "0001 harbour: cancelled")
        pair = drop(root)
        looks = looks_at(root, reader, "harbour")
        assert next(looks) == NOTHING
        assert next(looks_at(root, reader, "1")).outcome == (1, "0001 harbour: cancelled")  # a number is one job's
        pair.rename(tmp_path / "claimed")
        assert next(looks) == NOTHING  # between the files' move and the record
        store.move(add(store, 2), JobState.CANCELLED)
        assert next(looks).outcome == (1, "0002 harbour: cancelled")


def test_a_rejection_counts_that_came_after_all_jobs_of_its_name(tmp_path: Path) -> None:
    root = Root(tmp_path)
    with Store.open(root) as store, StoreReader.open(root) as reader:
        store.note_event("rejected", "harbour: the first reason")
        store.note_event("rejected", "harbour-2: another's")
        assert next(looks_at(root, reader, "harbour")).outcome == (1, "harbour was rejected: the first reason")
        pair = drop(root)
        looks = looks_at(root, reader, "harbour")
        assert next(looks) == NOTHING  # what is in the inbox now may be right
        store.move(add(store, 1), JobState.CANCELLED)
        pair.rename(tmp_path / "claimed")
        assert next(looks).outcome == (1, "0001 harbour: cancelled")
        store.note_event("rejected", "harbour: the second reason")
        assert next(looks_at(root, reader, "harbour")).outcome == (1, "harbour was rejected: the second reason")
        add(store, 2)
        assert next(looks_at(root, reader, "harbour")).outcome is None


def test_a_pair_that_is_taken_out_of_the_inbox_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = Root(tmp_path)
    with Store.open(root) as store, StoreReader.open(root) as reader:
        store.move(add(store, 1), JobState.CANCELLED)
        pair = drop(root)
        looks = looks_at(root, reader, "harbour")
        next(looks)
        pair.rename(tmp_path / "elsewhere")
        assert next(looks) == NOTHING
        monkeypatch.setattr(wait, "LEFT_S", 0.0)
        assert next(looks).outcome == (1, "harbour was taken out of the inbox")


def test_a_pair_that_waits_for_its_upload_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = Root(tmp_path)
    monkeypatch.setattr(wait, "LEFT_S", 0.0)
    monkeypatch.setattr(wait, "NOTED_S", 0.0)
    with Store.open(root) as store, StoreReader.open(root) as reader:
        store.move(add(store, 1), JobState.CANCELLED)
        pair = drop(root)
        for file in ("content", "style"):
            (pair / f"{file}.png").rename(root.inbox / f"harbour.{file}.png")
        pair.rmdir()
        by_name, everything = looks_at(root, reader, "harbour"), wait._everything(root, reader)
        assert [next(by_name), next(everything)] == [NOTHING, NOTHING]
        (root.inbox / "harbour.mask.png.filepart").touch()
        assert [next(by_name), next(everything)] == [NOTHING, NOTHING]
        assert next(looks_at(root, reader, "harbour")) == NOTHING


def test_a_pair_whose_files_cannot_be_moved_is_the_job_that_it_became(tmp_path: Path) -> None:
    root = Root(tmp_path)
    with Store.open(root) as store, StoreReader.open(root) as reader:
        pair = drop(root)
        looks = looks_at(root, reader, "harbour")
        assert next(looks) == NOTHING
        store.move(add(store, 1), JobState.CANCELLED)
        for path in pair.iterdir():
            found = path.stat()
            store.set_taken(f"harbour/{path.name}", f"{found.st_ino}:{found.st_size}:{found.st_mtime_ns}:")
        assert next(looks).outcome == (1, "0001 harbour: cancelled")


def test_without_a_job_rejections_count_as_well(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = Root(tmp_path)
    with Store.open(root) as store, StoreReader.open(root) as reader:
        store.note_event("rejected", "long-ago: of another day")
        monkeypatch.setattr(wait, "NOTED_S", math.inf)
        looks = wait._everything(root, reader)
        pair = drop(root)
        assert next(looks) == NOTHING
        pair.rename(tmp_path / "rejected")
        assert next(looks) == NOTHING  # between the files' move and the record
        store.note_event("rejected", "harbour: it is no image")
        monkeypatch.setattr(wait, "NOTED_S", 0.0)
        assert next(looks).outcome == (1, "1 rejected: see styled status")
        store.move(add(store, 1), JobState.CANCELLED)
        assert next(looks) == NOTHING  # between two outcomes, which nobody asks for
        assert next(looks).outcome == (1, "1 jobs ended, 1 of them without a result, 1 rejected: see styled status")
