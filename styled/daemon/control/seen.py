"""The daemon as it is seen from outside, for those who show it: also while it starts, hangs or does not run."""

from __future__ import annotations

import time

import msgspec

from styled.daemon.control.protocol import Client, status_from
from styled.daemon.process.lock import holder_of
from styled.errors import DaemonNotRunning, StyledError
from styled.root import Root
from styled.store.status import STALE_S, DaemonStatus, PartTrouble

ASK_S = 2.0
"""Seconds that it is given to answer."""


class DaemonSeen(msgspec.Struct, frozen=True, kw_only=True):
    """Whether a root has a daemon, and how it is. Texts are safe to print."""

    state: str
    """``off``, ``starting``, ``stuck``, or what :class:`~styled.store.status.DaemonStatus` has."""
    note: str
    """Why it is not simply running."""
    parts: list[PartTrouble]
    pid: int | None
    version: str | None
    started_at: float | None
    """Unix seconds."""
    beat_at: float | None
    """Unix seconds of its last report."""


def see_daemon(root: Root, left: DaemonStatus | None) -> tuple[DaemonSeen, DaemonStatus | None]:
    """Ask the root's daemon how it is; return that, and its report: the one that it gives now, else ``left``.

    Args:
        root: whose daemon.
        left: the report that it left in the store.
    """
    report = left
    state, note, pid = (report.state, report.note, report.pid) if report else ("off", "", None)
    parts = report.parts if report else []
    try:
        # Asked, not read: it can still answer what it could not write to its disk.
        report = status_from(Client(root, timeout=ASK_S).request("status"))
        state, note, parts, pid = report.state, report.note, report.parts, report.pid
    except DaemonNotRunning:
        parts, holder = [], holder_of(root)
        if holder is None:
            state, note, pid = "off", "", None
        else:
            state, note, pid = "starting", holder.waits and f"it waits to begin: {holder.waits}", holder.pid
    except StyledError as error:
        # It does not answer, or not us; its heartbeat decides which.
        if report is None or time.time() - report.beat_at > STALE_S:
            state, note = "stuck", error.message
    seen = DaemonSeen(
        state=state,
        note=note,
        parts=parts,
        pid=pid,
        version=report.version if report else None,
        started_at=report.started_at if report else None,
        beat_at=report.beat_at if report else None,
    )
    return seen, report
