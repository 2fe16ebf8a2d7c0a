"""The bridge's loop, in this process: what it tells, and what it leaves for the next one."""

from __future__ import annotations

import io
import os
from pathlib import Path

import msgspec
import pytest

from styled.backend.runner import Ended, Task
from styled.backend.staged import bridge, engines
from styled.backend.staged.protocol import Acknowledge, Handed, Notice, Open
from styled.backend.staged.spool import name_of
from styled.backend.staged.staged import StagedRunner
from styled.config import BackendConfig
from styled.root import Root
from styled.store.store import Store
from tests.backend.staged.memory_engine import MemoryEngine
from tests.daemon.workshop import add_job

pytestmark = pytest.mark.processes  # results are decoded in a child

PREFIX = "styled-test-"


class Bench:
    """Bridges that are told all that they are told at once, and then nothing more."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.engine = MemoryEngine()
        monkeypatch.setattr(engines, "engine_for", lambda _config, _prefix: self.engine)
        self.root, self.spool = Root.at(folder / "root"), folder / "spool"
        self.root.evolution.mkdir(parents=True)
        self.spool.mkdir()
        self.config = BackendConfig(kind="slurm", spool=str(self.spool))

    def task(self) -> Task:
        with Store.open(self.root) as store:
            job = add_job(self.root, store, "harbour")
        return Task(job.id, self.root.evolution / job.id, job.number, attempt="aa")

    def finished(self) -> Task:
        """Return an attempt that was painted to its end while nobody looked."""
        task = self.task()
        runner = StagedRunner(self.engine, self.config, PREFIX)
        runner.submit(task)
        node = self.engine.nodes[name_of(PREFIX, task)]
        node.run()
        node.start()
        node.finish()
        runner.close()
        return task

    def serve(self, *orders: msgspec.Struct) -> list[Notice]:
        """Have a bridge do all that it is told to; return what it tells."""
        notices = io.BytesIO()
        reading, writing = os.pipe()
        try:
            os.write(writing, b"".join(msgspec.json.encode(order) + b"\n" for order in orders))
            os.close(writing)
            bridge.serve(reading, notices)
        finally:
            os.close(reading)
        return [msgspec.json.decode(line, type=Notice) for line in notices.getvalue().splitlines()]

    def open(self, *attempts: Handed, ended: tuple[Handed, ...] = ()) -> Open:
        return Open(config=self.config, prefix=PREFIX, worker="w", stall_s=900.0, attempts=tuple(attempts), ended=ended)


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    """A root, a spool, a scheduler."""
    return Bench(tmp_path, monkeypatch)


def handed(task: Task) -> Handed:
    return Handed(job=task.id, folder=str(task.folder), number=task.number, attempt=task.attempt)


def ends(notices: list[Notice]) -> list[Ended]:
    return [notice.ended for notice in notices if notice.ended is not None]


def test_an_attempt_that_ends_as_the_daemon_does_is_found_whole_by_the_next_one(bench: Bench) -> None:
    task = bench.finished()
    # Nobody reads the first ones' notices.
    for _ in range(3):
        [ended] = ends(bench.serve(bench.open(handed(task))))
        assert (ended.lost, ended.returncode) == ("", 0)
        assert ended.result is not None
    again = bench.open(ended=(handed(task),))
    assert ends(bench.serve(again)) == []
    assert [path.name for path in bench.spool.iterdir()] == [name_of(PREFIX, task)], "told, and not yet noted"
    bench.serve(again, Acknowledge(attempt=handed(task)))
    assert list(bench.spool.iterdir()) == []


def test_nothing_is_looked_at_any_more_when_the_daemon_has_closed_the_input(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was found then would be told to nobody, and another bridge may be at work already."""
    polls = []
    poll = StagedRunner.poll
    monkeypatch.setattr(StagedRunner, "poll", lambda runner: polls.append(1) or poll(runner))
    bench.serve(bench.open(handed(bench.finished())))
    assert len(polls) == 1, "after the order, and not after the end of the input"
