"""Which number format the convolutions run in: what was asked, or what this machine is faster with."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Literal

import tensorflow as tf

from styled.errors import SettingsError

_FAST_BFLOAT16 = frozenset({"avx512_bf16", "amx_bf16", "bf16"})
"""CPU flags of instructions that multiply bfloat16 directly; without them it is emulated, and slower."""


def dtype_for(setting: Literal["auto", "float32", "bfloat16", "float16"]) -> Any:
    """Return the TensorFlow dtype for the setting ``precision``; ``auto`` looks at the hardware.

    Raises:
        SettingsError: float16 without a GPU: no CPU multiplies it faster than float32, and most a hundred times slower.
    """
    if setting == "auto":
        return tf.bfloat16 if _has_fast_bfloat16() else tf.float32
    if setting == "float16" and not tf.config.list_physical_devices("GPU"):
        raise SettingsError(
            "precision = 'float16' needs a GPU, and there is none", "Give 'auto', which takes what is fastest here."
        )
    return {"float32": tf.float32, "bfloat16": tf.bfloat16, "float16": tf.float16}[setting]


def prefers_winograd(dtype: Any) -> bool:
    """Return whether convolutions in ``dtype`` run faster by Winograd's method on this machine: float32 on a CPU."""
    return bool(dtype == tf.float32) and not tf.config.list_physical_devices("GPU")


def is_emulated(dtype: Any) -> bool:
    """Return whether convolutions in ``dtype`` are made of float32's on this machine: bfloat16 on most CPUs."""
    return bool(dtype == tf.bfloat16) and not tf.config.list_physical_devices("GPU") and not _multiplies_bfloat16()


def _has_fast_bfloat16() -> bool:
    gpus = tf.config.list_physical_devices("GPU")
    if gpus:
        capability = tf.config.experimental.get_device_details(gpus[0]).get("compute_capability", (0, 0))
        return bool(capability >= (8, 0))  # Ampere and later
    return _multiplies_bfloat16()


def _multiplies_bfloat16() -> bool:
    """Return whether this machine's CPU multiplies bfloat16 directly, and TensorFlow has it do so: by oneDNN only."""
    # Read as TensorFlow's ReadBoolFromEnvVar does.
    has_onednn = os.environ.get("TF_ENABLE_ONEDNN_OPTS", "").lower() not in {"0", "false"}
    return has_onednn and bool(_FAST_BFLOAT16 & cpu_flags())


def cpu_flags(cpuinfo: Path = Path("/proc/cpuinfo")) -> frozenset[str]:
    """Return the CPU's feature flags as Linux lists them (empty where it does not)."""
    try:
        lines = cpuinfo.read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return frozenset()  # not Linux: nothing is known, so nothing is assumed
    for line in lines:
        name, _, value = line.partition(":")
        if name.strip().lower() in {"flags", "features"}:
            return frozenset(value.split())
    return frozenset()


def dtype_of_sums(x: Any) -> Any:
    """Return the dtype that sums over features ``x`` are made in: float32, or float64 for float64."""
    return tf.float64 if x.dtype == tf.float64 else tf.float32


def in_dtype_of_sums(x: Any) -> Any:
    """Return ``x`` in that dtype."""
    return tf.cast(x, dtype_of_sums(x))
