"""Waiting for a pair on its way from the inbox into the queue: it is found at every stop."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from styled.cli.wait import looks_at
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


def test_a_pair_is_found_wherever_it_is(tmp_path: Path) -> None:
    root = Root(tmp_path)
    pair, claimed, folder = root.inbox / "harbour", root.evolution / f"{PREFIX}{JOB.id}", root.evolution / JOB.id
    with Store.open(root) as store, StoreReader.open(root) as reader:
        pair.mkdir(parents=True)
        for name in ("content.png", "style.png"):
            Image.new("RGB", (8, 8)).save(pair / name)
        looks = looks_at(root, reader, "harbour")
        assert next(looks) is None
        claimed.mkdir(parents=True)
        durable.write_json(claimed / PLAN, Claim(job=JOB, members=()))
        pair.rename(claimed / "input")
        assert next(looks) is None
        claimed.rename(folder)
        assert next(looks) is None
        store.add(number=1, name=JOB.name, id=JOB.id, content=JOB.content, styles=JOB.styles)
        assert next(looks) is None
        (folder / PLAN).unlink()
        store.move(JOB.id, JobState.CANCELLED, reason="tired of it")
        assert next(looks) == (1, "0001 harbour: cancelled: tired of it")


def test_a_pair_that_becomes_a_job_between_two_looks_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = Root(tmp_path)
    with Store.open(root) as store, StoreReader.open(root) as reader:
        pair = root.inbox / "harbour"
        pair.mkdir(parents=True)
        for name in ("content.png", "style.png"):
            Image.new("RGB", (8, 8)).save(pair / name)
        get = reader.get

        def get_late(ref: str) -> object:
            # The daemon claims the pair just before the store is asked.
            if pair.exists():
                (root.evolution / JOB.id).mkdir(parents=True)
                pair.rename(root.evolution / JOB.id / "input")
                store.add(number=1, name=JOB.name, id=JOB.id, content=JOB.content, styles=JOB.styles)
            return get(ref)

        monkeypatch.setattr(reader, "get", get_late)
        assert next(looks_at(root, reader, "harbour")) is None


def test_what_is_nowhere_is_no_job(tmp_path: Path) -> None:
    root = Root(tmp_path)
    with Store.open(root), StoreReader.open(root) as reader, pytest.raises(NoSuchJob):
        next(looks_at(root, reader, "harbour"))
