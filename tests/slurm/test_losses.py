"""Parts of a Slurm that die or are cut off while a job is painted: it goes on elsewhere, and is done once."""

from __future__ import annotations

import signal

import psutil
import pytest

from styled.backend.staged.small_slurm import SmallSlurm
from styled.job import JobState
from tests.deadlines import wait_until
from tests.faults.daemon_process import check_invariant
from tests.slurm.conftest import ClusterDaemon
from tests.slurm.looking import check_whole, moves_back, workers_of

pytestmark = [pytest.mark.slurm, pytest.mark.processes]


def test_a_node_that_dies_costs_no_attempt(daemon: ClusterDaemon, slurm: SmallSlurm) -> None:
    daemon.drop("slow", settings={"steps": 100})
    job = daemon.until_step("slow", 30)
    slurm.kill(job.node)
    try:
        done = daemon.until("slow", JobState.DONE, seconds=90)
    finally:
        slurm.start_node(job.node)
    check_whole(daemon, done, 100)
    assert moves_back(daemon) == [f"{job.node} was lost; it goes on from its checkpoint"]
    wait_until(lambda: set(slurm.run("sinfo", "-h", "-N", "-o%T").split()) == {"idle"}, "the node does not come back")
    daemon.end()
    check_invariant(daemon.root, ["slow"])


def test_a_worker_that_is_killed_is_tried_again(daemon: ClusterDaemon) -> None:
    daemon.drop("slow", settings={"steps": 60})
    [worker] = workers_of(daemon.until_step("slow", 10))
    worker.send_signal(signal.SIGSEGV)
    check_whole(daemon, daemon.until("slow", JobState.DONE), 60)
    assert moves_back(daemon) == ["the worker was killed by SIGSEGV"]


def test_a_controller_that_dies_and_comes_back(daemon: ClusterDaemon, slurm: SmallSlurm) -> None:
    daemon.drop("slow", settings={"steps": 300})
    daemon.until_step("slow", 5)
    # It saves the start of a job within 5 s. One killed before that starts the job again, and drains the node.
    wait_until(lambda: _seconds_run(slurm) > 7, "Slurm does not run it")
    slurm.kill("slurmctld")
    try:
        wait_until(lambda: "Slurm does not answer" in str(daemon.client.request("status")), "not told", seconds=60)
        assert (job := daemon.until_step("slow", 200)).state is JobState.RUNNING, "it is painted and followed meanwhile"
    finally:
        slurm.start_controller()
    done = daemon.until("slow", JobState.DONE, seconds=90)
    assert done.attempt == job.attempt
    check_whole(daemon, done, 300)
    wait_until(lambda: "does not answer" not in str(daemon.client.request("status")), "still told")


def _seconds_run(slurm: SmallSlurm) -> int:
    """Return how long the only job on the cluster has run, by Slurm."""
    minutes, _, seconds = slurm.run("squeue", "-h", "-t", "running", "-o", "%M").strip().rpartition(":")
    return int(minutes or 0) * 60 + int(seconds or 0)


def test_a_network_cut_of_a_node(daemon: ClusterDaemon, slurm: SmallSlurm) -> None:
    """The old worker paints on, and changes nothing: here its node stops answering Slurm, and nothing else."""
    daemon.drop("slow", settings={"steps": 1600})  # 80 s: longer than Slurm takes to miss the node
    job = daemon.until_step("slow", 20)
    old = workers_of(job)
    assert old
    slurm.cut(job.node)
    try:
        again = daemon.until_attempt("slow", but=job.attempt)
        assert again.node != job.node
        done = daemon.until("slow", JobState.DONE, seconds=180)
        check_whole(daemon, done, 1600)
        psutil.wait_procs(old, timeout=20)
        assert not [each for each in old if each.is_running()], "a worker whose folder is gone paints on"
    finally:
        slurm.mend(job.node)
    wait_until(lambda: set(slurm.run("sinfo", "-h", "-N", "-o%T").split()) == {"idle"}, "the node does not come back")
    daemon.end()
    check_invariant(daemon.root, ["slow"])
