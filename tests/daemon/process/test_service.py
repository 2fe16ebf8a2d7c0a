"""What the service manager hears, and that it need not be there."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from styled.daemon.process.service import Notifier


def heard(manager: socket.socket) -> list[str]:
    """Return all that was said."""
    manager.setblocking(False)
    lines = []
    while True:
        try:
            lines.append(manager.recv(4096).decode())
        except BlockingIOError:
            return lines


@pytest.mark.parametrize("abstract", [False, True])
def test_each_word_is_one_datagram(tmp_path: Path, abstract: bool) -> None:
    address = f"@styled-test-{os.getpid()}" if abstract else str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(address.replace("@", "\0"))
        notifier = Notifier({"NOTIFY_SOCKET": address, "WATCHDOG_USEC": "60000000"})
        assert notifier.watchdog_s == 60.0
        notifier.ready()
        notifier.status("running\x1b[31m")
        notifier.status("running\x1b[31m")
        notifier.alive()
        notifier.alive()
        notifier.stopping(70.0)
        assert heard(manager) == [
            "READY=1",
            "STATUS=running\\x1b[31m",
            "WATCHDOG=1",
            "STOPPING=1\nEXTEND_TIMEOUT_USEC=70000000",
        ]


def test_a_watchdog_meant_for_another_process_is_not_ours() -> None:
    assert Notifier({"WATCHDOG_USEC": "1000000", "WATCHDOG_PID": str(os.getpid() + 1)}).watchdog_s is None
    assert Notifier({"WATCHDOG_USEC": "1000000", "WATCHDOG_PID": str(os.getpid())}).watchdog_s == 1.0
    assert Notifier({"WATCHDOG_USEC": "soon"}).watchdog_s is None


def test_without_a_service_manager_nothing_is_said_and_nothing_fails(tmp_path: Path) -> None:
    Notifier({}).ready()
    Notifier({"NOTIFY_SOCKET": str(tmp_path / "gone")}).ready()
