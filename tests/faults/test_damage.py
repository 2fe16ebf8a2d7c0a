"""Damaged checkpoints and databases: the next best is used, it is said, and what was damaged is kept."""

from __future__ import annotations

import os
import signal
import sqlite3
from pathlib import Path

import pytest

from styled.evolution import JobFolder
from styled.queue.job import JobState
from styled.root import Root
from tests.faults.daemon_process import DaemonProcess, check_invariant, wait_until, workers_of


def interrupted(root: Root) -> JobFolder:
    """Paint half a job and kill everything; return its folder, which has two checkpoint slots."""
    with DaemonProcess(root) as daemon:
        daemon.drop("slow", settings={"steps": 30})
        folder = JobFolder(root.evolution / daemon.until_step("slow", 6).id)
        wait_until(lambda: len(slots(folder)) == 2)
        daemon.signal(signal.SIGSTOP)  # so that it cannot start another worker
        for worker in workers_of(root):
            worker.kill()
        daemon.kill()
    return folder


def slots(folder: JobFolder) -> list[Path]:
    """Return the checkpoint's slots, the newest last."""
    found = [path for path in folder.checkpoint.iterdir() if not path.name.startswith(".")]
    return sorted(found, key=lambda path: path.stat().st_mtime_ns)


def starts(folder: JobFolder) -> list[int]:
    """Return the step after which each worker of a job began."""
    words = folder.log.read_text().split()
    return [int(word.removeprefix("after_step=")) for word in words if word.startswith("after_step=")]


def damage(path: Path, how: str) -> None:
    """Damage a file as a disk does."""
    data = bytearray(path.read_bytes())
    if how == "truncated":
        path.write_bytes(data[: len(data) // 2])
    elif how == "flipped":
        data[len(data) // 2] ^= 0x10
        path.write_bytes(data)
    else:
        path.write_bytes(b"")


@pytest.mark.parametrize("how", ["truncated", "flipped", "emptied"])
def test_a_damaged_newest_checkpoint_falls_back_to_the_other(root: Root, how: str) -> None:
    folder = interrupted(root)
    damage(slots(folder)[-1], how)
    with DaemonProcess(root) as daemon:
        job = daemon.until("slow", JobState.DONE)
        daemon.end()
    assert starts(folder)[-1] > 0
    assert job.reason, "nobody was told"
    check_invariant(root, {"slow"})


def test_with_both_checkpoints_damaged_it_starts_again_and_says_so(root: Root) -> None:
    folder = interrupted(root)
    for slot in slots(folder):
        damage(slot, "flipped")
    with DaemonProcess(root) as daemon:
        assert "painting starts again" in daemon.until("slow", JobState.DONE).reason
        daemon.end()
    assert starts(folder)[-1] == 0
    check_invariant(root, {"slow"})


@pytest.mark.parametrize("how", ["header", "truncated", "gone"])
def test_a_lost_database_is_rebuilt_from_the_folders_in_the_same_order(root: Root, how: str) -> None:
    names = ["first", "second", "third"]
    with DaemonProcess(root) as daemon:
        daemon.client.request("pause")
        for number, name in enumerate(names):
            daemon.drop(name, levels=(number, 200))
            daemon.until(name, JobState.WAITING)
        daemon.client.request("priority", job=3, priority=9)
        before = [(job.number, job.id, job.name, job.priority) for job in daemon.jobs()]
        daemon.end()
    if how == "gone":
        for path in root.state.glob("queue.db*"):
            path.unlink()
    else:
        data = root.database.read_bytes()
        root.database.write_bytes(b"rubbish!" * 100 if how == "header" else data[: len(data) // 3])
        for path in root.state.glob("queue.db-*"):
            path.unlink()
    with DaemonProcess(root) as daemon:
        assert [(job.number, job.id, job.name, job.priority) for job in daemon.jobs()] == before
        for name in names:
            daemon.until(name, JobState.DONE)
        daemon.end()
    assert bool(list(root.state.glob("queue.db.corrupt-*"))) == (how != "gone")
    check_invariant(root, set(names))


def test_a_database_from_the_future_is_not_touched(root: Root) -> None:
    with DaemonProcess(root) as daemon:
        daemon.end()
    database = sqlite3.connect(root.database)
    database.execute("PRAGMA user_version = 999")
    database.close()
    before = root.database.read_bytes()
    daemon = DaemonProcess(root)
    assert daemon.launch().wait(20) != 0
    assert "newer" in daemon.output.read_text()
    assert root.database.read_bytes() == before


def test_a_reader_that_holds_a_transaction_stops_nobody(root: Root) -> None:
    with DaemonProcess(root) as daemon:
        daemon.drop("first")
        daemon.until("first", JobState.DONE)
        reader = sqlite3.connect(f"{root.database.as_uri()}?mode=ro", uri=True, isolation_level=None)
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM jobs").fetchone()
        daemon.drop("second", levels=(1, 2))
        daemon.until("second", JobState.DONE)
        daemon.client.request("retry", job=1)
        reader.close()
        daemon.end()
    assert "locked" not in root.log.read_text()


def test_a_stale_lock_socket_and_pid_do_not_stop_the_next_daemon(root: Root) -> None:
    with DaemonProcess(root) as daemon:
        daemon.kill()
    assert root.socket.exists()
    # The pid in the lock file now belongs to somebody else: to us.
    root.lock.write_text(f'{{"pid": {os.getpid()}, "started_at": 1.0, "host": "here"}}')
    with DaemonProcess(root) as daemon:
        assert daemon.end() == 0
