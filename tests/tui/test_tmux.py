"""The real program in a real tmux: from a dropped pair to a finished painting, with a real daemon."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from styled.daemon.control.protocol import Client
from styled.errors import DaemonNotRunning
from styled.job import JobState
from styled.root import Root
from styled.store.store import Store
from tests.deadlines import patience, wait_until
from tests.faults.daemon_process import synthetic
from tests.store.many import add_copies
from tests.tui.conftest import picture

pytestmark = [pytest.mark.processes, pytest.mark.skipif(shutil.which("tmux") is None, reason="needs tmux")]


class Tmux:
    """One tmux server of our own, with one window."""

    def __init__(self, socket: Path, command: str, columns: int, rows: int) -> None:
        self._base = ["tmux", "-S", str(socket), "-f", "/dev/null"]
        self._run("new-session", "-d", "-x", str(columns), "-y", str(rows), f"{command}; sleep 60")

    def _run(self, *arguments: str) -> str:
        command = [*self._base, *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True, timeout=patience(30)).stdout

    def screen(self) -> str:
        return self._run("capture-pane", "-p")

    def press(self, *keys: str) -> None:
        self._run("send-keys", *keys)

    def wait(self, words: str, seconds: float) -> str:
        end = time.monotonic() + patience(seconds)
        while words not in (screen := self.screen()):
            assert time.monotonic() < end, f"{words!r} did not appear:\n{screen}"
            time.sleep(0.1)
        return screen

    def copy_output(self, path: Path) -> None:
        """Write all that the program writes from now on to a file too."""
        path.touch()
        self._run("pipe-pane", f"cat > {path}")

    def close(self) -> None:
        self._run("kill-server")


@pytest.fixture
def root(tmp_path: Path) -> Iterator[Root]:
    root = Root(tmp_path / "r")
    root.inbox.mkdir(parents=True)
    root.config.write_text("[inbox]\nsettle_s = 0.2\n[job]\nsize = 64\nsteps = 12\nframe_every = 4\nscales = []\n")
    yield root
    with contextlib.suppress(DaemonNotRunning):  # the test may end before there was one
        Client(root).request("stop")


@pytest.fixture(params=[(80, 24), pytest.param((160, 50), marks=pytest.mark.faults)], ids=["80x24", "160x50"])
def tmux(root: Root, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Iterator[Tmux]:
    for name, value in {**synthetic(), "LC_ALL": "C.UTF-8"}.items():  # VGG19 is in test_end_to_end.py
        monkeypatch.setenv(name, value)
    tmux = Tmux(tmp_path / "s", f"{sys.executable} -m styled tui --root {root.path}", *request.param)
    yield tmux
    tmux.close()


def drop(root: Root) -> None:
    """Put a pair into the inbox."""
    for part in ("content", "style"):
        Image.fromarray(picture(96, 64).astype(np.uint8)).save(root.inbox / f"boat.{part}.png")


def test_from_drop_to_done(tmux: Tmux, root: Root) -> None:
    tmux.wait("The queue is empty", 30)
    tmux.wait("daemon up", 60)
    drop(root)
    tmux.wait("boat", 30)
    screen = tmux.wait("12/12", 200)
    assert "total" in screen
    tmux.wait("✓  0001 boat", 60)
    tmux.press("Enter")
    tmux.wait("result  64x43", 20)
    tmux.press("3")
    tmux.wait("step 12/12", 20)
    tmux.wait("total", 20)
    tmux.press("Escape")
    tmux.wait("PROGRESS", 20)
    tmux.press("q")
    tmux.wait("Stop it with: styled stop", 20)
    assert len(list(root.evolution.glob("*-boat/result.png"))) == 1


@pytest.fixture
def ten_thousand(root: Root) -> None:
    """Ten thousand jobs that are done, and settings by which one more takes half a minute."""
    root.config.write_text(root.config.read_text().replace("steps = 12", "steps = 600"))
    root.make_state()
    with contextlib.closing(Store.open(root)) as store:
        add_copies(store, 10_000, state=JobState.DONE, finished_at=1.0)


@pytest.mark.faults
def test_what_ten_thousand_jobs_cost_a_slow_link(ten_thousand: None, tmux: Tmux, root: Root, tmp_path: Path) -> None:
    """Less than 2 kB in ten seconds in which nothing happens, less than 100 kB while a job is painted."""
    written = tmp_path / "written"
    tmux.copy_output(written)

    def in_ten_seconds() -> int:
        before = written.stat().st_size
        time.sleep(10.0)  # the budget is one of time
        return written.stat().st_size - before

    tmux.wait("10000 done", 60)
    tmux.wait("daemon up", 60)
    wait_until(lambda: in_ten_seconds() < 2_000, "it writes while nothing happens")
    drop(root)
    tmux.wait("boat", 30)
    tmux.press("g")
    tmux.wait("/600", 60)
    assert 500 < in_ten_seconds() < 100_000
    assert "/600" in tmux.screen(), "it is painted all the while"
