"""How many processor cores this process may use."""

from __future__ import annotations

import math
import os
from pathlib import Path

from styled.control_groups.groups import CGROUPS, PROC, Group, groups_above


def cores(*, proc: Path = PROC, cgroups: Path = CGROUPS) -> int:
    """Return the cores that this process may run on, and has the time of: ``taskset``, ``--cpus``, ``CPUQuota``; at least 1.

    More threads than that are stopped in the middle of their work as soon as the time of all is used up.

    Args:
        proc: where the kernel shows processes.
        cgroups: where it shows control groups, version 1 or 2.
    """
    quotas = (_quota(group) for group in groups_above("cpu", proc=proc, cgroups=cgroups))
    return max(1, min([allowed(), *(math.ceil(quota) for quota in quotas if quota is not None)]))


def allowed() -> int:
    """Return the cores that this process may run on, whatever time it has of them."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:
        return os.cpu_count() or 1  # not Linux


def _quota(group: Group) -> float | None:
    """Return the processor time of a control group, seconds a second; None: as much as there is."""
    try:
        if group.version == 2:
            quota, period = (group.path / "cpu.max").read_text().split()
        else:
            quota, period = ((group.path / f"cpu.cfs_{name}_us").read_text() for name in ("quota", "period"))
        share = int(quota) / int(period)
    except (OSError, ValueError, ZeroDivisionError):
        return None  # no such file, or "max"
    return share if share > 0 else None  # version 1 has -1 for none
