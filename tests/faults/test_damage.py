"""Damaged checkpoints and databases: the next best is used, it is said, and what was damaged is kept."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import sqlite3
from collections.abc import Sequence
from pathlib import Path

import pytest

from styled.cli import status
from styled.evolution import JobFolder
from styled.job import JobState
from styled.root import Root
from tests.deadlines import patience, wait_until
from tests.faults.daemon_process import DaemonProcess, check_invariant, workers_of

pytestmark = pytest.mark.processes


def interrupted(root: Root, names: Sequence[str]) -> list[JobFolder]:
    """Paint half of each job and kill everything; return their folders, which have two checkpoint slots."""
    with DaemonProcess(root, STYLED_QUEUE__PARALLEL=str(len(names))) as daemon:
        for number, name in enumerate(names):
            daemon.drop(name, levels=(number, 200), settings={"steps": 60})
        folders = [JobFolder(root.evolution / daemon.until_step(name, 6).id) for name in names]
        wait_until(lambda: all(len(slots(folder)) == 2 for folder in folders))
        daemon.signal(signal.SIGSTOP)  # so that it cannot start another worker
        for worker in workers_of(root):
            worker.kill()
        daemon.kill()
    return folders


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


@pytest.mark.faults
def test_a_damaged_newest_checkpoint_falls_back_to_the_other_and_with_both_damaged_it_starts_again(root: Root) -> None:
    *fallen_back, begun_again = names = ["slow-truncated", "slow-flipped", "slow-emptied", "slow-both"]
    folders = dict(zip(names, interrupted(root, names), strict=True))
    for name in fallen_back:
        damage(slots(folders[name])[-1], name.removeprefix("slow-"))
    for slot in slots(folders[begun_again]):
        damage(slot, "flipped")
    with DaemonProcess(root, STYLED_QUEUE__PARALLEL=str(len(names))) as daemon:
        remarks = {name: " ".join(daemon.until(name, JobState.DONE).remarks) for name in names}
        daemon.end()
    assert all("checkpoint" in remarks[name] for name in names), "nobody was told"
    assert all(starts(folders[name])[-1] > 0 for name in fallen_back)
    assert "painting starts again" in remarks[begun_again]
    assert starts(folders[begun_again])[-1] == 0
    check_invariant(root, set(names))


def lose(root: Root, how: str) -> None:
    """Take the queue's database away, or make it one that cannot be read."""
    if how != "gone":
        data = root.database.read_bytes()
        root.database.write_bytes(b"rubbish!" * 100 if how == "header" else data[: len(data) // 3])
    for path in root.state.glob("queue.db*" if how == "gone" else "queue.db-*"):
        path.unlink()


@pytest.mark.faults
def test_a_lost_database_is_rebuilt_from_the_folders_in_the_same_order(root: Root) -> None:
    names = ["first", "second", "third"]
    with DaemonProcess(root) as daemon:
        daemon.client.request("pause")
        for number, name in enumerate(names):
            daemon.drop(name, levels=(number, 200))
            daemon.until(name, JobState.WAITING)
        daemon.client.request("priority", job=3, priority=9)
        before = [(job.number, job.id, job.name, job.priority) for job in daemon.jobs()]
        daemon.end()
        for how in ("header", "truncated", "gone"):
            for path in root.state.glob("queue.db.corrupt-*"):
                path.rename(path.with_name(f"kept-{how}-{path.name}"))  # so that "gone" takes no copy away
            lose(root, how)
            daemon.start()
            assert [(job.number, job.id, job.name, job.priority) for job in daemon.jobs()] == before, how
            assert bool(list(root.state.glob("queue.db.corrupt-*"))) == (how != "gone"), how
            if how == "gone":
                daemon.client.request("resume")  # the rebuilt queue is paused as the lost one was
                for name in names:
                    daemon.until(name, JobState.DONE)
            daemon.end()
    check_invariant(root, set(names))


@pytest.mark.faults
def test_a_database_that_is_damaged_under_the_daemon_is_rebuilt_and_nothing_is_painted_twice(root: Root) -> None:
    names = [f"pair-{number}" for number in range(12)]
    with DaemonProcess(root) as daemon:
        daemon.drop("slow", settings={"steps": 60})
        job = daemon.until_step("slow", 2)
        for number, name in enumerate(names):
            daemon.drop(name, levels=(number, 200))
        daemon.until(names[-1], JobState.WAITING)
        data = root.database.read_bytes()
        with contextlib.closing(sqlite3.connect(root.database, isolation_level=None)) as other:  # empties its cache
            other.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            other.execute("INSERT INTO meta VALUES ('x', 'y')")
            with root.database.open("r+b") as file:
                file.seek(4096)
                file.write(os.urandom(max(len(data), 65536)))
        wait_until(lambda: bool(list(root.state.glob("queue.db.corrupt-*"))), "nobody noticed")
        for name in ("slow", *names):
            daemon.until(name, JobState.DONE)
        daemon.end()
    assert starts(JobFolder(root.evolution / job.id)) == [0]
    check_invariant(root, {"slow", *names})


def test_a_database_from_the_future_is_not_touched(root: Root) -> None:
    with DaemonProcess(root) as daemon:
        daemon.end()
    database = sqlite3.connect(root.database)
    database.execute("PRAGMA user_version = 999")
    database.close()
    before = root.database.read_bytes()
    daemon = DaemonProcess(root)
    assert daemon.launch().wait(patience(20)) != 0
    assert "newer" in daemon.output.read_text()
    assert root.database.read_bytes() == before


def test_a_reader_that_holds_a_transaction_stops_nobody(root: Root) -> None:
    with DaemonProcess(root) as daemon:
        daemon.drop("first", settings={"steps": 2})
        daemon.until("first", JobState.DONE)
        reader = sqlite3.connect(f"{root.database.as_uri()}?mode=ro", uri=True, isolation_level=None)
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM jobs").fetchone()
        daemon.drop("second", levels=(1, 2), settings={"steps": 2})
        daemon.until("second", JobState.DONE)
        daemon.client.request("retry", job=1, from_start=True)
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


@pytest.mark.faults
def test_another_program_that_locks_the_database_is_waited_for_and_is_no_reason_to_restart_the_daemon(
    root: Root, tmp_path: Path
) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.setblocking(False)

        def heard() -> list[bytes]:
            words = []
            with contextlib.suppress(BlockingIOError):
                while True:
                    words.append(manager.recv(4096))
            return words

        with DaemonProcess(root, NOTIFY_SOCKET=str(tmp_path / "notify"), WATCHDOG_USEC="1000000") as daemon:
            daemon.drop("slow", settings={"steps": 20})
            daemon.until_step("slow", 2)
            wait_until(lambda: b"WATCHDOG=1" in heard())
            with contextlib.closing(sqlite3.connect(root.database, isolation_level=None)) as other:
                other.execute("BEGIN IMMEDIATE")
                wait_until(lambda: daemon.client.request("status")["status"]["state"] == "degraded")
                heard()
                assert "locked by another program" in daemon.client.request("status")["status"]["note"]
                wait_until(lambda: not workers_of(root))  # it ends meanwhile, and nobody can note it
                wait_until(lambda: b"WATCHDOG=1" in heard())  # a restart would lose the work, and change nothing
                assert daemon.client.request("status")["status"]["state"] == "degraded"
                other.execute("ROLLBACK")
            daemon.until("slow", JobState.DONE)
            wait_until(lambda: daemon.client.request("status")["status"]["state"] == "running")
            assert daemon.end() == 0
    check_invariant(root, {"slow"})


@pytest.mark.faults
def test_a_daemon_started_while_the_database_is_locked_waits_for_it(root: Root) -> None:
    with DaemonProcess(root) as daemon:
        daemon.drop("harbour")
        daemon.until("harbour", JobState.DONE)
        assert daemon.end() == 0
        with contextlib.closing(sqlite3.connect(root.database, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            daemon.launch()
            wait_until(lambda: "the daemon waits to begin" in root.log.read_text())
            told = wait_until(lambda: (told := status.look(root)["daemon"])["note"] and told)
            assert (told["state"], told["pid"]) == ("starting", daemon.process.pid)
            assert "locked by another program" in told["note"]
            other.execute("ROLLBACK")
        wait_until(daemon.answers)
        assert daemon.end() == 0
    check_invariant(root, {"harbour"})
