"""How fast this machine paints, as measured: kept in the user's cache, one file for all roots."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path
from typing import Literal

import msgspec
import platformdirs

from styled import memory
from styled.control_groups.cores import cores
from styled.errors import DataDamaged, DiskFull
from styled.files import durable
from styled.files.decoding import read_json
from styled.sizing.memory_use import Precision

VERSION = 2
"""Of the file's layout, and of the engine's speed: measurements of an older, slower one do not apply."""

_KEPT = 200
"""Measurements in the file at most; the oldest go."""


class Speed(msgspec.Struct, frozen=True, kw_only=True):
    """What one measured size took on this machine."""

    width: int
    """Of the picture, px."""
    height: int
    blocks: int
    """Of the network that run in tiles; 0 untiled."""
    tile: tuple[int, int]
    """Width and height, px."""
    precision: Precision
    """That the convolutions ran in."""
    optimizer: Literal["lbfgs", "adam"]
    step_seconds: float
    """Median of some steps."""
    prepare_seconds: float
    """Network, targets, and the first step, which also compiles."""
    start_seconds: float
    """From the start of the process until TensorFlow was loaded."""
    peak_bytes: int | None = None
    """Peak resident memory of the process that measured this alone; None when it measured more."""
    matmul_gflops: float | None = None
    """Speed of the matrix product in this precision; None when not measured."""
    gigabytes_per_second: float | None = None
    """Speed of memory in this precision, read and written; None when not measured."""
    at: float
    """Unix seconds."""

    @property
    def pixels(self) -> int:
        """Width times height."""
        return self.width * self.height


class Speeds(msgspec.Struct, frozen=True, kw_only=True):
    """The measurements of one machine, in the order they were made."""

    machine: str
    default_precision: Precision = "float32"
    """What ``precision = auto`` is here."""
    device: str = "cpu"
    """``cpu`` or the GPU's name."""
    measured: tuple[Speed, ...] = ()
    version: int = VERSION


def default_path() -> Path:
    """Return the file in the user's cache."""
    return Path(platformdirs.user_cache_path("styled")) / "speeds.json"


def machine() -> str:
    """Name what decides the speed: processor, cores that may be used, GPUs, TensorFlow's version."""
    gpus = [gpu.name or "GPU" for gpu in memory.sample().gpus]
    try:
        version = metadata.version("tensorflow")
    except metadata.PackageNotFoundError:
        version = "?"
    return "; ".join([f"{_processor()}, {cores()} cores", *gpus, f"TensorFlow {version}"])


_MOST_BYTES = 2**20
"""Of the file of measurements."""


def load(path: Path | None = None) -> Speeds:
    """Read what was measured on this machine; empty when nothing was, or elsewhere, or the file is no good.

    A cache: whatever is wrong with it, it can be measured again.
    """
    here = machine()
    try:
        found = read_json(path or default_path(), Speeds, most=_MOST_BYTES)
    except (OSError, DataDamaged):
        return Speeds(machine=here)
    return found if found.machine == here and found.version == VERSION else Speeds(machine=here)


def keep(new: Speeds, path: Path | None = None) -> Speeds:
    """Add measurements to the file and return all. A new one takes the place of an older one of the same kind.

    A cache that cannot be written is no error: the next time it is measured again.
    """
    path = path or default_path()
    kinds = {_kind(speed) for speed in new.measured}
    old = [speed for speed in load(path).measured if _kind(speed) not in kinds]
    merged = msgspec.structs.replace(
        new,
        measured=(*old, *new.measured)[-_KEPT:],
    )
    with contextlib.suppress(OSError, DiskFull):
        path.parent.mkdir(parents=True, exist_ok=True)
        durable.write_json(path, merged)
    return merged


def seconds_per_pixel(measured: Sequence[Speed], pixels: float) -> float:
    """Return the seconds a step takes for each pixel that is in the network at once.

    A step takes some time however small the picture is, and then the same for each pixel: measured times lie on a line,
    which goes on beyond the smallest and the largest.

    Args:
        measured: untiled ones, at least one.
        pixels: how many are in the network at once.
    """
    # Of several measurements of one size the newest: they are kept in that order.
    points = sorted({speed.pixels: speed.step_seconds for speed in measured}.items())
    if len(points) == 1:
        return points[0][1] / points[0][0]
    above = next((index for index, (size, _) in enumerate(points) if size >= pixels), len(points) - 1)
    (small, quick), (large, slow) = points[max(1, above) - 1 : max(1, above) + 1]
    slope = (slow - quick) / (large - small)
    if not small <= pixels <= large:
        # Not far off for a measurement that something disturbed.
        end, seconds = (small, quick) if pixels < small else (large, slow)
        return (seconds + min(max(slope, 0.0), seconds / end) * (pixels - end)) / pixels
    return (quick + slope * (pixels - small)) / pixels


def _kind(speed: Speed) -> tuple[object, ...]:
    return speed.width, speed.height, speed.blocks, speed.tile, speed.precision, speed.optimizer


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        lines = []
    named = (line.partition(":")[2].strip() for line in lines if line.startswith(("model name", "Model")))
    return next(named, "unknown processor")
