"""What the daemon's tests share: a root in a temporary folder."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from styled.config import QueueConfig
from styled.root import Root
from tests.daemon.workshop import FAULTS, Workshop


@pytest.fixture
def root(tmp_path: Path) -> Root:
    """An empty root with its folders."""
    root = Root.at(tmp_path / "root")
    for folder in (root.inbox, root.evolution, root.state):
        folder.mkdir(parents=True)
    return root


@pytest.fixture
def workshop(root: Root, monkeypatch: pytest.MonkeyPatch) -> Iterator[Workshop]:
    """A dispatcher to turn by hand; no back-off, two attempts."""
    monkeypatch.setenv("PYTHONPATH", str(FAULTS), prepend=os.pathsep)
    workshop = Workshop(root, QueueConfig(max_attempts=2, backoff_s=(0.0,), stop_grace_s=20.0))
    yield workshop
    workshop.close()
