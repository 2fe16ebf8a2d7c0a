"""Where the kernel shows the control groups of this process: containers and systemd units limit it by them. Nothing raises."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

PROC, CGROUPS = Path("/proc"), Path("/sys/fs/cgroup")


class Group(NamedTuple):
    """The folder of a control group."""

    path: Path
    version: int
    """1 or 2: they have other files."""


def groups_above(controller: str, *, proc: Path = PROC, cgroups: Path = CGROUPS) -> Iterator[Group]:
    """Yield the control group of this process, and each above it: all of them limit.

    Inside a container the path may be the host's and not exist here; what is read there is not there then, up to the
    container's own root.

    Args:
        controller: by its name in version 1: ``memory``, ``cpu``. Version 2 has all in one.
        proc: where the kernel shows processes.
        cgroups: where it shows control groups.
    """
    try:
        lines = (proc / "self" / "cgroup").read_text().splitlines()
    except OSError:
        return
    for line in lines:
        _, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if controllers and controller not in controllers.split(","):
            continue
        root = cgroups / controller if controllers else cgroups
        group = root / path.lstrip("/")
        for place in (group, *group.parents):
            yield Group(place, 1 if controllers else 2)
            if place == root:
                break
