"""styled follow: plain lines without a terminal, one changing line on one, and an exit code that is the outcome."""

from __future__ import annotations

import os
import pty
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from styled.cli import follow
from styled.errors import DaemonNotRunning
from styled.job import JobState
from styled.root import Root
from tests.cli.conftest import Styled
from tests.deadlines import patience, wait_until
from tests.faults.daemon_process import DaemonProcess

pytestmark = pytest.mark.processes


def started(root: Root, *arguments: str, stdout: int = subprocess.PIPE) -> subprocess.Popen[str]:
    """Start ``styled follow`` in a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "styled", "follow", "--root", str(root.path), *arguments],
        stdout=stdout,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_a_pair_is_followed_from_the_inbox_to_its_result(daemon: DaemonProcess, styled: Styled) -> None:
    """Named before it is a job; whole lines only, no control characters."""
    daemon.drop("slow-harbour")
    told = styled("follow", "slow-harbour")
    lines = told.stdout.splitlines()
    assert told.returncode == 0, told.stderr
    assert lines[-1].startswith("0001 slow-harbour: done: ")
    assert "0001 slow-harbour: running" in lines
    assert any("step 20/20" in line for line in lines)
    assert all(line.isprintable() for line in lines)


def test_a_failure_is_the_exit_code(daemon: DaemonProcess, styled: Styled) -> None:
    daemon.drop("oom")
    told = styled("follow", "oom")
    assert told.returncode == 1
    assert told.stdout.splitlines()[-1].startswith("0002 oom: failed: ")
    assert styled("follow", "oom").returncode == 1, "also when it has ended before"


def test_a_job_that_is_cancelled_ends_it(daemon: DaemonProcess, styled: Styled) -> None:
    daemon.drop("slow-gone", settings={"steps": 2000})
    job = daemon.until("slow-gone", JobState.RUNNING)
    following = started(daemon.root, "slow-gone")
    assert following.stdout is not None
    assert following.stdout.readline() == "0003 slow-gone: running\n"
    styled("cancel", job.id)
    output, _ = following.communicate(timeout=patience(30))
    assert following.returncode == 1
    assert output.splitlines()[-1].startswith("0003 slow-gone: cancelled")


def test_a_job_that_vanishes_ends_it(daemon: DaemonProcess, styled: Styled, monkeypatch: pytest.MonkeyPatch) -> None:
    """Cancelled and removed between two looks."""
    daemon.drop("slow-lost", settings={"steps": 2000})
    job = daemon.until("slow-lost", JobState.RUNNING)

    def remove(_seconds: float) -> None:
        monkeypatch.undo()
        daemon.client.request("cancel", job=job.id)
        daemon.until("slow-lost", JobState.CANCELLED)
        wait_until(lambda: styled("remove", "--yes", job.id).returncode == 0)  # once its worker has ended

    monkeypatch.setattr(follow.time, "sleep", remove)
    told = CliRunner().invoke(follow.follow, ["--root", str(daemon.root.path), job.id])
    assert told.exit_code == 1
    assert told.output.splitlines()[-1] == f"{job.id} was removed"


def test_ctrl_c_leaves_the_job_alone(daemon: DaemonProcess) -> None:
    daemon.drop("slow-on", settings={"steps": 2000})  # it must still run when the signal comes, however busy we are
    job = daemon.until_step("slow-on", 1)
    following = started(daemon.root, "slow-on")
    assert following.stdout is not None
    following.stdout.readline()
    following.send_signal(signal.SIGINT)
    _, errors = following.communicate(timeout=patience(30))
    assert (following.returncode, errors) == (130, "")
    still = daemon.job("slow-on")
    assert still is not None
    assert (still.state, still.handle) == (JobState.RUNNING, job.handle)  # the same worker paints on
    daemon.client.request("cancel", job=job.id)
    daemon.until("slow-on", JobState.CANCELLED)


def test_on_a_terminal_one_line_changes(daemon: DaemonProcess) -> None:
    daemon.drop("slow-seen", settings={"steps": 60})
    ours, theirs = pty.openpty()
    following = started(daemon.root, "slow-seen", stdout=theirs)
    os.close(theirs)
    seen = b""
    while True:
        try:
            data = os.read(ours, 4096)
        except OSError:  # Linux says so when the other end is closed
            break
        seen += data
        if not data:
            break
    os.close(ours)
    assert following.communicate(timeout=patience(30))[1] == ""
    assert following.returncode == 0
    assert seen.count(b"\r") > 3
    assert b"\r\n0006 slow-seen: done: " in seen


def test_nobody_is_followed_without_a_daemon(
    tmp_path: Path, daemon: DaemonProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A copy of the root, with a job that waits and no daemon: told after the time that a restart may take."""
    daemon.drop("slow-left", settings={"steps": 2000})
    daemon.client.request("pause", job=daemon.until("slow-left", JobState.RUNNING).id)
    daemon.until("slow-left", JobState.PAUSED)
    copy = tmp_path / "copy"
    shutil.copytree(daemon.root.path, copy, ignore=shutil.ignore_patterns("control.sock", "lock"))
    monkeypatch.setattr(follow, "RESTART_S", 0.5)
    told = CliRunner().invoke(follow.follow, ["--root", str(copy), "slow-left"])
    assert isinstance(told.exception, DaemonNotRunning)
    assert "slow-left: paused" in told.output


def test_an_unknown_job_is_an_error(styled: Styled, daemon: DaemonProcess) -> None:
    told = styled("follow", "nobody")
    assert told.returncode == 4
    assert "no job is 'nobody'" in told.stderr


def test_the_place_in_the_queue_is_told(daemon: DaemonProcess) -> None:
    daemon.client.request("pause")
    try:
        for name in ("slow-a", "slow-b"):
            daemon.drop(name)
            daemon.until(name, JobState.WAITING)
        following = started(daemon.root, "slow-b")
        assert following.stdout is not None
        assert "slow-b: waiting, 1 before it" in following.stdout.readline()
    finally:
        daemon.client.request("resume")
    output, _ = following.communicate(timeout=patience(40))
    assert "slow-b: done" in output.splitlines()[-1]
    assert following.returncode == 0
