"""Whether there is room to work: looked at before anything is claimed or started, with hysteresis."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from enum import IntEnum
from pathlib import Path

from styled.config import DiskConfig

RESUME_FACTOR = 1.5
"""Work goes on when this many times the limit is free: a queue must not start and stop with every frame."""

_REPORTED_FULL_S = 60.0
"""How long a worker's word that the disk is full counts, when the free space says otherwise (a quota, say)."""

_FREED = 16 * 1024**2
"""Bytes more than at that time end it earlier: somebody has made room."""


class Room(IntEnum):
    """How much room there is."""

    NONE = 0
    """Below half of the limit: running jobs stop too."""
    LITTLE = 1
    """Below the limit: nothing starts, nothing is claimed."""
    ENOUGH = 2


class Disk:
    """Watches the free space of one disk.

    Args:
        path: a folder on it.
        config: how much to leave free.
        clock: monotonic seconds.
        free: tells the free bytes.
    """

    def __init__(
        self,
        path: Path,
        config: DiskConfig,
        *,
        clock: Callable[[], float] = time.monotonic,
        free: Callable[[Path], int] = lambda path: shutil.disk_usage(path).free,
    ) -> None:
        self.room = Room.ENOUGH
        self.free = 0
        """Bytes, when last looked at."""
        self.reconfigure(config)
        self._path = path
        self._clock = clock
        self._measure = free
        self._full_until: float | None = None
        self._free_when_full = 0

    def reconfigure(self, config: DiskConfig) -> None:
        """Go on by another configuration."""
        self._limit = int(config.min_free_gb * 1e9)

    def look(self) -> Room:
        """Look again."""
        self.free = self._measure(self._path)
        if self._full_until is not None and (
            self._clock() >= self._full_until or self.free > self._free_when_full + _FREED
        ):
            self._full_until = None
        if self.free < self._limit / 2:
            self.room = Room.NONE
        elif self.free < self._limit or self._full_until is not None:
            # Rising from nothing needs the whole limit, falling from enough only goes below it.
            self.room = Room.LITTLE
        elif self.room is Room.ENOUGH or self.free >= RESUME_FACTOR * self._limit:
            self.room = Room.ENOUGH
        return self.room

    def reported_full(self) -> None:
        """Take somebody's word that there is no room: he could not write."""
        self._full_until = self._clock() + _REPORTED_FULL_S
        self._free_when_full = self._measure(self._path)
        self.room = min(self.room, Room.LITTLE)

    @property
    def note(self) -> str:
        """A note for the user; empty while there is room."""
        if self.room is Room.ENOUGH:
            return ""
        wanted = RESUME_FACTOR * self._limit / 1e9
        return f"the disk is full: {self.free / 1e9:.1f} GB free, work goes on at {wanted:.1f} GB"
