"""How much memory a job may take, and who says so."""

from __future__ import annotations

from typing import NamedTuple

from styled import memory
from styled.settings import Settings

MARGIN = 0.9
"""Of what is free; the rest is for what other programs may yet want."""


class Budget(NamedTuple):
    """A limit on a process's resident memory, or on its GPU memory."""

    bytes: float
    """Infinite where nothing is known."""
    source: str
    """Who sets it, in a few words."""
    is_strict: bool
    """The user has set it: what does not fit is refused, not tried."""


def budget(settings: Settings, *, on_gpu: bool) -> Budget:
    """Return what a job may take: ``memory_limit``, else what is free less a tenth.

    Args:
        settings: ``memory_limit`` is used.
        on_gpu: TensorFlow paints on a GPU, whose memory counts then.
    """
    if settings.memory_limit > 0:
        return Budget(settings.memory_limit * 2**30, "memory_limit", is_strict=True)
    now = memory.sample()
    if on_gpu:
        gpus = [gpu for gpu in now.gpus if gpu.total and gpu.used is not None]
        free = min((gpu.total - gpu.used for gpu in gpus), default=None)  # type: ignore[operator]  # sorted out above
        source = "the GPU's free memory"
    else:
        # What this process has already is not free, and is its own.
        free = None if now.host_available is None else now.host_available + (memory.process_bytes() or 0)
        source = "the control group's free memory" if now.limited else "the free memory of this machine"
    if free is None:
        return Budget(float("inf"), "no known limit", is_strict=False)
    return Budget(MARGIN * free, source, is_strict=False)
