"""The device TensorFlow paints on: how it is set up, its name, and the memory it has used."""

from __future__ import annotations

import tensorflow as tf


def prepare() -> None:
    """Make TensorFlow take GPU memory as it needs it, not all at once. Call before the first tensor."""
    for gpu in tf.config.list_physical_devices("GPU"):
        tf.config.experimental.set_memory_growth(gpu, True)


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
