"""What ``styled doctor`` finds of this machine's GPUs."""

from __future__ import annotations

import sys

import pytest

from styled.daemon import checkup
from tests.machine.nvml import GIB, Card, FakeNvml


def test_gpus_that_cannot_be_painted_on_are_warned_of(monkeypatch: pytest.MonkeyPatch) -> None:
    cards = (
        Card("GPU-1", used=39 * GIB),
        Card("GPU-2", is_lost=True),
        Card("GPU-3", is_split=True, slices=(Card("MIG-1", used=0, total=10 * GIB),)),
        Card("GPU-4", is_split=True, slices=(None,)),
    )
    monkeypatch.setitem(sys.modules, "pynvml", FakeNvml(*cards))
    found = [(each.name, each.level, each.text) for each in checkup._machine() if each.name.startswith("gpu")]
    assert found == [
        ("gpu 0", "warning", "NVIDIA A100, 1.0 of 40.0 GiB free"),
        ("gpu 1", "warning", "it does not answer; nothing can be painted there"),
        ("gpu 2:0", "ok", "NVIDIA A100, 10.0 of 10.0 GiB free"),
        ("gpu 3", "warning", "NVIDIA A100; nothing can be painted there"),
    ]
