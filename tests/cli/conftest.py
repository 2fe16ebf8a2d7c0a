"""What the command line's tests share: running the real command, and one daemon for a whole file."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from styled.root import Root
from tests.deadlines import patience
from tests.faults import warm
from tests.faults.daemon_process import DaemonProcess

Styled = Callable[..., subprocess.CompletedProcess[str]]
"""Runs ``styled`` with arguments on a root, in a process of its own."""


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Root:
    """An empty root, the same for all tests of a file."""
    root = Root.at(tmp_path_factory.mktemp("cli") / "root")
    root.make_state()
    return root


@pytest.fixture(scope="module")
def daemon(root: Root) -> Iterator[DaemonProcess]:
    """A running daemon with the synthetic worker, the same for all tests of a file."""
    with DaemonProcess(root) as daemon:
        yield daemon


@pytest.fixture(scope="module")
def styled(root: Root) -> Styled:
    """Run the real command on the root."""

    def run(*arguments: str | Path, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, "STYLED_ROOT": str(root.path), "COLUMNS": "100"}
        return warm.run([*map(str, arguments)], environment=environment, timeout=patience(30), cwd=cwd)

    return run
