"""A real daemon on a real Ray of two nodes without a shared disk: from the inbox to the result.

The invariant is that of ``tests/faults``: every pair in one place, no job done twice, and nothing is left in the spool
or on a node. The worker is the synthetic one, whose picture depends on nothing but its input and its steps.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

import msgspec
import pytest

from styled.backend.choose import backend_of
from styled.backend.staged.checkup import examine
from styled.backend.staged.ray_core.small import SmallRay
from styled.config import load_config
from styled.evolution import frames
from styled.job import Job, JobState
from styled.root import Root
from tests.deadlines import wait_until
from tests.faults.daemon_process import DaemonProcess, check_invariant
from tests.ray.conftest import RayDaemon
from tests.slurm.looking import check_whole, folder_of, pixels, psnr

pytestmark = [pytest.mark.ray, pytest.mark.processes]


def test_a_pair_is_painted_as_here(daemon: RayDaemon, tmp_path: Path) -> None:
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


def test_frames_losses_and_checkpoints_come_while_it_is_painted(daemon: RayDaemon) -> None:
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


def test_a_job_that_waits_in_ray_says_why_and_is_cancelled_at_once(daemon: RayDaemon) -> None:
    for name in ("slow-a", "slow-b", "slow-c"):
        daemon.drop(name, settings={"steps": 4000})

    def all_but_one_run() -> Job | None:
        jobs = daemon.jobs()
        waits = next((job for job in jobs if job.reason == "in Ray: waits for 1 CPU"), None)
        return waits if len([job for job in jobs if job.node]) == 2 else None

    job = wait_until(all_but_one_run, "none waits in Ray")
    assert job is not None
    began = time.monotonic()
    daemon.client.request("cancel", job=job.number)
    wait_until(lambda: daemon.job(job.name).handle == "", "not cancelled in Ray")
    assert time.monotonic() - began < 5
    for each in daemon.jobs():
        if each.number != job.number:
            daemon.client.request("cancel", job=each.number)
    wait_until(lambda: daemon.names() == [], "not cancelled in Ray", seconds=15)
    wait_until(lambda: daemon.left() == [], "left in the spool")


def test_jobs_outlive_a_daemon_that_is_stopped_or_killed(root: Root, ray: SmallRay) -> None:
    with RayDaemon(root, ray) as first:
        first.drop("slow", settings={"steps": 400})
        job = first.until_step("slow", 20)
        first.kill()
    assert first.names(), "it ended with its daemon"
    with RayDaemon(root, ray) as second:
        assert second.until_step("slow", 60).attempt == job.attempt
        assert second.end() == 0
    assert second.names()
    with RayDaemon(root, ray) as third:
        done = third.until("slow", JobState.DONE)
        assert done.attempt == job.attempt
        check_whole(third, done, 400)
        third.end()
    check_invariant(root, ["slow"])


def test_a_node_with_another_version_is_named_and_another_is_taken(
    root: Root, ray: SmallRay, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "other" / "styled-9.9.dist-info"
    other.mkdir(parents=True)
    (other / "METADATA").write_text("Metadata-Version: 2.1\nName: styled\nVersion: 9.9\n")
    ray.kill("node1")
    ray.start_node("node1", {"PYTHONPATH": os.pathsep.join([str(other.parent), ray.variables["PYTHONPATH"]])})
    try:
        with RayDaemon(root, ray) as daemon:
            for name in ("a", "b", "c"):
                daemon.drop(name)
            for name in ("a", "b", "c"):
                done = daemon.until(name, JobState.DONE, seconds=60)
                assert done.attempts == 0
            check_whole(daemon, done)
            log = (root.state / "daemon.log").read_text()
            assert "node1: styled 9.9 is installed there" in log
        for name, value in ray.environment.items():
            monkeypatch.setenv(name, value)
        found = [each for each in examine(backend_of(root, load_config(root.config))) if each.name == "node"]
        assert [(each.level, each.text.partition(":")[0]) for each in found] == [("warning", "node1"), ("ok", "node2")]
    finally:
        ray.kill("node1")
        ray.start_node("node1")


def test_the_doctor_runs_a_small_job_on_each_node(root: Root, ray: SmallRay, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in ray.environment.items():
        monkeypatch.setenv(name, value)
    good = backend_of(root, load_config(root.config))
    found = list(examine(good))
    assert {each.level for each in found} == {"ok"}
    assert [each.text.partition(":")[0] for each in found if each.name == "node"] == ["node1", "node2"]
    assert found[0].text == "Ray answers; it takes nobody without its token"
    nowhere = [each for each in examine(msgspec.structs.replace(good, python="/nowhere/python")) if each.name == "node"]
    assert all((each.level, "/nowhere/python" in each.text) == ("problem", True) for each in nowhere)
    [refused] = [each for each in examine(msgspec.structs.replace(good, gpus=1.0)) if each.name == "node"]
    assert (refused.level, refused.text) == ("problem", "no node of Ray has 1 CPU and 1 GPU")
    assert list(Path(good.spool).iterdir()) == []
