"""NVIDIA's GPUs: which there are, which a process may use, which of them is its own. Unknown is None; nothing raises.

A GPU is named by its UUID: NVML numbers cards by their place on the bus, CUDA by their speed unless it is told
otherwise, and a slice of a card (MIG) has no number at all.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

VISIBLE, ORDER = "CUDA_VISIBLE_DEVICES", "CUDA_DEVICE_ORDER"

BY_BUS = "PCI_BUS_ID"
"""The order in which CUDA numbers cards as NVML, and so ``nvidia-smi``, does. All processes that paint have it."""

LEAST_FREE_BYTES = 2 * 2**30
"""A GPU with less free memory is another program's: no picture of a usual size fits."""


class Gpu(msgspec.Struct, frozen=True, kw_only=True):
    """One NVIDIA GPU at one moment: a card, or a slice of one that is split (MIG)."""

    index: int
    """Of the card, as ``nvidia-smi`` numbers it."""
    slice: int | None = None
    """Of a card that is split; None: all of it."""
    uuid: str | None = None
    """What CUDA knows it by; None: nothing can be run there."""
    name: str | None = None
    used: int | None = None
    """Bytes, of all processes together."""
    total: int | None = None
    """Bytes."""
    utilisation: int | None = None
    """Percent of the last second or so in which something ran."""
    temperature: int | None = None
    """Degrees Celsius."""

    @property
    def label(self) -> str:
        """Its number on screen: ``0``, of a slice ``0:1``."""
        return str(self.index) if self.slice is None else f"{self.index}:{self.slice}"

    @property
    def free(self) -> int | None:
        """Bytes that no process has."""
        return None if self.used is None or self.total is None else max(0, self.total - self.used)

    @property
    def is_usable(self) -> bool:
        """It answers, and CUDA has a name for it: not one that is lost, nor a card that is to be split and is not yet."""
        return self.uuid is not None and self.free is not None


class Device(NamedTuple):
    """What a worker may be given."""

    value: str
    """Of ``CUDA_VISIBLE_DEVICES``."""
    gpu: Gpu | None = None
    """Which that is; None where it is not known."""

    @property
    def has_room(self) -> bool:
        """Another program leaves memory enough to paint, as far as is known."""
        return self.gpu is None or self.gpu.free is None or self.gpu.free >= LEAST_FREE_BYTES


def sample() -> tuple[Gpu, ...]:
    """Return the GPUs of this machine as they are now; empty without a driver. A millisecond after the first call."""
    import pynvml  # 30 ms, and most commands never ask

    try:
        pynvml.nvmlInit()  # after the first time only a counter in NVML; so a driver that comes late is found
        count = pynvml.nvmlDeviceGetCount()
    except pynvml.NVMLError:
        return ()  # no driver, no NVIDIA GPU, or a driver that was updated beneath us
    return tuple(gpu for index in range(count) for gpu in _card(pynvml, index))


def devices(environment: Mapping[str, str] | None = None) -> list[Device]:
    """Return what may be painted on: the GPUs of this machine, or those that ``CUDA_VISIBLE_DEVICES`` leaves.

    Args:
        environment: of the process that starts workers; None: this one's.
    """
    environment = os.environ if environment is None else environment
    found = sample()
    allowed = environment.get(VISIBLE)
    if allowed is None:
        return [Device(gpu.uuid, gpu) for gpu in found if gpu.is_usable and gpu.uuid]
    entries = [(entry, _named(entry, found, environment)) for entry in _entries(allowed)]
    return [Device(gpu.uuid if gpu and gpu.uuid else entry, gpu) for entry, gpu in entries if not gpu or gpu.is_usable]


def own(environment: Mapping[str, str] | None = None) -> Gpu | None:
    """Return the GPU that TensorFlow paints on in a process: the first one that CUDA shows it; None if that is not known.

    Args:
        environment: of the process; None: this one's.
    """
    environment = os.environ if environment is None else environment
    found = sample()
    if len(found) == 1:
        return found[0]
    allowed = environment.get(VISIBLE)
    if allowed is not None:
        first = next(iter(_entries(allowed)), None)
        return None if first is None else _named(first, found, environment)
    usable = [gpu for gpu in found if gpu.is_usable]
    return usable[0] if usable and environment.get(ORDER) == BY_BUS else None


def freest(choice: Sequence[Device]) -> Gpu | None:
    """Return the GPU with the most free memory; None if nothing is known of any."""
    known = [device.gpu for device in choice if device.gpu is not None]
    return max(known, key=lambda gpu: gpu.free or 0, default=None)


def _entries(allowed: str) -> list[str]:
    """Return the entries of ``CUDA_VISIBLE_DEVICES`` that count: CUDA shows none behind one that is no device."""
    counting: list[str] = []
    for entry in (each.strip() for each in allowed.split(",")):
        if not entry or entry.startswith("-"):
            break
        counting.append(entry)
    return counting


def _named(entry: str, found: Sequence[Gpu], environment: Mapping[str, str]) -> Gpu | None:
    """Return the GPU that an entry names: a number, or a UUID, of which the beginning is enough for CUDA."""
    if entry.isdecimal():
        # Workers are told to count as NVML does, unless the user has them count otherwise.
        is_known = environment.get(ORDER, BY_BUS) == BY_BUS
        named = [gpu for gpu in found if is_known and gpu.slice is None and gpu.index == int(entry)]
    else:
        named = [gpu for gpu in found if gpu.uuid is not None and gpu.uuid.startswith(entry)]
    return named[0] if len(named) == 1 else None


def _card(nvml: Any, index: int) -> Iterator[Gpu]:
    """Yield a card, or the slices that it is split into."""

    def ask(question: Callable[..., Any], *arguments: Any) -> Any:
        try:
            return question(*arguments)
        except nvml.NVMLError:
            return None  # not supported by this GPU, or it has fallen off the bus

    handle = ask(nvml.nvmlDeviceGetHandleByIndex, index)
    if handle is None:
        yield Gpu(index=index)
        return
    mode = ask(nvml.nvmlDeviceGetMigMode, handle)
    if not mode or mode[0] != nvml.NVML_DEVICE_MIG_ENABLE:
        yield _asked(nvml, ask, handle, index=index, uuid=ask(nvml.nvmlDeviceGetUUID, handle))
        return
    places = range(ask(nvml.nvmlDeviceGetMaxMigDeviceCount, handle) or 0)
    handles = [(place, ask(nvml.nvmlDeviceGetMigDeviceHandleByIndex, handle, place)) for place in places]
    slices = [(place, each) for place, each in handles if each is not None]
    for place, each in slices:
        yield _asked(nvml, ask, each, index=index, slice=place, uuid=ask(nvml.nvmlDeviceGetUUID, each))
    if not slices:
        yield _asked(nvml, ask, handle, index=index, uuid=None)  # split into nothing: nothing runs there


def _asked(nvml: Any, ask: Callable[..., Any], handle: Any, **which: Any) -> Gpu:
    memory, rates = ask(nvml.nvmlDeviceGetMemoryInfo, handle), ask(nvml.nvmlDeviceGetUtilizationRates, handle)
    temperature = ask(nvml.nvmlDeviceGetTemperatureV, handle, nvml.NVML_TEMPERATURE_GPU)
    if temperature is None:  # older drivers have only the call that newer ones will drop
        temperature = ask(nvml.nvmlDeviceGetTemperature, handle, nvml.NVML_TEMPERATURE_GPU)
    return Gpu(
        **which,
        name=ask(nvml.nvmlDeviceGetName, handle),
        used=None if memory is None else memory.used,
        total=None if memory is None else memory.total,
        utilisation=None if rates is None else rates.gpu,
        temperature=temperature,
    )
