"""What keeps happening to a job though it is no fault of its own: counted until it makes progress, and waited for longer each time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from enum import StrEnum

LEAST_S = 5.0
"""That a job is put off which is never given up, also where jobs are tried again at once: else it is always the next one."""


class Setback(StrEnum):
    """What kept a job from going on."""

    MEMORY = "memory"
    """It ran out."""
    LOST = "lost"
    """The machine was lost that painted the job."""
    ROOM = "room"
    """There was none for what it writes, though the disk takes other files."""
    INPUT = "input"
    """The system does not give one of the job's inputs."""


class Setbacks:
    """Counts them, each kind by itself. Only this daemon's: the next one begins at nothing.

    Args:
        backoff_s: seconds to wait after the first, the second …; the last one repeats.
    """

    def __init__(self, backoff_s: Callable[[], Sequence[float]]) -> None:
        self._backoff_s = backoff_s
        self._counts: Counter[tuple[str, Setback]] = Counter()

    def count(self, job_id: str, kind: Setback) -> int:
        """Note another one; return how many there were since the job last made progress."""
        self._counts[job_id, kind] += 1
        return self._counts[job_id, kind]

    def of(self, job_id: str, kind: Setback) -> int:
        """Return how many there were since the job last made progress."""
        return self._counts[job_id, kind]

    def forget(self, job_id: str, *kinds: Setback) -> None:
        """Begin at nothing: the job has made progress, or has ended. Without kinds: all of them."""
        for kind in kinds or Setback:
            self._counts.pop((job_id, kind), None)

    def delay_s(self, times: int) -> float:
        """Return for how many seconds a job is put off to which something has happened so many times."""
        backoff = self._backoff_s()
        return backoff[min(max(times, 1), len(backoff)) - 1]

    def lasting_delay_s(self, times: int) -> float:
        """Return the same for what a job is never given up for."""
        return max(LEAST_S, self.delay_s(times))
