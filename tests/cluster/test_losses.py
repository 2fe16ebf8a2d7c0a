"""Parts of a cluster that die, are cut off or are wrong while a job is painted: it goes on, and is done once."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from styled.job import JobState
from styled.root import Root
from tests.cluster.cluster_daemon import ClusterDaemon
from tests.cluster.clusters import Cluster
from tests.cluster.looking import folder_of, moves_back, workers_of
from tests.cluster.programs import python
from tests.deadlines import wait_until
from tests.faults.daemon_process import check_invariant, lines

pytestmark = pytest.mark.processes


def test_a_worker_that_is_killed_is_tried_again(daemon: ClusterDaemon) -> None:
    daemon.drop("slow", settings={"steps": 60})
    [worker] = workers_of(daemon.until_step("slow", 10))
    worker.send_signal(signal.SIGSEGV)
    daemon.check_whole(daemon.until("slow", JobState.DONE), 60)
    assert moves_back(daemon) == ["the worker was killed by SIGSEGV"]


def test_a_node_that_dies_costs_no_attempt(daemon: ClusterDaemon) -> None:
    daemon.drop("slow", settings={"steps": 200})
    job = daemon.until_step("slow", 30)
    daemon.cluster.kill(job.node)
    try:
        done = daemon.until("slow", JobState.DONE, seconds=90)
    finally:
        daemon.cluster.start(job.node)
    assert done.attempts == 0
    daemon.check_whole(done, 200)
    assert moves_back(daemon) == [f"{job.node} was lost; it goes on from its checkpoint"]
    daemon.cluster.until_ready()
    daemon.end()
    check_invariant(daemon.root, ["slow"])


def test_a_network_cut_of_a_node(daemon: ClusterDaemon) -> None:
    """The old worker paints on, and changes nothing: of its node nothing is heard any more, and all there runs."""
    daemon.drop("slow", settings={"steps": 800})
    job = daemon.until_step("slow", 20)
    old = workers_of(job)
    assert old
    daemon.cluster.cut(job.node)
    try:
        again = daemon.until_attempt("slow", but=job.attempt)
        assert again.node != job.node
        daemon.until_step("slow", lines(folder_of(daemon, again).losses) + 20)
    finally:
        daemon.cluster.mend(job.node)
    wait_until(lambda: not any(each.is_running() for each in old), "a worker that was given up paints on", seconds=60)
    daemon.cluster.rejoin(job.node)
    done = daemon.until("slow", JobState.DONE, seconds=120)
    assert (done.attempts, done.attempt) == (0, again.attempt)
    daemon.check_whole(done, 800)
    daemon.cluster.until_ready()
    daemon.end()
    check_invariant(daemon.root, ["slow"])


@pytest.mark.parametrize("hours", [1, -1])
def test_a_node_whose_clock_is_wrong(root: Root, cluster: Cluster, tmp_path: Path, hours: int) -> None:
    """Nothing is decided by a node's clock: what it writes is neither too old nor from the future."""
    clock = tmp_path / "clock"
    clock.mkdir()
    shift = f"import time; now = time.time; time.time = lambda: now() + {hours} * 3600"
    (clock / "sitecustomize.py").write_text(f"{shift}\nopen({str(clock / 'used')!r}, 'a').close()\n")
    program = python(clock / "python", f'export PYTHONPATH="{clock}:$PYTHONPATH"')
    with ClusterDaemon(root, cluster, STYLED_BACKEND__PYTHON=str(program)) as daemon:
        daemon.drop("slow", settings={"steps": 60})
        done = daemon.until("slow", JobState.DONE)
        assert (clock / "used").exists(), "the clock was right"
        daemon.check_whole(done, 60)
        assert moves_back(daemon) == []
        daemon.end()
    check_invariant(root, ["slow"])
