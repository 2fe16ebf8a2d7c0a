"""A real daemon on a real Slurm of two nodes: from the inbox to the result, and all that goes wrong in between.

The invariant after each fault is that of ``tests/faults``: every pair in one place, no job done twice, and nothing is
left in the spool. The worker is the synthetic one, whose picture depends on nothing but its input and its steps.
"""

from __future__ import annotations

import time
from pathlib import Path

import msgspec
import pytest

from styled.backend.staged.checkup import examine
from styled.backend.staged.small_slurm import SmallSlurm
from styled.config import BackendConfig
from styled.evolution import frames
from styled.job import Job, JobState
from styled.root import Root
from tests.deadlines import wait_until
from tests.faults.daemon_process import DaemonProcess, check_invariant
from tests.slurm.conftest import ClusterDaemon
from tests.slurm.looking import check_whole, folder_of, moves_back, pixels, psnr

pytestmark = [pytest.mark.slurm, pytest.mark.processes]


def test_a_pair_is_painted_as_here(daemon: ClusterDaemon, tmp_path: Path) -> None:
    daemon.drop("harbour")
    done = daemon.until("harbour", JobState.DONE)
    check_whole(daemon, done)
    daemon.end()
    check_invariant(daemon.root, ["harbour"])
    other = Root.at(tmp_path / "local" / "root")
    other.path.mkdir(parents=True)
    with DaemonProcess(other) as local:
        local.drop("harbour")
        here = local.until("harbour", JobState.DONE)
        assert psnr(pixels(folder_of(daemon, done)), pixels(folder_of(local, here))) > 45


def test_frames_losses_and_checkpoints_come_while_it_is_painted(daemon: ClusterDaemon) -> None:
    daemon.drop("slow", settings={"steps": 400})
    job = daemon.until_step("slow", 20)
    folder = folder_of(daemon, job)
    wait_until(lambda: list(folder.checkpoint.glob("*.npz")), "no checkpoint came")
    wait_until(lambda: frames(folder), "no frame came")
    assert job.state is JobState.RUNNING
    assert job.node in ("node1", "node2")
    began = time.monotonic()
    daemon.client.request("pause", job=job.number)
    wait_until(lambda: daemon.names() == [], "it still runs")
    assert time.monotonic() - began < 5
    daemon.client.request("cancel", job=job.number)
    wait_until(lambda: daemon.left() == [], "left in the spool")
    wait_until(lambda: (found := daemon.job("slow")) and (found.handle, found.node) == ("", ""), "still placed")
    assert daemon.until("slow", JobState.CANCELLED).reason.startswith("cancelled by")


def test_a_job_that_waits_in_slurm_says_why_and_is_cancelled_at_once(daemon: ClusterDaemon) -> None:
    for name in ("slow-a", "slow-b", "slow-c"):
        daemon.drop(name, settings={"steps": 4000})

    def queued() -> Job | None:
        return next((job for job in daemon.jobs() if job.reason.startswith("in Slurm: ")), None)

    wait_until(lambda: len(daemon.jobs()) == 3 and queued(), "none waits in Slurm")
    job = queued()
    assert job is not None
    assert job.reason in ("in Slurm: Resources", "in Slurm: Priority", "in Slurm: None")
    for each in daemon.jobs():
        daemon.client.request("cancel", job=each.number)
    wait_until(lambda: daemon.names() == [], "not cancelled in Slurm", seconds=15)
    wait_until(lambda: daemon.left() == [], "left in the spool")


def test_jobs_outlive_a_daemon_that_is_stopped_or_killed(root: Root, slurm: SmallSlurm) -> None:
    first = ClusterDaemon(root, slurm)
    with first:
        first.drop("slow", settings={"steps": 250})
        job = first.until_step("slow", 20)
        first.kill()
    assert first.names(), "it ended with its daemon"
    second = ClusterDaemon(root, slurm)
    with second:
        assert second.until_step("slow", 60).attempt == job.attempt
        assert second.end() == 0
    assert second.names()
    third = ClusterDaemon(root, slurm)
    with third:
        done = third.until("slow", JobState.DONE)
        assert done.attempt == job.attempt
        check_whole(third, done, 250)
        third.end()
    check_invariant(root, ["slow"])


def test_the_time_limit_costs_no_attempt(root: Root, slurm: SmallSlurm) -> None:
    # An attempt is sent SIGTERM two minutes before its limit: as soon as Slurm looks, twice a minute.
    daemon = ClusterDaemon(root, slurm, options='["--time=2"]')
    with daemon:
        daemon.drop("slow", settings={"steps": 1000})
        done = daemon.until("slow", JobState.DONE, seconds=120)
        check_whole(daemon, done, 1000)
        assert set(moves_back(daemon)) == {
            "Slurm (its time limit, or another job) stopped it; it goes on from its checkpoint"
        }


def test_what_slurm_refuses_holds_the_queue_and_fails_no_job(root: Root, slurm: SmallSlurm) -> None:
    daemon = ClusterDaemon(root, slurm, options='["--partition=nowhere"]')
    with daemon:
        daemon.drop("harbour")
        wait_until(lambda: "invalid partition" in str(daemon.client.request("status")), "not told")
        job = daemon.job("harbour")
        assert job is not None
        assert (job.state, job.attempts) == (JobState.WAITING, 0)
    with ClusterDaemon(root, slurm) as mended:
        check_whole(mended, mended.until("harbour", JobState.DONE))


def test_the_doctor_runs_a_small_job(root: Root, slurm: SmallSlurm, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in slurm.environment.items():
        monkeypatch.setenv(name, value)
    place = root.path.parent / "spool"
    place.chmod(0o700)
    good = BackendConfig(kind="slurm", spool=str(place))
    found = {each.name: each for each in examine(good)}
    assert {each.level for each in found.values()} == {"ok"}
    assert found["node"].text.startswith("node")
    nowhere = {each.name: each for each in examine(msgspec.structs.replace(good, python="/nowhere/python"))}
    assert (nowhere["node"].level, "/nowhere/python" in nowhere["node"].text) == ("problem", True)
    refused = {each.name: each for each in examine(msgspec.structs.replace(good, options=("--partition=none",)))}
    assert "invalid partition" in refused["node"].text
    assert list(place.iterdir()) == []
    place.chmod(0o777)
    assert next(each for each in examine(good) if each.name == "spool").level == "problem"
