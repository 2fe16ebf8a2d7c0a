"""The child process that measures this machine: ``python -m styled.planning.measuring_child`` with ``Trials`` on standard input.

It answers with one JSON object on standard output; everything else that is printed goes to standard error.
"""

from __future__ import annotations

import gc
import os
import sys
import time

import msgspec

from styled import tensorflow_import
from styled.files.decoding import from_json
from styled.planning.probing import Answer, Trial, Trials
from styled.planning.speeds import Speed


def main() -> int:
    """Measure what is asked; return the exit code."""
    stream = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # TensorFlow's C++ prints where it likes
    asked = from_json(sys.stdin.buffer.read(), Trials)
    tensorflow_import.load_tensorflow(owns_process=True)
    from styled.engine import measuring
    from styled.engine.network import device

    device.prepare()
    start_seconds = time.time() - asked.started_at
    is_alone = len(asked.trials) == 1
    measured = tuple(_measure(trial, start_seconds, is_alone=is_alone, matmul=asked.matmul) for trial in asked.trials)
    answer = Answer(
        measured=measured,
        default_precision=measuring.precision_of("auto"),
        device=device.name(),
    )
    stream.write(msgspec.json.encode(answer))
    stream.close()
    return 0


def _measure(trial: Trial, start_seconds: float, *, is_alone: bool, matmul: bool) -> Speed:
    from styled.engine import measuring
    from styled.settings import settings_from
    from styled.sizing.memory_use import TilingChoice

    settings = settings_from(trial.settings)
    precision = measuring.precision_of(settings.precision)
    history = settings.history if settings.optimizer == "lbfgs" else 0
    tiling = TilingChoice(trial.blocks, trial.tile, history, wanted=history, bytes=0, network_bytes=0, cost=0.0)
    found = measuring.measure(trial.width, trial.height, settings, tiling, steps=trial.steps)
    return Speed(
        width=trial.width,
        height=trial.height,
        blocks=trial.blocks,
        tile=trial.tile,
        precision=precision,
        optimizer=settings.optimizer,
        step_seconds=found.step_seconds,
        prepare_seconds=found.prepare_seconds,
        start_seconds=start_seconds,
        peak_bytes=found.peak_bytes if is_alone else None,
        matmul_gflops=measuring.matmul_gflops(precision) if matmul else None,
        gigabytes_per_second=measuring.gigabytes_per_second(precision) if matmul else None,
        at=time.time(),
    )


if __name__ == "__main__":
    code = main()
    gc.freeze()  # the process ends: Python would look at all its objects once more, half a second with TensorFlow's
    sys.exit(code)
