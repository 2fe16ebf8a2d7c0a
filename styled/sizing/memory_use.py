"""How much memory a step takes under each scheme, and which scheme fits. Arithmetic over measured constants.

The constants are bytes per pixel of the picture, or of a tile with its halo, measured as peak resident memory of
whole processes on CPUs in float32 (``float32`` means convolutions; everything else always is). They include
what TensorFlow's kernels need beside the activations, and are rounded up: a job that is expected to fit must fit.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Literal, NamedTuple

from styled import vgg19
from styled.errors import DoesNotFit
from styled.settings import Settings
from styled.sizing import cost
from styled.sizing.scales import Scale
from styled.sizing.tiles import tiled_by

Scheme = Literal["off", "front", "full"]
Precision = Literal["float32", "bfloat16", "float16"]

BASE_BYTES = 930 * 2**20
"""TensorFlow with XLA, the weights in both directions, the decoded images of a usual job."""

WINOGRAD_BYTES = 480 * 2**20
"""The wide layers' weights a second time and their transforms, where convolutions run in float32 on a CPU."""

ELEMENT_BYTES = {"float32": 4, "bfloat16": 2, "float16": 2}

NETWORK_BYTES = {"float32": 8.6, "bfloat16": 3.6, "float16": 5.0}
"""For each number that a convolution of the network gives: itself, and its share of the gradient's temporaries."""

TILE_FACTOR = {
    "float32": {2: 1.6, 3: 1.55, 5: 1.9},
    "bfloat16": {2: 1.8, 3: 1.45, 5: 1.2},
    "float16": {2: 1.8, 3: 1.45, 5: 1.2},
}
"""So many times that in a tile, by the blocks in it: what is fed into the middle of the network and cut out of it is
there besides, and tiles of several shapes leave gaps in the memory between them."""

GAPS = 0.4
"""Of what the network took at a coarser scale, held on beside: TensorFlow's pool of memory gives nothing back, and the
larger arrays of a finer scale fit into part of it only."""

FRONT_BLOCKS = (2, 3)
"""That the scheme ``front`` may run in tiles."""

IMAGE_BYTES_PX = 12.0
"""One float32 RGB image."""

IMAGES = {"adam": 9.5, "lbfgs": 6.5}
"""Held while the network runs, L-BFGS's pairs apart: picture, gradient, the optimiser's vectors, the picture before the
step and the one before that, the content, and gaps between them. The optimiser's temporaries take the network's place."""

SPECTRUM_IMAGES = 4.0
"""More with a preconditioner: the transforms of a picture and their temporaries."""

TILE_COUNTS = (1, 2, 3, 4, 5, 6, 8, 10, 12, 14, 16, 20, 24, 28, 32, 40, 48, 56, 64, 80, 96, 112, 128, 192, 256, 512)
"""Into so many parts an axis may be cut."""

SMALLEST_TILE = 96
"""Side that a tile shall own at least, px, if the picture is no smaller: below it there is far more halo than tile."""


HISTORY_WORTH = 1.2
"""So much more time a step may take before L-BFGS rather keeps half as many pairs: it then needs more steps."""

_PARTS_FOR_COARSER = (1.0, 0.5, 0.25)
"""Of what the network could take at the finest scale if there were no other: tried as limits for the coarser ones."""

_ALL_BLOCKS = len(vgg19.BLOCKS)

_STEP_DOWN = 0.6
"""Share of the bytes predicted before that a step down may need: enough less to matter, few enough steps."""


class TilingChoice(NamedTuple):
    """How one scale is run."""

    blocks: int
    """Of the network that run in tiles: 0 is untiled, 5 all."""
    tile: tuple[int, int]
    """Width and height of what a tile shall own, px; 0 when not tiled."""
    history: int
    """Pairs that L-BFGS keeps; 0 with Adam."""
    wanted: int
    """Pairs that it would keep if there were memory for them."""
    bytes: int
    """Predicted peak resident memory of the process."""
    network_bytes: int
    """What the network has of them."""
    cost: float
    """Of a step, see :mod:`styled.sizing.cost`."""

    @property
    def scheme(self) -> Scheme:
        """In the words of the setting ``tiling``."""
        return "off" if self.blocks == 0 else "full" if self.blocks == _ALL_BLOCKS else "front"


def choose_all(
    scales: Sequence[Scale],
    layers: Sequence[vgg19.Convolution],
    settings: Settings,
    limit_bytes: float,
    *,
    precision: Precision = "float32",
    is_strict: bool = True,
    step_down: int = 0,
) -> dict[Scale, TilingChoice]:
    """Return the cheapest way to run each scale within ``limit_bytes``: untiled, then front-tiled, then fully tiled.

    What the coarser ones take is never given back. So where memory is short they may have to do with less than they
    could have, if that makes all of it cheaper: the finest one's steps cost most.

    Args:
        scales: what is to be painted, coarse to fine.
        layers: the convolutions up to the deepest in use.
        settings: ``tiling`` narrows the choice; optimiser and history count.
        limit_bytes: what the process may have resident.
        precision: that the convolutions run in.
        is_strict: when nothing fits, raise; else the way that needs least is tried: a prediction is no reason to
            refuse a job whose user has set no limit.
        step_down: how often memory ran out nevertheless. For each time it needs at most 60 % of the one before,
            down to the one that needs least.

    Raises:
        DoesNotFit: nothing allowed fits, if strict.
    """
    choices = {scale: _choices(scale, layers, settings, precision) for scale in scales}
    choose = functools.partial(_choose, limit_bytes=limit_bytes, is_strict=is_strict)
    alone = choose(scales[-1], choices[scales[-1]]).network_bytes
    found, refusals = [], []
    for part in _PARTS_FOR_COARSER:
        try:
            found.append(_one_after_another(choices, functools.partial(choose, step_down=step_down), part * alone))
        except DoesNotFit as refusal:
            refusals.append(refusal)
    if not found:
        raise refusals[-1]
    return min(found, key=lambda tilings: sum(scale.steps * _effort(tiling) for scale, tiling in tilings.items()))


def _one_after_another(
    choices: Mapping[Scale, Sequence[TilingChoice]], choose: Callable[..., TilingChoice], network_bytes: float
) -> dict[Scale, TilingChoice]:
    tilings: dict[Scale, TilingChoice] = {}
    held = 0.0
    for scale, of_scale in choices.items():
        modest = [choice for choice in of_scale if choice.network_bytes <= network_bytes] or of_scale
        tilings[scale] = choose(scale, [tiling._replace(bytes=round(tiling.bytes + held)) for tiling in modest])
        held = max(held, GAPS * tilings[scale].network_bytes)
    return tilings


def _choose(
    scale: Scale, choices: Sequence[TilingChoice], *, limit_bytes: float, is_strict: bool, step_down: int = 0
) -> TilingChoice:
    """Return one of a scale's ``choices``, the best first; arguments as :func:`choose_all`."""
    fitting = [choice for choice in choices if choice.bytes <= limit_bytes]
    least = min(choices, key=lambda choice: choice.bytes)
    if is_strict and not fitting:
        raise DoesNotFit(
            f"{scale.width}x{scale.height} needs about {least.bytes / 2**30:.1f} GiB, "
            f"and the limit is {limit_bytes / 2**30:.1f} GiB",
            "Lower size, choose optimizer = 'adam', leave tiling at 'auto', or raise memory_limit.",
        )
    tiling = fitting[0] if fitting else least
    for _ in range(step_down):
        tiling = next((choice for choice in choices if choice.bytes <= _STEP_DOWN * tiling.bytes), least)
    return tiling


def _effort(tiling: TilingChoice) -> float:
    """Return what a step costs, and the more steps that fewer pairs need."""
    return tiling.cost * math.pow(HISTORY_WORTH, math.log2(max(1, tiling.wanted) / max(1, tiling.history)))


def _choices(
    scale: Scale, layers: Sequence[vgg19.Convolution], settings: Settings, precision: Precision
) -> list[TilingChoice]:
    """Return all ways that ``settings.tiling`` allows, the best first."""
    histories = _histories(scale, settings)
    fixed = {history: _fixed_bytes(scale, settings, history, precision) for history in histories}
    tilings = [
        TilingChoice(blocks, tile, history, histories[0], round(fixed[history] + network), round(network), cost_of_step)
        for blocks, tile, network, cost_of_step in _networks(scale, layers, precision)
        for history in histories
    ]
    return sorted((tiling for tiling in tilings if settings.tiling in {"auto", tiling.scheme}), key=_effort)


def _histories(scale: Scale, settings: Settings) -> list[int]:
    """Return how many pairs L-BFGS may keep at a scale, the wanted number first: never more than it has steps."""
    if settings.optimizer == "adam":
        return [0]
    histories = [max(1, min(settings.history, scale.steps - 1))]
    while histories[-1] > 1:
        histories.append(histories[-1] // 2)
    return histories


def _networks(
    scale: Scale, layers: Sequence[vgg19.Convolution], precision: Precision
) -> Iterator[tuple[int, tuple[int, int], float, float]]:
    """Yield all ways to run the network: the blocks in tiles, the tile, its bytes and what a step costs."""
    untiled = sum(piece.cost for piece in cost.of_step(scale, layers, (), (0, 0)))
    yield 0, (0, 0), _network_bytes(scale.pixels, layers, precision), untiled
    for blocks in (*FRONT_BLOCKS, _ALL_BLOCKS):
        tiled = tiled_by(layers, blocks)
        if blocks < _ALL_BLOCKS and len(tiled) == len(layers):
            continue  # the network ends there: that is all of it
        deep = _network_bytes(scale.pixels, layers[len(tiled) :], precision)
        for tile in _tile_sizes(scale):
            largest = cost.grid(scale, layers, tiled, tile).largest
            # The deep rest and the tiles take turns.
            in_tile = TILE_FACTOR[precision][blocks] * _network_bytes(largest, tiled, precision)
            yield blocks, tile, max(deep, in_tile), sum(p.cost for p in cost.of_step(scale, layers, tiled, tile))


def _tile_sizes(scale: Scale) -> Iterator[tuple[int, int]]:
    """Yield widths and heights of tiles, from the whole picture down."""
    for columns in TILE_COUNTS:
        for rows in TILE_COUNTS:
            tile = -(-scale.width // columns), -(-scale.height // rows)
            if min(tile) >= SMALLEST_TILE or (columns, rows) == (1, 1):
                yield tile


def whole_pictures_from(scale: Scale, tiling: TilingChoice) -> int | None:
    """Return the bytes of an array of the whole picture, None where it is untiled and a layer's arrays are larger."""
    return round(scale.pixels * IMAGE_BYTES_PX) if tiling.blocks else None


def _fixed_bytes(scale: Scale, settings: Settings, history: int, precision: Precision) -> float:
    """Return what is held whatever runs in tiles: TensorFlow, weights, the optimiser's images, the content's features."""
    base = BASE_BYTES + (WINOGRAD_BYTES if precision == "float32" else 0)
    images = IMAGES[settings.optimizer] + history  # two arrays a pair, in bfloat16
    images += SPECTRUM_IMAGES * (settings.optimizer == "lbfgs" and settings.preconditioner == "frequency")
    images += 2.0 * (settings.average > 0) + 2.0 * (settings.stop == "plateau")
    targets = sum(_channels_px(vgg19.BY_NAME[name]) for name in settings.content_layers) * ELEMENT_BYTES[precision]
    return base + scale.pixels * (images * IMAGE_BYTES_PX + targets)


def _network_bytes(pixels: int, layers: Sequence[vgg19.Convolution], precision: Precision) -> float:
    return pixels * NETWORK_BYTES[precision] * sum(map(_channels_px, layers))


def _channels_px(layer: vgg19.Convolution) -> float:
    """Return how many numbers a layer gives for each pixel of the picture."""
    return layer.outputs / layer.stride**2
