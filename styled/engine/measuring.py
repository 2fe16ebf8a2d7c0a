"""Measures real steps: the same network, objective and optimiser as a job's, on pictures of noise.

Seconds are of the wall clock, as a user sees them.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Literal, NamedTuple

import numpy as np
import tensorflow as tf

from styled import memory
from styled.engine.network import device, precision
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
    """The most this process has had up to now, of the GPU's memory where it paints on one; None where unknown."""


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
    return Measured(prepared - began, float(np.median(seconds)), cpu, peak_bytes())


def precision_of(setting: Literal["auto", "float32", "bfloat16", "float16"]) -> Precision:
    """Return the number format that the setting ``precision`` means on this machine."""
    name: Precision = precision.dtype_for(setting).name
    return name


def peak_bytes() -> int | None:
    """Return the most memory this process has had, of the GPU's where it paints on one; None where unknown."""
    on_gpu = device.peak_memory_bytes()
    return memory.process_peak_bytes() if on_gpu is None else on_gpu


def matmul_gflops(precision: Precision, *, side: int | None = None) -> float:
    """Return the speed of this machine's matrix product, 10^9 multiplications and additions a second.

    Args:
        precision: of the matrices.
        side: of the matrices; None: large enough for this device.
    """
    side = side or (8192 if tf.config.list_physical_devices("GPU") else 2048)
    a = tf.cast(tf.random.uniform((side, side)), precision)
    # A number comes back, not the matrix: that would take longer than the product on a GPU.
    return 2 * side**3 / _fastest(lambda: tf.matmul(a, a)[0, 0]) / 1e9


def gigabytes_per_second(precision: Precision) -> float:
    """Return how fast this machine reads a large array and writes another: 10^9 bytes a second, both counted."""
    megabytes = 256 if tf.config.list_physical_devices("GPU") else 64  # more than caches hold
    a = tf.ones((megabytes * 10**6 // tf.as_dtype(precision).size,), precision)
    return 2 * megabytes * 1e6 / _fastest(lambda: tf.negative(a)[0]) / 1e9


def _fastest(operation: Callable[[], Any], *, seconds: float = 1.0) -> float:
    """Return the least seconds that an operation takes, of as many as there is time for."""
    operation().numpy()
    fastest, ends = float("inf"), time.monotonic() + seconds
    while time.monotonic() < ends:
        before = time.monotonic()
        operation().numpy()
        fastest = min(fastest, time.monotonic() - before)
    return fastest


def _noise(width: int, height: int, seed: int) -> Any:
    generator = np.random.default_rng(seed)
    return tf.constant(generator.integers(0, 256, (1, height, width, 3), np.uint8), tf.float32)
