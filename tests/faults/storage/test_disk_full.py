"""A disk that really fills up: the queue waits, no attempt is used, nothing is lost, and it goes on when there is room.

Needs root for a small filesystem of its own; run with: pytest -m root.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from styled.job import JobState
from styled.root import Root
from tests.deadlines import wait_until
from tests.faults.daemon_process import DaemonProcess, check_invariant, workers_of

pytestmark = [pytest.mark.faults, pytest.mark.root, pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount")]

SIZE = 48 * 1024**2


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Root]:
    """A root on a filesystem of 48 MB."""
    place = tmp_path / "small"
    place.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "none", place], check=False, capture_output=True
    )
    if done.returncode:
        pytest.skip(f"cannot mount here: {done.stderr.decode()}")
    root = Root.at(place / "root")
    root.path.mkdir()
    yield root
    subprocess.run(["umount", "-l", place], check=True)


class Filler:
    """Takes room away and gives it back."""

    def __init__(self, root: Root) -> None:
        self._path = root.path.parent / "filler"

    def leave(self, free: int) -> None:
        """Leave so many bytes free."""
        take = shutil.disk_usage(self._path.parent).free - free
        with self._path.open("ab", buffering=0) as file:  # closing has nothing left to write, which would fail too
            try:
                while take > 0:
                    take -= file.write(b"\0" * min(take, 65536))
            except OSError:
                pass  # as full as it gets

    def go(self) -> None:
        """Give it all back."""
        self._path.unlink()


def state_of(daemon: DaemonProcess) -> tuple[str, str]:
    status = daemon.client.request("status")["status"]
    return status["state"], status["note"]


def test_below_the_limit_nothing_starts_and_below_half_of_it_jobs_stop(small: Root) -> None:
    filler = Filler(small)
    with DaemonProcess(small, "--set", "disk.min_free_gb=0.016") as daemon:
        daemon.drop("slow", settings={"steps": 80})
        daemon.until_step("slow", 3)
        filler.leave(12_000_000)
        wait_until(lambda: "the disk is full" in state_of(daemon)[1])
        assert workers_of(small)  # what runs may go on
        daemon.drop("next", levels=(1, 2))
        filler.leave(6_000_000)
        waiting = daemon.until("slow", JobState.WAITING)
        assert waiting.attempts == 0
        time.sleep(0.5)
        assert daemon.job("next") is None
        filler.go()
        daemon.until("slow", JobState.DONE)
        daemon.until("next", JobState.DONE)
        assert state_of(daemon)[0] == "running"
        assert daemon.end() == 0
    check_invariant(small, {"slow", "next"})


def test_a_disk_without_a_byte_stops_nothing_for_good(small: Root) -> None:
    filler = Filler(small)
    with DaemonProcess(small) as daemon:  # no limit set: the writes themselves fail
        daemon.drop("slow", settings={"steps": 60, "frame_every": 1})
        daemon.until_step("slow", 3)
        filler.leave(0)
        wait_until(lambda: state_of(daemon)[0] == "degraded")
        wait_until(lambda: not workers_of(small))
        beats = daemon.client.request("status")["status"]["beat_at"]
        wait_until(lambda: daemon.client.request("status")["status"]["beat_at"] > beats + 1.0)
        assert daemon.process.poll() is None
        filler.go()
        job = daemon.until("slow", JobState.DONE)
        assert job.attempts == 0
        assert daemon.end() == 0
    check_invariant(small, {"slow"})


def test_a_daemon_started_on_a_full_disk_waits_for_room(small: Root, tmp_path: Path) -> None:
    filler = Filler(small)
    daemon = DaemonProcess(small)
    daemon.output = tmp_path / "output.txt"
    small.inbox.mkdir()
    daemon.drop("harbour")
    filler.leave(0)
    process = daemon.launch()
    wait_until(lambda: "waits to begin" in daemon.output.read_text())
    assert not daemon.answers()
    filler.go()
    daemon.until("harbour", JobState.DONE)
    assert process.poll() is None
    assert daemon.end() == 0
    check_invariant(small, {"harbour"})


def test_a_daemon_told_to_stop_while_it_waits_for_room_stops(small: Root, tmp_path: Path) -> None:
    Filler(small).leave(0)
    daemon = DaemonProcess(small)
    daemon.output = tmp_path / "output.txt"
    daemon.launch()
    wait_until(lambda: "waits to begin" in daemon.output.read_text())
    assert daemon.end(10) == 0
