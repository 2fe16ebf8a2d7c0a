"""What the daemon's tests share: a root in a temporary folder, and dispatchers to turn by hand."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from styled.config import DiskConfig, QueueConfig
from styled.daemon.dispatch import Dispatcher
from styled.daemon.upkeep.disk import Disk, Room
from styled.job import Job
from styled.root import Root
from styled.store.store import Store
from tests.daemon.test_queue_machine import Puppet
from tests.daemon.workshop import FAULTS, Workshop, add_job
from tests.store.conftest import FakeClock

CONFIG = QueueConfig(max_attempts=2, backoff_s=(10.0, 60.0))


class Desk:
    """A dispatcher whose workers do nothing, and whose time passes when a test says so."""

    def __init__(self, root: Root) -> None:
        self.root, self.clock, self.puppet = root, FakeClock(), Puppet(1, outlives=False)
        self.store = Store.open(root, clock=self.clock)
        self.free, self.refusal = 50 * 10**9, 0
        """Bytes that are free, and the number of the error that every try to write meets; 0 for none."""
        self.disk = Disk(
            [root.evolution],
            DiskConfig(),
            clock=self.clock,
            free=lambda _: self.free,
            probe=lambda *_: OSError(self.refusal, os.strerror(self.refusal)) if self.refusal else None,
        )
        self.away = False
        self.dispatcher = Dispatcher(
            root,
            self.store,
            self.puppet,
            CONFIG,
            may_start=lambda: self.disk.look() is Room.ENOUGH,
            disk_full=self.disk.reported_full,
            is_away=lambda: self.away,
            clock=self.clock,
        )

    def add(self, name: str) -> Job:
        return add_job(self.root, self.store, name)

    def now(self, job: Job) -> Job:
        return self.store.get(job.id)

    def turn(self) -> Exception | None:
        """Turn once; return what was raised."""
        self.dispatcher.changed()
        try:
            self.dispatcher.turn()
        except Exception as error:  # noqa: BLE001  # the test compares it
            return error
        return None

    def close(self) -> None:
        """Let go of everything."""
        self.dispatcher.close()
        self.store.close()


@pytest.fixture
def root(tmp_path: Path) -> Root:
    """An empty root with its folders."""
    root = Root.at(tmp_path / "root")
    for folder in (root.inbox, root.evolution, root.state):
        folder.mkdir(parents=True)
    return root


@pytest.fixture
def workshop(root: Root, monkeypatch: pytest.MonkeyPatch) -> Iterator[Workshop]:
    """A dispatcher to turn by hand; no back-off, two attempts."""
    monkeypatch.setenv("PYTHONPATH", str(FAULTS), prepend=os.pathsep)
    workshop = Workshop(root, QueueConfig(max_attempts=2, backoff_s=(0.0,), stop_grace_s=20.0))
    yield workshop
    workshop.close()


@pytest.fixture
def desk(root: Root) -> Iterator[Desk]:
    """A dispatcher to turn by hand, without processes; two attempts."""
    desk = Desk(root)
    yield desk
    desk.close()
