"""``styled`` as a process of its own that need not load Python and NumPy again, which is most of what it takes to start.

One server per test process has imported the commands. For each one it forks, and the child gets the arguments, the
environment, the folder and the standard streams asked for, then runs the same ``main()`` as ``python -m styled``. What
an interpreter's own start does is left to the tests that start one, among them those of the installed command.
"""

from __future__ import annotations

import atexit
import contextlib
import gc
import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

_REQUEST = 256 * 1024
"""Longest request, bytes."""


class Warm:
    """A running command; what is used of :class:`subprocess.Popen`.

    Args:
        arguments: after ``styled``.
        environment: all of it.
        stdin: descriptor of its standard input.
        stdout: of its standard output.
        stderr: of its standard error.
        cwd: its folder.
    """

    def __init__(
        self,
        arguments: Sequence[str],
        *,
        environment: Mapping[str, str],
        stdin: int,
        stdout: int,
        stderr: int,
        cwd: Path | None = None,
    ) -> None:
        self.returncode: int | None = None
        # Packets: as a stream the exit code of a short command would be read as more digits of its pid.
        self._news, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        sys.audit("subprocess.Popen", "styled", arguments, cwd, environment)  # it is one to whoever watches
        request = json.dumps([list(arguments), dict(environment), str(cwd or Path.cwd())]).encode()
        with theirs:
            socket.send_fds(_server(), [request], [theirs.fileno(), stdin, stdout, stderr])
        self.pid = int(self._news.recv(64))

    def poll(self) -> int | None:
        """Return its exit code as Popen does, None while it runs."""
        if self.returncode is None and select.select([self._news], [], [], 0.0)[0]:
            self.returncode = int(self._news.recv(64))
            self._news.close()
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end; return its exit code."""
        if self.returncode is None:
            select.select([self._news], [], [], timeout)
        if (code := self.poll()) is None:
            raise subprocess.TimeoutExpired("styled", timeout or 0.0)
        return code

    def kill(self) -> None:
        """Kill it."""
        if self.poll() is None:
            os.kill(self.pid, signal.SIGKILL)


def run(
    arguments: Sequence[str], *, environment: Mapping[str, str], timeout: float, cwd: Path | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end; return what it said, as :func:`subprocess.run` does."""
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err, Path(os.devnull).open() as nothing:
        streams = {"stdin": nothing.fileno(), "stdout": out.fileno(), "stderr": err.fileno()}
        command = Warm(arguments, environment=environment, cwd=cwd, **streams)
        try:
            code = command.wait(timeout)
        finally:
            command.kill()
        out.seek(0)
        err.seek(0)
        return subprocess.CompletedProcess(["styled", *arguments], code, out.read(), err.read())


@cache
def _server() -> socket.socket:
    """Start this process's server, which is not its child: tests look at those. It ends when the socket does."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    for size in (socket.SO_SNDBUF, socket.SO_RCVBUF):
        ours.setsockopt(socket.SOL_SOCKET, size, _REQUEST)
    command = [sys.executable, __file__, str(theirs.fileno())]
    with theirs:
        subprocess.run(
            command, pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL, start_new_session=True, check=True
        )
    atexit.register(ours.close)
    return ours


# -- the server's side ---------------------------------------------------------------------------------------


def _serve(requests: socket.socket) -> tuple[bytes, list[int]] | None:
    """Fork for each request and tell of each child's end. Return a request in its child, None at the server's end."""
    children: dict[int, socket.socket] = {}
    signal.signal(signal.SIGCHLD, lambda *_: None)
    ended, wake = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
    while True:
        ready, _, _ = select.select([requests, ended], [], [])
        if requests in ready:
            request, descriptors, _, _ = socket.recv_fds(requests, _REQUEST, 4)
            if not request:
                return None
            news = socket.socket(fileno=descriptors[0])
            pid = os.fork()
            if pid == 0:
                signal.set_wakeup_fd(-1)
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                for left in (requests, news, *children.values()):
                    left.close()
                os.close(ended)
                os.close(wake)
                return request, descriptors[1:]
            children[pid] = news
            news.send(str(pid).encode())
            for descriptor in descriptors[1:]:
                os.close(descriptor)
        with contextlib.suppress(BlockingIOError):
            os.read(ended, 4096)
        for pid in list(children):
            found, status = os.waitpid(pid, os.WNOHANG)
            if found:
                with children.pop(pid) as news, contextlib.suppress(BrokenPipeError):
                    news.send(str(os.waitstatus_to_exitcode(status)).encode())


def _become(request: bytes, descriptors: list[int]) -> None:
    """Become the process that was asked for."""
    arguments, environment, folder = json.loads(request)
    for number, descriptor in enumerate(descriptors):
        os.dup2(descriptor, number)
        os.close(descriptor)
    os.setsid()
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = ["styled", *arguments]


def _main() -> None:
    import importlib

    if os.fork():
        os._exit(0)

    from styled.cli.main import COMMANDS, main

    for module, _ in COMMANDS.values():
        if "tui" not in module:
            importlib.import_module(module.partition(":")[0])
    importlib.import_module("styled.daemon.daemon")
    gc.freeze()  # a collection in a child would write to, and so copy, the pages that it shares with the server
    found = _serve(socket.socket(fileno=int(sys.argv[1])))
    if found is not None:
        _become(*found)
        main()


if __name__ == "__main__":
    _main()
