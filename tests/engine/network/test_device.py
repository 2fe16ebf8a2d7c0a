"""The device: what TensorFlow is told of a GPU, by its own functions and a GPU that is made up."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import tensorflow as tf

from styled.engine.network import device

pytestmark = pytest.mark.tensorflow


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """One GPU; what it is told is kept."""
    told = SimpleNamespace(limits=[], peak=0, used=False)

    def configure(_gpu: Any, devices: list[Any]) -> None:
        if told.used:
            raise RuntimeError("Virtual devices cannot be modified after being initialized")
        told.limits.append(devices[0].memory_limit)

    def reset(_name: str) -> None:
        told.peak = 0

    monkeypatch.setattr(tf.config, "list_physical_devices", lambda _kind: ["gpu"])
    monkeypatch.setattr(tf.config, "set_logical_device_configuration", configure)
    monkeypatch.setattr(tf.config, "get_logical_device_configuration", lambda _gpu: told.limits or None)
    monkeypatch.setattr(tf.config.experimental, "get_memory_info", lambda _name: {"peak": told.peak})
    monkeypatch.setattr(tf.config.experimental, "reset_memory_stats", reset)
    monkeypatch.setattr(device, "_held_before", [0])
    return told


def test_a_limit_is_held_by_tensorflow(gpu: SimpleNamespace) -> None:
    assert not device.hold_to(None)
    assert not device.is_held()
    assert device.hold_to(2 * 2**30)
    assert gpu.limits == [2048 - device.CONTEXT_BYTES // 2**20]
    assert device.is_held()


def test_a_gpu_in_use_takes_no_limit(gpu: SimpleNamespace) -> None:
    gpu.used = True
    assert not device.hold_to(2 * 2**30)


def test_tensorflow_holds_no_limit_on_a_processor() -> None:
    """Why a limit is held by the plan alone there: a release that can would be told of it here."""
    assert not device.hold_to(2 * 2**30)
    (processor,) = tf.config.list_physical_devices("CPU")
    with pytest.raises(ValueError, match="not supported"):
        tf.config.set_logical_device_configuration(processor, [tf.config.LogicalDeviceConfiguration(memory_limit=512)])


def test_the_pool_of_earlier_pictures_is_a_later_ones(gpu: SimpleNamespace) -> None:
    gpu.peak = 700
    assert (device.peak_memory_bytes(), device.held_bytes()) == (700, 700)
    device.forget_peak()
    gpu.peak = 200
    assert (device.peak_memory_bytes(), device.held_bytes()) == (200, 700)


def test_without_a_gpu_nothing_is_held() -> None:
    device.forget_peak()
    assert (device.peak_memory_bytes(), device.held_bytes()) == (None, 0)


def test_float32_is_float32_on_gpus_too() -> None:
    tf.config.experimental.enable_tensor_float_32_execution(True)
    device.prepare()
    assert not tf.config.experimental.tensor_float_32_execution_enabled()
