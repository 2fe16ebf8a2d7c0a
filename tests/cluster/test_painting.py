"""A real daemon on a real cluster of two nodes, each a host of its own: from the inbox to the result.

The invariant after each test is that of ``tests/faults``: every pair in one place, no job done twice; and nothing is
left in the spool or on a node. The worker is the synthetic one, whose picture depends on nothing but its input and its
steps.
"""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest

from styled.evolution import JobFolder, frames, load_checkpoint
from styled.job import Job, JobState
from styled.root import Root
from tests.cluster.cluster_daemon import ClusterDaemon
from tests.cluster.clusters import Cluster
from tests.cluster.looking import folder_of, moves_back, pixels, psnr
from tests.cluster.waiting import wait_until
from tests.faults.daemon_process import DaemonProcess, check_invariant, lines

pytestmark = pytest.mark.processes


def test_a_pair_is_painted_as_here(daemon: ClusterDaemon, tmp_path: Path) -> None:
    daemon.drop("harbour")
    done = daemon.until("harbour", JobState.DONE)
    daemon.check_whole(done)
    daemon.end()
    check_invariant(daemon.root, ["harbour"])
    other = Root.at(tmp_path / "local" / "root")
    other.path.mkdir(parents=True)
    with DaemonProcess(other) as local:
        local.drop("harbour")
        here = local.until("harbour", JobState.DONE)
        assert psnr(pixels(folder_of(daemon, done)), pixels(folder_of(local, here))) > 45


def test_frames_losses_and_checkpoints_come_while_it_is_painted(daemon: ClusterDaemon) -> None:
    """A checkpoint is here before the next but one is due: at most ``checkpoint_s``, here 1 s, and 30 s old."""
    daemon.drop("slow", settings={"steps": 400})
    job = daemon.until_step("slow", 20)
    folder = folder_of(daemon, job)
    wait_until(lambda: list(folder.checkpoint.glob("*.npz")), "no checkpoint came")
    wait_until(lambda: frames(folder), "no frame came")
    assert job.state is JobState.RUNNING
    assert job.node in ("node1", "node2")
    oldest = 0.0
    step = lines(folder.losses)
    while lines(folder.losses) < step + 100:
        oldest = max(oldest, _age_of_the_last_checkpoint(folder))
        time.sleep(0.1)
    assert oldest < 1 + 30
    began = time.monotonic()
    daemon.client.request("pause", job=job.number)
    wait_until(lambda: daemon.attempts() == [], "it still runs")
    assert time.monotonic() - began < 5
    daemon.client.request("cancel", job=job.number)
    wait_until(lambda: daemon.left() == [], "left in the spool")
    wait_until(lambda: (found := daemon.job("slow")) and (found.handle, found.node) == ("", ""), "still placed")
    assert daemon.until("slow", JobState.CANCELLED).reason.startswith("cancelled by")


def _age_of_the_last_checkpoint(folder: JobFolder) -> float:
    """Return for how long no newer one came, in seconds of the clock."""
    written = [path.stat().st_mtime for path in folder.checkpoint.glob("*.npz")]
    return time.time() - max(written)


def test_a_job_that_waits_in_the_cluster_says_why_and_is_cancelled_at_once(daemon: ClusterDaemon) -> None:
    for name in ("slow-a", "slow-b", "slow-c"):
        daemon.drop(name, settings={"steps": 4000})

    def all_but_one_run() -> Job | None:
        jobs = daemon.jobs()
        waits = [job for job in jobs if not job.node and job.reason.startswith(f"in {daemon.cluster.title}: ")]
        return waits[0] if len(waits) == 1 and len([job for job in jobs if job.node]) == 2 else None

    job = wait_until(all_but_one_run, "none waits in the cluster")
    assert job is not None
    assert re.fullmatch("in (Slurm: (Resources|Priority|None)|Ray: waits for 1 CPU)", job.reason)
    began = time.monotonic()
    daemon.client.request("cancel", job=job.number)
    wait_until(lambda: daemon.job(job.name).handle == "", "not cancelled in the cluster")
    assert time.monotonic() - began < 5
    for each in daemon.jobs():
        if each.number != job.number:
            daemon.client.request("cancel", job=each.number)
    wait_until(lambda: daemon.attempts() == [], "not cancelled in the cluster", seconds=15)
    wait_until(lambda: daemon.left() == [], "left in the spool")


def test_jobs_outlive_a_daemon_that_is_stopped_or_killed(root: Root, cluster: Cluster) -> None:
    with ClusterDaemon(root, cluster) as first:
        first.drop("slow", settings={"steps": 400})
        job = first.until_step("slow", 20)
        first.kill()
    assert first.attempts(), "it ended with its daemon"
    with ClusterDaemon(root, cluster) as second:
        assert second.until_step("slow", 60).attempt == job.attempt
        assert second.end() == 0
    assert second.attempts()
    with ClusterDaemon(root, cluster) as third:
        third.hurry()
        done = third.until("slow", JobState.DONE)
        assert done.attempt == job.attempt
        third.check_whole(done, 400)
        third.end()
    check_invariant(root, ["slow"])


def test_a_daemon_that_is_to_stop_its_jobs_leaves_none_on_the_cluster(root: Root, cluster: Cluster) -> None:
    with ClusterDaemon(root, cluster) as first:
        for name in ("slow-a", "slow-b", "slow-c"):  # one of them waits in the cluster
            first.drop(name, settings={"steps": 400})
        jobs = [first.until_step(name, 20) for name in _first_two(first)]
        wait_until(lambda: all(list(folder_of(first, job).checkpoint.glob("*.npz")) for job in jobs), "no checkpoint")
        first.client.request("stop", jobs=True)
        assert first.process.wait(40) == 0
    assert cluster.attempts() == []
    assert cluster.left(root) == []
    assert {job.state for job in first.jobs()} == {JobState.WAITING}
    for folder in (folder_of(first, job) for job in jobs):  # it goes on where it was stopped: no step is lost
        checkpoint = load_checkpoint(folder)
        assert checkpoint is not None
        assert checkpoint.meta["step"] == lines(folder.losses)
    with ClusterDaemon(root, cluster) as second:
        second.hurry()
        for name in ("slow-a", "slow-b", "slow-c"):
            done = second.until(name, JobState.DONE, seconds=60)
            second.check_whole(done, 400)
            assert done.attempts == 0
        assert moves_back(second) == [""] * 3, "the queue did not ask for it"
        second.end()
    check_invariant(root, ["slow-a", "slow-b", "slow-c"])


def _first_two(daemon: ClusterDaemon) -> list[str]:
    """Wait until two jobs are placed; return their names."""

    def placed() -> list[str]:
        return [job.name for job in daemon.jobs() if job.node]

    wait_until(lambda: len(placed()) == 2, "two nodes do not paint")
    return placed()
