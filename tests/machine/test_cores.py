"""The cores that a process may use: those it may run on, and those it has the time of."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from styled.control_groups.cores import cores
from tests.machine.test_memory import put


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({}, 8),
        ({"proc/self/cgroup": "0::/a/b", "cgroup/a/b/cpu.max": "max 100000"}, 8),
        ({"proc/self/cgroup": "0::/a/b", "cgroup/a/b/cpu.max": "200000 100000"}, 2),
        ({"proc/self/cgroup": "0::/a/b", "cgroup/a/b/cpu.max": "250000 100000"}, 3),
        ({"proc/self/cgroup": "0::/a/b", "cgroup/a/b/cpu.max": "10000 100000"}, 1),
        ({"proc/self/cgroup": "0::/a/b", "cgroup/a/b/cpu.max": "1600000 100000"}, 8),
        (
            {
                "proc/self/cgroup": "0::/a/b",
                "cgroup/a/b/cpu.max": "600000 100000",
                "cgroup/a/cpu.max": "400000 100000",
            },
            4,
        ),
        ({"proc/self/cgroup": "0::/the/hosts/path", "cgroup/cpu.max": "300000 100000"}, 3),
        (
            {
                "proc/self/cgroup": "4:memory:/c\n3:cpu,cpuacct:/c",
                "cgroup/cpu/c/cpu.cfs_quota_us": "500000",
                "cgroup/cpu/c/cpu.cfs_period_us": "100000",
            },
            5,
        ),
        (
            {
                "proc/self/cgroup": "3:cpu,cpuacct:/c",
                "cgroup/cpu/c/cpu.cfs_quota_us": "-1",
                "cgroup/cpu/c/cpu.cfs_period_us": "100000",
            },
            8,
        ),
        ({"proc/self/cgroup": "nonsense", "cgroup/cpu.max": "what 0"}, 8),
        ({"proc/self/cgroup": "0::/", "cgroup/cpu.max": "100000 0"}, 8),
    ],
)
def test_the_least_of_all_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, files: dict[str, str], expected: int
) -> None:
    """With ``CPUQuota=200%`` on 64 cores a forecast was that of 64."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(8)))  # as the real one
    put(tmp_path, files)
    assert cores(proc=tmp_path / "proc", cgroups=tmp_path / "cgroup") == expected


def test_this_machine_has_some() -> None:
    assert 1 <= cores() <= len(os.sched_getaffinity(0))
