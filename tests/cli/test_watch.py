"""styled status --watch: in place on a terminal, which is left as it was; elsewhere only what has changed."""

from __future__ import annotations

import itertools
import json
import os
import pty
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from styled.cli import status
from styled.root import Root
from tests.deadlines import patience, wait_until
from tests.faults.daemon_process import DaemonProcess

pytestmark = pytest.mark.processes

COMMAND = [sys.executable, "-m", "styled", "status", "--watch", "--root"]


def read_until(descriptor: int, mark: bytes, seconds: float = 20.0) -> bytes:
    """Return what comes from a terminal up to a mark."""
    seen, end = b"", time.monotonic() + patience(seconds)
    while mark not in seen:
        assert time.monotonic() < end, seen
        seen += os.read(descriptor, 4096)
    return seen


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_terminal_is_written_in_place_and_left_as_it_was(tmp_path: Path, number: signal.Signals) -> None:
    Root.at(tmp_path).make_state()
    ours, theirs = pty.openpty()
    before = signal.signal(number, signal.SIG_DFL)  # nohup has these tests ignore SIGHUP, and so what they start
    watching = subprocess.Popen(
        [*COMMAND, str(tmp_path)], stdin=theirs, stdout=theirs, stderr=theirs, env={**os.environ, "TERM": "xterm"}
    )
    signal.signal(number, before)
    os.close(theirs)
    seen = read_until(ours, b"cancelled\x1b[K\x1b[J")
    assert seen.startswith(b"\x1b[?1049h\x1b[?25l\x1b[HNo daemon runs")
    watching.send_signal(number)
    assert b"\x1b[?25h\x1b[?1049l" in read_until(ours, b"\x1b[?1049l")
    assert watching.wait(timeout=patience(20)) == 0
    os.close(ours)


def test_without_a_terminal_only_changes_are_printed(tmp_path: Path) -> None:
    """Nothing changes for a look, then something does."""
    with subprocess.Popen([*COMMAND, str(tmp_path), "--json"], stdout=subprocess.PIPE, text=True) as watching:
        assert watching.stdout is not None
        first = json.loads(watching.stdout.readline())
        time.sleep(1.5)  # nothing tells of what is not printed: one look more than the first
        from styled.store.store import Store

        with Store.open(Root.at(tmp_path)) as store:
            store.add(
                number=store.next_number(),
                id="20261122-201500-a",
                name="a",
                content="input/c.png",
                styles=("input/s.png",),
            )
        second = json.loads(watching.stdout.readline())
        watching.send_signal(signal.SIGINT)
        assert watching.stdout.read() == ""
    assert (first["counts"]["waiting"], second["counts"]["waiting"]) == (0, 1)
    assert watching.returncode == 0


def test_the_beats_of_a_daemon_are_no_changes(daemon: DaemonProcess) -> None:
    def beat() -> float:
        return float(status.look(daemon.root)["daemon"]["beat_at"])

    def without_beats(line: str) -> dict[str, Any]:
        report: dict[str, Any] = json.loads(line)
        return {**report, "memory": None, "daemon": {**report["daemon"], "beat_at": 0.0}}

    lines = []
    with subprocess.Popen([*COMMAND, str(daemon.root.path), "--json"], stdout=subprocess.PIPE, text=True) as watching:
        assert watching.stdout is not None
        lines.append(watching.stdout.readline())
        first = beat()
        wait_until(lambda: beat() > first + 2.5 * status.WATCH_S, every=0.2)
        (daemon.root.inbox / "lonely.content.png").write_bytes(b"x" * 2000)
        while not json.loads(lines[-1])["incomplete"]:
            lines.append(watching.stdout.readline())
        watching.send_signal(signal.SIGINT)
    assert [line for before, line in itertools.pairwise(lines) if without_beats(before) == without_beats(line)] == []
    last = json.loads(lines[-1])
    assert last["daemon"]["beat_at"] > first
    assert last["memory"] is not None


def test_a_part_that_is_tried_again_is_no_change_each_time() -> None:
    """Neither as text, where its age is printed."""
    part = {"part": "gallery", "trouble": "OSError: x", "since": 1.0, "retry_at": 9.0}
    report = {"daemon": {"state": "degraded", "beat_at": 8.0, "parts": [part]}, "memory": {"host_used": 1}}
    later = {"daemon": {"state": "degraded", "beat_at": 9.0, "parts": [part | {"retry_at": 10.0}]}, "memory": None}
    others = {"daemon": {"state": "degraded", "beat_at": 9.0, "parts": [part | {"trouble": "y"}]}, "memory": None}
    assert status.without_beats(report) == status.without_beats(later) != status.without_beats(others)


def test_a_report_longer_than_the_terminal_is_cut(capsys: pytest.CaptureFixture[str]) -> None:
    from styled.cli.watch import _draw

    _draw([f"line {number}" for number in range(30)], 10)
    drawn = capsys.readouterr().out.split("\x1b[K\r\n")
    assert len(drawn) == 10
    assert drawn[-1].startswith("… 21 more lines")


def test_it_ends_when_nobody_reads_any_more(tmp_path: Path) -> None:
    Root.at(tmp_path).make_state()
    watching = subprocess.Popen([*COMMAND, str(tmp_path)], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert watching.stdout is not None
    assert watching.stdout.readline().startswith(b"No daemon runs")
    watching.stdout.close()
    assert watching.wait(timeout=patience(20)) in (0, 1)  # 1: it was writing
    assert watching.stderr is not None
    assert watching.stderr.read() == b""
    watching.stderr.close()
