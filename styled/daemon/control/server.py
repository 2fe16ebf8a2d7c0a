"""The daemon's side of the control socket: many clients, some slow, some hostile, none of them waited for."""

from __future__ import annotations

import contextlib
import os
import selectors
import shutil
import socket
import stat
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import structlog

from styled.config import ControlConfig
from styled.daemon.control.peer import Peer, peer_of
from styled.daemon.control.protocol import (
    MAX_LINE,
    VERSION,
    Reply,
    Request,
    decode_request,
    encode,
    error_reply,
    short_path,
)
from styled.errors import ControlError, SettingsError, StyledError

MAX_CLIENTS = 64
"""Beyond these the one that was silent longest is hung up on: a leak of connections must not lock users out."""

LINE_TIMEOUT_S = 10.0
"""A request must be complete this long after its first byte, the first one after connecting."""

IDLE_TIMEOUT_S = 600.0
"""A client without a request for this long is hung up on, unless it has subscribed."""

TURN_S = 0.05
"""Seconds for answering in one turn of the loop; what is left is answered in the next, the longest waiting first."""

EVENTS_PER_TURN = 200
"""Read for one subscriber at once."""

DEAF_S = (1.0, 2.0, 4.0, 8.0)
"""Before connections are accepted again after one could not be: no descriptor is left, say. The last one repeats."""

EventSource = Callable[[int, int], Sequence[Mapping[str, Any]]]
"""Given a number and a limit, returns the events after that number in order, each with its ``seq``."""


class Handler(Protocol):
    """Answers requests. Called between two turns of the main loop; must not wait for anything but the disk."""

    def __call__(self, request: Request, peer: Peer) -> Mapping[str, Any]:
        """Do what is asked and return the result; a StyledError becomes the refusal."""


@dataclass(slots=True, eq=False)
class _Connection:
    socket: socket.socket
    peer: Peer
    heard_at: float
    received: bytearray = field(default_factory=bytearray)
    unsent: bytearray = field(default_factory=bytearray)
    served_at: float = 0.0
    """When its last request was answered."""
    line_since: float | None = None
    """When the first byte of an incomplete line came."""
    cursor: int | None = None
    """Number of the last event sent to a subscriber."""
    lagging: bool = False
    """More events are waiting for it."""
    closing: bool = False
    """Nothing more is read; it is closed once all is sent."""

    @property
    def has_request(self) -> bool:
        """Whether a whole request is there, and its sender reads the answers."""
        return b"\n" in self.received and not self.unsent and not self.closing


class ControlServer:
    """Serves one socket from within somebody else's loop.

    Args:
        path: where the socket is made; an old one there is replaced (the root's lock says that nobody owns it).
        config: its permissions.
        handler: answers the requests.
        events: where subscribers' events come from.
        selector: told which descriptors to watch; their ``data`` is a function to call without arguments.
        clock: monotonic seconds.

    Raises:
        SettingsError: from :meth:`open`, if the group does not exist or may not own the socket.
    """

    def __init__(
        self,
        path: Path,
        config: ControlConfig,
        handler: Handler,
        events: EventSource,
        selector: selectors.BaseSelector,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._path = path
        self._config = config
        self._handler = handler
        self._events = events
        self._selector = selector
        self._clock = clock
        self._listener: socket.socket | None = None
        self._made: tuple[int, int] | None = None
        """Device and inode of the socket's file."""
        self._connections: set[_Connection] = set()
        self._group: int | None = None
        """Whose members may talk, besides the daemon's user and root."""
        self._refused: set[int] = set()
        """Users that were refused, and told of in the log."""
        self._deaf_until: float | None = None
        self._refusals = 0
        self.trouble = ""
        """Why nobody can connect; one line, empty if all is well."""
        self._log = structlog.get_logger("control")

    def open(self) -> None:
        """Make the socket and listen."""
        self._path.unlink(missing_ok=True)
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        try:
            # Nobody may connect between bind and chmod.
            mask = os.umask(0o177)
            try:
                with short_path(self._path) as address:
                    listener.bind(address)
            finally:
                os.umask(mask)
            mode = int(self._config.mode, 8)
            self._give_to_group()
            self._path.chmod(mode)
            if stat.S_IMODE(self._path.stat().st_mode) != mode:
                self._log.warning(
                    "the socket's file system keeps no permissions; who may talk is asked of the kernel alone"
                )
            listener.listen(128)
        except BaseException:
            listener.close()
            raise
        found = self._path.lstat()
        self._listener, self._made = listener, (found.st_dev, found.st_ino)
        self._listen()

    def keep(self) -> bool:
        """Make the socket again if its file was removed or replaced; return whether it was."""
        with contextlib.suppress(FileNotFoundError):
            found = self._path.lstat()
            if (found.st_dev, found.st_ino) == self._made:
                return False
        self._close_listener()
        self.open()
        return True

    def close(self) -> None:
        """Send what can be sent at once, hang up on everybody and remove the socket."""
        for connection in list(self._connections):
            self._send(connection)
            self._hang_up(connection, "")
        if self._listener is not None:
            self._close_listener()
            self._path.unlink(missing_ok=True)

    def _close_listener(self) -> None:
        if self._listener is not None:
            if self._deaf_until is None:
                self._selector.unregister(self._listener)
            self._listener.close()
            self._listener = None
            self._deaf_until = None

    @property
    def backlog(self) -> bool:
        """Whether something can be done without hearing from anybody; then the loop must not sleep."""
        return any(
            connection.has_request or (connection.lagging and not connection.unsent) for connection in self._connections
        )

    def turn(self) -> None:
        """Answer requests for a short while, feed subscribers, and hang up on those who took too long."""
        if self._deaf_until is not None and self._clock() >= self._deaf_until:
            self._listen()
        until = self._clock() + TURN_S
        asking = [connection for connection in self._connections if connection.has_request]
        for connection in sorted(asking, key=lambda connection: connection.served_at):
            with self._one_clients_fault(connection):
                self._answer(connection)
            if self._clock() >= until:
                break
        for connection in list(self._connections):
            if connection.lagging:
                with self._one_clients_fault(connection):
                    self._feed(connection)
            why = self._overdue(connection)
            if why:
                self._hang_up(connection, why)

    def _overdue(self, connection: _Connection) -> str:
        """Return why a client is to be hung up on, empty if it is not."""
        now = self._clock()
        if connection.line_since is not None and now - connection.line_since > LINE_TIMEOUT_S:
            return "its request did not end"
        if not connection.served_at and not connection.received and now - connection.heard_at > LINE_TIMEOUT_S:
            return "it asked nothing"
        if connection.cursor is None and now - connection.heard_at > IDLE_TIMEOUT_S:
            return "it was idle"
        return ""

    def publish(self) -> None:
        """Send new events to all who have subscribed."""
        for connection in list(self._connections):
            with self._one_clients_fault(connection):
                self._feed(connection)

    @contextlib.contextmanager
    def _one_clients_fault(self, connection: _Connection) -> Iterator[None]:
        """Have an error that nobody foresaw end the connection it came from, and nothing else."""
        try:
            yield
        except StyledError:
            raise  # the store's, say: that is no client's fault
        except Exception:  # noqa: BLE001  # logged with its traceback; one client must not end the daemon
            self._log.exception("a connection failed", pid=connection.peer.pid, uid=connection.peer.uid)
            self._hang_up(connection, "it failed")

    def _feed(self, connection: _Connection) -> None:
        """Send a subscriber its next events. One that reads slowly is fed slowly; nothing piles up for it."""
        if connection.cursor is None:
            return
        connection.lagging = True
        if connection.unsent:
            return
        events = self._events(connection.cursor, EVENTS_PER_TURN)
        connection.lagging = len(events) == EVENTS_PER_TURN
        for event in events:
            connection.cursor = event["seq"]
            connection.unsent += encode(Reply(v=VERSION, event=dict(event)))
        self._send(connection)

    def _give_to_group(self) -> None:
        if not self._config.group:
            return
        try:
            shutil.chown(self._path, group=self._config.group)
            if self._config.mode == "0660":
                self._group = self._path.stat().st_gid
                # Members may come as far as the socket; what else lies there is closed to them.
                shutil.chown(self._path.parent, group=self._config.group)
                self._path.parent.chmod(0o710)
        except (LookupError, OSError) as error:
            raise SettingsError(
                f"control.group = {self._config.group!r} cannot own the socket: {error}",
                "Name a group that exists and that the daemon's user belongs to.",
            ) from error

    def _accept(self, listener: socket.socket) -> None:
        try:
            accepted, _ = listener.accept()
        except (BlockingIOError, ConnectionAbortedError):
            return
        except OSError as error:
            self._go_deaf(listener, error)
            return
        self._refusals, self.trouble = 0, ""
        accepted.setblocking(False)
        if len(self._connections) >= MAX_CLIENTS:
            silent = min(self._connections, key=lambda connection: (connection.cursor is not None, connection.heard_at))
            self._hang_up(silent, "too many clients")
        connection = _Connection(accepted, peer_of(accepted), self._clock())
        self._connections.add(connection)
        self._selector.register(accepted, selectors.EVENT_READ, lambda: self._ready(connection))
        if not connection.peer.may_talk(self._group):
            self._turn_away(connection)

    def _turn_away(self, connection: _Connection) -> None:
        """Refuse whom the socket's permissions should have kept out. Each user is told of in the log once."""
        error = ControlError(
            "you may not talk to this daemon",
            "Its owner can let a group in with [control] mode and group in styled.toml.",
        )
        if connection.peer.uid in self._refused:
            connection.closing = True
            self._queue(connection, encode(Reply(v=VERSION, ok=False, error=error_reply(error))))
            return
        self._refused.add(connection.peer.uid)
        self._refuse(connection, error)

    def _listen(self) -> None:
        listener = self._listener
        assert listener is not None  # noqa: S101  # open
        self._deaf_until = None
        self._selector.register(listener, selectors.EVENT_READ, lambda: self._accept(listener))

    def _go_deaf(self, listener: socket.socket, error: OSError) -> None:
        """Stop accepting: clients stay in the queue of the socket, and would wake the loop for ever."""
        words = f"nobody can connect: {error.strerror or error}"
        if self.trouble != words:
            self._log.warning("a connection could not be accepted; trying again", error=str(error))
        self.trouble = words
        self._selector.unregister(listener)
        self._deaf_until = self._clock() + DEAF_S[min(self._refusals, len(DEAF_S) - 1)]
        self._refusals += 1

    def _ready(self, connection: _Connection) -> None:
        if connection not in self._connections:
            return  # hung up on since the selector saw it
        with self._one_clients_fault(connection):
            if connection.unsent:
                self._send(connection)
            else:
                self._receive(connection)

    def _receive(self, connection: _Connection) -> None:
        if b"\n" in connection.received:
            return  # its earlier requests first; the kernel's buffer makes it wait
        try:
            chunk = connection.socket.recv(65536)
        except BlockingIOError:
            return
        except OSError:
            chunk = b""
        if not chunk:  # it may have closed only its own side, and still read
            connection.closing = True
            self._send(connection)
            return
        now = self._clock()
        connection.heard_at = now
        connection.received += chunk
        if b"\n" in connection.received:
            connection.line_since = None
        elif len(connection.received) > MAX_LINE:
            self._refuse(connection, ControlError(f"a request is longer than {MAX_LINE} bytes", "Send less."))
        elif connection.line_since is None:
            connection.line_since = now

    def _answer(self, connection: _Connection) -> None:
        """Answer the first request of a client."""
        line, _, rest = connection.received.partition(b"\n")
        connection.received = rest
        connection.line_since = self._clock() if rest and b"\n" not in rest else None
        self._handle(connection, bytes(line))
        connection.served_at = self._clock()

    def _handle(self, connection: _Connection, line: bytes) -> None:
        try:
            request = decode_request(line)
        except ControlError as error:
            self._refuse(connection, error)
            return
        try:
            if request.op == "subscribe":
                connection.cursor = _since(request)
                connection.lagging = True
                result: Mapping[str, Any] = {"since": connection.cursor}
            else:
                result = self._handler(request, connection.peer)
            line = encode(Reply(v=VERSION, id=request.id, ok=True, result=dict(result)))
        except StyledError as error:
            line = encode(Reply(v=VERSION, id=request.id, ok=False, error=error_reply(error)))
        except Exception as error:  # noqa: BLE001  # logged with its traceback; one client must not end the daemon
            self._log.exception("a request failed in a way nobody foresaw", op=request.op, pid=connection.peer.pid)
            self._refuse(connection, ControlError(f"the daemon could not do that: {error!r}", "Its log says more."))
            return
        self._queue(connection, line)

    def _refuse(self, connection: _Connection, error: ControlError) -> None:
        """Say why, then hang up: after a line that made no sense nothing can be trusted to start a new one."""
        self._log.warning("a client is refused", pid=connection.peer.pid, uid=connection.peer.uid, why=error.message)
        connection.closing = True
        connection.received.clear()
        self._queue(connection, encode(Reply(v=VERSION, ok=False, error=error_reply(error))))

    def _queue(self, connection: _Connection, line: bytes) -> None:
        connection.unsent += line
        self._send(connection)

    def _send(self, connection: _Connection) -> None:
        if connection not in self._connections:
            return
        try:
            while connection.unsent:
                sent = connection.socket.send(connection.unsent[:65536])
                del connection.unsent[:sent]
        except BlockingIOError:
            pass
        except OSError:
            self._hang_up(connection, "")
            return
        if connection.closing and not connection.unsent:
            self._hang_up(connection, "")
            return
        # A client that does not read its answers is not read from either: nothing piles up for it here.
        events = selectors.EVENT_WRITE if connection.unsent else selectors.EVENT_READ
        key = self._selector.get_key(connection.socket)
        if key.events != events:
            self._selector.modify(connection.socket, events, key.data)

    def _hang_up(self, connection: _Connection, why: str) -> None:
        if connection not in self._connections:
            return
        if why:
            self._log.info("hung up on a client", pid=connection.peer.pid, uid=connection.peer.uid, why=why)
        self._connections.discard(connection)
        with contextlib.suppress(KeyError):
            self._selector.unregister(connection.socket)
        connection.socket.close()


def _since(request: Request) -> int:
    since = request.args.get("since", 0)
    if not isinstance(since, int) or since < 0:
        raise ControlError(
            f"since = {since!r} is not the number of an event", "Give 0 or the seq of the last event seen."
        )
    return since
