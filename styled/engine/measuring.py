"""Measures real steps: the same network, objective and optimiser as a job's, on pictures of noise.

Seconds are of the wall clock, as a user sees them.
"""

from __future__ import annotations

import time
from typing import Any, Literal, NamedTuple

import numpy as np
import tensorflow as tf

from styled import memory
from styled.engine.network import precision
from styled.engine.objective.gradient import extractor_for, gradient_for
from styled.engine.optimise.optimizers import optimizer_for
from styled.settings import Settings
from styled.sizing.memory_use import Precision, TilingChoice


class Measured(NamedTuple):
    """What one size took."""

    prepare_seconds: float
    """Network, targets, and the first step, which also compiles."""
    step_seconds: float
    """Median of the steps after it."""
    cpu_seconds: float
    """Processor time of a step, all cores together."""
    peak_bytes: int | None
    """The most this process has had resident up to now; None where unknown."""


def measure(width: int, height: int, settings: Settings, tiling: TilingChoice, *, steps: int) -> Measured:
    """Paint ``steps`` steps after a first one and return how long they take.

    Args:
        width: of the picture, px.
        height: of the picture, px.
        settings: of the job; its size and scales do not matter.
        tiling: how to tile.
        steps: at least 1.
    """
    began = time.monotonic()
    content, style, start = (_noise(width, height, seed) for seed in range(3))
    gradient = gradient_for(extractor_for(settings), content, [style], settings, tiling=tiling)
    optimizer = optimizer_for(settings, start, gradient, history=tiling.history)
    optimizer.step()
    prepared = time.monotonic()
    seconds = []
    cpu = time.process_time()
    for _ in range(steps):
        before = time.monotonic()
        optimizer.step().numpy()
        seconds.append(time.monotonic() - before)
    cpu = (time.process_time() - cpu) / steps
    return Measured(prepared - began, float(np.median(seconds)), cpu, memory.process_peak_bytes())


def precision_of(setting: Literal["auto", "float32", "bfloat16", "float16"]) -> Precision:
    """Return the number format that the setting ``precision`` means on this machine."""
    name: Precision = precision.dtype_for(setting).name
    return name


def matmul_gflops(precision: Precision, *, side: int = 2048, seconds: float = 1.0) -> float:
    """Return the speed of this machine's matrix product, 10^9 multiplications and additions a second."""
    a = tf.cast(tf.random.uniform((side, side)), precision)
    tf.matmul(a, a).numpy()
    fastest, ends = float("inf"), time.monotonic() + seconds
    while time.monotonic() < ends:
        before = time.monotonic()
        tf.matmul(a, a).numpy()
        fastest = min(fastest, time.monotonic() - before)
    return 2 * side**3 / fastest / 1e9


def _noise(width: int, height: int, seed: int) -> Any:
    generator = np.random.default_rng(seed)
    return tf.constant(generator.integers(0, 256, (1, height, width, 3), np.uint8), tf.float32)
