"""Room on the disk, with hysteresis."""

from __future__ import annotations

import errno
from pathlib import Path

from styled.config import DiskConfig
from styled.daemon.upkeep.disk import Disk, Room


def takes(_folder: Path, _size: int) -> None:
    """A disk that takes what is written."""


def test_work_stops_below_the_limit_and_goes_on_at_one_and_a_half_times_of_it() -> None:
    story = [5000, 1000, 999, 1200, 1499, 1500, 1100, 499, 500, 1000, 1499, 2000]
    measured = iter(story)
    disk = Disk([Path("/")], DiskConfig(min_free_gb=1e-6), free=lambda _: next(measured))
    assert [(free, disk.look()) for free in story] == [
        (5000, Room.ENOUGH),
        (1000, Room.ENOUGH),
        (999, Room.LITTLE),
        (1200, Room.LITTLE),
        (1499, Room.LITTLE),
        (1500, Room.ENOUGH),
        (1100, Room.ENOUGH),
        (499, Room.NONE),
        (500, Room.LITTLE),
        (1000, Room.LITTLE),
        (1499, Room.LITTLE),
        (2000, Room.ENOUGH),
    ]


def test_somebody_who_could_not_write_is_believed_for_a_while() -> None:
    now = 0.0
    disk = Disk([Path("/")], DiskConfig(min_free_gb=0), free=lambda _: 10**12, probe=takes, clock=lambda: now)
    assert disk.look() is Room.ENOUGH
    disk.reported_full()
    assert (disk.room, disk.look(), "GB free" in disk.note) == (Room.LITTLE, Room.LITTLE, True)
    now = 16.0
    assert (disk.look(), disk.note) == (Room.ENOUGH, "")


def test_room_that_somebody_made_is_used_at_once() -> None:
    free = [10**9]
    disk = Disk([Path("/")], DiskConfig(min_free_gb=0), free=lambda _: free[0], probe=takes, clock=lambda: 0.0)
    disk.reported_full()
    free[0] += 10**6
    assert disk.look() is Room.LITTLE
    free[0] += 10**8
    assert disk.look() is Room.ENOUGH


def test_the_real_disk_is_measured(tmp_path: Path) -> None:
    disk = Disk([tmp_path], DiskConfig(min_free_gb=0))
    assert disk.look() is Room.ENOUGH
    assert disk.free > 0


def test_a_quota_that_ends_is_noticed_by_trying_whatever_the_free_space_says() -> None:
    refused: list[OSError | None] = [OSError(errno.EDQUOT, "Disk quota exceeded")]
    disk = Disk(
        [Path("/")], DiskConfig(min_free_gb=0), free=lambda _: 10**12, probe=lambda *_: refused[0], clock=lambda: 0.0
    )
    disk.reported_full("cannot write x: Disk quota exceeded")
    assert disk.look() is Room.LITTLE
    assert disk.note.startswith("nothing starts until the disk takes what is written: cannot write x: Disk quota")
    refused[0] = None
    assert (disk.look(), disk.note) == (Room.ENOUGH, "")


def test_a_disk_that_refuses_is_not_believed_to_work_because_time_has_passed() -> None:
    now = 0.0
    error = OSError(errno.EROFS, "Read-only file system")
    disk = Disk(
        [Path("/")], DiskConfig(min_free_gb=0), free=lambda _: 10**12, probe=lambda *_: error, clock=lambda: now
    )
    disk.reported_full("read-only")
    now = 3600.0
    assert disk.look() is Room.LITTLE


def test_each_disk_that_is_written_needs_room() -> None:
    free = {Path("/state"): 10**12, Path("/evolution"): 10**12}
    disk = Disk(list(free), DiskConfig(min_free_gb=1e-6), free=lambda folder: free[folder])
    assert disk.look() is Room.ENOUGH
    free[Path("/evolution")] = 900
    assert (disk.look(), disk.free) == (Room.LITTLE, 900)


def test_a_disk_that_cannot_be_looked_at_starts_nothing_and_stops_nothing() -> None:
    def away(_folder: Path) -> int:
        raise OSError(errno.ENOTCONN, "Transport endpoint is not connected")

    disk = Disk([Path("/evolution")], DiskConfig(min_free_gb=1e-6), free=away)
    assert disk.look() is Room.LITTLE
    assert disk.note == "the disk cannot be looked at: /evolution: Transport endpoint is not connected"


def test_whoever_could_not_write_is_told_whether_the_disk_takes_something_all_the_same() -> None:
    free, refused = [10**12], [False]
    disk = Disk(
        [Path("/")],
        DiskConfig(min_free_gb=1.0),
        free=lambda _: free[0],
        probe=lambda *_: OSError(errno.ENOSPC, "No space left") if refused[0] else None,
    )
    assert disk.reported_full()
    refused[0] = True
    assert not disk.reported_full()
    refused[0], free[0] = False, 10**6
    assert not disk.reported_full()
