"""An hour of random trouble; what must stay flat stays flat. Run with: pytest -m soak -s (STYLED_SOAK_S sets the seconds)."""

from __future__ import annotations

import contextlib
import json
import os
import random
import shutil
import signal
import socket
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from styled.errors import StyledError
from styled.job import JobState
from styled.root import Root
from tests.deadlines import wait_until
from tests.faults.daemon_process import DaemonProcess, check_invariant, picture, workers_of

SECONDS = float(os.environ.get("STYLED_SOAK_S", "3600"))
BEHAVIOURS = ["", "", "", "slow", "slow", "once", "crash", "oom", "silent"]
MOST_WAITING = 30


class Soak:
    """Makes trouble for one daemon and measures it."""

    def __init__(self, root: Root, dice: random.Random) -> None:
        self.root = root
        self.dice = dice
        self.daemon = DaemonProcess(
            root,
            "--quiet",
            STYLED_QUEUE__PARALLEL="2",
            STYLED_QUEUE__MAX_ATTEMPTS="3",
            STYLED_LOG__MAX_MB="1",
            STYLED_INBOX__DUPLICATES="run",
        )
        self.submitted: set[str] = set()
        self.faults: dict[str, int] = {}
        self.figures: list[dict[str, float]] = []

    def drop(self) -> None:
        if sum(job.state is JobState.WAITING for job in self.daemon.jobs()) >= MOST_WAITING:
            return
        name = f"n{len(self.submitted):05d}{self.dice.choice(BEHAVIOURS)}"
        self.daemon.drop(name, levels=(self.dice.randrange(256), 200), settings={"steps": self.dice.randrange(5, 25)})
        self.submitted.add(name)

    def drop_rubbish(self) -> None:
        name = f"n{len(self.submitted):05d}bad"
        hidden = self.root.inbox / f".{name}"
        hidden.mkdir()
        (hidden / "content.png").write_bytes(self.dice.randbytes(self.dice.randrange(1, 5000)))
        picture(hidden / "style.png")
        hidden.rename(self.root.inbox / name)
        self.submitted.add(name)

    def kill_worker(self) -> None:
        for worker in workers_of(self.root)[:1]:
            with contextlib.suppress(psutil.NoSuchProcess):
                worker.send_signal(self.dice.choice([signal.SIGKILL, signal.SIGSEGV, signal.SIGTERM, signal.SIGABRT]))

    def kill_daemon(self) -> None:
        self.daemon.kill()
        self.daemon.start()

    def restart_daemon(self) -> None:
        assert self.daemon.end() == 0
        assert workers_of(self.root) == []
        self.daemon.start()

    def order(self) -> None:
        jobs = self.daemon.jobs()
        if jobs:
            with contextlib.suppress(StyledError):
                self.daemon.client.request(
                    self.dice.choice(["pause", "resume", "cancel", "retry"]), job=self.dice.choice(jobs[-40:]).id
                )

    def resume_all(self) -> None:
        for job in self.daemon.jobs():
            if job.state is JobState.PAUSED:
                self.daemon.client.request("resume", job=job.id)

    def hostile_client(self) -> None:
        with socket.socket(socket.AF_UNIX) as client, contextlib.suppress(OSError):
            client.settimeout(1)
            client.connect(str(self.root.socket))
            client.sendall(
                self.dice.choice([b"\xff" * 100 + b"\n", b'{"v":1,"op":"status"}\n' * 50, b'{"v"', b"[" * 9999])
            )

    def reload(self) -> None:
        self.root.config.write_text(self.dice.choice(["", "[queue]\nparalel = 3\n", "[inbox]\nrescan_s = 2.5\n"]))
        with contextlib.suppress(StyledError):
            self.daemon.client.request("reload")
        self.root.config.unlink()  # a daemon that is started with a wrong one ends at once, as it should

    def lose_inbox(self) -> None:
        away = self.root.path / "inbox-away"
        self.root.inbox.rename(away)
        time.sleep(0.3)
        if self.root.inbox.exists():  # the daemon may have made a new one, and somebody used it
            for path in self.root.inbox.iterdir():
                path.rename(away / path.name)
            self.root.inbox.rmdir()
        away.rename(self.root.inbox)

    def step(self) -> None:
        """Do one random thing."""
        actions: list[tuple[Callable[[], None], int]] = [
            (self.drop, 40), (self.drop_rubbish, 4), (self.kill_worker, 8), (self.kill_daemon, 2),
            (self.restart_daemon, 1), (self.order, 10), (self.resume_all, 4), (self.hostile_client, 6), (self.reload, 2),
            (self.lose_inbox, 1),
        ]  # fmt: skip
        action = self.dice.choices([action for action, _ in actions], [weight for _, weight in actions])[0]
        self.faults[action.__name__] = self.faults.get(action.__name__, 0) + 1
        action()

    def measure(self) -> None:
        """Note what must not grow, of a daemon that has run for a little while."""
        process = psutil.Process(self.daemon.process.pid)
        wal = Path(f"{self.root.database}-wal")
        self.figures.append({
            "jobs": len(self.daemon.jobs()),
            "rss_mb": process.memory_info().rss / 1e6,
            "fds": process.num_fds(),
            "threads": process.num_threads(),
            "wal_mb": wal.stat().st_size / 1e6 if wal.exists() else 0.0,
            "log_mb": sum(path.stat().st_size for path in self.root.state.glob("daemon.log*")) / 1e6,
        })  # fmt: skip


@pytest.mark.soak
@pytest.mark.timeout(SECONDS + 900)
def test_an_hour_of_trouble_loses_nothing_and_leaks_nothing(root: Root) -> None:
    soak = Soak(root, random.Random(int(os.environ.get("STYLED_SOAK_SEED", "1"))))
    root.inbox.mkdir()
    until = time.monotonic() + SECONDS
    with soak.daemon as daemon:
        measured = time.monotonic()
        while time.monotonic() < until:
            soak.step()
            time.sleep(soak.dice.uniform(0.0, 0.5))
            if time.monotonic() - measured > max(10.0, SECONDS / 60):
                measured = time.monotonic()
                soak.measure()
                print(json.dumps(soak.figures[-1]), flush=True)  # noqa: T201  # a soak is watched
        root.config.unlink(missing_ok=True)
        soak.resume_all()
        wait_until(lambda: soak.resume_all() or nothing_left(soak), "the queue never ran empty", seconds=600)
        soak.measure()
        assert daemon.end() == 0
    check_invariant(root, soak.submitted)
    print(json.dumps({"faults": soak.faults, "jobs": len(soak.submitted)}))  # noqa: T201
    assert max(figure["rss_mb"] for figure in soak.figures) < 200
    assert max(figure["fds"] for figure in soak.figures) < 60
    assert max(figure["threads"] for figure in soak.figures) < 30
    assert max(figure["wal_mb"] for figure in soak.figures) < 70
    assert max(figure["log_mb"] for figure in soak.figures) < 7
    shutil.rmtree(root.path)


def nothing_left(soak: Soak) -> bool:
    """Return whether all that was dropped has ended or was rejected."""
    counts = soak.daemon.client.request("status")["counts"]
    taken = sum(counts.values()) + len(list(soak.root.rejected.glob("*/REASON.txt")))
    return not (counts["waiting"] or counts["running"]) and taken >= len(soak.submitted)
