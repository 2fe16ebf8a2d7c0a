"""Whether the daemon answers: one that is gone, one that hangs, one that is started again from the screen."""

from __future__ import annotations

import errno
import os
import signal
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import psutil
import pytest

from styled.daemon.control.protocol import short_path
from styled.daemon.process import service
from styled.daemon.process.lock import Holder
from styled.errors import DaemonError
from styled.root import Root
from styled.tui import app as app_module
from styled.tui.app import StyledApp
from styled.tui.reading.pulse import EVERY_S, PATIENCE_S, PulseTaker
from styled.tui.reading.requests import Answer
from tests.deadlines import patience, wait_until
from tests.tui.conftest import HOST, Desk, screen_text, until


class Listener:
    """A socket where a daemon's is. It answers every ping, until it hangs."""

    def __init__(self, root: Root) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        with short_path(root.socket) as address:
            self._socket.bind(address)
        self._socket.listen()
        self.hangs = False
        self._kept: list[socket.socket] = []
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            if self.hangs:
                self._kept.append(connection)
                continue
            with connection:
                asked = msgspec.json.decode(connection.recv(4096))
                connection.sendall(
                    msgspec.json.encode({"v": 1, "id": asked["id"], "ok": True, "result": {"pid": 1}}) + b"\n"
                )

    def close(self) -> None:
        """End as a process does that was killed: the socket's file stays."""
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join()
        for connection in self._kept:
            connection.close()
        self._kept.clear()


@pytest.fixture
def listener(root: Root) -> Iterator[Listener]:
    found = Listener(root)
    yield found
    if found._socket.fileno() >= 0:
        found.close()


def test_what_it_costs_to_notice_is_less_than_two_seconds() -> None:
    """The longest: it hangs just after an answer. The screen follows at once."""
    assert EVERY_S + PATIENCE_S < 1.8


def test_it_is_up_then_silent_then_gone(root: Root, listener: Listener) -> None:
    heard: list[str] = []
    taker = PulseTaker(root, lambda: heard.append(taker.pulse.state))
    taker.start()
    wait_until(lambda: heard == ["up"])
    listener.hangs = True
    taker.hurry()
    wait_until(lambda: heard == ["up", "silent"])
    listener.close()
    taker.hurry()
    wait_until(lambda: heard == ["up", "silent", "gone"])
    taker.stop()


def test_the_daemon_of_another_machine_is_not_called_gone(root: Root) -> None:
    """Its socket lies on the file server and leads nowhere; its reports come all the same."""
    root.lock.write_bytes(msgspec.json.encode(Holder(1, 0.0, "elsewhere")))
    heard: list[str] = []
    taker = PulseTaker(root, lambda: heard.append("changed"))
    assert taker._ask() == "unknown"


async def test_the_screen_says_it_and_one_key_starts_it_again(
    desk: Desk, root: Root, listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Errors of the start are shown in words; of one that hangs it is asked first."""
    started: list[str] = []

    def start(_root: Root) -> int:
        started.append("start")
        if len(started) == 1:
            raise DaemonError("the daemon did not start (exit code 78): unknown setting 'sise'")
        return 1

    monkeypatch.setattr(app_module, "start_detached", start)
    monkeypatch.setattr(app_module, "replace_silent", lambda _root: started.append("replace"))
    desk.usual()
    desk.publish(beat_at=time.time())
    app = StyledApp(root, start_daemon=False, measure=lambda: HOST)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: "daemon up" in screen_text(app))
        assert "U start" not in screen_text(app)
        listener.hangs = True
        await until(pilot, lambda: "the daemon does not respond" in screen_text(app).splitlines()[0])
        await pilot.press("U")
        assert "End the daemon, and start another?" in screen_text(app)
        await pilot.press("y")
        await until(pilot, lambda: started == ["replace"])
        await until(pilot, lambda: "The daemon is running." in screen_text(app))
        started.clear()
        listener.close()
        await until(pilot, lambda: "the daemon is not running" in screen_text(app).splitlines()[0])
        assert "U start daemon" in screen_text(app)
        await pilot.press("U")
        await until(pilot, lambda: "unknown setting 'sise'" in screen_text(app))
        await pilot.press("U")
        await until(pilot, lambda: "The daemon is running." in screen_text(app))
        assert started == ["start", "start"]


def test_a_start_that_the_system_refuses_ends(root: Root, monkeypatch: pytest.MonkeyPatch) -> None:
    """The screen has why, and offers the key again."""
    app = StyledApp(root, start_daemon=False, measure=lambda: HOST)
    answers: list[Answer] = []
    monkeypatch.setattr(app, "_answered", answers.append)

    def start(_root: Root) -> int:
        raise BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable")

    app._run_daemon(start, "The daemon is running.")
    wait_until(lambda: answers)
    assert not app._is_starting
    assert answers[0].tone == "bad"
    assert "Resource temporarily unavailable" in answers[0].text


def test_the_daemon_is_asked_at_once_when_somebody_looks_again(root: Root) -> None:
    app = StyledApp(root, start_daemon=False, measure=lambda: HOST)
    assert app._pulse_taker is not None
    app.on_app_blur()
    app.on_app_focus()
    assert app._pulse_taker._wake.is_set()


def test_a_process_that_did_not_write_the_lock_is_not_killed(root: Root, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its pid was used again: here it is the test itself, which lives on."""
    holder = Holder(os.getpid(), psutil.Process().create_time() - 3600.0, socket.gethostname())
    monkeypatch.setattr(service, "holder_of", lambda _root: holder)
    with pytest.raises(DaemonError, match="did not write it"):
        service.replace_silent(root)


@pytest.mark.faults
@pytest.mark.processes
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
def test_a_real_daemon_that_dies_or_hangs_is_seen_and_replaced(tmp_path: Path, number: signal.Signals) -> None:
    root = Root(tmp_path)
    pid = service.start_detached(root)
    taker = PulseTaker(root, lambda: None)
    taker.start()
    try:
        wait_until(lambda: taker.pulse.state == "up")
        os.kill(pid, number)
        began = time.monotonic()
        wait_until(lambda: taker.pulse.state in ("gone", "silent"))
        assert time.monotonic() - began < patience(2.0)
        assert service.replace_silent(root) != pid
        wait_until(lambda: taker.pulse.state == "up")
    finally:
        taker.stop()
        service.Client(root).request("stop")
