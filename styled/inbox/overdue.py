"""Reports pairs that have been incomplete for an hour: once, in the log and in the event list."""

from __future__ import annotations

from collections.abc import Iterable

import structlog

from styled.store.status import OVERDUE_S, Incomplete
from styled.store.store import Store


class Overdue:
    """Remembers what was told, for as long as it waits."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._told: set[tuple[str, str]] = set()
        self._log = structlog.get_logger("inbox")

    def tell(self, incomplete: Iterable[Incomplete], wall: float) -> None:
        """Tell of everything that is overdue and was not told of before.

        Args:
            incomplete: all that waits, as it is listed.
            wall: Unix seconds now.
        """
        late = {(each.name, each.missing): each for each in incomplete if wall - each.since >= OVERDUE_S}
        new = [each for key, each in late.items() if key not in self._told]
        if new:
            with self._store.batch():
                for each in new:
                    self._store.note_event("incomplete", f"{each.name} waits for {each.missing}")
        self._told = set(late)  # only now: a store without room hears of it the next time
        for each in new:
            hours = round((wall - each.since) / 3600.0, 1)
            self._log.warning("still incomplete", pair=each.name, waits_for=each.missing, hours=hours)
