"""When a file in the inbox is complete: it has stayed the same for a while, and nobody has it open for writing.

One tracker serves events, the start-up scan and every later scan alike: a daemon that was restarted in the
middle of an upload waits like any other. Only its own monotonic clock counts; a file's times are compared
with each other, never with the clock, because a file server's clock may be hours away.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping

from styled.files.signature import Signature

NETWORK_SETTLE_S = 10.0
"""Least quiet time on a network filesystem, whose clients remember a file's size and time for a while."""


class _Seen:
    __slots__ = ("changed_at", "last_at", "not_before", "signature")

    def __init__(self, signature: Signature, now: float) -> None:
        self.signature = signature
        self.changed_at = now
        self.last_at = now
        self.not_before = now


class Tracker:
    """Remembers each file's signature and since when it has been the same.

    One thread may observe while another asks and postpones.

    Args:
        settle_s: seconds that a file must stay the same, between two observations at least.
        clock: monotonic seconds.
    """

    def __init__(self, *, settle_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self.settle_s = settle_s
        self._clock = clock
        self._files: dict[str, _Seen] = {}

    def observe(self, files: Mapping[str, Signature]) -> None:
        """Note all files as they are now, and forget all others.

        Any difference to the last observation of a file starts its quiet time again.
        """
        now = self._clock()
        observed: dict[str, _Seen] = {}
        for path, signature in files.items():
            seen = self._files.get(path)
            if seen is None or seen.signature != signature:
                seen = _Seen(signature, now)
            seen.last_at = now
            observed[path] = seen
        self._files = observed

    def not_quiet(self, paths: Iterable[str]) -> list[str]:
        """Return those files that were not the same over the whole quiet time, up to their last observation."""
        return [path for path in paths if (seen := self._files.get(path)) is None or seen.last_at < self._due_at(seen)]

    def held_back(self, paths: Iterable[str]) -> list[str]:
        """Return those files that are postponed: all that keeps a pair from being taken whose sender calls it complete."""
        return [path for path in paths if (seen := self._files.get(path)) is None or seen.last_at < seen.not_before]

    def quiet_in_least(self, paths: Iterable[str]) -> float | None:
        """Return in how many seconds the first of these files can be quiet, 0 for "look now"; None for no files."""
        now = self._clock()
        waits = (self._due_at(seen) - now for path in paths if (seen := self._files.get(path)))
        return min((max(wait, 0.0) for wait in waits), default=None)

    def age(self, path: str) -> float:
        """Return for how many seconds the file has been the same; 0 for an unknown one."""
        return self._clock() - self.changed_at(path)

    def changed_at(self, path: str) -> float:
        """Return since when, on the tracker's clock, the file has been the same; now for an unknown one."""
        seen = self._files.get(path)
        return self._clock() if seen is None else seen.changed_at

    def postpone(self, path: str, seconds: float) -> None:
        """Hold the file for longer, though it seems quiet: somebody has it open, or it looked truncated.

        Any change ends the delay and starts the ordinary quiet time.
        """
        seen = self._files.get(path)
        if seen is not None:
            seen.not_before = self._clock() + seconds

    def signature(self, path: str) -> Signature | None:
        """Return the file's signature when it was last observed."""
        seen = self._files.get(path)
        return None if seen is None else seen.signature

    def _due_at(self, seen: _Seen) -> float:
        return max(seen.changed_at + self.settle_s, seen.not_before)
