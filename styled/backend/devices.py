"""Which GPU a worker on this machine gets, how many may paint at once, and what goes into a worker's environment."""

from __future__ import annotations

import math
import os
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Literal

import structlog

from styled import gpus
from styled.control_groups.cores import allowed, cores
from styled.gpus import Device

_LOOK_AGAIN_S = 10.0
"""What GPUs there are, and how full they are, is believed for so long; before a worker starts it is asked anew."""

_COMPILED_BYTES = str(4 * 2**30 - 1)
"""What the driver may keep of what it has compiled; its own bound, 1 GiB, is less than TensorFlow's kernels take."""


class Devices:
    """The GPUs of this machine, as workers are given them.

    Args:
        look: finds them; asked again and again, since a driver may come late and a card fall off the bus.
        compiled: folder for what the driver compiles where TensorFlow has no binaries for a GPU; None: the driver's own.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        look: Callable[[], Sequence[Device]] = list,
        compiled: Path | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._look, self._compiled, self._clock = look, compiled, clock
        self._known: Sequence[Device] = ()
        self._looked_at = -math.inf
        self._log = structlog.get_logger("runner")

    def capacity(self, parallel: int | Literal["auto"], taken: Iterable[str]) -> int:
        """Return how many jobs run at once: ``parallel``, or with ``auto`` as many as there are GPUs with room, else 1.

        Args:
            parallel: as configured.
            taken: the GPUs of the workers that there are: they are full of what is ours.
        """
        if parallel != "auto":
            return parallel
        ours = set(taken)
        return max(1, sum(device.has_room or device.value in ours for device in self._found()))

    def for_next(self, taken: Iterable[str]) -> str:
        """Return what the next worker gets: the GPU with the fewest workers, of those the one with the most free memory.

        Args:
            taken: the GPUs of the workers that there are, one for each.

        Returns:
            A value of ``CUDA_VISIBLE_DEVICES``; empty without GPUs.
        """
        workers = Counter(taken)

        def load(device: Device) -> tuple[bool, int, int]:
            free = (device.gpu.free or 0) if device.gpu else 0
            return not (device.has_room or workers[device.value]), workers[device.value], -free

        return min(self._found(at_once=True), key=load, default=Device("")).value

    def variables(self, device: str, parallel: int) -> dict[str, str]:
        """Return what is added to a worker's environment: the GPU it may use, the threads it may start.

        Args:
            device: from :meth:`for_next`.
            parallel: jobs at once.
        """
        if device:
            added = {gpus.VISIBLE: device, "TF_FORCE_GPU_ALLOW_GROWTH": "true"}
            if self._compiled is not None and "CUDA_CACHE_PATH" not in os.environ:
                # The driver's own place is in the home folder, which a service may not see: every worker would compile.
                added |= {"CUDA_CACHE_PATH": str(self._compiled.absolute()), "CUDA_CACHE_MAXSIZE": _COMPILED_BYTES}
            return added
        # TensorFlow starts as many as it may run on, unless the user says how many.
        usable = cores()
        if parallel == 1 and (usable == allowed() or "TF_NUM_INTRAOP_THREADS" in os.environ):
            return {}
        threads = str(max(1, usable // parallel))
        return {"OMP_NUM_THREADS": threads, "TF_NUM_INTRAOP_THREADS": threads}

    def _found(self, *, at_once: bool = False) -> Sequence[Device]:
        if at_once or self._clock() >= self._looked_at + _LOOK_AGAIN_S:
            before, self._known = self._known, self._look()
            is_first, self._looked_at = self._looked_at == -math.inf, self._clock()
            values = [device.value for device in self._known]
            if values != [device.value for device in before] and not is_first:
                say = self._log.info if len(values) >= len(before) else self._log.warning
                say("GPUs to paint on", devices=",".join(values) or "none: the processor paints")
        return self._known
