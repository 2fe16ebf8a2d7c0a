"""A throw-away Ray of a head and two nodes on this machine, to try it and to test it: ``styled demo --backend ray``.

Each node has an address of its own in the loopback's network and a temporary folder of its own; the token is new.
Ray's own ports are open on all interfaces, as Ray has it, and refuse whoever has no token.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import secrets
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import psutil

from styled.backend.staged.host import Host
from styled.children import python_command
from styled.errors import BackendAway

_MARK = "STYLED_SMALL_RAY"
"""Environment variable of all processes of a part."""

_START_S = 90.0

_STARTED = b"Ray runtime started"

_STORE_BYTES = 80 * 2**20
"""Ray's least is 75 MB; all that goes through it are pieces of a megabyte."""


def missing() -> str:
    """Return why there can be no such cluster here, or an empty text."""
    return "" if importlib.util.find_spec("ray") else 'Ray is not installed (pip install "styled[ray]")'


class SmallRay:
    """A head without processors and two nodes with one each, for the length of a block.

    Args:
        folder: a new one, whose path is short: sockets lie in it.
        timeout_s: after which a node that is silent is given up, about.
        hosts: of the head, and of each node; by default addresses of the loopback's network.
        variables: added to the environment of all parts, and so to that of what nodes run.
    """

    def __init__(
        self, folder: Path, *, timeout_s: int = 10, hosts: Sequence[Host] = (), variables: dict[str, str] | None = None
    ) -> None:
        self.folder = folder
        self.variables = variables or {}
        self._head, *nodes = hosts or _loopback_hosts()
        self._hosts = {f"node{number}": host for number, host in enumerate(nodes, 1)}
        self._port = _free_port()
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._sessions: dict[str, int] = {}
        self._ray_variables = {
            "RAY_AUTH_MODE": "token",
            "RAY_AUTH_TOKEN_PATH": str(self.token),
            "RAY_USAGE_STATS_ENABLED": "0",
            "RAY_memory_monitor_refresh_ms": "0",
            "RAY_health_check_initial_delay_ms": "0",
            "RAY_health_check_period_ms": "1000",
            "RAY_health_check_timeout_ms": f"{max(1, timeout_s // 3) * 1000}",
            "RAY_health_check_failure_threshold": "3",
            "RAY_gcs_rpc_server_reconnect_timeout_s": f"{2 * timeout_s}",
        }

    @property
    def names(self) -> list[str]:
        """The nodes."""
        return list(self._hosts)

    @property
    def token(self) -> Path:
        """The file with its token."""
        return self.folder / "token"

    @property
    def environment(self) -> dict[str, str]:
        """What a daemon needs in its environment to paint on this cluster."""
        return {
            "STYLED_BACKEND__KIND": "ray",
            "STYLED_BACKEND__ADDRESS": f"{self._head.address}:{self._port}",
            "STYLED_BACKEND__TOKEN_FILE": str(self.token),
        }

    def __enter__(self) -> Self:
        if why := missing():
            raise BackendAway(f"there can be no Ray here: {why}")
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(self.token, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_hex(32) + "\n")
        try:
            self.start_head()
            for name in self.names:
                self.start_node(name)
        except BaseException:
            self.close()
            raise
        return self

    def start_head(self) -> None:
        """Start the head, or start it again; it knows nothing of what was before."""
        # Ray takes nodes that live on, whose processes it sees where all are one machine, for a head that runs there.
        (self.folder / "r" / "ray_current_cluster").unlink(missing_ok=True)
        self._start(
            "head",
            self._head,
            "--head",
            f"--port={self._port}",
            f"--ray-client-server-port={_free_port()}",
            f"--temp-dir={self.folder / 'r'}",
            "--include-dashboard=false",
            "--no-monitor",
            "--num-cpus=0",
        )

    def start_node(self, name: str) -> None:
        """Start a node, or start it again; one after another: two at once would take the same socket."""
        options = (f"--address={self._head.address}:{self._port}", "--num-cpus=1")
        self._start(name, self._hosts[name], *options)

    def kill(self, name: str) -> None:
        """Kill a part, ``node1`` or ``head``, as a power loss would, with all that it runs."""
        process = self._processes.pop(name)
        for number in (signal.SIGSTOP, signal.SIGKILL):  # all at one moment: none reports the death of another
            for each in self.processes(name):
                with contextlib.suppress(psutil.Error):
                    each.send_signal(number)
        process.wait()

    def forget(self, name: str) -> None:
        """Empty the temporary folder of a node that was killed, as a machine does that starts again."""
        shutil.rmtree(self.folder / f"tmp-{name}", ignore_errors=True)

    def processes(self, name: str) -> list[psutil.Process]:
        """Return all processes of a part, and of what it runs."""
        mark, session = f"{self.folder}:{name}", self._sessions.get(name, -2)
        # Some of Ray's own write their title over their environment; what an attempt runs has a session of its own.
        return [each for each in psutil.process_iter() if _variable(each, _MARK) == mark or _session(each) == session]

    def close(self) -> None:
        """End all parts, and what the nodes run."""
        for name in list(self._processes)[::-1]:
            self.kill(name)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _start(self, name: str, host: Host, *options: str) -> None:
        temporary = self.folder / f"tmp-{name}"
        temporary.mkdir(exist_ok=True)
        output = self.folder / f"{name}.out"
        command = python_command(
            "ray.scripts.scripts", "start", "--block", f"--node-name={name}",
            f"--node-ip-address={host.address}", f"--object-store-memory={_STORE_BYTES}", "--min-worker-port=0",
            "--max-worker-port=0", "--include-log-monitor=false", "--disable-usage-stats", *options,
        )  # fmt: skip
        own = {each: value for each, value in os.environ.items() if not each.startswith("RAY_")}
        with output.open("wb") as printed:
            process = self._processes[name] = subprocess.Popen(
                [*host.through, *command],
                env={
                    **own,
                    **self._ray_variables,
                    **self.variables,
                    "TMPDIR": str(temporary),
                    _MARK: f"{self.folder}:{name}",
                },
                stdin=subprocess.DEVNULL,
                stdout=printed,
                stderr=printed,
                start_new_session=True,
                cwd="/",
            )
        self._sessions[name] = process.pid
        until = time.monotonic() + _START_S
        while _STARTED not in (said := output.read_bytes()):
            if process.poll() is not None or time.monotonic() > until:
                lines = said.decode(errors="replace").strip().splitlines()
                raise BackendAway(
                    f"{name} of Ray did not start: {lines[-1] if lines else 'it printed nothing'}",
                    "Is its folder's path short?",
                )
            time.sleep(0.1)


def _loopback_hosts() -> list[Host]:
    network = f"127.{secrets.randbelow(250) + 2}.{secrets.randbelow(250) + 2}"
    return [Host(f"{network}.{number}") for number in (10, 11, 12)]


def _variable(process: psutil.Process, name: str) -> str:
    """Return a variable of a process's environment; an empty text if it has ended, or is another user's."""
    try:
        return str(process.environ().get(name, ""))
    except psutil.Error:
        return ""


def _session(process: psutil.Process) -> int:
    """Return the session of a process; -1 if it has ended."""
    try:
        return os.getsid(process.pid)
    except ProcessLookupError:
        return -1


def _free_port() -> int:
    with socket.socket() as each:
        each.bind(("127.0.0.1", 0))
        return int(each.getsockname()[1])
