"""Which convolutions run by Winograd's method where a machine prefers it, and what their weights hold. Arithmetic."""

from __future__ import annotations

from collections.abc import Sequence

from styled import vgg19

CHANNELS = 128
"""Fewest channels, in and out, from which Winograd's convolution is faster than oneDNN's."""

ELEMENTS = 2**18
"""Fewest positions times channels of its input for that: measured at 128 to 512 channels. Below, its many operations
take longer, and three times as long to trace."""

_WEIGHT_BYTES = 36 * 4
"""Of a kernel from one channel to another: 6x6 numbers of float32."""

_TRANSIENT = 1.2
"""So many times what they hold while they are made."""


def weights_bytes(pixels: int, layers: Sequence[vgg19.Convolution]) -> float:
    """Return what the transformed kernels hold once a picture of ``pixels`` went through ``layers``, both directions."""
    held = 0
    for layer in layers:
        if min(layer.inputs, layer.outputs) < CHANNELS:
            continue
        # Forward its input is what the kernel meets, backward its output.
        directions = sum(pixels // layer.stride**2 * channels >= ELEMENTS for channels in (layer.inputs, layer.outputs))
        held += directions * layer.inputs * layer.outputs * _WEIGHT_BYTES
    return _TRANSIENT * held
