"""How much memory a job may take, and who says so."""

from __future__ import annotations

import sys

import pytest

from styled import gpus, memory
from styled.memory import MemorySample
from styled.settings import Settings, settings_from
from styled.sizing.memory_limit import MARGIN, budget, spare
from tests.machine.nvml import Card, FakeNvml

GIB = 2**30


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """A machine with 10 GiB free where this process has 1 GiB."""
    monkeypatch.setattr(memory, "sample", lambda: MemorySample(host_available=10 * GIB))
    monkeypatch.setattr(memory, "process_bytes", lambda: GIB)
    return monkeypatch


def test_a_limit_of_the_users_own_is_strict() -> None:
    assert budget(settings_from({"memory_limit": "2GiB"}), on_gpu=False) == (2 * GIB, "memory_limit", True)


def test_auto_is_what_is_free_and_ours_less_a_margin(machine: pytest.MonkeyPatch) -> None:
    found = budget(Settings(), on_gpu=False)
    assert (found.bytes, found.is_strict) == (pytest.approx(MARGIN * 11 * GIB), False)
    assert "machine" in found.source


def test_a_control_group_is_named(machine: pytest.MonkeyPatch) -> None:
    machine.setattr(memory, "sample", lambda: MemorySample(host_available=3 * GIB, limited=True))
    found = budget(Settings(), on_gpu=False)
    assert (found.bytes, "control group" in found.source) == (pytest.approx(MARGIN * 4 * GIB), True)


def test_the_address_space_counts_where_it_is_shorter(machine: pytest.MonkeyPatch) -> None:
    machine.setattr(memory, "address_space_left", lambda: 4 * GIB)
    assert "RLIMIT_AS" in budget(Settings(), on_gpu=False).source
    machine.setattr(memory, "address_space_left", lambda: 40 * GIB)
    assert "machine" in budget(Settings(), on_gpu=False).source


@pytest.fixture
def two_gpus(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """GPU 0 is full of another program, GPU 1 is free; TensorFlow counts as loaded."""
    fake = FakeNvml(Card("GPU-0", used=39 * GIB), Card("GPU-1", used=2 * GIB))
    monkeypatch.setitem(sys.modules, "pynvml", fake)
    monkeypatch.setitem(sys.modules, "tensorflow", sys)
    for name in (gpus.VISIBLE, gpus.ORDER):
        monkeypatch.delenv(name, raising=False)
    return monkeypatch


@pytest.mark.parametrize("visible", ["GPU-1", "1"])
def test_on_a_gpu_its_own_free_memory_counts_whatever_others_have(two_gpus: pytest.MonkeyPatch, visible: str) -> None:
    two_gpus.setenv(gpus.VISIBLE, visible)
    found = budget(Settings(), on_gpu=True)
    assert (found.bytes, found.source) == (pytest.approx(MARGIN * 38 * GIB), "the free memory of GPU 1")


def test_what_a_staying_worker_has_of_its_gpu_is_its_own(two_gpus: pytest.MonkeyPatch) -> None:
    two_gpus.setenv(gpus.VISIBLE, "GPU-0")
    assert budget(Settings(), on_gpu=True, held_bytes=30 * GIB).bytes == pytest.approx(MARGIN * 31 * GIB)


def test_a_plan_is_of_the_gpu_that_a_worker_gets(two_gpus: pytest.MonkeyPatch) -> None:
    two_gpus.delitem(sys.modules, "tensorflow")
    assert budget(Settings(), on_gpu=True).bytes == pytest.approx(MARGIN * 38 * GIB)


def test_where_the_own_gpu_is_not_known_the_least_free_one_counts(two_gpus: pytest.MonkeyPatch) -> None:
    two_gpus.setenv(gpus.VISIBLE, "1")
    two_gpus.setenv(gpus.ORDER, "FASTEST_FIRST")
    found = budget(Settings(), on_gpu=True)
    assert (found.bytes, found.source) == (pytest.approx(MARGIN * GIB), "the least free memory of all GPUs")


def test_where_no_gpu_tells_nothing_limits(two_gpus: pytest.MonkeyPatch) -> None:
    two_gpus.setitem(sys.modules, "pynvml", FakeNvml(driver=False))
    assert budget(Settings(), on_gpu=True).bytes == float("inf")


def test_where_nothing_is_known_nothing_limits(machine: pytest.MonkeyPatch) -> None:
    machine.setattr(memory, "sample", MemorySample)
    assert budget(Settings(), on_gpu=False).bytes == float("inf")


def test_spare_is_what_painting_itself_leaves(machine: pytest.MonkeyPatch) -> None:
    assert spare(Settings(), 4 * GIB) == pytest.approx(MARGIN * 11 * GIB - 4 * GIB)
    assert spare(Settings(), 20 * GIB) == 0


def test_spare_is_bounded_by_the_users_limit_and_by_what_is_free_whichever_is_less(machine: pytest.MonkeyPatch) -> None:
    assert spare(Settings(memory_limit=6.0), 4 * GIB) == 2 * GIB
    assert spare(Settings(memory_limit=60.0), 4 * GIB) == pytest.approx(MARGIN * 11 * GIB - 4 * GIB)


def test_where_no_prediction_is_known_what_the_process_has_counts(machine: pytest.MonkeyPatch) -> None:
    machine.setattr(memory, "process_bytes", lambda: 3 * GIB)
    assert spare(Settings(), 0) == pytest.approx(MARGIN * 13 * GIB - 3 * GIB)


def test_where_nothing_is_known_nothing_is_spare(machine: pytest.MonkeyPatch) -> None:
    machine.setattr(memory, "sample", MemorySample)
    assert spare(Settings(), 0) == 0
    assert spare(Settings(memory_limit=6.0), 4 * GIB) == 2 * GIB
