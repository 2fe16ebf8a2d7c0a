"""The device TensorFlow paints on: how it is set up, its name, and the memory it has used."""

from __future__ import annotations

import ctypes
from contextlib import suppress

import tensorflow as tf

# Of glibc's <malloc.h>.
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8
_LARGEST_INT = 2**31 - 1


def prepare() -> None:
    """Set this process up for painting, before the first tensor where that is still possible. May be called again.

    TensorFlow takes GPU memory as it needs it, not all at once. And the C library keeps what TensorFlow's CPU
    kernels give back: by default each array above 32 MiB is mapped again and unmapped after use, and the kernel
    clears its pages every time, in every layer of every step.
    """
    _keep_freed_memory()
    tf.get_logger().setLevel("ERROR")  # it warns that tiles of several shapes are traced once each, as they must be
    for gpu in tf.config.list_physical_devices("GPU"):
        with suppress(RuntimeError):  # a program that has used the GPU before has settled it
            tf.config.experimental.set_memory_growth(gpu, True)


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
    """Return the most memory this process has used on the first GPU, None without one."""
    if not tf.config.list_physical_devices("GPU"):
        return None
    return int(tf.config.experimental.get_memory_info("GPU:0")["peak"])
