"""A throw-away Slurm, a root, and a daemon that paints on it."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from styled.backend.staged.small_slurm import SmallSlurm, missing
from styled.job import Job
from styled.root import Root
from tests.deadlines import wait_until
from tests.faults.daemon_process import DaemonProcess


@pytest.fixture(scope="session")
def slurm() -> Iterator[SmallSlurm]:
    """Two nodes; a test that kills a part starts it again."""
    if why := missing():
        pytest.skip(f"no Slurm here: {why}")
    folder = Path(tempfile.mkdtemp(prefix="slurm-"))
    folder.chmod(0o755)
    with SmallSlurm(folder / "c", timeout_s=5) as cluster:
        yield cluster
    shutil.rmtree(folder)


@pytest.fixture
def root(tmp_path: Path) -> Root:
    """An empty root, and a spool beside it."""
    root = Root.at(tmp_path / "root")
    root.path.mkdir()
    (tmp_path / "spool").mkdir()
    return root


class ClusterDaemon(DaemonProcess):
    """``styled daemon`` with the synthetic worker on a Slurm."""

    def __init__(self, root: Root, slurm: SmallSlurm, *flags: str, options: str = "[]", **environment: str) -> None:
        self.slurm = slurm
        self.spool = root.path.parent / "spool"
        super().__init__(
            root,
            *flags,
            STYLED_BACKEND__KIND="slurm",
            STYLED_BACKEND__SPOOL=str(self.spool),
            STYLED_BACKEND__SLOTS="3",
            # Only for the synthetic worker, which lies with the tests.
            STYLED_BACKEND__OPTIONS=options.replace("[", '["--export=ALL",', 1),
            **slurm.environment,
            **environment,
        )

    def names(self) -> list[str]:
        """Return the names of the jobs that Slurm has not ended."""
        return self.slurm.run("squeue", "--noheader", "--format=%j").split()

    def until_attempt(self, name: str, *, but: str) -> Job:
        """Wait until a job is placed that is painted by another attempt."""

        def found() -> bool:
            job = self.job(name)
            return job is not None and job.attempt != but and bool(job.node)

        wait_until(found, "no other attempt", seconds=90)
        job = self.job(name)
        assert job is not None
        return job

    def left(self) -> list[str]:
        """Return what lies in the spool."""
        return sorted(path.name for path in self.spool.iterdir())


@pytest.fixture
def daemon(root: Root, slurm: SmallSlurm) -> Iterator[ClusterDaemon]:
    """A daemon on a Slurm all of whose nodes are in use; nothing of it is left in Slurm afterwards."""
    wait_until(lambda: _all_nodes_are_in_use(slurm), "a node does not come back", seconds=60)
    daemon = ClusterDaemon(root, slurm)
    with daemon:
        yield daemon
    for name in daemon.names():
        slurm.run("scancel", f"--name={name}")


def _all_nodes_are_in_use(slurm: SmallSlurm) -> bool:
    """Put back what Slurm has taken out of use, and return whether each node can be given a job.

    Slurm takes a node out of use where a job on it cannot be ended, or was started twice.
    """
    for name in slurm.run("sinfo", "-h", "-N", "-t", "drain", "-o", "%N").split():
        slurm.run("scontrol", "update", f"NodeName={name}", "State=RESUME")
    return set(slurm.run("sinfo", "-h", "-N", "-o", "%T").split()) == {"idle"}
