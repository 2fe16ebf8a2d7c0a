"""Room on the disk, with hysteresis."""

from __future__ import annotations

from pathlib import Path

from styled.config import DiskConfig
from styled.daemon.upkeep.disk import Disk, Room


def test_work_stops_below_the_limit_and_goes_on_at_one_and_a_half_times_of_it() -> None:
    story = [5000, 1000, 999, 1200, 1499, 1500, 1100, 499, 500, 1000, 1499, 2000]
    measured = iter(story)
    disk = Disk(Path("/"), DiskConfig(min_free_gb=1e-6), free=lambda _: next(measured))
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


def test_somebody_who_could_not_write_is_believed_for_a_minute() -> None:
    now = 0.0
    disk = Disk(Path("/"), DiskConfig(min_free_gb=0), free=lambda _: 10**12, clock=lambda: now)
    assert disk.look() is Room.ENOUGH
    disk.reported_full()
    assert (disk.room, disk.look(), "GB free" in disk.note) == (Room.LITTLE, Room.LITTLE, True)
    now = 61.0
    assert (disk.look(), disk.note) == (Room.ENOUGH, "")


def test_room_that_somebody_made_is_used_at_once() -> None:
    free = [10**9]
    disk = Disk(Path("/"), DiskConfig(min_free_gb=0), free=lambda _: free[0], clock=lambda: 0.0)
    disk.reported_full()
    free[0] += 10**6
    assert disk.look() is Room.LITTLE
    free[0] += 10**8
    assert disk.look() is Room.ENOUGH


def test_the_real_disk_is_measured(tmp_path: Path) -> None:
    disk = Disk(tmp_path, DiskConfig(min_free_gb=0))
    assert disk.look() is Room.ENOUGH
    assert disk.free > 0
