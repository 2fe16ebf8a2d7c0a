"""Writes checkpoints while painting goes on: serialised, synced and renamed by one thread."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Any

import numpy as np
import numpy.typing as npt

from styled.evolution.checkpoint import save_checkpoint
from styled.evolution.fence import Fence
from styled.evolution.folder import JobFolder


class CheckpointWriter:
    """Writes one checkpoint at a time; to write in the foreground is to begin and to wait.

    Leaving the ``with`` block waits for the one under way, and raises what went wrong with it: a worker that has ended
    writes no more, and nothing fails unheard.

    Args:
        folder: the job's folder.
        fence: checked before a slot is replaced: a successor may have come while it was written.
    """

    def __init__(self, folder: JobFolder, fence: Fence) -> None:
        self._folder, self._fence = folder, fence
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="checkpoint")
        self._under_way: Future[int] | None = None

    @property
    def is_busy(self) -> bool:
        """One was begun, and :meth:`ended` has not returned it yet."""
        return self._under_way is not None

    def begin(self, arrays: Mapping[str, npt.NDArray[np.generic]], meta: Mapping[str, Any]) -> None:
        """Begin to write what :func:`~styled.evolution.save_checkpoint` takes; the arrays must not change any more.

        Raises:
            RuntimeError: one is under way.
        """
        if self._under_way is not None:
            raise RuntimeError("a checkpoint is being written: two at once would replace the same slot")
        self._under_way = self._thread.submit(self._write, arrays, dict(meta))

    def _write(self, arrays: Mapping[str, npt.NDArray[np.generic]], meta: Mapping[str, Any]) -> int:
        save_checkpoint(self._folder, arrays, meta, before_replacing=self._fence.check)
        return int(meta["step"])

    def ended(self, *, wait: bool = False) -> int | None:
        """Return the step of a checkpoint that is durable and was not returned yet, None if there is none.

        Args:
            wait: until the one under way has ended.

        Raises:
            DiskFull: not enough space for it; both slots are as before, as after any other error.
            Superseded: another worker has taken over the folder.
        """
        if self._under_way is None or not (wait or self._under_way.done()):
            return None
        ended, self._under_way = self._under_way, None
        return ended.result()

    def __enter__(self) -> CheckpointWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._thread.shutdown()
        self.ended()
