"""The real program on a real pseudo-terminal: its bytes, its processor time, and its end when the link is lost."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from styled.daemon.control.protocol import Client
from styled.root import Root
from styled.store.status import DaemonStatus
from tests.deadlines import patience, wait_until
from tests.tui.conftest import Desk

pytestmark = pytest.mark.processes


class Terminal:
    """A program on a pseudo-terminal of 80 x 24; counts what it writes.

    Args:
        arguments: of ``styled``.
        controlling: the terminal is the program's own, so that the kernel sends SIGHUP when it goes.
        environment: beside the usual.
    """

    def __init__(self, *arguments: str, controlling: bool = True, **environment: str) -> None:
        self.master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}

        def take_terminal() -> None:
            if controlling:
                fcntl.ioctl(0, termios.TIOCSCTTY, 0)

        self.process = subprocess.Popen(
            [sys.executable, "-m", "styled", *arguments],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
            preexec_fn=take_terminal,  # noqa: PLW1509  # the only way to a controlling terminal; nothing else runs in it
            env={**kept, "TERM": "xterm-256color", "COLORTERM": "truecolor", "LANG": "C.UTF-8", **environment},
        )
        os.close(slave)
        self.output = bytearray()
        self._open = True

    def read(self, seconds: float, until: bytes = b"") -> bytes:
        """Read for some seconds, or until some bytes came, and then with patience; return what came."""
        seconds = patience(seconds) if until else seconds
        start, end = len(self.output), time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0 and self._open:
            if not select.select([self.master], [], [], min(left, 0.1))[0]:
                continue
            try:
                chunk = os.read(self.master, 65536)
            except OSError:  # EIO: the program has ended
                break
            self.output += chunk
            if until and until in self.output[start:]:
                break
        return bytes(self.output[start:])

    def read_all(self) -> bytes:
        """Read until half a second passes without a byte, or the program has ended; return what came."""
        start, until = len(self.output), time.monotonic() + patience(20.0)
        while self.read(0.5):
            assert time.monotonic() < until, "it never stops writing"
        return bytes(self.output[start:])

    def type(self, keys: bytes) -> None:
        """Press keys."""
        os.write(self.master, keys)

    def hang_up(self) -> None:
        """Lose the link."""
        if self._open:
            os.close(self.master)
            self._open = False

    def close(self) -> None:
        """End whatever is left."""
        self.hang_up()
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()


@pytest.fixture
def terminals() -> Iterator[list[Terminal]]:
    """Terminals to close at the end."""
    opened: list[Terminal] = []
    yield opened
    for terminal in opened:
        terminal.close()


def show(desk: Desk) -> None:
    desk.usual()
    desk.store.publish(
        DaemonStatus(pid=os.getpid(), version="0.1.0", started_at=time.time(), beat_at=time.time(), state="running")
    )


@pytest.mark.parametrize("controlling", [True, False], ids=["sighup", "no-sighup"])
@pytest.mark.parametrize("stalled", [False, True], ids=["read", "stalled"])
def test_losing_the_link_ends_the_program_at_once(
    desk: Desk, root: Root, terminals: list[Terminal], controlling: bool, stalled: bool
) -> None:
    """With and without SIGHUP, also when the link took no more bytes before: no process is left spinning."""
    show(desk)
    terminal = Terminal("tui", "--readonly", "--root", str(root.path), controlling=controlling)
    terminals.append(terminal)
    assert b"portrait" in terminal.read(30.0, b"portrait")
    if stalled:
        for _ in range(40):  # each makes the whole screen be drawn again; nobody reads it
            terminal.type(b"3")
            time.sleep(0.02)
        time.sleep(0.5)
    used_before = sum(psutil.Process(terminal.process.pid).cpu_times()[:2])
    terminal.hang_up()
    _, status, usage = wait_until(lambda: ended(terminal.process), "the program still runs", 8.0)
    terminal.process.returncode = os.waitstatus_to_exitcode(status)
    assert terminal.process.returncode in (129, -signal.SIGHUP)
    assert usage.ru_utime + usage.ru_stime - used_before < 2.0


def ended(process: subprocess.Popen[bytes]):
    """Return what wait4 does once the process has ended, else None."""
    found = os.wait4(process.pid, os.WNOHANG)
    return found if found[0] else None


def test_a_running_job_and_an_idle_screen_stay_within_their_bytes(
    desk: Desk, root: Root, terminals: list[Terminal]
) -> None:
    """10 s of a running job under 100 kB and idle under 2 kB (here 3 s and their share), and little of a core.

    Bytes for each second: this one needs a real clock.
    """
    job = desk.usual()[0]
    terminal = Terminal("tui", "--readonly", "--root", str(root.path))
    terminals.append(terminal)
    show_beat(desk)
    terminal.read(30.0, b"portrait")
    terminal.read_all()
    terminal.output.clear()

    end = time.monotonic() + 3.0
    step = 40
    while time.monotonic() < end:
        step += 1
        desk.run(job, steps=200, upto=step)
        show_beat(desk)
        terminal.read(0.25)
    running = len(terminal.output)
    assert 1_200 < running < 30_000

    used, until = psutil.Process(terminal.process.pid).cpu_times, time.monotonic() + patience(20.0)
    while True:  # on a busy machine the last frame comes late
        terminal.output.clear()
        before = sum(used()[:2])
        for _ in range(3):
            show_beat(desk)
            terminal.read(1.0)
        if len(terminal.output) < 600 and sum(used()[:2]) - before < 0.5:
            break
        assert time.monotonic() < until, f"{len(terminal.output)} bytes in three idle seconds: {terminal.output!r}"


def show_beat(desk: Desk) -> None:
    now = time.time()
    desk.store.publish(DaemonStatus(pid=os.getpid(), version="0.1.0", started_at=now - 9, beat_at=now, state="running"))


@pytest.mark.parametrize("leave", ["q", "SIGTERM"])
def test_styled_alone_opens_it_and_q_and_a_polite_signal_end_it(
    root: Root, terminals: list[Terminal], leave: str
) -> None:
    """Without a command. A daemon is started, and runs on, as is said; a real one, whose answers the screen waits for."""
    terminal = Terminal(STYLED_ROOT=str(root.path))
    terminals.append(terminal)
    try:
        terminal.read(60.0, b"daemon up")
        if leave == "q":
            terminal.type(b"q")
        else:
            terminal.process.terminate()
        terminal.read(patience(10.0))
        assert terminal.process.wait(patience(5)) == 0
        assert b"styled runs on" in terminal.output
        assert b"Stop it with: styled stop" in terminal.output
        assert Client(root).request("ping")["root"] == str(root.path)
    finally:
        Client(root).request("stop")


def test_no_colour_sends_no_colour(desk: Desk, root: Root, terminals: list[Terminal]) -> None:
    """NO_COLOR: no SGR sequence with a colour in it, and the picture as characters."""
    show(desk)
    terminal = Terminal("tui", "--readonly", "--root", str(root.path), NO_COLOR="1")
    terminals.append(terminal)
    terminal.read(30.0, b"portrait")
    terminal.read_all()
    shown = bytes(terminal.output)
    for sequence in (b"\x1b[38;", b";38;", b"\x1b[48;", b";48;", b"\x1b[31m", b"\x1b[32m"):
        assert sequence not in shown
    assert "▀".encode() not in shown


@pytest.mark.parametrize(
    "environment",
    [
        pytest.param({"LANG": "C"}, id="C"),
        pytest.param(
            {"LANG": "C", "LC_ALL": "POSIX", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
            id="not-hidden-by-python",
            marks=pytest.mark.faults,
        ),
    ],
)
def test_no_utf8_means_ascii(desk: Desk, root: Root, terminals: list[Terminal], environment: dict[str, str]) -> None:
    show(desk)
    terminal = Terminal("tui", "--readonly", "--root", str(root.path), **environment)
    terminals.append(terminal)
    assert b"peak 3.2 GiB" in terminal.read(30.0, b"peak 3.2 GiB")
    terminal.read_all()
    assert bytes(terminal.output).isascii()


def test_what_commands_print_is_ascii_too(desk: Desk, root: Root, terminals: list[Terminal]) -> None:
    show(desk)
    terminal = Terminal("status", "--root", str(root.path), LANG="C")
    terminals.append(terminal)
    assert b"alps-lake x starry_night" in terminal.read(30.0, b"alps-lake x starry_night")
    terminal.read_all()
    assert bytes(terminal.output).isascii()


@pytest.mark.faults
def test_the_linux_console_gets_no_braille_and_no_blocks(desk: Desk, root: Root, terminals: list[Terminal]) -> None:
    """Its names are in any script; the picture and the plot are characters, and the colours its own sixteen."""
    show(desk)
    terminal = Terminal("tui", "--readonly", "--root", str(root.path), TERM="linux", COLORTERM="")
    terminals.append(terminal)
    terminal.read(30.0, b"portrait")
    shown = terminal.output + terminal.read_all()
    beyond = {character for character in shown.decode() if not character.isascii()}
    assert beyond <= set("─┴│·×")
    assert b"\x1b[38;" not in shown


@pytest.mark.faults
@pytest.mark.parametrize("arguments", [("--theme", "light"), ()], ids=["asked", "colorfgbg"])
def test_a_light_terminal_gets_light_colours(
    desk: Desk, root: Root, terminals: list[Terminal], arguments: tuple[str, ...]
) -> None:
    show(desk)
    environment = {} if arguments else {"COLORFGBG": "0;15"}
    terminal = Terminal("tui", "--readonly", "--root", str(root.path), *arguments, **environment)
    terminals.append(terminal)
    terminal.read(30.0, b"portrait")
    assert b"48;2;253;253;251" in terminal.output


@pytest.mark.parametrize("term", ["dumb", ""])
def test_a_dumb_terminal_gets_the_status_as_text(desk: Desk, root: Root, terminals: list[Terminal], term: str) -> None:
    show(desk)
    terminal = Terminal("tui", "--root", str(root.path), TERM=term)
    terminals.append(terminal)
    terminal.read(patience(30.0))
    assert b"names no terminal" in terminal.output
    assert b"portrait" in terminal.output
    assert b"\x1b" not in terminal.output
    assert terminal.process.wait(patience(5)) == 0


def test_a_pipe_gets_the_status_as_text(desk: Desk, root: Root) -> None:
    show(desk)
    done = subprocess.run(
        [sys.executable, "-m", "styled", "tui", "--root", str(root.path)],
        capture_output=True,
        stdin=subprocess.DEVNULL,
        timeout=patience(60),
        check=True,
    )
    assert b"not a terminal" in done.stderr
    assert b"portrait" in done.stdout


def test_the_terminal_ui_loads_no_engine_and_its_command_no_toolkit(tmp_path: Path) -> None:
    """The TUI beside a busy GPU must not open it; ``styled --help`` must not load a toolkit."""
    code = (
        "import sys\n"
        "import styled.cli.tui\n"
        "assert not {'textual', 'rich', 'numpy', 'PIL'} & set(sys.modules), 'the command is heavy'\n"
        "import styled.tui.app, styled.tui.screens.detail_screen\n"
        "assert 'textual' in sys.modules\n"
        "assert not {'tensorflow', 'keras', 'styled.engine', 'styled.painting.worker'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=tmp_path, timeout=patience(60))


@pytest.mark.faults
@pytest.mark.parametrize("how", ["ctrl-z", "SIGSTOP"])
def test_stopped_and_continued_it_gives_the_terminal_back_and_draws_again(
    desk: Desk, root: Root, terminals: list[Terminal], how: str
) -> None:
    """By Ctrl-Z the terminal is as before while it sleeps; after any stop there is one reader of keys, and it ends well."""
    show(desk)
    terminal = Terminal("tui", "--readonly", "--root", str(root.path))
    terminals.append(terminal)
    cooked = termios.tcgetattr(terminal.master)[:4]
    terminal.read(30.0, b"portrait")
    terminal.read_all()
    process = psutil.Process(terminal.process.pid)
    threads = process.num_threads()
    for _ in range(2):
        if how == "ctrl-z":
            terminal.type(b"\x1a")
        else:
            process.suspend()
        wait_until(lambda: process.status() == psutil.STATUS_STOPPED)
        if how == "ctrl-z":
            assert b"\x1b[?1049l" in terminal.read_all()
            assert termios.tcgetattr(terminal.master)[:4] == cooked
        process.resume()
        assert b"portrait" in terminal.read(30.0, b"portrait")
        terminal.read_all()
        assert process.num_threads() == threads
    terminal.type(b"q")
    terminal.read(patience(10.0))
    assert terminal.process.wait(patience(5)) == 0
    assert termios.tcgetattr(terminal.master)[:4] == cooked
