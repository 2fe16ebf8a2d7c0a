"""One root under two mounts, and an inbox on another filesystem. Needs root; run with: pytest -m root."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from styled.job import JobState
from styled.root import Root
from tests.deadlines import patience, wait_until
from tests.faults.daemon_process import DaemonProcess, check_invariant

pytestmark = [pytest.mark.faults, pytest.mark.root, pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount")]

Mount = Callable[..., None]


@pytest.fixture
def mount() -> Iterator[Mount]:
    """``mount(arguments…, folder)``; unmounted at the end."""
    mounted: list[Path] = []

    def do(*arguments: str | Path) -> None:
        done = subprocess.run(["mount", *arguments], check=False, capture_output=True)
        if done.returncode:
            pytest.skip(f"cannot mount here: {done.stderr.decode()}")
        if Path(arguments[-1]) not in mounted:  # else it was only mounted in another way
            mounted.append(Path(arguments[-1]))

    yield do
    for place in reversed(mounted):
        subprocess.run(["umount", "-l", place], check=True)


def test_a_second_daemon_is_refused_through_another_mount_of_the_root(
    daemon: DaemonProcess, tmp_path: Path, mount: Mount
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    mount("--bind", daemon.root.path, other)
    second = DaemonProcess(Root.at(other))
    assert second.launch().wait(patience(20)) == 3
    assert f"process {daemon.process.pid} already runs" in second.output.read_text()
    assert daemon.end() == 0


def test_an_inbox_on_another_filesystem_is_copied_from(root: Root, mount: Mount) -> None:
    root.inbox.mkdir()
    mount("-t", "tmpfs", "none", root.inbox)
    with DaemonProcess(root) as daemon:
        daemon.drop("harbour")
        daemon.until("harbour", JobState.DONE)
        assert list(root.inbox.iterdir()) == []
        daemon.end()
    check_invariant(root, {"harbour"})


def test_a_read_only_inbox_is_copied_from_once_and_said(root: Root, mount: Mount) -> None:
    root.inbox.mkdir()
    DaemonProcess(root).drop("harbour")
    mount("--bind", root.inbox, root.inbox)
    mount("-o", "remount,bind,ro", root.inbox)
    for _ in range(2):  # a restart does not paint it again
        with DaemonProcess(root) as daemon:
            daemon.until("harbour", JobState.DONE)
            status = wait_until(lambda: (s := daemon.client.request("status")["status"])["state"] == "degraded" and s)
            assert "cannot be written" in status["note"]
            assert len(daemon.jobs()) == 1
            assert daemon.end() == 0


def test_doctor_sees_that_files_cannot_be_moved(root: Root, mount: Mount) -> None:
    root.inbox.mkdir()
    root.evolution.mkdir()
    mount("--bind", root.inbox, root.inbox)
    told = subprocess.run(
        [sys.executable, "-m", "styled", "doctor", "--root", root.path], capture_output=True, text=True, check=False
    )
    assert "warning  moving files: a file cannot be moved from inbox/ to evolution/" in told.stdout


def test_job_folders_that_cannot_be_written_stop_the_intake_and_no_more(root: Root, mount: Mount) -> None:
    with DaemonProcess(root) as daemon:
        daemon.drop("before")
        daemon.until("before", JobState.DONE)
        mount("--bind", root.evolution, root.evolution)
        mount("-o", "remount,bind,ro", root.evolution)
        daemon.drop("harbour", levels=(1, 2))
        status = wait_until(lambda: (s := daemon.client.request("status")["status"])["state"] == "degraded" and s)
        assert "Read-only file system" in status["note"]
        assert [path.name for path in root.inbox.iterdir()] == ["harbour"]
        mount("-o", "remount,bind,rw", root.evolution)
        daemon.until("harbour", JobState.DONE)
        wait_until(lambda: daemon.client.request("status")["status"]["state"] == "running")
        assert daemon.end() == 0
    check_invariant(root, {"before", "harbour"})
