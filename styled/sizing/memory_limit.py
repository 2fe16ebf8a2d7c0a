"""How much memory a job may take, and what sets that limit."""

from __future__ import annotations

import math
import sys
from typing import NamedTuple

from styled import gpus, memory
from styled.settings import Settings

MARGIN = 0.9
"""Of what is free; the rest is for what other programs may yet want."""


TENSORFLOW_MAPS_BYTES = 900 * 2**20
"""Address space that TensorFlow takes beyond what is resident when it is loaded."""

THREADS_MAP_BYTES = 300 * 2**20
"""The same of the threads that it starts with the first step."""


BEFORE_TENSORFLOW_BYTES = 160 * 2**20
"""Of a worker while it reads its images: Python, NumPy, Pillow, the weights' digest."""


class Budget(NamedTuple):
    """A limit on a process's resident memory, or on its GPU memory."""

    bytes: float
    """Infinite where nothing is known."""
    source: str
    """Who sets it, in a few words."""
    is_strict: bool
    """The user has set it: what does not fit is refused, not tried."""


def budget(settings: Settings, *, on_gpu: bool, held_bytes: int = 0) -> Budget:
    """Return what a job may take: ``memory_limit``, else what is free less a tenth.

    Args:
        settings: ``memory_limit`` is used.
        on_gpu: TensorFlow paints on a GPU, whose memory counts then.
        held_bytes: of the GPU's memory this process has already, for whatever it paints next.
    """
    return _set_by_user(settings) or (_free_on_gpu(held_bytes) if on_gpu else _free())


def spare(settings: Settings, peak_bytes: int) -> float:
    """Return the bytes that this process may hold beside painting, in host memory; 0 where nothing is known of it.

    With a ``memory_limit`` what is free counts too, whichever is less: this memory is wanted, not needed.

    Args:
        settings: ``memory_limit`` is used.
        peak_bytes: what painting itself is predicted to have at most; 0 if that is unknown.
    """
    limits = [_free(), _set_by_user(settings)]
    allowed = min(limit.bytes for limit in limits if limit is not None)
    return max(0.0, allowed - max(peak_bytes, memory.process_bytes() or 0)) if math.isfinite(allowed) else 0.0


def _set_by_user(settings: Settings) -> Budget | None:
    limit = settings.memory_limit
    return None if limit == "auto" or not limit else Budget(limit * 2**30, "memory_limit", is_strict=True)


def has_own_limit(settings: Settings) -> bool:
    """Return whether ``memory_limit`` sets a limit, instead of what is free."""
    return _set_by_user(settings) is not None


def _free_on_gpu(held_bytes: int) -> Budget:
    # This process paints on one GPU, and which is known where TensorFlow is. A plan is of a worker, which gets the best.
    found = gpus.own() if "tensorflow" in sys.modules else gpus.freest(gpus.devices())
    if found is not None and found.free is not None:
        return Budget(MARGIN * (found.free + held_bytes), f"the free memory of GPU {found.label}", is_strict=False)
    known = [gpu.free for gpu in gpus.sample() if gpu.free is not None]
    if not known:
        return Budget(float("inf"), "no known limit", is_strict=False)
    # CUDA counts them otherwise than NVML does, by the user's wish: it is one of these.
    return Budget(MARGIN * (min(known) + held_bytes), "the least free memory of all GPUs", is_strict=False)


def _free() -> Budget:
    now = memory.sample()
    free = now.host_available
    source = "the control group's free memory" if now.limited else "the free memory of this machine"
    addressable = memory.address_space_left()
    if addressable is not None:
        unused = THREADS_MAP_BYTES + (0 if "tensorflow" in sys.modules else TENSORFLOW_MAPS_BYTES)
        addressable = max(0, addressable - unused)
    if addressable is not None and (free is None or addressable < free):
        free, source = addressable, "RLIMIT_AS, the limit on this process's address space"
    if free is None:
        return Budget(float("inf"), "no known limit", is_strict=False)
    # What this process has already is not free, and is its own.
    return Budget(MARGIN * (free + (memory.process_bytes() or 0)), source, is_strict=False)
