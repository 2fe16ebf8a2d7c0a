"""What goes over between an attempt's folder and its twin on a node, without Ray between them."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from styled.backend.staged.place import Order, Place
from styled.backend.staged.ray_core import node as node_code
from styled.backend.staged.ray_core.carrier import Carrier
from styled.backend.staged.ray_core.node import Node, Piece
from styled.backend.staged.spool import lay_out
from styled.errors import DataDamaged, DiskFull
from styled.evolution import JobFolder
from styled.files import durable
from styled.root import Root
from styled.store.store import Store
from tests.backend.staged.memory_engine import picture, write_slot
from tests.daemon.workshop import add_job

pytestmark = pytest.mark.processes  # each node has one that removes its folder


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """An attempt that is laid out, with what an earlier one has painted."""
    root = Root.at(tmp_path / "root")
    root.evolution.mkdir(parents=True)
    (tmp_path / "spool").mkdir()
    with Store.open(root) as store:
        job = add_job(root, store, "harbour")
    folder = JobFolder(root.evolution / job.id)
    picture(folder.frames / "000005.jpg")
    write_slot(folder.checkpoint / "b.npz", 5, 1)
    place = Place(tmp_path / "spool" / "styled-x-1", job.id)
    lay_out(place, folder, Order(job=job.id, worker="", versions={}))
    return place


@pytest.fixture
def node(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Node]:
    """A node, in a folder of its own; what it would run is a shell that sleeps."""
    (tmp_path / "node").mkdir()
    monkeypatch.setattr(node_code.tempfile, "tempdir", str(tmp_path / "node"))
    node = Node("styled-x-1")
    yield node
    os.close(node._life)


def sent(carrier: Carrier, node: Node, job: str) -> Path:
    pieces = list(carrier.outgoing())
    assert pieces[-1][0] == "order.json", "what is begun with it is whole"
    for _ in range(2):  # one that was lost is sent again, from its start
        node.put(pieces)
    node._job = job
    return node._folder


def brought(carrier: Carrier, node: Node) -> list[str]:
    names, have = [], carrier.have()
    while True:
        pieces, whole, _ = node.take(have)
        for piece in pieces:
            names.append(piece[0])
            carrier.take(piece)
        if whole:
            return names
        have = None


def test_what_was_laid_out_is_there_and_does_not_come_back(place: Place, node: Node) -> None:
    carrier = Carrier(place)
    twin = sent(carrier, node, place.job)
    laid_out = {
        str(path.relative_to(place.path)): path.read_bytes() for path in place.path.rglob("*") if path.is_file()
    }
    assert {str(path.relative_to(twin)): path.read_bytes() for path in twin.rglob("*") if path.is_file()} == laid_out
    assert brought(carrier, node) == []


def test_files_come_before_the_messages_that_tell_of_them_and_the_end_last(
    place: Place, node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(node_code, "PIECE", 100)
    carrier = Carrier(place)
    twin = sent(carrier, node, place.job)
    job = twin / place.job
    for step in (10, 15):
        picture(job / "frames" / f"{step:06d}.jpg", step)
    write_slot(job / "checkpoint" / "a.npz", 15, 2)
    for name in ("losses.jsonl", "log.txt", "../messages.jsonl", "../engine.log"):
        (job / name).write_bytes(b"x" * 250)
    for name in ("heartbeat.json", "end.json"):
        (twin / name).write_text("{}")
    names = list(dict.fromkeys(brought(carrier, node)))
    assert carrier.has_end
    assert names[-3:] == ["messages.jsonl", "heartbeat.json", "end.json"]
    assert {f"{place.job}/frames/000010.jpg", f"{place.job}/checkpoint/a.npz"} <= set(names[:-3])
    here = {str(path.relative_to(place.path)): path.read_bytes() for path in place.path.rglob("*") if path.is_file()}
    assert here == {str(path.relative_to(twin)): path.read_bytes() for path in twin.rglob("*") if path.is_file()}
    with (twin / "messages.jsonl").open("ab") as file:
        file.write(b"more")
    write_slot(job / "checkpoint" / "b.npz", 20, 3)
    later = Carrier(place)  # another bridge goes on where this one was
    assert set(brought(later, node)) == {"messages.jsonl", f"{place.job}/checkpoint/b.npz"}
    assert (place.path / "messages.jsonl").read_bytes() == b"x" * 250 + b"more"


def test_a_file_that_is_replaced_while_it_comes_over_is_whole(
    place: Place, node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(node_code, "PIECE", 100)
    carrier = Carrier(place)
    slot = sent(carrier, node, place.job) / place.job / "checkpoint" / "a.npz"
    write_slot(slot, 10, 2)
    old = slot.read_bytes()
    pieces, whole, _ = node.take(carrier.have())
    assert not whole
    write_slot(slot.with_name("new"), 20, 3)
    slot.with_name("new").replace(slot)
    while not whole:
        for piece in pieces:
            carrier.take(piece)
        pieces, whole, _ = node.take(None)
    for piece in pieces:
        carrier.take(piece)
    assert (place.folder.checkpoint / "a.npz").read_bytes() == old


@pytest.mark.parametrize(
    "name",
    ["../x", "/etc/passwd", "order.json", "taken", "coming", "JOB/input/content.png", "JOB/../x", "JOB/job.json",
     "JOB/frames/../../x.jpg", "JOB/frames/a.jpg", "another/log.txt", "JOB/checkpoint/c.npz", "JOB/frames", "JOB/", ""],
)  # fmt: skip
def test_what_no_node_may_send_is_not_written(place: Place, name: str) -> None:
    before = sorted(place.path.parent.parent.rglob("*"))
    with pytest.raises(DataDamaged, match="a node sent"):
        Carrier(place).take((name.replace("JOB", place.job), 3, 1, 0, b"abc"))
    assert sorted(place.path.parent.parent.rglob("*")) == before


@pytest.mark.parametrize(
    "piece",
    [
        ("heartbeat.json", 2**20, 1, 0, b"x"),
        ("JOB/log.txt", 2**30, 0, 2**30 - 1, b"x"),
        ("JOB/frames/000010.jpg", 2**34, 1, 0, b"x"),
        ("JOB/frames/000010.jpg", 10, 1, 5, b"x" * 5),
        ("messages.jsonl", 10, 0, 5, b"x" * 5),
    ],
)
def test_what_is_too_large_or_does_not_fit_is_not_written(place: Place, piece: Piece) -> None:
    with pytest.raises(DataDamaged, match="a node sent"):
        Carrier(place).take((piece[0].replace("JOB", place.job), *piece[1:]))


def test_a_full_disk_takes_nothing_and_the_file_comes_again(
    place: Place, node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    carrier = Carrier(place)
    twin = sent(carrier, node, place.job)
    picture(twin / place.job / "frames" / "000010.jpg")

    def refuse(_path: Path, _needed: int) -> None:
        raise DiskFull("full")

    with monkeypatch.context() as full:
        full.setattr(durable, "require_space", refuse)
        with pytest.raises(DiskFull):
            brought(carrier, node)
    assert brought(carrier, node) == [f"{place.job}/frames/000010.jpg"]


def test_a_folder_goes_with_its_actor_however_that_ends(tmp_path: Path, node: Node) -> None:
    other = Node("styled-x-2")
    assert other._folder.is_dir()
    os.close(other._life)  # as the kernel does at the end of a process
    until = time.monotonic() + 20
    while other._folder.exists():
        assert time.monotonic() < until
        time.sleep(0.01)
    assert node._folder.is_dir()
