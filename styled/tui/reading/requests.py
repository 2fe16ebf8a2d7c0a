"""Asks the daemon for things without ever holding up the screen: each request on a thread of its own."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

from styled.daemon.control.protocol import Client
from styled.errors import StyledError
from styled.root import Root
from styled.tui.cells.lines import Tone

TIMEOUT_S = 10.0


@dataclass(frozen=True, slots=True)
class Answer:
    """How a request ended, in words for the event line."""

    text: str
    tone: Tone


@dataclass(frozen=True, slots=True)
class Request:
    """One request to the daemon."""

    op: str
    args: dict[str, object]
    done: str
    """Text for success: ``0042 is paused``."""


class Requests:
    """Sends requests to the daemon of a root.

    Args:
        root: whose daemon.
        answer: takes each answer; called on the request's thread.
    """

    def __init__(self, root: Root, answer: Callable[[Answer], None]) -> None:
        self._client = Client(root, timeout=TIMEOUT_S)
        self._answer = answer

    def send(self, *requests: Request) -> None:
        """Send requests one after the other; the first that fails ends the row."""
        # A daemon thread: leaving the terminal UI must not wait for a daemon that does not answer.
        threading.Thread(target=self._send, args=(requests,), name="styled-request", daemon=True).start()

    def _send(self, requests: tuple[Request, ...]) -> None:
        for request in requests:
            try:
                self._client.request(request.op, **request.args)
            except StyledError as error:
                self._answer(Answer(str(error), "bad"))
                return
        self._answer(Answer(requests[-1].done, ""))
