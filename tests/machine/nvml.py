"""NVML as it is on machines that are not here: several cards, split ones, full ones, one that has fallen off the bus."""

from __future__ import annotations

from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

GIB = 2**30


@dataclass(frozen=True)
class Card:
    """One card, or a slice of one."""

    uuid: str
    name: str = "NVIDIA A100"
    used: int = 3 * GIB
    total: int = 40 * GIB
    is_lost: bool = False
    is_split: bool = False
    slices: tuple[Card | None, ...] = ()
    """Of one that is split, by place; None: nothing is there."""


class FakeNvml:
    """What is used of ``pynvml``, of these cards in the order of their places on the bus.

    Args:
        cards: the cards.
        driver: whether there is one.
        old: a driver that has the older of two calls, and knows nothing of slices.
    """

    NVML_TEMPERATURE_GPU = 0
    NVML_DEVICE_MIG_ENABLE = 1

    class NVMLError(Exception):
        """What every call may raise."""

    def __init__(self, *cards: Card, driver: bool = True, old: bool = False) -> None:
        self.cards, self.driver, self.old = list(cards), driver, old

    def nvmlInit(self) -> None:
        self._only_if(self.driver)

    def nvmlDeviceGetCount(self) -> int:
        return len(self.cards)

    def nvmlDeviceGetHandleByIndex(self, index: int) -> Card:
        self._only_if(not self.cards[index].is_lost)
        return self.cards[index]

    def nvmlDeviceGetMigMode(self, handle: Card) -> list[int]:
        self._only_if(not self.old)
        return [int(handle.is_split), int(handle.is_split)]

    def nvmlDeviceGetMaxMigDeviceCount(self, handle: Card) -> int:
        return len(handle.slices)

    def nvmlDeviceGetMigDeviceHandleByIndex(self, handle: Card, index: int) -> Card:
        found = handle.slices[index]
        self._only_if(found is not None)
        assert found is not None
        return found

    def nvmlDeviceGetUUID(self, handle: Card) -> str:
        return handle.uuid

    def nvmlDeviceGetName(self, handle: Card) -> str:
        return handle.name

    def nvmlDeviceGetMemoryInfo(self, handle: Card) -> Any:
        return SimpleNamespace(used=handle.used, total=handle.total)

    def nvmlDeviceGetUtilizationRates(self, handle: Card) -> Any:
        raise self.NVMLError  # as on a card that is split

    def nvmlDeviceGetTemperatureV(self, handle: Card, sensor: int) -> int:
        self._only_if(not self.old)
        return 61

    def nvmlDeviceGetTemperature(self, handle: Card, sensor: int) -> int:
        return 60

    def _only_if(self, it_works: bool) -> None:
        if not it_works:
            raise self.NVMLError
