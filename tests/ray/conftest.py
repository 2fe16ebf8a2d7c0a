"""A throw-away Ray, a root, and a daemon that paints on it."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from styled.backend.staged.ray_core.small import SmallRay, missing
from styled.job import ENDED, Job
from styled.root import Root
from tests.backend.contract.test_contract import SCRIPT
from tests.deadlines import wait_until
from tests.faults.daemon_process import FAULTS, DaemonProcess


@pytest.fixture(scope="session")
def ray() -> Iterator[SmallRay]:
    """Two nodes; a test that kills a part starts it again."""
    if why := missing():
        pytest.skip(f"no Ray here: {why}")
    folder = Path(tempfile.mkdtemp(prefix="ray-"))
    (folder / "modules").mkdir()
    (folder / "modules" / "contract_worker.py").write_text(SCRIPT)
    variables = {"PYTHONPATH": os.pathsep.join([str(FAULTS), str(folder / "modules")])}
    with SmallRay(folder / "c", timeout_s=6, variables=variables) as cluster:
        yield cluster
    shutil.rmtree(folder)


@pytest.fixture
def root(tmp_path: Path) -> Root:
    """An empty root."""
    root = Root.at(tmp_path / "root")
    root.evolution.mkdir(parents=True)
    return root


class RayDaemon(DaemonProcess):
    """``styled daemon`` with the synthetic worker on a Ray."""

    def __init__(self, root: Root, ray: SmallRay, *flags: str, **environment: str) -> None:
        self.ray = ray
        self.spool = root.state / "spool"
        super().__init__(root, *flags, STYLED_BACKEND__SLOTS="3", **{**ray.environment, **environment})

    def names(self) -> list[str]:
        """Return the actors that hold an attempt, and what they have run."""
        found = []
        for node in self.ray.names:
            for process in self.ray.processes(node):
                command = ""
                with contextlib.suppress(psutil.Error):  # it has just ended
                    command = " ".join(process.cmdline())
                if command.startswith("ray::Node") or "styled.backend" in command:
                    found.append(command)
        return found

    def until_attempt(self, name: str, *, but: str, seconds: float = 90.0) -> Job:
        """Wait until a job is placed that is painted by another attempt."""

        def found() -> bool:
            job = self.job(name)
            return job is not None and job.attempt != but and bool(job.node)

        wait_until(found, "no other attempt", seconds=seconds)
        job = self.job(name)
        assert job is not None
        return job

    def left(self) -> list[str]:
        """Return what lies in the spool, and in the nodes' temporary folders."""
        places = [self.spool, *(self.ray.folder / f"tmp-{node}" for node in self.ray.names)]
        found = [path for place in places if place.is_dir() for path in place.iterdir()]
        return sorted(str(path) for path in found if path.name.startswith("styled-"))


@pytest.fixture
def daemon(root: Root, ray: SmallRay) -> Iterator[RayDaemon]:
    """A daemon on a Ray; it leaves nothing there."""
    with RayDaemon(root, ray) as daemon:
        yield daemon
        for job in (job for job in daemon.jobs() if daemon.answers() and job.state not in ENDED):
            daemon.client.request("cancel", job=job.number)
        wait_until(lambda: daemon.names() == [], f"left on the nodes: {daemon.names()}")
