"""Why the queue is held: by a user, or after the daemon crashed several times. Survives restarts."""

from __future__ import annotations

import time
from collections.abc import Callable

import msgspec

from styled.errors import DataDamaged
from styled.files.decoding import from_json
from styled.store.store import Store

CRASH_WINDOW_S = 600.0
"""Accidents further apart than this are not a loop."""

_HOLD = "hold"
_STARTS = "unclean_starts"


class QueuePause:
    """The reason for which no job is started, if there is one.

    Args:
        store: keeps it.
        clock: Unix seconds.
    """

    def __init__(self, store: Store, *, clock: Callable[[], float] = time.time) -> None:
        self._store = store
        self._clock = clock
        self.reason = store.meta(_HOLD) or ""
        """Empty while the queue runs; one line."""

    def hold(self, reason: str) -> None:
        """Hold the queue."""
        self._store.set_meta(_HOLD, reason)
        self.reason = reason

    def release(self) -> None:
        """Let the queue run."""
        self.hold("")

    def note_start(self, limit: int) -> None:
        """Note that the daemon has started, and hold the queue if it crashed ``limit`` times lately."""
        now = self._clock()
        starts = [at for at in self._starts() if 0.0 <= now - at < CRASH_WINDOW_S]
        if limit and len(starts) >= limit and not self.reason:
            self.hold(
                f"the daemon crashed {len(starts)} times within {CRASH_WINDOW_S / 60:.0f} minutes;"
                " look into .styled/daemon.log, then: styled resume"
            )
        self._keep([*starts, now])

    def note_clean_end(self) -> None:
        """Note that the daemon ends as requested: earlier crashes are no loop."""
        self._keep([])

    def _starts(self) -> list[float]:
        try:
            return from_json(self._store.meta(_STARTS) or "[]", list[float])
        except DataDamaged:
            return []

    def _keep(self, starts: list[float]) -> None:
        self._store.set_meta(_STARTS, msgspec.json.encode(starts).decode())
