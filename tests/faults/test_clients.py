"""A running daemon against clients that are wrong, slow, many or dead, while it paints."""

from __future__ import annotations

import contextlib
import os
import random
import socket
import statistics
import subprocess
import sys
import threading
import time

import psutil
import pytest

from styled.daemon.control.protocol import Client
from styled.errors import ControlError, StyledError
from styled.job import JobState
from tests.deadlines import patience
from tests.faults.daemon_process import DaemonProcess, check_invariant

pytestmark = pytest.mark.processes


def connected(daemon: DaemonProcess) -> socket.socket:
    client = socket.socket(socket.AF_UNIX)
    client.settimeout(patience(10))
    client.connect(str(daemon.root.socket))
    return client


def test_a_crowd_of_bad_clients_disturbs_neither_painting_nor_good_clients(daemon: DaemonProcess) -> None:
    daemon.drop("slow", settings={"steps": 30})
    daemon.until_step("slow", 1)
    dice = random.Random(7)
    crowd = []
    for number in range(100):
        client = connected(daemon)
        crowd.append(client)
        with contextlib.suppress(OSError):
            match number % 5:
                case 0:
                    client.sendall(dice.randbytes(2000) + b"\n")
                case 1:
                    client.sendall(b'{"v":1,"op":"status"}\n' * 200)  # and never reads
                case 2:
                    client.sendall(b'{"v":1,"op":"pau')
                case 3:
                    client.sendall(b'{"v":9,"op":"ping"}\n')
                case 4:
                    client.sendall(b'{"v":1,"op":"subscribe"}\n')
    took = []
    for _ in range(30):
        started = time.monotonic()
        assert daemon.answers()
        took.append(time.monotonic() - started)
    assert statistics.median(took) < 1.0
    assert max(took) < patience(1.0)  # this machine may hold any one of them up for a moment
    for client in crowd:
        client.close()
    daemon.until("slow", JobState.DONE)
    assert psutil.Process(daemon.process.pid).memory_info().rss < 200e6
    assert psutil.Process(daemon.process.pid).num_fds() < 60
    daemon.end()
    check_invariant(daemon.root, {"slow"})


def test_a_hundred_megabytes_in_one_line_are_cut_off(daemon: DaemonProcess) -> None:
    before = psutil.Process(daemon.process.pid).memory_info().rss
    with connected(daemon) as client, pytest.raises(OSError):  # noqa: PT011 - reset or broken pipe
        client.sendall(b"x" * 100_000_000)
    assert daemon.answers()
    assert psutil.Process(daemon.process.pid).memory_info().rss - before < 20e6


def test_two_orders_at_once_are_applied_once(daemon: DaemonProcess) -> None:
    daemon.drop("slow", settings={"steps": 400})
    daemon.until_step("slow", 1)
    outcomes: list[str] = []

    def cancel() -> None:
        try:
            outcomes.append(Client(daemon.root).request("cancel", job=1)["job"]["state"])
        except StyledError as error:
            outcomes.append(error.kind)

    threads = [threading.Thread(target=cancel) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["cancelled"] + ["illegal-move"] * 7


def test_a_command_killed_while_it_asks_is_applied_or_not_and_nothing_else(daemon: DaemonProcess) -> None:
    daemon.drop("slow", settings={"steps": 400})
    daemon.until_step("slow", 1)
    for _ in range(5):
        with subprocess.Popen(
            [sys.executable, "-m", "styled", "pause", "1", "--root", str(daemon.root.path)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        ) as command:
            time.sleep(random.Random(os.getpid()).uniform(0.0, 0.4))
            command.kill()
        job = daemon.jobs()[0]
        assert job.state in (JobState.RUNNING, JobState.PAUSED, JobState.WAITING)
        if job.state is JobState.PAUSED:
            daemon.client.request("resume", job=1)
    daemon.client.request("cancel", job=1)


@pytest.mark.parametrize(
    ("op", "args", "words"),
    [
        ("paus", {}, "Did you mean 'pause'?"),
        ("cancel", {}, "It takes: job."),
        ("cancel", {"job": ["1"]}, "cancel: Expected"),
        ("cancel", {"job": 1, "force": True}, "It takes: job."),
        ("priority", {"job": 1, "priority": "high"}, "Expected `int"),
        ("stop", {"drain": 3}, "Expected `bool`"),
        ("stop", {"jobs": "all"}, "Expected `bool`"),
        ("clean", {"retention": {"days": -1}}, "Expected `float` >= 0.0"),
        ("ping", {"x": 1}, "It takes: nothing."),
    ],
)
def test_wrong_arguments_are_refused_before_anything_happens(
    wrong_daemon: DaemonProcess, op: str, args: dict[str, object], words: str
) -> None:
    with pytest.raises(ControlError) as caught:
        wrong_daemon.client.request(op, **args)
    assert words in str(caught.value)


@pytest.fixture(scope="module")
def wrong_daemon(tmp_path_factory: pytest.TempPathFactory):
    """One daemon for all wrong requests: none of them changes it."""
    from styled.root import Root

    root = Root.at(tmp_path_factory.mktemp("wrong") / "root")
    root.path.mkdir()
    with DaemonProcess(root) as daemon:
        yield daemon
