"""Sees which tests load TensorFlow or start processes, so that their marks are true and ``pytest -m fast`` stays fast."""

from __future__ import annotations

import sys
from typing import Any

_STARTS = ("subprocess.Popen", "os.posix_spawn", "os.fork", "os.forkpty", "os.system")

_seen: set[str] = set()


def begin() -> None:
    """Watch this process from now on: Python has no way to take an audit hook back."""
    sys.addaudithook(_see)


def take() -> set[str]:
    """Return which of ``tensorflow`` and ``processes`` was seen since the last call."""
    seen = set(_seen)
    _seen.clear()
    return seen


def _see(event: str, arguments: tuple[Any, ...]) -> None:
    if event == "import":
        if arguments[0] == "tensorflow":
            _seen.add("tensorflow")
    elif event in _STARTS:
        _seen.add("processes")
