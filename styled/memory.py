"""How much memory there is and how much is used: host, control group, GPUs. Unknown is None; nothing raises."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import msgspec
import psutil

from styled.control_groups.groups import CGROUPS, PROC, groups_above
from styled.gpus import Gpu
from styled.gpus import sample as sample_gpus

_NO_LIMIT = 2**60
"""cgroup v1 writes "no limit" as a number near 2**63; anything above this is none."""


class MemorySample(msgspec.Struct, frozen=True, kw_only=True):
    """Memory at one moment, bytes. Where a control group (container, systemd unit) sets a limit, host means that."""

    host_used: int | None = None
    host_total: int | None = None
    host_available: int | None = None
    """What can still be allocated without swapping or being killed."""
    limited: bool = False
    """A control group allows less than the machine has."""
    gpus: tuple[Gpu, ...] = ()
    """Empty without an NVIDIA driver."""


def sample(*, proc: Path = PROC, cgroups: Path = CGROUPS) -> MemorySample:
    """Measure now. Never raises; takes about a millisecond after the first call.

    Args:
        proc: where the kernel shows processes.
        cgroups: where it shows control groups, version 1 or 2.
    """
    found = sample_gpus()
    try:
        host = psutil.virtual_memory()
    except (OSError, RuntimeError, ValueError):
        return MemorySample(gpus=found)  # /proc/meminfo is hidden or odd
    tightest = min(_groups(proc, cgroups), key=lambda group: group[0] - group[1], default=None)
    if tightest is None or tightest[0] >= host.total:
        return MemorySample(
            host_used=host.total - host.available, host_total=host.total, host_available=host.available, gpus=found
        )
    limit, used = tightest
    available = max(0, min(limit - used, host.available))
    return MemorySample(host_used=used, host_total=limit, host_available=available, limited=True, gpus=found)


def process_peak_bytes(pid: int | None = None) -> int | None:
    """Return the most memory that a process (None: this one) had resident at once; None where unknown."""
    try:
        status = Path(f"/proc/{'self' if pid is None else pid}/status").read_text()
        for line in status.splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    except (OSError, ValueError, IndexError):
        pass  # not Linux, or the process is gone
    return _own_peak() if pid is None else None


def forget_peak() -> None:
    """Have :func:`process_peak_bytes` of this process begin again, as far as the system can."""
    with suppress(OSError):  # not Linux, or a container without it
        Path("/proc/self/clear_refs").write_text("5")


def process_bytes() -> int | None:
    """Return what this process has resident now; None where unknown."""
    try:
        return int(psutil.Process().memory_info().rss)
    except (psutil.Error, OSError):
        return None


def address_space_left() -> int | None:
    """Return the bytes this process may still map under ``ulimit -v`` (RLIMIT_AS); None without such a limit.

    Not all of it can become resident: libraries and thread stacks map more than they use.
    """
    import resource

    limit = resource.getrlimit(resource.RLIMIT_AS)[0]
    if limit == resource.RLIM_INFINITY:
        return None
    try:
        return max(0, limit - int(psutil.Process().memory_info().vms))
    except (psutil.Error, OSError):
        return None


def _own_peak() -> int | None:
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def _groups(proc: Path, cgroups: Path) -> Iterator[tuple[int, int]]:
    """Yield (limit, used) in bytes of each control group above this process that has a limit."""
    for group in groups_above("memory", proc=proc, cgroups=cgroups):
        names = ("max", "current") if group.version == 2 else ("limit_in_bytes", "usage_in_bytes")
        limit, usage = (_number(group.path / f"memory.{name}") for name in names)
        if limit is not None and usage is not None and limit < _NO_LIMIT:
            # File pages not used lately are the first the kernel takes back: they are not in the way.
            yield limit, max(0, usage - _inactive_file(group.path / "memory.stat"))


def _number(path: Path) -> int | None:
    try:
        return int(path.read_text())
    except (OSError, ValueError):
        return None  # no such file, or "max"


def _inactive_file(path: Path) -> int:
    try:
        figures = dict(line.split(" ", 1) for line in path.read_text().splitlines())
        # Version 1 counts the groups below under "total_", as its usage does.
        return int(figures.get("total_inactive_file", figures.get("inactive_file", 0)))
    except (OSError, ValueError):
        return 0


def oom_kills() -> int:
    """Return how many processes the kernel has killed for memory since it started, 0 where it is not known."""
    try:
        lines = Path("/proc/vmstat").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("oom_kill ")), 0)
