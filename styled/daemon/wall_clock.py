"""The time of day of a machine whose clock may be set, or wrong: what needs a length of time does not go by it."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import NamedTuple, Self

from styled import figures
from styled.store.status import DaemonStatus

_BELIEVABLE_S = 86_400.0
"""That the clock may go ahead at once without doubt: longer than any zone's mistake, shorter than what removes jobs."""

_PATIENCE_S = 86_400.0
"""After so long in doubt the clock is believed: somebody would have set it by now. Counted over restarts."""


class Doubt(NamedTuple):
    """What the next daemon has to know of a doubt: its own look at the clock would find nothing new."""

    believed_at: float
    """Now, Unix seconds, as far as it is believed: by the clock before it went ahead."""
    doubted_s: float
    """For how long the clock has been in doubt, while a daemon ran."""


class WallClock:
    """Unix seconds that go on evenly, and a doubt about ages where the clock has gone far ahead.

    Args:
        last_seen: when the last daemon reported, Unix seconds, as far as it believed it; None if none ever did.
        doubted_s: for how long it had been in doubt by then.
        wall: Unix seconds.
        monotonic: monotonic seconds.
    """

    def __init__(
        self,
        last_seen: float | None,
        doubted_s: float = 0.0,
        *,
        wall: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._wall = wall
        self._monotonic = monotonic
        self._offset = wall() - monotonic()
        ahead = last_seen is not None and wall() - last_seen > _BELIEVABLE_S
        self._believed = last_seen - monotonic() if ahead and last_seen is not None else self._offset
        """The clock minus the monotonic one, as far as it is believed."""
        self._doubted_since: float | None = monotonic() - doubted_s if ahead else None

    @classmethod
    def after(cls, last: DaemonStatus | None) -> Self:
        """Return the clock as the last daemon's report leaves it; None if none ever reported."""
        if last is None:
            return cls(None)
        return cls(last.beat_at if last.believed_at is None else last.believed_at, last.doubted_s)

    def steady(self) -> float:
        """Return Unix seconds that start with the clock's and go on evenly, whatever the clock is set to meanwhile."""
        return self._offset + self._monotonic()

    def doubt(self) -> str:
        """Return why nothing may be removed for its age now, one line; empty if the clock is believed.

        A machine that was off for days looks the same at first.
        """
        now = self._monotonic()
        offset = self._wall() - now
        ahead = offset - self._believed
        if ahead <= _BELIEVABLE_S:
            self._believed = min(self._believed, offset) if ahead < 0 else self._believed
            self._doubted_since = None
            return ""
        if self._doubted_since is None:
            self._doubted_since = now
        if now - self._doubted_since >= _PATIENCE_S:
            self._believed, self._doubted_since = offset, None
            return ""
        return f"the clock has gone ahead by {figures.age(ahead)}, or the daemon was off: for a day nothing is removed for its age"

    def doubted(self) -> Doubt | None:
        """Return what to hand on to the next daemon; None if the clock is believed."""
        if not self.doubt() or self._doubted_since is None:
            return None
        now = self._monotonic()
        return Doubt(self._believed + now, now - self._doubted_since)
