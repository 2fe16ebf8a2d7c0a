"""How to talk to the daemon: JSON lines over a Unix socket; the protocol, and the client's side of it.

A request is one line, ``{"v": 1, "id": 7, "op": "pause", "args": {"job": "42"}}``; its reply is one line
with the same ``id``: ``{"v": 1, "id": 7, "ok": true, "result": {…}}`` or ``{…, "ok": false, "error": {"kind":
…, "message": …, "advice": …}}``. A reply is sent after the effect is durable. After ``subscribe`` lines
with an ``event`` follow, each with its ``seq``: a client that reconnects asks for what came ``since`` the last one.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from styled.errors import ControlError, DaemonNotRunning, DataDamaged, StyledError, class_of
from styled.files.decoding import from_json
from styled.files.printable import as_unicode
from styled.root import Root
from styled.store.status import DaemonStatus

VERSION = 1
MAX_LINE = 1024 * 1024
"""Longest line of either side, bytes."""

_SUN_PATH = 107
"""Longest path a Unix socket address holds, bytes (``unix(7)``)."""


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """What a client asks."""

    v: int
    op: str
    id: int | str | None = None
    args: dict[str, Any] = {}


class ErrorReply(msgspec.Struct, frozen=True, kw_only=True):
    """A :class:`~styled.errors.StyledError` on its way to the client."""

    kind: str
    message: str
    advice: str = ""


class Reply(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An answer of the daemon, or, with ``event``, a message to a subscriber."""

    v: int
    id: int | str | None = None
    ok: bool | None = None
    result: dict[str, Any] | None = None
    error: ErrorReply | None = None
    event: dict[str, Any] | None = None


def encode(line: Request | Reply) -> bytes:
    """Encode one line, newline included."""
    return msgspec.json.encode(line) + b"\n"


def decode_request(line: bytes) -> Request:
    """Decode a client's line.

    Raises:
        ControlError: it is not a request, or of another version of the protocol.
    """
    try:
        request = from_json(line, Request)
    except DataDamaged as error:
        raise ControlError(
            f"the line is not a request: {error.message}", "See the protocol in styled/daemon/control/protocol.py."
        ) from error
    if request.v != VERSION:
        raise ControlError(
            f"the request is of version {request.v}, this daemon speaks version {VERSION}",
            "Use the styled that the daemon runs, or restart the daemon.",
        )
    return request


def error_reply(error: StyledError) -> ErrorReply:
    """Turn an error into what goes over the socket."""
    return ErrorReply(kind=error.kind, message=as_unicode(error.message), advice=as_unicode(error.advice))


def error_from(reply: ErrorReply) -> StyledError:
    """Turn it back into the error it was; an unknown kind becomes a ControlError."""
    return class_of(reply.kind, ControlError)(reply.message, reply.advice)


@contextlib.contextmanager
def short_path(path: Path) -> Iterator[str]:
    """Give an address for the socket at ``path`` that fits in a socket address, however deep the root lies."""
    if len(os.fsencode(path)) <= _SUN_PATH:
        yield str(path)
        return
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)


class Client:
    """Asks the daemon of a root. Each request has its own connection, so one may be shared between threads.

    Args:
        root: whose daemon.
        timeout: seconds to wait for an answer.
    """

    def __init__(self, root: Root, *, timeout: float = 10.0) -> None:
        self._root = root
        self._timeout = timeout
        self._ids = itertools.count(1)

    def request(self, op: str, **args: Any) -> dict[str, Any]:
        """Ask for ``op`` and return its result.

        Raises:
            DaemonNotRunning: nobody answers on the socket.
            ControlError: no answer in time, or one that makes no sense.
            StyledError: what the daemon refused the request with, in its own class.
        """
        with self._connect() as connection:
            lines = self._ask(connection, op, args)
            return self._result(lines)

    def subscribe(self, since: int = 0) -> Iterator[dict[str, Any]]:
        """Yield the queue's events after number ``since``, then new ones as they happen, until the daemon ends.

        Raises:
            DaemonNotRunning: nobody answers on the socket.
            ControlError: the daemon refused, or dropped a reader that was too slow; subscribe again.
        """
        with self._connect() as connection:
            lines = self._ask(connection, "subscribe", {"since": since})
            self._result(lines)
            connection.settimeout(None)
            for reply in lines:
                if reply.error is not None:
                    raise error_from(reply.error)
                if reply.event is not None:
                    yield reply.event

    def _connect(self) -> socket.socket:
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connection.settimeout(self._timeout)
        try:
            with short_path(self._root.socket) as address:
                connection.connect(address)
        except (FileNotFoundError, NotADirectoryError, ConnectionRefusedError) as error:
            connection.close()
            raise DaemonNotRunning(f"no daemon runs for {self._root.path}") from error
        except PermissionError as error:
            connection.close()
            raise ControlError(
                f"you may not talk to the daemon of {self._root.path}",
                "Its owner can let a group in with [control] mode and group in styled.toml.",
            ) from error
        except OSError as error:
            connection.close()
            raise ControlError(f"the daemon of {self._root.path} cannot be reached: {error}", _STUCK) from error
        return connection

    def _ask(self, connection: socket.socket, op: str, args: dict[str, Any]) -> Iterator[Reply]:
        """Send a request, and return the lines that come back."""
        line = encode(Request(v=VERSION, id=next(self._ids), op=op, args=args))
        if len(line) > MAX_LINE:
            raise ControlError(f"the request {op} is longer than {MAX_LINE} bytes", "Shorten it.")
        try:
            connection.sendall(line)
        except BrokenPipeError:
            pass  # it has hung up, and may have said why before
        except OSError as error:
            raise ControlError(f"the daemon did not take the request: {error}", _STUCK) from error
        return self._replies(connection)

    def _replies(self, connection: socket.socket) -> Iterator[Reply]:
        buffer = bytearray()
        while True:
            line, newline, rest = buffer.partition(b"\n")
            if newline:
                buffer = rest
                yield self._decode(bytes(line))
                continue
            if len(buffer) > MAX_LINE:
                raise ControlError("the daemon's answer is too long", "Is another program listening there?")
            try:
                chunk = connection.recv(65536)
            except TimeoutError as error:
                raise ControlError(f"the daemon does not answer within {self._timeout:g} s", _STUCK) from error
            except OSError as error:
                raise ControlError(f"the daemon hung up: {error}", _STUCK) from error
            if not chunk:
                return
            buffer += chunk

    def _decode(self, line: bytes) -> Reply:
        try:
            return from_json(line, Reply)
        except DataDamaged as error:
            raise ControlError(
                f"the daemon's answer is not understood: {error.message}", "Restart the daemon."
            ) from error

    def _result(self, lines: Iterator[Reply]) -> dict[str, Any]:
        reply = next(lines, None)
        if reply is None:
            raise ControlError("the daemon hung up before it answered", _STUCK)
        if reply.error is not None:
            raise error_from(reply.error)
        return reply.result or {}


def status_from(result: dict[str, Any]) -> DaemonStatus:
    """Return the status in the result of the request ``status``.

    Raises:
        ControlError: it is that of another version of styled.
    """
    try:
        return msgspec.convert(result.get("status"), DaemonStatus)
    except msgspec.ValidationError as error:
        raise ControlError(f"the daemon's status is not understood: {error}", "Restart the daemon.") from error


_STUCK = "See .styled/daemon.log; stop the daemon with: kill PID (styled status shows it)."
