"""styled status: a fixed shape as JSON, plain words as text, with and without a daemon."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from styled.cli import status
from styled.daemon.control import seen
from styled.job import Job, JobState
from styled.root import Root
from styled.store.store import Store
from tests.cli.conftest import Styled
from tests.deadlines import wait_until
from tests.faults.daemon_process import DaemonProcess
from tests.store.many import add_copies

pytestmark = pytest.mark.processes

KEYS = {
    "version", "root", "daemon", "counts", "jobs", "incomplete", "incomplete_count", "hot_folders", "hot_folders_count", "ignored", "ignored_count", "rejected",
    "rejected_count", "nodes", "nodes_count", "memory",
}  # fmt: skip


def test_a_root_without_anything_has_a_status(styled: Styled, tmp_path: Path) -> None:
    told = styled("status", "--root", tmp_path)
    assert told.returncode == 0
    assert told.stdout.startswith(
        f"{tmp_path} is no root; make it one with: styled init {tmp_path}\n0 waiting, 0 running"
    )
    report = json.loads(styled("status", "--json", "--root", tmp_path).stdout)
    assert report.keys() == KEYS
    assert report["daemon"]["state"] == "off"
    assert not (tmp_path / ".styled").exists()


def test_output_that_cannot_be_written_is_an_error_in_words(tmp_path: Path) -> None:
    with Path("/dev/full").open("w") as full:
        told = subprocess.run(
            [sys.executable, "-m", "styled", "status", "--root", str(tmp_path)],
            check=False,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
        )
    assert (told.returncode, told.stderr) == (74, "styled: the output cannot be written: No space left on device\n")


def test_a_daemon_with_jobs_is_told(daemon: DaemonProcess, styled: Styled) -> None:
    daemon.drop("harbour")
    daemon.until("harbour", JobState.DONE)
    (daemon.root.inbox / "lonely.content.png").write_bytes(b"x" * 2000)
    wait_until(lambda: json.loads(styled("status", "--json").stdout)["incomplete"])
    report = json.loads(styled("status", "--json").stdout)
    assert report.keys() == KEYS
    assert (report["version"], report["daemon"]["state"], report["daemon"]["pid"]) == (1, "running", daemon.process.pid)
    assert report["counts"] == {"waiting": 0, "running": 0, "paused": 0, "done": 1, "failed": 0, "cancelled": 0}
    assert report["jobs"][0].keys() == set(Job.__struct_fields__)
    assert report["incomplete"][0]["name"] == "lonely"
    text = styled("status").stdout
    assert f"is running (pid {daemon.process.pid})" in text
    assert "0001  done             20/20" in text
    assert "waiting in the inbox (1):\n  lonely: a style" in text


def test_a_part_that_does_not_work_is_told_with_its_age() -> None:
    now = time.time()
    part = {"part": "gallery", "trouble": "OSError: x", "since": now - 130.0, "retry_at": now + 29.9}
    assert status._part_line(part) == "  gallery: OSError: x (for 2m, tried again in 30 s)"
    assert status._part_line(part | {"retry_at": None}) == "  gallery: OSError: x (for 2m)"


def test_a_daemon_that_hangs_is_told_from_one_that_runs(
    daemon: DaemonProcess, root: Root, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(seen, "STALE_S", 0.5)
    daemon.signal(signal.SIGSTOP)
    try:
        time.sleep(0.6)
        told = status.look(root)["daemon"]
    finally:
        daemon.signal(signal.SIGCONT)
    assert (told["state"], told["pid"]) == ("stuck", daemon.process.pid)
    assert "does not answer within 2 s" in told["note"]


def test_ten_thousand_ended_jobs_are_told_in_time(styled: Styled, tmp_path: Path) -> None:
    root = Root.at(tmp_path)
    with Store.open(root) as store:
        add_copies(store, 10_000, state=JobState.DONE, finished_at=1.0)
    command = [sys.executable, "-m", "styled", "status", "--json", "--root", str(root.path)]
    best = min(timed(command) for _ in range(5))
    told = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    assert [job["number"] for job in told["jobs"]] == list(range(10_000, 9_980, -1))
    assert told["counts"]["done"] == 10_000
    assert best < 0.3
    text = styled("status", "--root", root.path).stdout
    assert "… 9980 more ended jobs: styled status --all" in text


def timed(command: list[str]) -> float:
    """Return the processor seconds of a command: what it takes on a machine with nothing else to do."""
    before, started = os.times(), time.monotonic()
    subprocess.run(command, capture_output=True, check=True)
    after = os.times()
    used = after.children_user - before.children_user + after.children_system - before.children_system
    return min(used, time.monotonic() - started)
