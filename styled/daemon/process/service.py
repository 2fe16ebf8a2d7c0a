"""The daemon as a service: its messages to systemd, and how a user's command starts one in the background."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import time
from collections.abc import Mapping
from pathlib import Path

import psutil

from styled.children import clean_search_path, python_command
from styled.daemon.control.protocol import Client
from styled.daemon.process.lock import holder_of
from styled.errors import ControlError, DaemonError, DaemonNotRunning, SettingsError
from styled.files.printable import escaped
from styled.root import Root

START_TIMEOUT_S = 60.0
"""Longer than a big queue takes to be looked through at the start."""


_LONG_WAIT_S = 60.0
"""That a service manager is to wait for the next word of a daemon that waits to begin."""


_WAITING_S = 3.0
"""After which a daemon that waits to begin is not waited for any more."""


_ASKED_S = 3.0
"""A daemon that has not answered before is asked once more, for so long, before it is ended."""


_KILLED_S = 10.0
"""After which a killed process that is still there hangs in the kernel."""


_SAME_START_S = 2.0
"""Clocks differ by less, two processes with one pid start at times that differ by more."""


class Notifier:
    """Reports the daemon's state to the service manager, if there is one (``sd_notify(3)``; one datagram each).

    Args:
        environment: where ``NOTIFY_SOCKET`` and ``WATCHDOG_USEC`` may be.
    """

    def __init__(self, environment: Mapping[str, str] | None = None) -> None:
        environment = os.environ if environment is None else environment
        self._address = environment.get("NOTIFY_SOCKET", "")
        if self._address.startswith("@"):
            self._address = "\0" + self._address[1:]
        microseconds = environment.get("WATCHDOG_USEC", "")
        meant_for = environment.get("WATCHDOG_PID", "")
        wanted = microseconds.isdecimal() and meant_for in ("", str(os.getpid()))
        self.watchdog_s: float | None = int(microseconds) / 1e6 if wanted else None
        """The service manager restarts a daemon that is silent for this long; None if it does not."""
        self._status = ""
        self._fed_at = 0.0

    def ready(self) -> None:
        """Report that the daemon serves."""
        self._send("READY=1")

    def reloading(self) -> None:
        """Report that the configuration is being read; ``ready`` must follow."""
        self._send(f"RELOADING=1\nMONOTONIC_USEC={time.monotonic_ns() // 1000}")

    def status(self, text: str) -> None:
        """Report in one line what is going on, if it has changed."""
        if text != self._status:
            self._status = text
            self._send(f"STATUS={escaped(text)}")

    def waiting(self, text: str) -> None:
        """Report why the start takes longer than allowed, and extend its time."""
        self.status(text)
        self._send(f"EXTEND_TIMEOUT_USEC={int(_LONG_WAIT_S * 1e6)}")

    def alive(self) -> None:
        """Feed the watchdog, if there is one and it is time to."""
        now = time.monotonic()
        if self.watchdog_s is not None and now - self._fed_at >= self.watchdog_s / 4:
            self._fed_at = now
            self._send("WATCHDOG=1")

    def stopping(self, grace_s: float) -> None:
        """Report that the daemon ends within ``grace_s`` seconds."""
        self._send(f"STOPPING=1\nEXTEND_TIMEOUT_USEC={int(grace_s * 1e6)}")

    def _send(self, text: str) -> None:
        if not self._address:
            return
        # A service manager that went away is not the daemon's concern.
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as connection:
            connection.setblocking(False)
            connection.sendto(text.encode(), self._address)


def start_detached(root: Root, *, timeout_s: float = START_TIMEOUT_S) -> int:
    """Start a daemon that outlives this process, unless one answers already; return its pid once it answers.

    What it prints before its log is open goes to ``.styled/daemon.out``.

    Raises:
        DaemonError: it ended at once, or did not answer in time; the message has its last words.
        SettingsError: the configuration is wrong.
    """
    client = Client(root)
    with contextlib.suppress(DaemonNotRunning):
        return int(client.request("ping")["pid"])
    root.make_state()
    output = root.state / "daemon.out"
    pid = _spawn(python_command("styled", "daemon", "--quiet", "--root", str(root.path)), output)
    until = time.monotonic() + timeout_s
    while time.monotonic() < until:
        with contextlib.suppress(DaemonNotRunning, ControlError):
            return int(client.request("ping")["pid"])
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            raise _failed_start(os.waitstatus_to_exitcode(status), output)
        holder = holder_of(root) if time.monotonic() > until - timeout_s + _WAITING_S else None
        if holder is not None and holder.waits:
            advice = "It begins by itself once that is mended; nothing else is to be done."
            raise DaemonError(f"the daemon of {root.path} (pid {holder.pid}) waits to begin: {holder.waits}", advice)
        time.sleep(0.02)
    raise DaemonError(f"the daemon of {root.path} does not answer after {timeout_s:g} s", f"See {root.log}.")


def replace_silent(root: Root) -> int:
    """End the daemon of ``root`` if it does not answer, by force, and start another; return its pid.

    Its workers end with it; what they paint goes on from their checkpoints.

    Raises:
        DaemonError: it cannot be ended from here, or the new one did not start.
        SettingsError: the configuration is wrong.
    """
    client = Client(root, timeout=_ASKED_S)
    with contextlib.suppress(DaemonNotRunning, ControlError):
        return int(client.request("ping")["pid"])
    holder = holder_of(root)
    if holder is not None:
        if holder.host not in ("", socket.gethostname()):
            raise DaemonError(f"the daemon runs on {holder.host} (pid {holder.pid})", "Start it again there.")
        with contextlib.suppress(psutil.NoSuchProcess):
            process = psutil.Process(holder.pid)
            if abs(process.create_time() - holder.started_at) > _SAME_START_S:
                raise DaemonError(f"{root.lock} is held by a process that did not write it", "Find it with: fuser -v.")
            try:
                process.kill()
                process.wait(_KILLED_S)
            except psutil.AccessDenied as error:
                raise DaemonError(
                    f"process {holder.pid} belongs to another user", "Ask its owner to end it."
                ) from error
            except psutil.TimeoutExpired as error:
                raise DaemonError(
                    f"process {holder.pid} does not end: its disk may hang", "It ends when the disk answers."
                ) from error
    return start_detached(root)


def _spawn(command: list[str], output: Path) -> int:
    """Start a command in its own session, its output in a file; return its pid.

    Not ``subprocess``: its object would complain, rightly, that nobody waits for the child.
    """
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW
    return os.posix_spawn(
        command[0],
        command,
        clean_search_path(os.environ),
        file_actions=[
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_OPEN, 1, output, flags, 0o644),
            (os.POSIX_SPAWN_DUP2, 1, 2),
        ],
        setsid=True,
        setsigmask=[signal.SIGHUP],  # a reload that comes before the daemon can do it must not end it
    )


def _failed_start(code: int, output: Path) -> DaemonError | SettingsError:
    words = output.read_text(errors="replace").strip().splitlines() if output.exists() else []
    message = escaped(words[-1]).removeprefix("styled: ") if words else f"see {output}"
    if code == SettingsError.exit_code:
        return SettingsError(message)
    return DaemonError(f"the daemon did not start (exit code {code}): {message}")
