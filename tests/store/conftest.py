"""A root, a store, real images and a clock that only moves when told to."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from styled.job import Job
from styled.root import Root
from styled.store.store import Store


class FakeClock:
    """Seconds that pass only when a test says so."""

    def __init__(self, now: float = 1000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now

    def pass_by(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def root(tmp_path: Path) -> Root:
    found = Root(tmp_path)
    found.inbox.mkdir()
    found.evolution.mkdir()
    return found


@pytest.fixture
def store(root: Root, clock: FakeClock) -> Iterator[Store]:
    with Store.open(root, clock=clock) as opened:
        yield opened


@pytest.fixture
def add_job(store: Store) -> Callable[..., Job]:
    """Adds a job that differs from the others."""

    def add(name: str = "harbour", **fields: Any) -> Job:
        number = store.next_number()
        required = {
            "id": f"20261122-2015{number:02d}-{name}",
            "content": "input/content.png",
            "styles": ("input/style.png",),
        }
        return store.add(number=number, name=name, **{**required, **fields})

    return add


def png(red: int = 0, side: int = 16) -> bytes:
    """A small real image, no smaller than the network can see; ``red`` distinguishes it from others."""
    buffer = io.BytesIO()
    Image.new("RGB", (side, side), (red % 256, red // 256 % 256, 7)).save(buffer, "PNG")
    return buffer.getvalue()
