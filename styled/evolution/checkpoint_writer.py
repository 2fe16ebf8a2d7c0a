"""Writes checkpoints while painting goes on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from styled.evolution.background import Background
from styled.evolution.checkpoint import save_checkpoint
from styled.evolution.fence import Fence
from styled.job_folder import JobFolder


class CheckpointWriter(Background[int]):
    """Writes one checkpoint at a time: two at once would replace the same slot. Gives the step of each.

    Args:
        folder: the job's folder.
        fence: checked before a slot is replaced: a successor may have come while it was written.
    """

    def __init__(self, folder: JobFolder, fence: Fence) -> None:
        super().__init__("checkpoint")
        self._folder, self._fence = folder, fence

    def begin(self, arrays: Mapping[str, npt.NDArray[np.generic]], meta: Mapping[str, Any]) -> None:
        """Begin to write what :func:`~styled.evolution.save_checkpoint` takes; the arrays must not change any more.

        Raises:
            RuntimeError: one is under way.
        """
        meta = dict(meta)
        self._begin(lambda: self._write(arrays, meta))

    def _write(self, arrays: Mapping[str, npt.NDArray[np.generic]], meta: Mapping[str, Any]) -> int:
        save_checkpoint(self._folder, arrays, meta, before_replacing=self._fence.check)
        return int(meta["step"])
