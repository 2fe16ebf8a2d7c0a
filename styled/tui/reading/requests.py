"""Asks the daemon for things without ever holding up the screen: on a thread of its own, in the order they were asked."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from styled.daemon.control.protocol import Client
from styled.errors import DaemonNotRunning, StyledError
from styled.job import JobState
from styled.root import Root
from styled.store.queries import is_read_as_number
from styled.store.reader import StoreReader
from styled.tui.cells.lines import Tone

TIMEOUT_S = 10.0


@dataclass(frozen=True, slots=True)
class Answer:
    """How requests ended, in words for the event line."""

    text: str
    tone: Tone
    refusals: tuple[str, ...] = ()
    """Of several requests, each that was refused, with why."""


@dataclass(frozen=True, slots=True)
class Request:
    """One request to the daemon."""

    op: str
    args: dict[str, object]
    done: str | Callable[[dict[str, Any]], str]
    """Text for success, ``0042 is paused``; or what makes it of the result."""
    about: str = ""
    """What it is about, for a list of refusals: ``0042``."""


@dataclass(frozen=True, slots=True)
class Toggle:
    """A request that depends on how things are when its turn has come: pause a job or the queue, or let it go on.

    What the screen shows may be half a second old; two fast keys would ask for the same twice.
    """

    job: str | None
    """Id of the job; None for the whole queue."""
    name: str
    """``0042``, for the answer."""

    def request(self, root: Root, client: Client) -> Request:
        """Return what to ask for now.

        Raises:
            StyledError: it cannot be found out.
        """
        if self.job is None:
            paused = client.request("status")["status"]["state"] == "paused"
            return Request(*(("resume", {}, "the queue goes on") if paused else ("pause", {}, "the queue is paused")))
        with StoreReader.open(root) as reader:
            paused = reader.get(self.job).state is JobState.PAUSED
        op, done = ("resume", "re-queued") if paused else ("pause", "is paused")
        return Request(op, {"job": self.job}, f"{self.name} {done}")


class Requests:
    """Sends requests to the daemon of a root.

    Args:
        root: whose daemon.
        answer: takes each answer; called on the requests' thread.
    """

    def __init__(self, root: Root, answer: Callable[[Answer], None]) -> None:
        self._root = root
        self._client = Client(root, timeout=TIMEOUT_S)
        self._answer = answer
        self._asked: queue.SimpleQueue[tuple[Sequence[Request | Toggle], str]] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None

    def send(self, *requests: Request | Toggle, summary: str = "") -> None:
        """Send requests after those that were asked for before. All of several are tried; the refused are listed.

        Args:
            requests: to be sent.
            summary: of several, what was done to those that were not refused: ``paused``.
        """
        if self._thread is None:
            # A daemon thread: leaving the terminal UI must not wait for a daemon that does not answer.
            self._thread = threading.Thread(target=self._run, name="styled-requests", daemon=True)
            self._thread.start()
        self._asked.put((requests, summary))

    def _run(self) -> None:
        while True:
            requests, summary = self._asked.get()
            self._answer(self._send(requests, summary))

    def _args_of(self, request: Request) -> dict[str, Any]:
        """Return the arguments, a job by its number where the daemon would read its id as the number of another."""
        job = request.args.get("job")
        if not (isinstance(job, str) and is_read_as_number(job)):
            return request.args
        with StoreReader.open(self._root) as reader:
            return {**request.args, "job": reader.get(job).number}

    def _send(self, requests: Sequence[Request | Toggle], summary: str) -> Answer:
        done = ""
        refusals: list[str] = []
        for index, asked in enumerate(requests):
            began = time.monotonic()
            try:
                request = asked.request(self._root, self._client) if isinstance(asked, Toggle) else asked
                result = self._client.request(request.op, **self._args_of(request))
            except StyledError as error:
                if len(requests) == 1:
                    return Answer(str(error), "bad")
                if isinstance(error, DaemonNotRunning) or time.monotonic() - began > TIMEOUT_S / 2:
                    # Nobody answers: the rest would wait as long, and for nothing.
                    return Answer(
                        f"{error} ({len(requests) - index} of {len(requests)} are left)", "bad", tuple(refusals)
                    )
                refusals.append(f"{asked.about if isinstance(asked, Request) else asked.name}: {error}")
            else:
                done = request.done if isinstance(request.done, str) else request.done(result)
        if len(requests) == 1:
            return Answer(done, "")
        count = len(requests) - len(refusals)
        if refusals:
            return Answer(f"{count} of {len(requests)} {summary}, {len(refusals)} refused", "warn", tuple(refusals))
        return Answer(f"{count} {summary}", "")
