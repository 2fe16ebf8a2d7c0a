"""Roots and daemons for the fault tests."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from styled.root import Root
from tests.faults.daemon_process import DaemonProcess


@pytest.fixture
def root(tmp_path: Path) -> Root:
    """An empty root."""
    root = Root.at(tmp_path / "root")
    root.path.mkdir()
    return root


@pytest.fixture
def daemon(root: Root) -> Iterator[DaemonProcess]:
    """A running daemon with the synthetic worker."""
    with DaemonProcess(root) as daemon:
        yield daemon


@pytest.fixture
def public() -> Iterator[Path]:
    """A folder that every user comes to; those of pytest are closed, and closed again by each session of it."""
    place = Path(tempfile.mkdtemp(prefix="styled-"))
    place.chmod(0o711)
    yield place
    shutil.rmtree(place)
