"""Parts of a Ray that die or are cut off while a job is painted: it goes on elsewhere, and is done once."""

from __future__ import annotations

import signal

import psutil
import pytest

from styled.backend.staged.ray_core.small import SmallRay
from styled.job import JobState
from tests.deadlines import wait_until
from tests.faults.daemon_process import check_invariant
from tests.ray.conftest import RayDaemon
from tests.slurm.looking import check_whole, moves_back, workers_of

pytestmark = [pytest.mark.ray, pytest.mark.processes]


def test_a_worker_that_is_killed_is_tried_again(daemon: RayDaemon) -> None:
    daemon.drop("slow", settings={"steps": 60})
    [worker] = workers_of(daemon.until_step("slow", 10))
    worker.send_signal(signal.SIGSEGV)
    check_whole(daemon, daemon.until("slow", JobState.DONE), 60)
    assert moves_back(daemon) == ["the worker was killed by SIGSEGV"]


def test_a_node_that_dies_costs_no_attempt(daemon: RayDaemon, ray: SmallRay) -> None:
    daemon.drop("slow", settings={"steps": 200})
    job = daemon.until_step("slow", 30)
    ray.kill(job.node)
    try:
        done = daemon.until("slow", JobState.DONE, seconds=90)
        assert done.attempts == 0
        assert moves_back(daemon) == [f"{job.node} was lost; it goes on from its checkpoint"]
        ray.forget(job.node)
        check_whole(daemon, done, 200)
    finally:
        ray.start_node(job.node)
    daemon.end()
    check_invariant(daemon.root, ["slow"])


def test_a_network_cut_of_a_node(daemon: RayDaemon, ray: SmallRay) -> None:
    """The old worker paints on, and changes nothing: here its node's Ray hears and says nothing, and all else runs."""
    daemon.drop("slow", settings={"steps": 800})
    job = daemon.until_step("slow", 20)
    old = workers_of(job)
    assert old
    ray.cut(job.node)
    try:
        again = daemon.until_attempt("slow", but=job.attempt)
        assert again.node != job.node
        assert all(each.is_running() for each in old), "nothing was cut"
    finally:
        ray.mend(job.node)
    # Ray's part on the node is told that it was given up, and ends; what it ran ends with it.
    psutil.wait_procs(old, timeout=60)
    assert not [each for each in old if each.is_running()], "a worker whose actor is gone paints on"
    done = daemon.until("slow", JobState.DONE, seconds=120)
    assert (done.attempts, done.attempt) == (0, again.attempt)
    check_whole(daemon, done, 800)
    ray.kill(job.node)
    ray.start_node(job.node)
    daemon.end()
    check_invariant(daemon.root, ["slow"])


def test_a_head_that_dies_and_comes_back_has_forgotten_all_and_each_job_is_done_once(
    daemon: RayDaemon, ray: SmallRay
) -> None:
    daemon.drop("slow", settings={"steps": 300})
    job = daemon.until_step("slow", 30)
    ray.kill("head")
    wait_until(lambda: "Ray" in str(daemon.client.request("status")), "not told", seconds=60)
    for name in ray.names:
        ray.kill(name)
        ray.forget(name)
    ray.start_head()
    for name in ray.names:
        ray.start_node(name)
    done = daemon.until("slow", JobState.DONE, seconds=120)
    assert (done.attempts, done.attempt != job.attempt) == (0, True)
    check_whole(daemon, done, 300)
    daemon.end()
    check_invariant(daemon.root, ["slow"])
