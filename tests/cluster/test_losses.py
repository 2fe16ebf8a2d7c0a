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
from tests.cluster.programs import another_version, python
from tests.cluster.waiting import wait_until
from tests.faults.daemon_process import check_invariant, lines

pytestmark = pytest.mark.processes


def test_a_worker_that_is_killed_is_tried_again(daemon: ClusterDaemon) -> None:
    daemon.drop("slow", settings={"steps": 400})
    [worker] = workers_of(daemon.until_step("slow", 10))
    worker.send_signal(signal.SIGSEGV)
    daemon.hurry()
    daemon.check_whole(daemon.until("slow", JobState.DONE), 400)
    assert moves_back(daemon) == ["the worker was killed by SIGSEGV"]


def test_a_node_that_dies_costs_no_attempt(daemon: ClusterDaemon) -> None:
    daemon.drop("slow", settings={"steps": 400})
    job = daemon.until_step("slow", 30)
    daemon.cluster.kill(job.node)
    daemon.hurry()
    try:
        done = daemon.until("slow", JobState.DONE, seconds=90)
    finally:
        daemon.cluster.start(job.node)
    assert done.attempts == 0
    daemon.check_whole(done, 400)
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
    daemon.hurry()
    daemon.cluster.rejoin(job.node)
    done = daemon.until("slow", JobState.DONE, seconds=120)
    assert (done.attempts, done.attempt) == (0, again.attempt)
    daemon.check_whole(done, 800)
    daemon.cluster.until_ready()
    daemon.end()
    check_invariant(daemon.root, ["slow"])


def test_nodes_whose_clocks_are_wrong(root: Root, cluster: Cluster, tmp_path: Path) -> None:
    """One an hour ahead, one an hour behind. Nothing is decided by them: what they write is neither too old nor from the future."""
    before = []
    for node, hours in (("node1", 1), ("node2", -1)):
        clock = tmp_path / node
        clock.mkdir()
        shift = f"import time; now = time.time; time.time = lambda: now() + {hours} * 3600"
        (clock / "sitecustomize.py").write_text(f"{shift}\nopen({str(clock / 'used')!r}, 'a').close()\n")
        before.append(f'! {cluster.on(node)} || export PYTHONPATH="{clock}:$PYTHONPATH"')
    program = python(tmp_path / "python", "\n".join(before))
    with ClusterDaemon(root, cluster, STYLED_BACKEND__PYTHON=str(program)) as daemon:
        for name in ("slow-a", "slow-b"):
            daemon.drop(name, settings={"steps": 100})
        for name in ("slow-a", "slow-b"):
            daemon.check_whole(daemon.until(name, JobState.DONE), 100)
        assert [(tmp_path / node / "used").exists() for node in ("node1", "node2")] == [True, True], "a clock was right"
        assert moves_back(daemon) == []
        daemon.end()
    check_invariant(root, ["slow-a", "slow-b"])


def test_a_node_with_another_version_is_named_and_another_is_taken(
    root: Root, cluster: Cluster, tmp_path: Path
) -> None:
    program = another_version(tmp_path, cluster.on("node1"))
    with ClusterDaemon(root, cluster, STYLED_BACKEND__PYTHON=str(program)) as daemon:
        for name in ("a", "b", "c"):
            daemon.drop(name)
        for name in ("a", "b", "c"):
            done = daemon.until(name, JobState.DONE, seconds=60)
            assert (done.attempts, done.node) == (0, "")
        daemon.check_whole(done)
        assert "node1: styled 9.9 is installed there" in (root.state / "daemon.log").read_text()
        daemon.end()
    check_invariant(root, ["a", "b", "c"])
