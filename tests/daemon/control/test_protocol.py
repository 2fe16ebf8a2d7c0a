"""The control socket against well-meaning, slow, many and hostile clients."""

from __future__ import annotations

import os
import resource
import selectors
import socket
import stat
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from styled.config import ControlConfig
from styled.daemon.control import protocol, server
from styled.daemon.control.peer import Peer
from styled.daemon.control.protocol import Client, Request, decode_request, error_from, error_reply, short_path
from styled.errors import ControlError, DaemonNotRunning, IllegalMove, NoSuchJob, SettingsError
from styled.root import Root
from tests.deadlines import patience, wait_until


class Served:
    """A real server in its own thread, with a handler that counts what it did."""

    def __init__(self, root: Root, config: ControlConfig | None = None) -> None:
        self.root = root
        self.done: list[str] = []
        self.events: list[dict[str, Any]] = []
        self.peers: list[Peer] = []
        self.now_shift = 0.0
        self.turns = 0
        self._selector = selectors.DefaultSelector()
        self.server = server.ControlServer(
            root.socket,
            config or ControlConfig(),
            self._handle,
            self._events_after,
            self._selector,
            clock=lambda: time.monotonic() + self.now_shift,
        )
        self.server.open()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._loop)
        self._thread.start()

    def _handle(self, request: Request, peer: Peer) -> Mapping[str, Any]:
        self.peers.append(peer)
        self.done.append(request.op)
        if request.op == "missing":
            raise NoSuchJob("there is no job 7")
        if request.op == "refused":
            raise NoSuchJob("there is no b\udcfcro")
        if request.op == "unsayable":
            return {"root": "b\udcfcro"}
        if request.op == "big":
            return {"text": "x" * 300_000}
        return {"op": request.op, **request.args}

    def _events_after(self, since: int, limit: int) -> list[dict[str, Any]]:
        return self.events[since : since + limit]

    def _loop(self) -> None:
        while not self._stop.is_set():
            for key, _ in self._selector.select(0 if self.server.backlog else 0.02):
                key.data()
            self.server.turn()
            self.server.publish()
            self.turns += 1

    def close(self) -> None:
        self._stop.set()
        self._thread.join()
        self.server.close()
        self._selector.close()


@pytest.fixture
def served(root: Root) -> Iterator[Served]:
    running = Served(root)
    yield running
    running.close()


def connect(root: Root) -> socket.socket:
    client = socket.socket(socket.AF_UNIX)
    client.settimeout(patience(5))
    client.connect(str(root.socket))
    return client


def test_a_request_gets_its_result(served: Served) -> None:
    assert Client(served.root).request("pause", job="7") == {"op": "pause", "job": "7"}
    assert served.peers[0] == Peer(os.getpid(), os.getuid(), os.getgid(), frozenset(os.getgroups()))


def test_a_refusal_comes_back_as_the_error_it_was(served: Served) -> None:
    with pytest.raises(NoSuchJob, match="there is no job 7") as caught:
        Client(served.root).request("missing")
    assert "styled status" in caught.value.advice


def test_nobody_listening_is_said(root: Root) -> None:
    with pytest.raises(DaemonNotRunning, match=r"Start it with: styled daemon\."):
        Client(root).request("ping")


def test_a_stale_socket_is_nobody_and_is_replaced(root: Root) -> None:
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(root.socket))
    with pytest.raises(DaemonNotRunning):
        Client(root).request("ping")
    served = Served(root)
    assert Client(root).request("ping") == {"op": "ping"}
    served.close()
    assert not root.socket.exists()


def test_the_socket_is_for_its_owner_only_by_default(served: Served) -> None:
    assert stat.S_IMODE(served.root.socket.stat().st_mode) == 0o600


def test_a_group_may_be_let_in(root: Root) -> None:
    import grp

    own = grp.getgrgid(os.getgid()).gr_name
    served = Served(root, ControlConfig(mode="0660", group=own))
    try:
        assert stat.S_IMODE(root.socket.stat().st_mode) == 0o660
        assert root.socket.stat().st_gid == os.getgid()
    finally:
        served.close()


def test_an_unknown_group_is_a_configuration_error(root: Root) -> None:
    with selectors.DefaultSelector() as selector, pytest.raises(SettingsError, match=r"control\.group = 'no-such"):
        server.ControlServer(
            root.socket, ControlConfig(group="no-such-group"), lambda r, p: {}, lambda s, n: [], selector
        ).open()


def test_an_answer_that_cannot_be_encoded_is_refused_in_words(root: Root) -> None:
    """A name that is not UTF-8: the client was hung up on, and took the daemon for hung."""
    served = Served(root)
    try:
        with pytest.raises(ControlError, match="the daemon could not do that: UnicodeEncodeError"):
            Client(root).request("unsayable")
        with pytest.raises(NoSuchJob, match=r"there is no b\\xfcro"):
            Client(root).request("refused")
        assert Client(root).request("ping") == {"op": "ping"}
    finally:
        served.close()


def test_a_deep_root_fits_in_a_socket_address(tmp_path: Path) -> None:
    deep = Root.at(tmp_path / ("d" * 100) / ("e" * 100))
    deep.state.mkdir(parents=True)
    served = Served(deep)
    try:
        assert Client(deep).request("ping") == {"op": "ping"}
    finally:
        served.close()


def test_a_short_path_is_used_as_it_is(root: Root) -> None:
    with short_path(Path("/run/x.sock")) as address:
        assert address == "/run/x.sock"


@pytest.mark.parametrize(
    "line",
    [
        b"\n",
        b"not json\n",
        b"\xff\xfe\x00\n",
        b"[]\n",
        b'{"v": 1}\n',
        b'{"v": 1, "op": 3}\n',
        b'{"v": 1, "op": "x", "args": []}\n',
        b"[" * 100_000 + b"\n",
        b'{"v":1,"op":"x","args":' + b'{"a":' * 50_000 + b"\n",
    ],
)
def test_rubbish_is_refused_and_the_daemon_goes_on(served: Served, line: bytes) -> None:
    with connect(served.root) as hostile:
        hostile.sendall(line)
        reply = msgspec.json.decode(hostile.makefile("rb").readline(), type=protocol.Reply)
        assert reply.ok is False
        assert reply.error is not None
        assert reply.error.kind == "control-error"
        assert hostile.recv(10) == b""
    assert Client(served.root).request("ping") == {"op": "ping"}
    assert served.done == ["ping"]


def test_another_version_is_told_which_one_is_spoken(served: Served) -> None:
    with connect(served.root) as client:
        client.sendall(b'{"v": 2, "op": "ping"}\n')
        assert b"this daemon speaks version 1" in client.makefile("rb").readline()


def test_a_line_without_end_is_cut_off(served: Served) -> None:
    with connect(served.root) as hostile:
        with pytest.raises(OSError):  # noqa: PT011 - reset or broken pipe, as the kernel likes
            hostile.sendall(b"x" * 50_000_000)
        assert Client(served.root).request("ping") == {"op": "ping"}


def test_half_a_request_is_hung_up_on_after_its_time(served: Served) -> None:
    with connect(served.root) as slow, connect(served.root) as silent:
        slow.sendall(b'{"v": 1,')
        assert Client(served.root).request("ping") == {"op": "ping"}
        served.now_shift = server.LINE_TIMEOUT_S + 1
        assert slow.recv(10) == b""
        assert silent.recv(10) == b""


def test_a_request_in_single_bytes_is_understood(served: Served) -> None:
    with connect(served.root) as slow:
        for byte in b'{"v": 1, "id": "a", "op": "ping"}\n':
            slow.sendall(bytes([byte]))
        assert msgspec.json.decode(slow.makefile("rb").readline())["id"] == "a"


def test_many_requests_in_one_packet_are_all_answered_in_order(served: Served) -> None:
    with connect(served.root) as client:
        client.sendall(b"".join(b'{"v":1,"id":%d,"op":"ping"}\n' % number for number in range(200)))
        client.shutdown(socket.SHUT_WR)
        replies = [msgspec.json.decode(line)["id"] for line in client.makefile("rb")]
    assert replies == list(range(200))


def test_a_client_that_does_not_read_is_not_worked_for_and_others_are(served: Served) -> None:
    with connect(served.root) as greedy:
        greedy.sendall(b'{"v":1,"op":"big"}\n' * 1000)
        for _ in range(5):
            started = time.monotonic()
            assert Client(served.root).request("ping") == {"op": "ping"}
            assert time.monotonic() - started < patience(1)
        assert served.done.count("big") <= 2
        assert sum(len(connection.unsent) for connection in served.server._connections) < 1_000_000
        lines = greedy.makefile("rb")  # and when it reads at last, it gets everything
        assert all(len(lines.readline()) > 300_000 for _ in range(1000))


def test_a_client_that_does_not_read_does_not_make_the_loop_spin(served: Served) -> None:
    with connect(served.root) as greedy:
        greedy.sendall(b'{"v":1,"op":"big"}\n' * 10_000)
        while not served.done:
            time.sleep(0.01)
        before = served.turns
        time.sleep(0.5)
        assert served.turns - before < 60


def test_a_hundred_clients_do_not_lock_the_next_one_out(served: Served) -> None:
    crowd = [connect(served.root) for _ in range(100)]
    try:
        assert Client(served.root).request("ping") == {"op": "ping"}
    finally:
        for client in crowd:
            client.close()


def test_a_socket_that_is_removed_or_replaced_is_made_again(root: Root) -> None:
    with selectors.DefaultSelector() as selector:
        served = server.ControlServer(root.socket, ControlConfig(), lambda *_: {}, lambda *_: [], selector)
        served.open()
        assert not served.keep()
        for replace in (root.socket.unlink, lambda: (root.socket.unlink(), root.socket.write_text(""))):
            replace()
            assert served.keep()
            assert not served.keep()
            connect(root).close()
            assert stat.S_IMODE(root.socket.stat().st_mode) == 0o600
        served.close()
        assert not root.socket.exists()


def test_without_descriptors_whoever_connects_waits_for_a_while_and_the_loop_rests(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket(socket.AF_UNIX) as client, capture_logs() as log:
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        # The numbers that are free now stay free: a descriptor gets the lowest one.
        resource.setrlimit(resource.RLIMIT_NOFILE, (next(n for n in range(soft) if not is_open(n)), hard))
        try:
            client.connect(str(served.root.socket))
            wait_until(lambda: served.server.trouble)
            before = served.turns
            time.sleep(0.2)
            assert served.turns - before < 30
            served.now_shift += 2.0
            wait_until(lambda: served.server._refusals > 1)
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        assert served.server.trouble == "nobody can connect: Too many open files"
        served.now_shift += 10.0
        client.sendall(b'{"v":1,"op":"ping"}\n')
        client.settimeout(patience(5))
        assert b'"ok":true' in client.recv(1000)
    assert served.server.trouble == ""
    assert [line["event"] for line in log] == ["a connection could not be accepted; trying again"]


def is_open(descriptor: int) -> bool:
    try:
        os.fstat(descriptor)
    except OSError:
        return False
    return True


def test_a_connection_that_fails_in_a_way_nobody_foresaw_ends_and_no_other(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "_since", lambda _request: "not a number")
    with connect(served.root) as client:
        client.sendall(b'{"v":1,"op":"subscribe"}\n')
        assert b"since" in client.recv(1000)
        assert client.recv(1000) == b""
    assert Client(served.root).request("ping") == {"op": "ping"}


def test_a_client_that_dies_mid_command_leaves_it_applied_once(served: Served) -> None:
    client = connect(served.root)
    client.sendall(b'{"v":1,"op":"pause"}\n')
    client.close()
    assert Client(served.root).request("ping") == {"op": "ping"}
    assert served.done == ["pause", "ping"]


def test_a_subscriber_gets_what_it_missed_and_what_comes(served: Served) -> None:
    served.events.extend({"seq": number} for number in range(1, 1001))
    events = Client(served.root).subscribe(since=3)
    assert [next(events)["seq"] for _ in range(997)] == list(range(4, 1001))
    served.events.append({"seq": 1001})
    assert next(events)["seq"] == 1001
    events.close()  # type: ignore[attr-defined]  # it is a generator


def test_a_subscriber_that_does_not_read_costs_no_memory(served: Served) -> None:
    served.events.extend({"seq": number, "text": "x" * 1000} for number in range(1, 20_001))
    with connect(served.root) as slow:
        slow.sendall(b'{"v":1,"op":"subscribe"}\n')
        time.sleep(0.3)
        assert max(len(c.unsent) for c in served.server._connections) < 2 * server.EVENTS_PER_TURN * 1100
        lines = slow.makefile("rb")
        lines.readline()
        assert [msgspec.json.decode(lines.readline())["event"]["seq"] for _ in range(20_000)][-1] == 20_000


def test_a_wrong_since_is_refused(served: Served) -> None:
    with pytest.raises(ControlError, match="since = 'x' is not the number of an event"):
        Client(served.root).request("subscribe", since="x")


def test_an_unknown_kind_of_error_is_still_an_error() -> None:
    assert isinstance(error_from(protocol.ErrorReply(kind="from-the-future", message="x")), ControlError)
    again = error_from(error_reply(IllegalMove("a", "b")))
    assert (type(again), again.message, again.advice) == (IllegalMove, "a", "b")


def test_a_daemon_that_does_not_answer_is_said_to_be_stuck(root: Root) -> None:
    with socket.socket(socket.AF_UNIX) as stuck:
        stuck.bind(str(root.socket))
        stuck.listen()
        with pytest.raises(ControlError, match=r"does not answer within 0\.1 s"):
            Client(root, timeout=0.1).request("ping")


@given(line=st.binary(max_size=300))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_line_is_a_request_or_a_control_error(line: bytes) -> None:
    try:
        assert decode_request(line).v == protocol.VERSION
    except ControlError as error:
        assert error.message  # noqa: PT017 - either outcome is right


def test_a_request_that_breaks_its_handler_costs_its_client_the_connection_and_nobody_else(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    handle = served.server._handler

    def broken(request: Request, peer: Peer) -> Mapping[str, Any]:
        if request.op == "broken":
            raise OverflowError("int too large to convert")
        return handle(request, peer)

    monkeypatch.setattr(served.server, "_handler", broken)
    with pytest.raises(ControlError, match="OverflowError"):
        Client(served.root).request("broken")
    assert Client(served.root).request("echo")["op"] == "echo"
