"""The store's root, store and clock."""

from __future__ import annotations

from tests.store.conftest import add_job, clock, root, store

__all__ = ["add_job", "clock", "root", "store"]
