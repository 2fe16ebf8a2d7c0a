"""How much memory a step takes under each scheme, and which scheme fits. Arithmetic over measured constants.

The constants are bytes per pixel of the picture, or of a tile with its halo, measured as peak resident memory of
whole processes on CPUs in float32 (``float32`` means convolutions; everything else always is). They include
what TensorFlow's kernels need beside the activations, and are rounded up: a job that was told it fits must fit.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

from styled import vgg19
from styled.engine.pyramid import Scale
from styled.engine.tiling import ALIGNMENT_PX, halo
from styled.errors import DoesNotFit
from styled.settings import Settings

Scheme = Literal["off", "front", "full"]

BASE_BYTES = 1_100 * 2**20
"""TensorFlow, the weights in both directions, Winograd's transforms of them, the decoded images of a usual job."""

NETWORK_BYTES_PX = 2500.0
"""Activations to block5_conv1 and the gradient's temporaries, per pixel that is in the network at once."""

DEEP_BYTES_PX = 420.0
"""The same of blocks 4 and 5 alone, per pixel of the picture, with what lies between the two parts."""

TARGET_BYTES_PX = 32.0
"""The content's features at block4_conv2: 512 channels of float32 per 64 pixels."""

IMAGE_BYTES_PX = 12.0
"""One float32 RGB image."""

FRONT_BLOCKS = 3
"""Blocks that the scheme ``front`` tiles."""

TILE_SIDES = (1024, 768, 512, 384, 256, 160, 96)
"""Tried from large to small: a large tile wastes less on its halo."""


_STEP_DOWN = 0.6
"""Of the bytes predicted for the way before, what a step down may need: enough less to matter, few enough steps."""


class Choice(NamedTuple):
    """How one scale is run."""

    scheme: Scheme
    tile: int
    """Side of what a tile owns, px; 0 when not tiled."""
    bytes: int
    """Predicted peak resident memory of the process."""


def choose(
    scale: Scale,
    layers: Sequence[vgg19.Convolution],
    settings: Settings,
    limit_bytes: float,
    *,
    is_strict: bool = True,
    step_down: int = 0,
) -> Choice:
    """Return the cheapest way to run ``scale`` within ``limit_bytes``: untiled, then front-tiled, then fully tiled.

    Args:
        scale: what is to be painted.
        layers: the convolutions up to the deepest in use.
        settings: ``tiling`` narrows the choice; optimiser and history count.
        limit_bytes: what the process may have resident.
        is_strict: when nothing fits, raise; else the way that needs least is tried: a prediction is no reason to
            refuse a job whose user has set no limit.
        step_down: how often memory ran out nevertheless. For each time the way needs at most 60 % of the one before,
            down to the one that needs least.

    Raises:
        DoesNotFit: nothing allowed fits, if strict.
    """
    choices = list(_choices(scale, layers, settings))
    fitting = [choice for choice in choices if choice.bytes <= limit_bytes]
    least = min(choices, key=lambda choice: choice.bytes)
    if is_strict and not fitting:
        raise DoesNotFit(
            f"{scale.width}x{scale.height} needs about {least.bytes / 2**30:.1f} GiB, "
            f"and the limit is {limit_bytes / 2**30:.1f} GiB",
            "Lower size, choose optimizer = 'adam' or a smaller history, leave tiling at 'auto', or raise memory_limit.",
        )
    way = fitting[0] if fitting else least
    for _ in range(step_down):
        way = next((choice for choice in choices if choice.bytes <= _STEP_DOWN * way.bytes), least)
    return way


def front_of(layers: Sequence[vgg19.Convolution], way: Choice) -> tuple[vgg19.Convolution, ...]:
    """Return the convolutions that ``way`` runs tile by tile; none if it is untiled."""
    if way.scheme == "off":
        return ()
    return tuple(layer for layer in layers if layer.block <= (FRONT_BLOCKS if way.scheme == "front" else 5))


def _choices(scale: Scale, layers: Sequence[vgg19.Convolution], settings: Settings) -> list[Choice]:
    """Return all ways that ``settings.tiling`` allows, cheapest in time first."""
    fixed = BASE_BYTES + scale.pixels * (_optimizer_bytes_px(settings) + TARGET_BYTES_PX)
    front = [each for each in layers if each.block <= 3]
    ways = [Choice("off", 0, round(fixed + scale.pixels * NETWORK_BYTES_PX))]
    for scheme, tiled, rest in (("front", front, DEEP_BYTES_PX), ("full", layers, 0.0)):
        for side in TILE_SIDES:
            reach = side + 2 * halo(tiled) + ALIGNMENT_PX
            in_network = min(reach, scale.width) * min(reach, scale.height)
            ways.append(Choice(scheme, side, round(fixed + scale.pixels * rest + in_network * NETWORK_BYTES_PX)))  # type: ignore[arg-type]  # a str from a tuple of literals
    return [way for way in ways if settings.tiling in {"auto", way.scheme}]


def _optimizer_bytes_px(settings: Settings) -> float:
    images = 9 if settings.optimizer == "adam" else 2 * settings.history + 11
    return images * IMAGE_BYTES_PX
