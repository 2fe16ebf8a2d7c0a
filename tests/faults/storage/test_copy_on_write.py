"""A quota that is used up on btrfs, where files are copied on write: a page of a mapped file cannot be written there.

Needs root, a loop device and mkfs.btrfs.
"""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from styled.errors import DiskFull
from styled.job import JobState
from styled.root import Root
from tests.deadlines import wait_until
from tests.faults.daemon_process import DaemonProcess, check_invariant

pytestmark = [
    pytest.mark.faults,
    pytest.mark.root,
    pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount"),
    pytest.mark.skipif(shutil.which("mkfs.btrfs") is None, reason="no mkfs.btrfs (package btrfs-progs)"),
]

LIMIT = 48 * 1024**2


def run(*command: str | Path) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(command, check=False, capture_output=True)


@pytest.fixture
def limited(tmp_path: Path) -> Iterator[Root]:
    """A root on btrfs with a quota of 48 MB."""
    image, place = tmp_path / "image", tmp_path / "btrfs"
    place.mkdir()
    with image.open("wb") as file:
        file.truncate(512 * 1024**2)
    for command in (("mkfs.btrfs", "-q", image), ("mount", "-o", "loop", image, place)):
        done = run(*command)
        if done.returncode:
            pytest.skip(f"{command[0]}: {done.stderr.decode()}")
    try:
        folder = place / "home"
        for command in (
            ("btrfs", "subvolume", "create", folder),
            ("btrfs", "quota", "enable", place),
            ("btrfs", "qgroup", "limit", str(LIMIT), folder),
        ):
            assert run(*command).returncode == 0
        root = Root.at(folder / "root")
        root.path.mkdir()
        yield root
    finally:
        run("umount", "-l", place)


def fill(path: Path) -> None:
    with path.open("ab", buffering=0) as file:
        while True:
            file.write(b"x" * 65536)
            os.fsync(file.fileno())


def use_up(path: Path) -> None:
    """Write until the quota refuses."""
    with pytest.raises(OSError, match="quota") as caught:
        fill(path)
    assert caught.value.errno == errno.EDQUOT


def give_back(path: Path) -> None:
    path.unlink()
    os.sync()


def trouble_of(daemon: DaemonProcess) -> str:
    """Return what the daemon has to complain of, also where it cannot read its database any more."""
    try:
        return str(daemon.client.request("status")["status"]["note"])
    except DiskFull as error:
        return error.message


def test_a_used_up_quota_ends_no_daemon_and_the_job_goes_on_when_there_is_room(limited: Root) -> None:
    filler = limited.path.parent / "filler"
    with DaemonProcess(limited) as daemon:
        daemon.drop("slow", settings={"steps": 200})
        daemon.until_step("slow", 5)
        use_up(filler)
        wait_until(lambda: "quota" in trouble_of(daemon), "nobody names the quota")
        assert daemon.process.poll() is None
        give_back(filler)
        assert daemon.until("slow", JobState.DONE).attempts <= 1
        assert daemon.end() == 0
        use_up(filler)
        process = daemon.launch()  # it waits to begin
        wait_until(lambda: "quota" in daemon.output.read_text(), "the daemon does not name the quota")
        assert process.poll() is None
        give_back(filler)
        wait_until(daemon.answers)
        daemon.drop("after")
        daemon.until("after", JobState.DONE)
        daemon.end()
    check_invariant(limited, {"slow", "after"})
