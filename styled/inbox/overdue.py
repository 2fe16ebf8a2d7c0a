"""Reports what has lain in the inbox for an hour and is no job: once, in the log and in the event list."""

from __future__ import annotations

from collections.abc import Iterable

import structlog

from styled.store.status import OVERDUE_S, Ignored, Incomplete
from styled.store.store import Store


class Overdue:
    """Remembers what was reported, for as long as it waits."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._reported: set[tuple[str, str]] = set()
        self._log = structlog.get_logger("inbox")

    def tell(self, incomplete: Iterable[Incomplete], ignored: Iterable[Ignored], wall: float) -> None:
        """Report everything that is overdue and was not reported before.

        Args:
            incomplete: all that waits, as it is listed.
            ignored: all that is left alone, as it is listed.
            wall: Unix seconds now.
        """
        lying: list[Incomplete | Ignored] = [*incomplete, *ignored]
        late = {(each.name, _words(each)): each for each in lying if wall - each.since >= OVERDUE_S}
        new = [each for key, each in late.items() if key not in self._reported]
        if new:
            with self._store.batch():
                for each in new:
                    kind = "incomplete" if isinstance(each, Incomplete) else "ignored"
                    self._store.note_event(kind, f"{each.name} {_words(each)}")
        self._reported = set(late)  # only now: with a store without room it is reported the next time
        for each in new:
            hours = round((wall - each.since) / 3600.0, 1)
            if isinstance(each, Incomplete):
                self._log.warning("still incomplete", pair=each.name, waits_for=each.missing, hours=hours)
            else:
                self._log.warning("still left alone in the inbox", path=each.name, reason=each.reason, hours=hours)


def _words(each: Incomplete | Ignored) -> str:
    return f"waits for {each.missing}" if isinstance(each, Incomplete) else f"is left alone: {each.reason}"
