"""Killed at the worst moments, daemon and workers alike: nothing is lost, nothing done twice, nobody left behind."""

from __future__ import annotations

import random
import signal
import time

import numpy as np
import pytest

from styled import images
from styled.evolution import JobFolder, read_losses
from styled.job import JobState
from styled.root import Root
from tests.deadlines import patience, wait_until
from tests.faults.daemon_process import DaemonProcess, check_invariant, workers_of

pytestmark = pytest.mark.processes


@pytest.mark.faults
def test_a_daemon_killed_at_each_step_of_a_claim_loses_and_doubles_nothing(root: Root) -> None:
    """The queue is held, so that each daemon but the last only mends the claim of the one before, and dies in its own."""
    with DaemonProcess(root, STYLED_QUEUE__PARALLEL="2") as last:
        last.client.request("pause")
        assert last.end() == 0
        names = [f"harbour{step}" for step in range(1, 10)]
        for step, name in enumerate(names, 1):
            daemon = DaemonProcess(root, STYLED_CRASH_AT=f"claim.{step}")
            daemon.drop(name, levels=(step, 200), settings={"steps": 1})
            assert daemon.launch().wait(patience(30)) == 137, name
        last.start()
        last.client.request("resume")
        for name in names:
            last.until(name, JobState.DONE)
        assert len(last.jobs()) == len(names)
        assert last.end() == 0
    check_invariant(root, set(names))


def test_sigterm_at_any_moment_of_a_workers_start_ends_well(root: Root) -> None:
    daemon = DaemonProcess(root)
    root.inbox.mkdir()
    daemon.drop("harbour", settings={"steps": 200})
    for delay in (0.0, 0.1, 0.3):
        daemon.start()
        daemon.until("harbour", JobState.RUNNING)
        time.sleep(delay)  # no state to wait for: at any moment of its start, and whichever it is, it must end well
        assert daemon.end() == 0
        job = daemon.job("harbour")
        assert job is not None
        assert (job.state, job.attempts, job.handle) == (JobState.WAITING, 0, "")
        check_invariant(root, {"harbour"})


@pytest.mark.faults
def test_kills_at_random_moments_end_in_every_job_done_once(root: Root) -> None:
    """The short form of the soak: a minute's worth of trouble in a few seconds."""
    dice = random.Random(20261122)
    names = {f"job{number}-slow" for number in range(4)}
    daemon = DaemonProcess(root, STYLED_QUEUE__PARALLEL="2", STYLED_QUEUE__MAX_ATTEMPTS="100")
    root.inbox.mkdir()
    for number, name in enumerate(sorted(names)):
        daemon.drop(name, levels=(number, 200), settings={"steps": 15})
    daemon.start()
    for _ in range(5):
        time.sleep(dice.uniform(0.3, 0.9))  # no state to wait for: any moment must do
        for worker in workers_of(root):
            if dice.random() < 0.4:
                worker.send_signal(dice.choice([signal.SIGKILL, signal.SIGSEGV, signal.SIGTERM]))
        if dice.random() < 0.7:
            daemon.kill()
            wait_until(lambda: not workers_of(root))
            daemon.start()
    for name in names:
        job = daemon.until(name, JobState.DONE, seconds=90)
        losses = read_losses(JobFolder(root.evolution / job.id)).losses
        assert [line.step for line in losses] == list(range(1, 16))
    assert daemon.end() == 0
    check_invariant(root, names)


def test_a_hanging_worker_costs_one_job_and_not_the_queue(root: Root) -> None:
    with DaemonProcess(root, STYLED_QUEUE__STALL_S="1", STYLED_QUEUE__MAX_ATTEMPTS="1") as daemon:
        daemon.drop("hang")
        daemon.until_step("hang", 4)
        daemon.drop("good", levels=(1, 2))
        worker = workers_of(root)[0]
        wait_until(lambda: "no sign of life" in root.log.read_text())
        worker.kill()  # what the daemon itself does half a minute later
        assert "no sign of life" in daemon.until("hang", JobState.FAILED).reason
        daemon.until("good", JobState.DONE)
        daemon.end()
    check_invariant(root, {"hang", "good"})


@pytest.mark.faults
def test_poison_jobs_fail_and_the_rest_is_painted(root: Root) -> None:
    bad = {"poison": "killed by SIGSEGV", "silent": "without a result", "broken": "cannot be read", "oom": "Lower size"}
    with DaemonProcess(root, STYLED_QUEUE__MAX_ATTEMPTS="2", STYLED_QUEUE__PARALLEL="2") as daemon:
        for number, name in enumerate([*bad, "good"]):
            daemon.drop(name, levels=(number, 200))
        for name, words in bad.items():
            assert words in daemon.until(name, JobState.FAILED).reason
        daemon.until("good", JobState.DONE)
        daemon.end()
    check_invariant(root, {*bad, "good"})


def test_a_job_whose_memory_runs_out_goes_on_with_less_and_the_log_says_so(root: Root) -> None:
    with DaemonProcess(root) as daemon:
        daemon.drop("hungry", settings={"checkpoint_s": 1000.0})
        done = daemon.until("hungry", JobState.DONE)
        assert "memory ran out, it is painted with less" in done.remarks
        assert root.log.read_text().count("memory ran out; going on with less") == 2
        assert daemon.end() == 0
    check_invariant(root, {"hungry"})


@pytest.mark.faults
def test_a_job_whose_daemon_was_killed_ends_with_the_picture_of_an_undisturbed_one(root: Root) -> None:
    with DaemonProcess(root, STYLED_INBOX__DUPLICATES="run") as daemon:
        daemon.drop("calm-slow", settings={"steps": 14})
        calm = daemon.until("calm-slow", JobState.DONE)
        daemon.drop("struck-slow", settings={"steps": 14})
        folder = JobFolder(root.evolution / daemon.until_step("struck-slow", 5).id)
        wait_until(lambda: any(folder.checkpoint.iterdir()))
        daemon.kill()
        wait_until(lambda: not workers_of(root))
        daemon.start()
        daemon.until("struck-slow", JobState.DONE)
        assert daemon.end() == 0
    began = [line for line in folder.log.read_text().splitlines() if "after_step=" in line]
    assert len(began) == 2
    assert "after_step=0 " not in began[1]
    before, after = images.load(JobFolder(root.evolution / calm.id).result), images.load(folder.result)
    np.testing.assert_array_equal(before.pixels, after.pixels)
    check_invariant(root, {"calm-slow", "struck-slow"})
