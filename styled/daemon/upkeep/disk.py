"""Whether there is room to work: looked at before anything is claimed or started, with hysteresis."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Sequence
from enum import IntEnum
from pathlib import Path

from styled.config import DiskConfig
from styled.files import durable

RESUME_FACTOR = 1.5
"""Work goes on when this many times the limit is free: a queue must not start and stop with every frame."""

REPORTED_FULL_S = 15.0
"""How long a worker's word counts that a disk takes nothing, when both the free space and a try say otherwise."""

_FREED = 16 * 1024**2
"""Bytes more than at that time end it earlier: somebody has made room."""

_PROBE = 4 * 1024**2
"""Bytes that are written to see whether a disk takes them."""


class Room(IntEnum):
    """How much room there is."""

    NONE = 0
    """Below half of the limit: running jobs stop too."""
    LITTLE = 1
    """Below the limit: nothing starts, nothing is claimed."""
    ENOUGH = 2


class Disk:
    """Watches the disks that are written: their free space, and whether they take anything.

    Args:
        folders: one or more on each of them.
        config: how much to leave free on each.
        clock: monotonic seconds.
        free: tells the free bytes where a folder is.
        probe: tries to write so many bytes into a folder; returns what came of it, None if it could.
    """

    def __init__(
        self,
        folders: Sequence[Path],
        config: DiskConfig,
        *,
        clock: Callable[[], float] = time.monotonic,
        free: Callable[[Path], int] = lambda path: shutil.disk_usage(path).free,
        probe: Callable[[Path, int], OSError | None] = durable.refusal,
    ) -> None:
        self.room = Room.ENOUGH
        self.free = 0
        """Bytes on the fullest disk, when last looked at."""
        self.reconfigure(config)
        self._folders = folders
        self._clock = clock
        self._measure = free
        self._probe = probe
        self._reported = ""
        self._reported_until = 0.0
        self._free_when_reported = 0
        self._refused = False
        """A try has failed since; the next one that does not is better than any report."""
        self._unseen = ""

    def reconfigure(self, config: DiskConfig) -> None:
        """Go on by another configuration."""
        self._limit = int(config.min_free_gb * 1e9)

    def look(self) -> Room:
        """Look again."""
        self._measure_all()
        if self._reported and not self._still_refuses():
            self._reported = ""
        if self._unseen:
            self.room = min(self.room, Room.LITTLE)
        elif self.free < self._limit / 2:
            self.room = Room.NONE
        elif self.free < self._limit or self._reported:
            # Rising from nothing needs the whole limit, falling from enough only goes below it.
            self.room = Room.LITTLE
        elif self.room is Room.ENOUGH or self.free >= RESUME_FACTOR * self._limit:
            self.room = Room.ENOUGH
        return self.room

    def reported_full(self, reason: str = "no space left") -> bool:
        """Take somebody's word that a disk takes nothing: he could not write.

        Return whether it takes something all the same, and has as much room as it has to: he may have needed more.
        """
        self._reported = reason
        self._reported_until = self._clock() + REPORTED_FULL_S
        self._measure_all()
        self._free_when_reported = self.free
        has_failed = self._failed_try() is not None
        self._refused = self._refused or has_failed
        self.room = min(self.room, Room.LITTLE)
        return not has_failed and not self._unseen and self.free >= self._limit

    @property
    def note(self) -> str:
        """A note for the user; empty while there is room."""
        if self.room is Room.ENOUGH:
            return ""
        if self._unseen:
            return self._unseen
        if self._reported:
            return (
                f"nothing starts until the disk takes what is written: {self._reported} ({self.free / 1e9:.1f} GB free)"
            )
        wanted = RESUME_FACTOR * self._limit / 1e9
        return f"the disk is full: {self.free / 1e9:.1f} GB free, work goes on at {wanted:.1f} GB"

    def _measure_all(self) -> None:
        self._unseen = ""
        found = []
        for folder in self._folders:
            try:
                found.append(self._measure(folder))
            except OSError as error:
                self._unseen = f"the disk cannot be looked at: {folder}: {error.strerror or error}"
        if found:
            self.free = min(found)

    def _failed_try(self) -> OSError | None:
        return next((error for folder in self._folders if (error := self._probe(folder, _PROBE))), None)

    def _still_refuses(self) -> bool:
        """Try; believe a success only if a try has failed before, or room was made, or some time has passed."""
        if self._failed_try() is not None:
            self._refused = True
            return True
        refused, self._refused = self._refused, False
        freed = self.free > self._free_when_reported + _FREED
        return not (refused or freed or self._clock() >= self._reported_until)
