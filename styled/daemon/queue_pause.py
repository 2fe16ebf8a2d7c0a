"""Why the queue is held: by a user, or after the daemon crashed several times. Survives restarts, and a lost database."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import msgspec
import structlog

from styled.errors import DataDamaged, DiskFull
from styled.files import durable
from styled.files.decoding import from_json, read_file
from styled.files.printable import escaped
from styled.store.store import Store

CRASH_WINDOW_S = 600.0
"""Accidents further apart than this are not a loop."""

_HOLD = "hold"
_LONGEST = 4096
"""Bytes of a reason."""
_STARTS = "unclean_starts"


class QueuePause:
    """The reason for which no job is started, if there is one.

    Args:
        store: keeps it.
        file: keeps it too, for a database that is made again.
        clock: Unix seconds.
    """

    def __init__(self, store: Store, file: Path, *, clock: Callable[[], float] = time.time) -> None:
        self._store = store
        self._clock = clock
        self._file = file
        self._log = structlog.get_logger("queue")
        kept = store.meta(_HOLD)
        self.reason = self._kept_reason() if kept is None else kept
        """Empty while the queue runs; one line."""
        if self.reason and kept is None:
            store.set_meta(_HOLD, self.reason)

    def hold(self, reason: str) -> None:
        """Hold the queue."""
        self._store.set_meta(_HOLD, reason)
        self.reason = reason
        self.keep()

    def keep(self) -> None:
        """Write the file again: its folder was made again, say."""
        try:
            if self.reason:
                durable.write_bytes(self._file, self.reason.encode())
            else:
                self._file.unlink(missing_ok=True)
        except (OSError, DiskFull) as error:  # the database has it
            self._log.warning("a new database would not know whether the queue is held", error=str(error))

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

    def _kept_reason(self) -> str:
        try:
            return escaped(read_file(self._file, most=_LONGEST).decode(errors="replace").strip())
        except FileNotFoundError:
            return ""
        except (OSError, DataDamaged) as error:
            return f"it cannot be read whether the queue was held: {error}; styled resume lets it run"

    def _starts(self) -> list[float]:
        try:
            return from_json(self._store.meta(_STARTS) or "[]", list[float])
        except DataDamaged:
            return []

    def _keep(self, starts: list[float]) -> None:
        self._store.set_meta(_STARTS, msgspec.json.encode(starts).decode())
