"""A gate in the middle of writing a file, for tests about what happens meanwhile."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from tests.deadlines import patience


class Gate:
    """Stands where a file is written: holds each writing until it is opened, then does it, or fails if told to.

    Args:
        write: the real function: ``numpy.lib.format.write_array`` in a checkpoint, ``images.save`` for a frame.
    """

    def __init__(self, write: Callable[..., None]) -> None:
        self._write = write
        self.reached = threading.Event()
        """A write has begun."""
        self._opened = threading.Event()
        self.failure: Exception | None = None
        """What a write ends with when the gate is opened."""
        self._writing = 0
        self.most_at_once = 0

    def write(self, *arguments: Any, **options: Any) -> None:
        """Write when the gate is open."""
        self._writing += 1
        self.most_at_once = max(self.most_at_once, self._writing)
        try:
            self.reached.set()
            assert self._opened.wait(patience(10)), "nobody opened the gate"
            if self.failure is not None:
                raise self.failure
            self._write(*arguments, **options)
        finally:
            self._writing -= 1

    def open(self) -> None:
        """Let all pass."""
        self._opened.set()

    def opens_and_memory_runs_out_at(self, step: int) -> Callable[[int], None]:
        """Return what a painting is to do before each of its steps."""

        def at(now: int) -> None:
            if now == step:
                self.open()
                raise MemoryError(f"no memory for step {step}")

        return at


def threads_left() -> list[str]:
    """Return the names of the threads that write checkpoints and frames."""
    return [thread.name for thread in threading.enumerate() if thread.name.startswith(("checkpoint", "frame"))]
