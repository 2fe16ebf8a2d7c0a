"""Ten thousand pairs at once, and ten thousand ended jobs. Takes minutes of a quiet machine; pytest -m load -s (figures)."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from styled.job import JobState
from styled.root import Root
from tests.faults.daemon_process import DaemonProcess, picture

PAIRS = int(os.environ.get("STYLED_LOAD_PAIRS", "10000"))
MAX_RSS = 200e6
MAX_REPLY_S = 1.0
MAX_STATUS_S = 0.3
MAX_IDLE = 0.005

pytestmark = [pytest.mark.load, pytest.mark.timeout(3600)]


def fill(inbox: Path, count: int) -> None:
    """Drop pairs of files as fast as the disk takes them; every content has other bytes."""
    style = picture(inbox / ".style.png", 200).read_bytes()
    content = picture(inbox / ".content.png", 40).read_bytes()
    for number in range(count):
        # Behind a PNG's end anything may follow.
        (inbox / f"p{number:05d}.content.png").write_bytes(content + b"%d" % number)
        (inbox / f"p{number:05d}.style.png").write_bytes(style)


def test_ten_thousand_pairs_become_jobs_though_the_kernels_queue_of_events_overflowed(root: Root) -> None:
    """While the daemon is stopped its queue of events runs over; afterwards it finds everything by looking."""
    with DaemonProcess(root, "--quiet", STYLED_INBOX__RESCAN_S="2") as daemon:
        daemon.client.request("pause")
        process = psutil.Process(daemon.process.pid)
        daemon.signal(signal.SIGSTOP)
        fill(root.inbox, PAIRS)
        daemon.signal(signal.SIGCONT)
        began, resident, slowest = time.monotonic(), 0, 0.0
        jobs = 0
        while jobs < PAIRS:
            assert time.monotonic() < began + 1800, f"{jobs} jobs only"
            resident = max(resident, process.memory_info().rss)
            asked = time.monotonic()
            status = daemon.client.request("status")
            slowest = max(slowest, time.monotonic() - asked)
            jobs = status["counts"]["waiting"]
            time.sleep(0.2)
        seconds = time.monotonic() - began
        print(f"\n{PAIRS} pairs: {seconds:.0f} s, {resident / 1e6:.0f} MB at most, slowest reply {slowest:.2f} s")  # noqa: T201  # figures to read
        assert resident < MAX_RSS
        assert slowest < MAX_REPLY_S
        assert sum(not path.name.startswith(".") for path in root.inbox.iterdir()) == 0
        assert daemon.end(120) == 0
    names = sorted(job.name for job in daemon.jobs())
    assert names == [f"p{number:05d}" for number in range(PAIRS)]
    database = sqlite3.connect(root.database)
    with database:
        database.execute("UPDATE jobs SET state = 'done', step = 20, steps = 20, finished_at = created_at")
    database.close()
    with DaemonProcess(root, "--quiet") as daemon:
        told = [status_seconds(root) for _ in range(5)]
        print(f"status --json with {PAIRS} ended jobs: {sorted(told)[2]:.2f} s, daemon of {resident_mb(daemon):.0f} MB")  # noqa: T201  # figures to read
        assert min(told) < MAX_STATUS_S
        share = idle_share(daemon)
        print(f"idle: {share:.2%} of a core")  # noqa: T201  # figures to read
        assert share < MAX_IDLE
        assert resident_mb(daemon) < MAX_RSS / 1e6
        assert daemon.end() == 0


def status_seconds(root: Root) -> float:
    """Return how long the whole command takes."""
    began = time.monotonic()
    command = [sys.executable, "-m", "styled", "status", "--json", "--root", str(root.path)]
    report = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    assert report["counts"][JobState.DONE] == PAIRS
    return time.monotonic() - began


def idle_share(daemon: DaemonProcess) -> float:
    """Return the share of a core that the daemon takes while nothing happens."""
    process = psutil.Process(daemon.process.pid)
    time.sleep(5)  # the first looks around are over
    before, began = sum(process.cpu_times()[:2]), time.monotonic()
    time.sleep(20)
    return (sum(process.cpu_times()[:2]) - before) / (time.monotonic() - began)


def resident_mb(daemon: DaemonProcess) -> float:
    """Return the daemon's resident memory, MB."""
    return psutil.Process(daemon.process.pid).memory_info().rss / 1e6
