"""How long a scale's steps take, and how many of them go into one call."""

from __future__ import annotations

import statistics

CALL_S = 0.1
"""Seconds that a call of several steps may take: a request to stop waits for its end, and so does what is shown."""

_RECENT = 20
"""Steps that the pace is taken from."""


class Pace:
    """Of one scale."""

    def __init__(self) -> None:
        self._seconds: list[float] = []

    def took(self, seconds: float, steps: int) -> None:
        """Note a call of so many steps, which has compiled nothing."""
        self._seconds = [*self._seconds, *[seconds / steps] * steps][-_RECENT:]

    @property
    def step_seconds(self) -> float | None:
        """Of a step, lately; None while unknown."""
        return statistics.median(self._seconds) if self._seconds else None

    @property
    def steps_in_a_call(self) -> int:
        """As many as take :data:`CALL_S`, at least 1; 1 while nothing is known."""
        return max(1, int(CALL_S / max(self.step_seconds or CALL_S, 1e-6)))
