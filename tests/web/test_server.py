"""The server on a real socket: what is answered, who may be slow, and how it ends."""

from __future__ import annotations

import http.client
import logging
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from styled.children import python_command
from styled.errors import OutOfResources
from styled.job import JobState
from styled.root import Root
from styled.store.store import Store
from styled.web import daemon_events, server
from styled.web.disk_call import AT_ONCE
from styled.web.server import WATCHERS_MOST, listening
from tests.deadlines import patience
from tests.gallery.conftest import write_job
from tests.web.conftest import TOKEN, Address, add_job


def ask(
    served: Address, path: str, *, method: str = "GET", **headers: str
) -> tuple[int, bytes, http.client.HTTPMessage]:
    connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=patience(10))
    connection.request(
        method, f"/{TOKEN}/{path}", headers={name.replace("_", "-"): value for name, value in headers.items()}
    )
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    return answer.status, body, answer.headers


def watch(served: Address) -> tuple[http.client.HTTPConnection, http.client.HTTPResponse]:
    connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=patience(10))
    connection.request("GET", f"/{TOKEN}/events")
    return connection, connection.getresponse()


def test_a_file_is_given_with_its_kind_and_not_twice(served: Address, root: Root) -> None:
    folder = write_job(root.evolution, "harbour", job_id="20261122-201501-café #1")
    path = "evolution/20261122-201501-caf%C3%A9%20%231/frames/000010.jpg"
    status, body, headers = ask(served, path)
    assert (status, body) == (200, (folder.frames / "000010.jpg").read_bytes())
    assert headers["Content-Type"] == "image/jpeg"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in headers["Content-Security-Policy"]
    assert ask(served, path, If_None_Match=headers["ETag"])[:2] == (304, b"")
    status, body, again = ask(served, path, method="HEAD")
    assert (status, body, again["Content-Length"]) == (200, b"", headers["Content-Length"])


def test_the_logging_of_its_process_is_left_alone(request: pytest.FixtureRequest) -> None:
    """Where TensorFlow was loaded it closed what absl logs to: the file in which pytest keeps standard error."""

    class Kept(logging.StreamHandler):
        is_closed = False

        def close(self) -> None:
            self.is_closed = True

    kept = Kept()
    assert ask(request.getfixturevalue("served"), "")[0] == 200
    assert not kept.is_closed


@pytest.mark.parametrize(
    "path", ["evolution/../styled.toml", "evolution/..%2Fstyled.toml", "evolution/", "styled.toml", "x"]
)
def test_what_is_not_shown_is_not_there(served: Address, root: Root, path: str) -> None:
    root.config.write_text("secret")
    status, body, _ = ask(served, path)
    assert (status, b"secret" in body) == (404, False)


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "PATCH"])
def test_nothing_can_be_changed(served: Address, method: str) -> None:
    for path in ("", "events", "evolution/index.html"):
        assert ask(served, path, method=method)[0] == 405


def test_a_queue_that_changes_is_told_as_it_does(served: Address, store: Store) -> None:
    job = add_job(store, "harbour")
    connection, answer = watch(served)
    assert answer.headers["Content-Type"].startswith("text/event-stream")
    while b"harbour" not in answer.readline():
        pass
    store.move(job.id, JobState.RUNNING)
    while b"<article" not in answer.readline():
        pass
    connection.close()


def test_too_many_pages_are_refused_and_one_that_closes_makes_room(served: Address) -> None:
    """Most of them read nothing: the next one is answered at once all the same."""
    opened = [watch(served) for _ in range(WATCHERS_MOST)]
    assert ask(served, "events")[0] == 503
    assert ask(served, "")[0] == 200
    connection, answer = opened.pop()
    answer.close()
    connection.close()
    end = time.monotonic() + patience(10)
    while (another := watch(served))[1].status == 503:
        another[0].close()
        assert time.monotonic() < end
    for each in [*opened, another]:
        each[1].close()
        each[0].close()


@pytest.fixture
def dead_disk(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """Files open when the event is set, and not before; it is, once all else has ended."""
    comes_back, asked = threading.Event(), threading.Event()

    def hang(*_: object) -> None:
        asked.set()
        comes_back.wait(patience(60))
        raise FileNotFoundError

    monkeypatch.setattr(server, "open_served", hang)
    monkeypatch.setattr(daemon_events, "_connect", hang)
    yield asked
    comes_back.set()


def test_a_disk_that_hangs_holds_up_neither_the_page_nor_the_end(dead_disk: threading.Event, served: Address) -> None:
    """More files are asked for than may hang at once. That it ends is held by the fixture, which waits for it."""
    with ExitStack() as opened:
        for _ in range(2 * AT_ONCE + 10):
            waits = opened.enter_context(socket.create_connection(("127.0.0.1", served.port)))
            waits.sendall(f"GET /{TOKEN}/evolution/index.html HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
        assert dead_disk.wait(patience(10))
        assert ask(served, "")[0] == 200
        connection, answer = watch(served)
        assert answer.readline().startswith(b"retry")
        connection.close()


def test_a_port_that_is_taken_is_named() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(OutOfResources, match=str(port)):
            listening(port)


def test_it_listens_to_this_machine_only() -> None:
    with listening(0) as listener:
        assert listener.getsockname()[0] == "127.0.0.1"


@pytest.fixture
def process(root: Root) -> Iterator[subprocess.Popen[str]]:
    command = python_command("styled", "web", "--root", str(root.path))
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as started:
        yield started
        started.kill()


@pytest.mark.processes
def test_a_signal_ends_it_in_order_while_a_page_is_open(process: subprocess.Popen[str]) -> None:
    """One line with the address; nothing of it in the log; nothing left."""
    assert process.stdout is not None
    url = process.stdout.readline().strip()
    _, _, rest = url.partition("http://127.0.0.1:")
    port, token, empty = rest.split("/")
    assert (len(token), empty) == (32, "")
    connection = http.client.HTTPConnection("127.0.0.1", int(port), timeout=patience(20))
    connection.request("GET", f"/{token}/events")
    answer = connection.getresponse()
    while b"data: " not in answer.readline():
        pass
    for path in ("/", f"/{token}/nothing"):
        other = http.client.HTTPConnection("127.0.0.1", int(port), timeout=patience(20))
        other.request("GET", path)
        assert other.getresponse().status in (403, 404)
        other.close()
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=patience(20))
    assert (process.returncode, out, err) == (0, "", "")
    answer.read()  # to its end: it was ended, not cut
    connection.close()
