"""What the daemon's tests share: a root in a temporary folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from styled.root import Root


@pytest.fixture
def root(tmp_path: Path) -> Root:
    """An empty root with its folders."""
    root = Root.at(tmp_path / "root")
    for folder in (root.inbox, root.evolution, root.state):
        folder.mkdir(parents=True)
    return root
