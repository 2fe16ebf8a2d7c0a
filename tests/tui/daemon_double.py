"""Answers the terminal UI's requests at once, on the store of a test: what a daemon does to rows, without one."""

from __future__ import annotations

from typing import Any

from styled.errors import NoSuchPair
from styled.job import JobState
from styled.store.store import Store
from styled.tui.app import StyledApp

_STATES = {
    "pause": JobState.PAUSED,
    "resume": JobState.WAITING,
    "cancel": JobState.CANCELLED,
    "retry": JobState.WAITING,
}


class DaemonDouble:
    """In the place of an app's client.

    Args:
        app: whose requests.
        store: of the root; written on the app's thread, whose the connection is.
    """

    def __init__(self, app: StyledApp, store: Store) -> None:
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.paused = False
        self._app = app
        self._store = store
        app._requests._client = self  # type: ignore[assignment]

    def request(self, op: str, **args: Any) -> dict[str, Any]:
        """Do what is asked; called on the requests' thread."""
        return self._app.call_from_thread(self._do, op, args)

    def _do(self, op: str, args: dict[str, Any]) -> dict[str, Any]:
        self.asked.append((op, args))
        if op == "status":
            return {"status": {"state": "paused" if self.paused else "running"}}
        if "job" not in args:
            if "pair" in args:
                if "gone" in args["pair"]:
                    raise NoSuchPair("there is none")
                return {"name": args["pair"].partition("/")[2], "to": [] if op == "recheck" else "inbox/dismissed/x"}
            self.paused = op == "pause"
            return {}
        job = self._store.get(args["job"])
        if op == "priority":
            priority = args["priority"] if "priority" in args else job.priority + args.get("by", 100)
            job = self._store.set_priority(job.id, priority)
        elif op == "remove":
            self._store.remove(job.id)
        else:
            job = self._store.move(job.id, _STATES[op], expect=job.state)
        return {"job": {"number": job.number, "priority": job.priority}}

    def ops(self) -> list[str]:
        """Return what was asked for, in order, questions about the state apart."""
        return [op for op, _ in self.asked if op != "status"]
