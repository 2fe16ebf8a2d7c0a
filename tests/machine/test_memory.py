from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import msgspec
import psutil
import pytest

from styled import memory
from styled.gpus import Gpu

GIB = 1024**3


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine of 16 GiB with 12 GiB free, whose /proc and /sys/fs/cgroup are folders to fill."""
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(total=16 * GIB, available=12 * GIB))
    (tmp_path / "proc" / "self").mkdir(parents=True)
    (tmp_path / "cgroup").mkdir()
    return tmp_path


def sample(machine: Path) -> memory.MemorySample:
    return memory.sample(proc=machine / "proc", cgroups=machine / "cgroup")


def put(machine: Path, files: dict[str, object]) -> None:
    for name, content in files.items():
        path = machine / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{content}\n")


def test_without_control_groups_the_machine_counts(machine: Path) -> None:
    found = sample(machine)
    assert (found.host_used, found.host_total, found.host_available) == (4 * GIB, 16 * GIB, 12 * GIB)
    assert not found.limited


def test_a_version_2_limit_counts_without_the_file_cache(machine: Path) -> None:
    put(
        machine,
        {
            "proc/self/cgroup": "0::/user.slice/styled.service",
            "cgroup/user.slice/styled.service/memory.max": 4 * GIB,
            "cgroup/user.slice/styled.service/memory.current": 3 * GIB,
            "cgroup/user.slice/styled.service/memory.stat": f"anon 1\ninactive_file {GIB}",
        },
    )
    found = sample(machine)
    assert (found.host_used, found.host_total, found.host_available) == (2 * GIB, 4 * GIB, 2 * GIB)
    assert found.limited


def test_the_group_with_the_least_room_counts_also_above_our_own(machine: Path) -> None:
    put(
        machine,
        {
            "proc/self/cgroup": "0::/a/b",
            "cgroup/a/memory.max": 8 * GIB,
            "cgroup/a/memory.current": 7 * GIB,
            "cgroup/a/b/memory.max": 4 * GIB,
            "cgroup/a/b/memory.current": 1 * GIB,
        },
    )
    assert sample(machine).host_available == GIB


def test_max_means_no_limit(machine: Path) -> None:
    put(machine, {"proc/self/cgroup": "0::/", "cgroup/memory.max": "max", "cgroup/memory.current": GIB})
    assert sample(machine).host_total == 16 * GIB


def test_a_version_1_limit_is_found_though_the_path_is_the_hosts(machine: Path) -> None:
    """In a container the path names the host's tree, and the container's own group is the mount's root."""
    put(
        machine,
        {
            "proc/self/cgroup": "5:cpu,cpuacct:/docker/1\n4:memory:/docker/1",
            "cgroup/memory/memory.limit_in_bytes": 2 * GIB,
            "cgroup/memory/memory.usage_in_bytes": GIB,
            "cgroup/memory/memory.stat": f"inactive_file 1\ntotal_inactive_file {GIB // 2}",
        },
    )
    found = sample(machine)
    assert (found.host_used, found.host_total) == (GIB // 2, 2 * GIB)


def test_version_1_without_a_limit_says_so_with_a_huge_number(machine: Path) -> None:
    put(
        machine,
        {
            "proc/self/cgroup": "4:memory:/",
            "cgroup/memory/memory.limit_in_bytes": 9223372036854771712,
            "cgroup/memory/memory.usage_in_bytes": GIB,
        },
    )
    assert not sample(machine).limited


def test_unreadable_figures_never_raise(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(
        machine,
        {
            "proc/self/cgroup": "nonsense\n0::/a\n::::",
            "cgroup/a/memory.max": "what?",
            "cgroup/a/memory.current": "",
        },
    )
    assert sample(machine).host_total == 16 * GIB

    def fail() -> None:
        raise OSError("no /proc")

    monkeypatch.setattr(psutil, "virtual_memory", fail)
    assert sample(machine) == memory.MemorySample()


def test_this_machine_has_plausible_figures() -> None:
    found = memory.sample()
    assert found.host_total is not None
    assert found.host_available is not None
    assert 0 < found.host_available <= found.host_total


def test_a_sample_goes_through_json() -> None:
    found = memory.MemorySample(host_used=1, gpus=(Gpu(index=0, name="A"),))
    assert msgspec.json.decode(msgspec.json.encode(found), type=memory.MemorySample) == found


@pytest.mark.processes
def test_peak_of_this_process_rises_with_what_it_touches() -> None:
    """In a process of its own: this one may have had gigabytes before."""
    code = (
        "from styled import memory; before = memory.process_peak_bytes(); block = b'1' * (before + 50_000_000);"
        "print(before, len(block), memory.process_peak_bytes())"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    before, touched, after = map(int, told.split())
    assert 0 < before < touched <= after


@pytest.mark.processes
def test_peak_of_another_process_and_of_none() -> None:
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        child.stdin.write(b"running\n")
        child.stdin.flush()
        child.stdout.readline()
        peak = memory.process_peak_bytes(child.pid)
    assert peak is not None
    assert 100_000 < peak < GIB
    assert memory.process_peak_bytes(child.pid) is None


@pytest.mark.processes
def test_the_address_space_counts_only_where_it_is_limited() -> None:
    """In a process of its own with a real limit."""
    assert memory.address_space_left() is None
    code = (
        "import resource; from styled import memory;"
        "resource.setrlimit(resource.RLIMIT_AS, (2**31, 2**31)); print(memory.address_space_left())"
    )
    left = int(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout)
    assert 2**30 < left < 2**31
