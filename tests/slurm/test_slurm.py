"""A real daemon on a real Slurm of two nodes: from the inbox to the result, and all that goes wrong in between.

The invariant after each fault is that of ``tests/faults``: every pair in one place, no job done twice, and nothing is
left in the spool. The worker is the synthetic one, whose picture depends on nothing but its input and its steps.
"""

from __future__ import annotations

import signal
import time
from pathlib import Path

import msgspec
import numpy as np
import psutil
import pytest
from PIL import Image

from styled.backend.staged.checkup import examine
from styled.backend.staged.small_slurm import SmallSlurm
from styled.config import BackendConfig
from styled.evolution import JobFolder, frames, read_losses
from styled.job import Job, JobState
from styled.root import Root
from tests.deadlines import wait_until
from tests.faults.daemon_process import DaemonProcess, check_invariant
from tests.slurm.conftest import ClusterDaemon

pytestmark = [pytest.mark.slurm, pytest.mark.processes]


def folder_of(daemon: DaemonProcess, job: Job) -> JobFolder:
    return JobFolder(daemon.root.evolution / job.id)


def pixels(folder: JobFolder) -> np.ndarray:
    with Image.open(folder.result) as picture:
        return np.asarray(picture.convert("RGB"), np.float32)


def psnr(first: np.ndarray, second: np.ndarray) -> float:
    error = float(np.mean((first - second) ** 2))
    return float("inf") if error == 0 else 10 * float(np.log10(255.0**2 / error))


def workers_of(job: Job) -> list[psutil.Process]:
    """Return the workers that paint a job's attempt, on whatever node."""
    processes = [(process, " ".join(process.info["cmdline"] or [])) for process in psutil.process_iter(["cmdline"])]
    return [process for process, line in processes if job.attempt in line and "styled.backend.launch" in line]


def check_whole(daemon: ClusterDaemon, job: Job, steps: int = 20) -> None:
    """Check that a job's folder has all that a local one has, and that nothing of it is left elsewhere."""
    folder = folder_of(daemon, job)
    assert [line.step for line in read_losses(folder).losses] == list(range(1, steps + 1))
    assert [step for step, _ in frames(folder)] == list(range(5, steps + 1, 5))
    assert folder.timelapse.is_file()
    wait_until(lambda: daemon.left() == [], f"left in the spool: {daemon.left()}")
    wait_until(lambda: daemon.names() == [], "left in Slurm")


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


def test_a_node_that_dies_costs_no_attempt(daemon: ClusterDaemon, slurm: SmallSlurm) -> None:
    daemon.drop("slow", settings={"steps": 100})
    job = daemon.until_step("slow", 30)
    slurm.kill(job.node)
    try:
        done = daemon.until("slow", JobState.DONE, seconds=90)
    finally:
        slurm.start_node(job.node)
    check_whole(daemon, done, 100)
    notes = [event.note for event in events(daemon) if event.after == JobState.WAITING and event.kind == "moved"]
    assert notes == [f"{job.node} was lost; it goes on from its checkpoint"]
    wait_until(lambda: set(slurm.run("sinfo", "-h", "-N", "-o%T").split()) == {"idle"}, "the node does not come back")
    daemon.end()
    check_invariant(daemon.root, ["slow"])


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


def test_a_worker_that_is_killed_is_tried_again(daemon: ClusterDaemon) -> None:
    daemon.drop("slow", settings={"steps": 60})
    [worker] = workers_of(daemon.until_step("slow", 10))
    worker.send_signal(signal.SIGSEGV)
    check_whole(daemon, daemon.until("slow", JobState.DONE), 60)
    assert "the worker was killed by SIGSEGV" in [event.note for event in events(daemon)]


def test_the_time_limit_costs_no_attempt(root: Root, slurm: SmallSlurm) -> None:
    # Two minutes before its limit of two minutes an attempt is sent SIGTERM: at once.
    daemon = ClusterDaemon(root, slurm, options='["--time=2"]')
    with daemon:
        daemon.drop("slow", settings={"steps": 60})
        done = daemon.until("slow", JobState.DONE, seconds=200)
        check_whole(daemon, done, 60)
        notes = [event.note for event in events(daemon) if event.after == JobState.WAITING and event.kind == "moved"]
        assert set(notes) <= {"Slurm (its time limit, or another job) stopped it; it goes on from its checkpoint"}


def test_a_controller_that_dies_and_comes_back(daemon: ClusterDaemon, slurm: SmallSlurm) -> None:
    daemon.drop("slow", settings={"steps": 150})
    daemon.until_step("slow", 5)
    slurm.kill("slurmctld")
    try:
        wait_until(lambda: "Slurm does not answer" in str(daemon.client.request("status")), "not told", seconds=60)
        assert (job := daemon.until_step("slow", 60)).state is JobState.RUNNING, "it is painted and followed meanwhile"
    finally:
        slurm.start_controller()
    done = daemon.until("slow", JobState.DONE, seconds=90)
    assert done.attempt == job.attempt
    check_whole(daemon, done, 150)
    wait_until(lambda: "does not answer" not in str(daemon.client.request("status")), "still told")


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


def test_a_network_cut_of_a_node(daemon: ClusterDaemon, slurm: SmallSlurm) -> None:
    """The old worker paints on, and changes nothing: here its node stops answering Slurm, and nothing else."""
    daemon.drop("slow", settings={"steps": 1000})
    job = daemon.until_step("slow", 20)
    old = workers_of(job)
    assert old
    slurm.cut(job.node)
    try:
        again = daemon.until_attempt("slow", but=job.attempt)
        assert again.node != job.node
        done = daemon.until("slow", JobState.DONE, seconds=120)
        check_whole(daemon, done, 1000)
        psutil.wait_procs(old, timeout=20)
        assert not [each for each in old if each.is_running()], "a worker whose folder is gone paints on"
    finally:
        slurm.mend(job.node)
    wait_until(lambda: set(slurm.run("sinfo", "-h", "-N", "-o%T").split()) == {"idle"}, "the node does not come back")
    daemon.end()
    check_invariant(daemon.root, ["slow"])


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


def events(daemon: DaemonProcess) -> list:  # type: ignore[type-arg]
    from styled.store.reader import StoreReader

    with StoreReader.open(daemon.root) as reader:
        return reader.events(0, limit=100_000)
