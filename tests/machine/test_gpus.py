"""Which GPUs there are, which may be painted on, which is a process' own: on machines that NVML is made to show."""

from __future__ import annotations

import sys
from collections.abc import Callable

import pytest

from styled import gpus
from styled.gpus import Gpu
from tests.machine.nvml import GIB, Card, FakeNvml

FOUR = (
    Card("GPU-aa11", name="NVIDIA T4", used=14 * GIB, total=15 * GIB),  # full, and the slowest: CUDA counts it last
    Card("GPU-bb22", used=30 * GIB),
    Card("GPU-cc33", is_lost=True),
    Card(
        "GPU-dd44", is_split=True, slices=(Card("MIG-1", total=20 * GIB), None, Card("MIG-2", used=0, total=10 * GIB))
    ),
)
"""Cards in the order of the bus."""


@pytest.fixture
def nvml(monkeypatch: pytest.MonkeyPatch) -> Callable[..., FakeNvml]:
    """Put another machine's NVML in place; nothing is set in the environment."""
    for name in (gpus.VISIBLE, gpus.ORDER):
        monkeypatch.delenv(name, raising=False)

    def install(*cards: Card, driver: bool = True, old: bool = False) -> FakeNvml:
        fake = FakeNvml(*cards, driver=driver, old=old)
        monkeypatch.setitem(sys.modules, "pynvml", fake)
        return fake

    return install


def test_what_does_not_answer_is_none(nvml: Callable[..., FakeNvml]) -> None:
    nvml(Card("GPU-1"), Card("GPU-2", is_lost=True))
    good, lost = gpus.sample()
    assert good == Gpu(index=0, uuid="GPU-1", name="NVIDIA A100", used=3 * GIB, total=40 * GIB, temperature=61)
    assert lost == Gpu(index=1)
    assert not lost.is_usable


def test_an_old_driver_still_gives_its_temperature(nvml: Callable[..., FakeNvml]) -> None:
    nvml(Card("GPU-1"), old=True)
    (found,) = gpus.sample()
    assert (found.temperature, found.uuid) == (60, "GPU-1")


def test_without_a_driver_there_are_no_gpus(nvml: Callable[..., FakeNvml]) -> None:
    nvml(Card("GPU-1"), driver=False)
    assert (gpus.sample(), gpus.devices(), gpus.own()) == ((), [], None)


def test_the_real_nvml_has_every_call_that_is_made() -> None:
    import pynvml

    calls = {name for name in dir(FakeNvml) if name.lower().startswith("nvml")}
    assert calls <= set(dir(pynvml))


def test_a_card_that_is_split_is_its_slices(nvml: Callable[..., FakeNvml]) -> None:
    nvml(*FOUR)
    assert [(gpu.label, gpu.uuid) for gpu in gpus.sample()] == [
        ("0", "GPU-aa11"), ("1", "GPU-bb22"), ("2", None), ("3:0", "MIG-1"), ("3:2", "MIG-2"),
    ]  # fmt: skip


def test_a_card_split_into_nothing_is_seen_and_not_painted_on(nvml: Callable[..., FakeNvml]) -> None:
    nvml(Card("GPU-1", is_split=True, slices=(None, None)))
    assert [gpu.name for gpu in gpus.sample()] == ["NVIDIA A100"]
    assert gpus.devices() == []


@pytest.mark.parametrize(
    ("environment", "values"),
    [
        ({}, ["GPU-aa11", "GPU-bb22", "MIG-1", "MIG-2"]),  # the lost one is none
        ({gpus.VISIBLE: "1,0"}, ["GPU-bb22", "GPU-aa11"]),  # by number, as nvidia-smi has them
        ({gpus.VISIBLE: "GPU-bb"}, ["GPU-bb22"]),  # the beginning is enough
        ({gpus.VISIBLE: "MIG-2, 1"}, ["MIG-2", "GPU-bb22"]),
        ({gpus.VISIBLE: "2,1"}, ["GPU-bb22"]),
        ({gpus.VISIBLE: "3"}, ["3"]),  # which slice is CUDA's to say
        ({gpus.VISIBLE: "0,-1,1"}, ["GPU-aa11"]),  # CUDA shows none behind it
        ({gpus.VISIBLE: ""}, []),
        ({gpus.VISIBLE: "1,0", gpus.ORDER: "FASTEST_FIRST"}, ["1", "0"]),  # the user's wish
        ({gpus.VISIBLE: "GPU-bb22", gpus.ORDER: "FASTEST_FIRST"}, ["GPU-bb22"]),
    ],
)
def test_devices_are_named_by_their_uuid(
    nvml: Callable[..., FakeNvml], environment: dict[str, str], values: list[str]
) -> None:
    nvml(*FOUR)
    assert [device.value for device in gpus.devices(environment)] == values


@pytest.mark.parametrize(
    ("environment", "label"),
    [
        ({gpus.VISIBLE: "GPU-bb22"}, "1"),
        ({gpus.VISIBLE: "MIG-2"}, "3:2"),
        ({gpus.VISIBLE: "1,0"}, "1"),
        ({gpus.ORDER: gpus.BY_BUS}, "0"),
        ({}, None),  # TensorFlow was loaded by somebody else, who lets CUDA count by speed
        ({gpus.VISIBLE: "1", gpus.ORDER: "FASTEST_FIRST"}, None),
        ({gpus.VISIBLE: "-1"}, None),
        ({gpus.VISIBLE: "GPU-"}, None),  # all begin so
    ],
)
def test_a_process_knows_its_own_gpu(
    nvml: Callable[..., FakeNvml], environment: dict[str, str], label: str | None
) -> None:
    nvml(*FOUR)
    found = gpus.own(environment)
    assert (found and found.label) == label


def test_a_full_gpu_has_no_room_and_the_freest_is_found(nvml: Callable[..., FakeNvml]) -> None:
    nvml(*FOUR)
    found = gpus.devices({})
    assert [device.has_room for device in found] == [False, True, True, True]
    best = gpus.freest(found)
    assert best is not None
    assert best.uuid == "MIG-1"
    assert gpus.freest([gpus.Device("7")]) is None
