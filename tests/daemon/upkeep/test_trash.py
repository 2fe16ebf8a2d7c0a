"""What is left of deleted jobs: removed at a start, and when its disk is back."""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from styled.daemon.upkeep.trash import PREFIX, Trash
from styled.root import Root
from tests.deadlines import patience


def test_what_cannot_be_looked_at_is_said_and_looked_at_again(root: Root, monkeypatch: pytest.MonkeyPatch) -> None:
    left = root.evolution / f"{PREFIX}12345678-harbour"
    (left / "input").mkdir(parents=True)
    real, away = Path.glob, [True]

    def glob(path: Path, pattern: str) -> Iterator[Path]:
        if away[0]:
            raise OSError(errno.ENOTCONN, os.strerror(errno.ENOTCONN), str(path))
        return real(path, pattern)

    monkeypatch.setattr(Path, "glob", glob)
    with Trash(root) as trash, structlog.testing.capture_logs() as logs:
        trash.empty()
        assert "Transport endpoint is not connected" in logs[0]["error"]
        away[0] = False
        trash.empty()
        trash._thread.close(time.monotonic() + patience(10))
        assert not left.exists()
