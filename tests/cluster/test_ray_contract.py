"""What every back end does, on a real Ray, through the bridge: the tests of ``tests/backend/contract``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from styled.backend.runner import Report
from styled.backend.staged.remote import RemoteRunner
from styled.config import BackendConfig, QueueConfig
from styled.messages import Frame, encode
from tests.backend.contract import test_contract as contract
from tests.backend.contract.test_contract import *  # noqa: F403  # the tests, and their fixtures but for the bench
from tests.backend.staged.memory_engine import picture
from tests.cluster.clusters import RayCluster
from tests.cluster.waiting import wait_until

pytestmark = [pytest.mark.ray, pytest.mark.processes]


class PatientRunner(RemoteRunner):
    """Keeps what was reported while nobody asked."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.kept: list[Report] = []

    def poll(self) -> list[Report]:
        reports, self.kept = [*self.kept, *super().poll()], []
        return reports


class RayBench(contract.ToldBench):
    """Workers on the nodes of a Ray, that say what a file beside their picture tells them to."""

    outlives = True

    def __init__(self, ray: RayCluster, spool: Path) -> None:
        self.ray, self.spool = ray.small, spool
        self.runner = self.restarted()

    def restarted(self) -> PatientRunner:
        found = self.ray.environment
        config = BackendConfig(
            kind="ray",
            slots=2,
            spool=str(self.spool),
            address=found["STYLED_BACKEND__ADDRESS"],
            token_file=found["STYLED_BACKEND__TOKEN_FILE"],
        )
        self.runner = PatientRunner(None, config, QueueConfig(), "styled-contract-")
        return self.runner

    def folder(self, job: str) -> Path:
        """Return where a job is painted, once it is there."""

        def found() -> list[Path]:
            self.runner.kept = self.runner.poll()
            return list(self.ray.folder.glob(f"tmp-node*/styled-contract-*/{job}/frames"))

        wait_until(found, "it is placed nowhere", seconds=60)
        return found()[0].parent

    def place(self, job: str) -> None:
        self.folder(job)

    def frame(self, job: str, step: int) -> None:
        name = f"frames/{step:06d}.jpg"
        picture(self.folder(job) / name, step)
        self.say(job, encode(Frame(step=step, path=name)))

    def finish(self, job: str) -> None:
        picture(self.folder(job) / "result.png")
        super().finish(job)

    def close(self) -> None:
        for job in self.runner.running():
            self.runner.stop(job, 0.0)
        contract.until(self.runner, lambda _: not self.runner.running())
        self.runner.close()


@pytest.fixture
def bench(ray: RayCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[RayBench]:
    """A bridge to Ray, whose nodes run the worker that says what it is told to."""
    monkeypatch.setenv("STYLED_TEST_WORKER", "contract_worker")
    (tmp_path / "spool").mkdir()
    bench = RayBench(ray, tmp_path / "spool")
    yield bench
    bench.close()
    assert not list(ray.small.folder.glob("tmp-node*/styled-contract-*")), "left on a node"
