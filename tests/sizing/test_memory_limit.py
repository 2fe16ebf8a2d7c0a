"""How much memory a job may take, and who says so."""

from __future__ import annotations

import pytest

from styled import memory
from styled.memory import Gpu, MemorySample
from styled.settings import Settings, settings_from
from styled.sizing.memory_limit import MARGIN, budget, spare

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


def test_on_a_gpu_its_own_memory_counts(machine: pytest.MonkeyPatch) -> None:
    gpus = (Gpu(index=0, used=2 * GIB, total=8 * GIB), Gpu(index=1))
    machine.setattr(memory, "sample", lambda: MemorySample(host_available=10 * GIB, gpus=gpus))
    found = budget(Settings(), on_gpu=True)
    assert (found.bytes, found.source) == (pytest.approx(MARGIN * 6 * GIB), "the GPU's free memory")


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
