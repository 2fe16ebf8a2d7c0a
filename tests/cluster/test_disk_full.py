"""The disk on which a node paints is full, or becomes full: nothing is lost, and it costs no attempt."""

from __future__ import annotations

import contextlib
import re
import subprocess
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from styled.job import JobState
from styled.root import Root
from tests.cluster.cluster_daemon import ClusterDaemon
from tests.cluster.clusters import Cluster, SlurmCluster
from tests.cluster.looking import moves_back
from tests.cluster.waiting import wait_until
from tests.faults.daemon_process import check_invariant

pytestmark = pytest.mark.processes

FULL = "MB free|No space left|the disk is full"
"""Whichever file found no room first; where that is the one for messages, a worker's exit code is all there is."""


@contextlib.contextmanager
def small(disks: Sequence[Path]) -> Iterator[Callable[[bool], None]]:
    """Make disks of 80 MiB, little more than must be free; what it gives fills them, or makes room again."""
    with contextlib.ExitStack() as stack:
        for disk in disks:
            disk.mkdir(exist_ok=True)
            mount = ["mount", "-t", "tmpfs", "-o", "size=80m", "tmpfs", str(disk)]
            if (made := subprocess.run(mount, capture_output=True, text=True, check=False)).returncode:
                pytest.skip(f"no small disk here: {made.stderr.strip()}")
            stack.callback(subprocess.run, ["umount", "--lazy", str(disk)], check=True)

        def fill(is_full: bool) -> None:
            for disk in disks:
                _fill(disk / "filler") if is_full else (disk / "filler").unlink()

        yield fill


def _fill(filler: Path) -> None:
    with contextlib.suppress(OSError), filler.open("wb", buffering=0) as file:  # until there is no room
        while True:
            file.write(bytes(2**20))


def test_a_disk_that_fills_while_a_job_is_painted(root: Root, cluster: Cluster) -> None:
    with small(cluster.disks(root)) as fill, ClusterDaemon(root, cluster) as daemon:
        daemon.drop("slow", settings={"steps": 200})
        job = daemon.until_step("slow", 20)
        fill(True)
        wait_until(lambda: moves_back(daemon), "nothing is told of it")
        assert re.search(FULL, moves_back(daemon)[0])
        fill(False)
        daemon.hurry()
        done = daemon.until("slow", JobState.DONE, seconds=60)
        assert (done.attempts, done.attempt != job.attempt) == (0, True)
        daemon.check_whole(done, 200)
        daemon.end()
    check_invariant(root, ["slow"])


@pytest.mark.slurm
def test_a_disk_that_is_full_fails_no_job(root: Root, slurm: SlurmCluster) -> None:
    """On Ray there is no such thing: Python takes another of a node's temporary folders where one is full."""
    slurm.until_ready()
    with small(slurm.disks(root)) as fill, ClusterDaemon(root, slurm) as daemon:
        fill(True)
        daemon.drop("harbour")
        wait_until(lambda: moves_back(daemon), "nothing is told of it")
        assert re.search(FULL, moves_back(daemon)[0])

        def waits() -> bool:
            job = daemon.job("harbour")
            return job is not None and (job.state, job.attempts) == (JobState.WAITING, 0)

        wait_until(waits, "it costs an attempt")
        fill(False)
        daemon.check_whole(daemon.until("harbour", JobState.DONE, seconds=60))
        daemon.end()
    check_invariant(root, ["harbour"])
