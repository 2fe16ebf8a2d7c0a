"""The store's root, store and clock; an inbox that is driven."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import structlog

from styled import images
from styled.root import Root
from styled.store.store import Store
from tests.inbox.driver import Driver, SharedChecker
from tests.store.conftest import FakeClock, add_job, clock, root, store

__all__ = ["add_job", "clock", "root", "store"]


@pytest.fixture(scope="module")
def one_checking_child() -> Iterator[None]:
    shared: dict[tuple[float, ...], SharedChecker] = {}

    def checker(*, max_bytes: int, max_pixels: int, seconds: float) -> SharedChecker:
        limits = max_bytes, max_pixels, seconds
        return shared.setdefault(limits, SharedChecker(max_bytes=max_bytes, max_pixels=max_pixels, seconds=seconds))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(images, "Checker", checker)
        yield
    for each in shared.values():
        each.close()


@pytest.fixture
def drive(root: Root, store: Store, clock: FakeClock, one_checking_child: None) -> Iterator[Driver]:
    structlog.configure(
        processors=[structlog.processors.JSONRenderer()], logger_factory=structlog.ReturnLoggerFactory()
    )
    driver = Driver(root, store, clock)
    yield driver
    driver.inbox.close()
    structlog.reset_defaults()
