"""Storage that refuses, in any way, is waited for: no attempt is used, nothing ends, and it goes on by itself."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from styled.cli import status
from styled.job import JobState
from styled.root import Root
from tests.deadlines import wait_until
from tests.faults.daemon_process import DaemonProcess, check_invariant, workers_of
from tests.faults.storage.refusing_disk import RefusingDisk

pytestmark = [pytest.mark.faults, pytest.mark.processes]

LOADER = [sys.executable, "-c", "import os, sys; os.execv(sys.argv[1], sys.argv[1:])"]
"""Starts an interpreter of its own, which loads the library that refuses."""


@pytest.fixture
def disk(root: Root, tmp_path: Path) -> RefusingDisk:
    return RefusingDisk(root.path, tmp_path)


@pytest.fixture
def daemon(root: Root, disk: RefusingDisk) -> DaemonProcess:
    return DaemonProcess(root, through=LOADER, **disk.environment)


@pytest.mark.parametrize("number", [errno.EDQUOT, errno.EIO, errno.EROFS], ids=errno.errorcode.get)
def test_a_disk_that_refuses_in_the_middle_of_a_job_is_waited_for(
    root: Root, daemon: DaemonProcess, disk: RefusingDisk, number: int
) -> None:
    with daemon:
        daemon.drop("slow", settings={"steps": 60, "frame_every": 1})
        daemon.until_step("slow", 3)
        disk.refuse(number)
        wait_until(lambda: not workers_of(root))
        daemon.drop("next", levels=(1, 2))
        told = wait_until(lambda: (told := status.look(root)["daemon"])["state"] == "degraded" and told)
        assert os.strerror(number) in told["note"]
        assert told["pid"] == daemon.process.pid
        disk.work()
        assert daemon.until("slow", JobState.DONE).attempts == 0
        daemon.until("next", JobState.DONE)
        wait_until(lambda: status.look(root)["daemon"]["state"] == "running")
        assert daemon.end() == 0
    assert "used" not in daemon.output.read_text()
    assert "attempt=2" not in daemon.output.read_text()
    check_invariant(root, {"slow", "next"})


@pytest.mark.parametrize("number", [errno.EDQUOT, errno.EROFS], ids=errno.errorcode.get)
def test_a_daemon_started_on_a_disk_that_refuses_waits_and_can_be_stopped(
    root: Root, daemon: DaemonProcess, disk: RefusingDisk, number: int
) -> None:
    with daemon:
        daemon.drop("harbour")
        daemon.until("harbour", JobState.DONE)
        assert daemon.end() == 0
    disk.refuse(number)
    daemon.launch()
    waits: Callable[[], bool] = lambda: "the daemon waits to begin" in daemon.output.read_text()  # noqa: E731  # asked twice
    wait_until(waits)
    assert daemon.end() == 0
    daemon.output.write_text("")
    daemon.launch()
    wait_until(waits)
    disk.work()
    wait_until(daemon.answers)
    assert daemon.end() == 0
    check_invariant(root, {"harbour"})


def test_a_daemon_is_stopped_while_its_disk_refuses(root: Root, daemon: DaemonProcess, disk: RefusingDisk) -> None:
    with daemon:
        daemon.drop("slow", settings={"steps": 200})
        daemon.until_step("slow", 3)
        disk.refuse(errno.EIO)
        wait_until(lambda: status.look(root)["daemon"]["state"] == "degraded")
        assert daemon.end() == 0
        disk.work()
    with daemon:
        assert daemon.until("slow", JobState.DONE).attempts == 0
        assert daemon.end() == 0
    check_invariant(root, {"slow"})
