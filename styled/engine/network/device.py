"""The device TensorFlow paints on: how it is set up, its name, and the memory it has used."""

from __future__ import annotations

import ctypes
from contextlib import suppress

import tensorflow as tf

# Of glibc's <malloc.h>.
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8
_LARGEST_INT = 2**31 - 1

CONTEXT_BYTES = 400 * 2**20
"""Of a GPU's memory that a process has before TensorFlow takes any. Reckoned, not measured."""


def prepare() -> None:
    """Set this process up for painting, before the first tensor where that is still possible. May be called again.

    TensorFlow takes GPU memory as it needs it, not all at once, and multiplies float32 as float32: GPUs would
    leave out thirteen of its bits, and ``precision = "float32"`` would mean something else there. And the C library keeps what TensorFlow's CPU
    kernels give back: by default each array above 32 MiB is mapped again and unmapped after use, and the kernel
    clears its pages every time, in every layer of every step.
    """
    _keep_freed_memory()
    tf.get_logger().setLevel("ERROR")  # it warns that tiles of several shapes are traced once each, as they must be
    for gpu in tf.config.list_physical_devices("GPU"):
        with suppress(RuntimeError, ValueError):  # settled: by a program that has used it before, by hold_to()
            tf.config.experimental.set_memory_growth(gpu, True)
    tf.config.experimental.enable_tensor_float_32_execution(False)


def hold_to(limit_bytes: float | None) -> bool:
    """Have TensorFlow take no more of the GPU's memory than this; return whether it does.

    Only before the first tensor. On CPUs TensorFlow has no such limit: there it is held by what is planned.

    Args:
        limit_bytes: of GPU memory, the context included; None: as much as there is.
    """
    if limit_bytes is None:
        return False
    for gpu in tf.config.list_physical_devices("GPU"):
        megabytes = max(1, int((limit_bytes - CONTEXT_BYTES) / 2**20))
        try:
            tf.config.set_logical_device_configuration(
                gpu, [tf.config.LogicalDeviceConfiguration(memory_limit=megabytes)]
            )
        except RuntimeError:  # it has been used: an earlier picture of this process has settled it
            return False
        return True  # the first one is what is painted on
    return False


def is_held() -> bool:
    """Return whether :func:`hold_to` has set a limit, which this process cannot be rid of."""
    return any(tf.config.get_logical_device_configuration(gpu) for gpu in tf.config.list_physical_devices("GPU"))


def _keep_freed_memory() -> None:
    # One arena: only the main one can hold arrays of any size.
    for parameter, value in ((_M_ARENA_MAX, 1), (_M_MMAP_THRESHOLD, _LARGEST_INT), (_M_TRIM_THRESHOLD, _LARGEST_INT)):
        _mallopt(parameter, value)


def give_back_arrays_from(size: int | None) -> None:
    """Give arrays of at least ``size`` bytes back to the system when they are freed; None keeps all again.

    For pictures so large that a few of them fill the memory: kept, the gaps they leave between smaller arrays are some
    two gigabytes at 24 Mpx. There a step takes a minute, and clearing their pages again a second.
    """
    _mallopt(_M_MMAP_THRESHOLD, _LARGEST_INT if size is None else min(size, _LARGEST_INT))


def give_back_freed_memory() -> None:
    """Give what has been freed back to the system: a process that goes on to do other things should not keep it."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:  # glibc
        trim(0)


def _mallopt(parameter: int, value: int) -> None:
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:  # glibc
        mallopt(parameter, value)


def name() -> str:
    """Return the first GPU's name, else ``cpu``."""
    gpus = tf.config.list_physical_devices("GPU")
    if not gpus:
        return "cpu"
    return str(tf.config.experimental.get_device_details(gpus[0]).get("device_name", "gpu"))


def peak_memory_bytes() -> int | None:
    """Return the most memory this process has used on the first GPU since :func:`forget_peak`, None without one."""
    if not tf.config.list_physical_devices("GPU"):
        return None
    return int(tf.config.experimental.get_memory_info("GPU:0")["peak"])


_held_before = [0]
"""The most memory used up to the last :func:`forget_peak`."""


def held_bytes() -> int:
    """Return the least that TensorFlow's pool on the first GPU has; 0 without one.

    The pool gives nothing back: to the next picture of this process it is free, though NVML counts it as used.
    """
    return max(peak_memory_bytes() or 0, *_held_before, 0)


def forget_peak() -> None:
    """Have :func:`peak_memory_bytes` begin again: the next picture's."""
    if tf.config.list_physical_devices("GPU"):
        _held_before[0] = held_bytes()
        tf.config.experimental.reset_memory_stats("GPU:0")
