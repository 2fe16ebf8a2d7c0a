"""The architecture of VGG19 as plain data: layer names, channels, pooling. Imports nothing heavy.

Simonyan & Zisserman, "Very Deep Convolutional Networks for Large-Scale Image Recognition" (2015),
configuration E, with the layer names of ``keras.applications.VGG19``. Only the convolutional part
is used: 16 convolutions of 3x3 in five blocks, each block but the last followed by a 2x2 pool here
(the fifth pool and the dense layers carry nothing for style transfer).
"""

from __future__ import annotations

from typing import NamedTuple


class Convolution(NamedTuple):
    """One 3x3 convolution, stride 1, zero padding 1, followed by a ReLU."""

    name: str
    """Keras' layer name, for example ``block3_conv1``."""
    block: int
    """Block number, 1 to 5."""
    inputs: int
    """Channels in."""
    outputs: int
    """Channels out."""

    @property
    def stride(self) -> int:
        """Pixels of the image per cell of this layer's output: 1, 2, 4, 8 or 16."""
        return int(2 ** (self.block - 1))


BLOCKS: tuple[tuple[int, int], ...] = ((2, 64), (2, 128), (4, 256), (4, 512), (4, 512))
"""Convolutions and channels of each block."""


def _convolutions() -> tuple[Convolution, ...]:
    table: list[Convolution] = []
    channels = 3
    for block, (count, outputs) in enumerate(BLOCKS, start=1):
        for number in range(1, count + 1):
            table.append(Convolution(f"block{block}_conv{number}", block, channels, outputs))
            channels = outputs
    return tuple(table)


CONVOLUTIONS: tuple[Convolution, ...] = _convolutions()
"""All sixteen, from the image inwards."""

LAYER_NAMES: tuple[str, ...] = tuple(convolution.name for convolution in CONVOLUTIONS)
"""The names a setting may use."""

BY_NAME: dict[str, Convolution] = {convolution.name: convolution for convolution in CONVOLUTIONS}

MEAN_BGR: tuple[float, float, float] = (103.939, 116.779, 123.68)
"""ImageNet channel means in 0..255, order BGR: subtracted from the image before the first layer."""


def up_to(name: str) -> tuple[Convolution, ...]:
    """Return the convolutions from the image up to and including ``name``."""
    return CONVOLUTIONS[: LAYER_NAMES.index(name) + 1]


def deepest(names: frozenset[str] | set[str]) -> str:
    """Return the name of the deepest of ``names``; ``names`` must not be empty."""
    return max(names, key=LAYER_NAMES.index)
