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
from styled.sizing import cost, winograd
from styled.sizing.input_sizes import InputSizes
from styled.sizing.scales import Scale
from styled.sizing.tiles import tiled_by

Scheme = Literal["off", "front", "full"]
Precision = Literal["float32", "bfloat16", "float16"]

BASE_BYTES = {"float32": 830 * 2**20, "bfloat16": 930 * 2**20, "float16": 930 * 2**20}
"""TensorFlow with XLA, the weights in both directions. In float32 on a CPU those of wide layers count elsewhere."""

GPU_BASE_BYTES = 600 * 2**20
"""The same on a GPU: its context, the libraries' workspaces, the weights. Reckoned, not measured: ``pytest -m gpu`` does."""

SHAPE_BYTES = 10 * 2**20
"""The graphs of a tile, for each shape that tiles have."""

MARGIN = 0.95
"""Of a limit that the user has set: how much of TensorFlow's libraries is resident differs between machines."""

ELEMENT_BYTES = {"float32": 4, "bfloat16": 2, "float16": 2}

NETWORK_BYTES = {"float32": 11.5, "bfloat16": 3.6, "float16": 5.0}
"""For each number that a convolution of the network gives: itself, and its share of the gradient's temporaries. The most of
several runs: by the order in which threads free arrays, the same step takes a tenth more or less."""

EMULATED_BYTES = 8.4
"""The same of bfloat16 where no processor multiplies it: TensorFlow's kernels turn the arrays into float32. Not in tiles."""

TILE_FACTOR = {
    "float32": {2: 1.2, 3: 1.16, 5: 1.42},
    "bfloat16": {2: 1.8, 3: 1.45, 5: 1.2},
    "float16": {2: 1.8, 3: 1.45, 5: 1.2},
}
"""So many times that in a tile, by the blocks in it: what is fed into the middle of the network and cut out of it is
there besides, and tiles of several shapes leave gaps in the memory between them."""

GAPS = 0.4
"""Of what the network took at a coarser scale, held on beside: TensorFlow's pool of memory gives nothing back, and the
larger arrays of a finer scale fit into part of it only."""

FORWARD = 0.7
"""Of what the network takes forward and back, what it takes to look at a style."""

REGION_BYTES_CHANNEL = 2.0
"""So many times the bytes of a style layer for each region of a mask: its features times its cover."""

FRONT_BLOCKS = (2, 3)
"""That the scheme ``front`` may run in tiles."""

IMAGE_BYTES_PX = 12.0
"""One float32 RGB image."""

IMAGES = {"adam": 9.5, "lbfgs": 6.5}
"""Held while the network runs, L-BFGS's pairs apart: picture, gradient, the optimiser's vectors, the picture before the
step and the one before that, the content, and gaps between them. The optimiser's temporaries take the network's place."""

SPECTRUM_IMAGES = 4.0
"""More with a preconditioner: the transforms of a picture and their temporaries."""

PHOTO_IMAGES = 3.0
"""More below half strength: the photo, how far the picture is from it, and the gradient of both."""

LOOKING_IMAGES = 3.0
"""Instead of all these, while the styles are looked at: the content, resized and in float32, and the picture of before."""

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
"""Of the bytes predicted for the way before, what a step down may need: enough less to matter, few enough steps."""


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
    inputs: InputSizes | None = None,
    precision: Precision = "float32",
    is_emulated: bool = False,
    on_gpu: bool = False,
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
        inputs: the images that it is painted from; None: they do not count.
        precision: that the convolutions run in.
        is_emulated: this machine has no instructions for it.
        on_gpu: the limit is on a GPU's memory, which has neither TensorFlow's libraries nor the inputs in it.
        is_strict: when nothing fits, raise; else the way that needs least is tried: a prediction is no reason to
            refuse a job whose user has set no limit.
        step_down: how often memory ran out nevertheless. For each time a way needs at most 60 % of the one before,
            down to the one that needs least.

    Raises:
        DoesNotFit: nothing allowed fits, if strict.
    """
    choices = _all_choices(scales, layers, settings, precision, inputs=inputs, is_emulated=is_emulated, on_gpu=on_gpu)
    allowed = MARGIN * limit_bytes if is_strict else limit_bytes
    least = _least(choices)
    scale, tiling = max(least.items(), key=lambda item: item[1].bytes)
    if is_strict and tiling.bytes > allowed:
        raise refusal(f"{scale.width}x{scale.height} needs", tiling.bytes / MARGIN, limit_bytes)
    choose = functools.partial(_choose, limit_bytes=allowed, is_strict=is_strict, step_down=step_down)
    alone = _choose(scales[-1], choices[scales[-1]], limit_bytes=allowed, is_strict=is_strict)
    tried = [] if alone is None else [part * alone.network_bytes for part in _PARTS_FOR_COARSER]
    found = [tilings for tilings in (_one_after_another(choices, choose, part) for part in tried) if tilings]
    return min(
        found or [least], key=lambda tilings: sum(scale.steps * _effort(tiling) for scale, tiling in tilings.items())
    )


def least_limit(
    scales: Sequence[Scale],
    layers: Sequence[vgg19.Convolution],
    settings: Settings,
    *,
    inputs: InputSizes | None,
    precision: Precision,
) -> float:
    """Return the least ``limit_bytes`` that :func:`choose_all` takes; arguments as there."""
    least = _least(_all_choices(scales, layers, settings, precision, inputs=inputs, is_emulated=False))
    return max(tiling.bytes for tiling in least.values()) / MARGIN


def refusal(what: str, needed_bytes: float, limit_bytes: float) -> DoesNotFit:
    """Return the error that says what would fit.

    Args:
        what: needs it, with its verb.
        needed_bytes: the least limit.
        limit_bytes: that is set.
    """
    needed = math.ceil(needed_bytes / 2**20)
    return DoesNotFit(
        f"{what} {needed} MiB, and memory_limit is {limit_bytes / 2**20:.0f} MiB",
        f"Set memory_limit = '{needed}MiB' or more, lower size, choose optimizer = 'adam', leave tiling at 'auto'.",
    )


def _all_choices(
    scales: Sequence[Scale],
    layers: Sequence[vgg19.Convolution],
    settings: Settings,
    precision: Precision,
    *,
    inputs: InputSizes | None,
    is_emulated: bool,
    on_gpu: bool = False,
) -> dict[Scale, list[TilingChoice]]:
    """Return all ways to run each scale, the best first, as if it were the only one."""
    held = 0.0 if inputs is None or on_gpu else inputs.held_bytes(scales[-1], settings)
    choices = functools.partial(
        _choices,
        layers=layers,
        settings=settings,
        precision=precision,
        inputs=inputs,
        held_bytes=held,
        is_emulated=is_emulated,
        on_gpu=on_gpu,
    )
    looking = {
        scale: 0.0 if inputs is None else inputs.looking_bytes(scale, scales, settings, on_gpu=on_gpu)
        for scale in scales
    }
    return {scale: choices(scale, looking_bytes=looking[scale]) for scale in scales}


def _least(choices: Mapping[Scale, Sequence[TilingChoice]]) -> dict[Scale, TilingChoice]:
    """Return for each scale the way that needs least, one after another."""
    return _one_after_another(choices, lambda _, of_scale: min(of_scale, key=_bytes_of), math.inf)


def _one_after_another(
    choices: Mapping[Scale, Sequence[TilingChoice]],
    choose: Callable[[Scale, Sequence[TilingChoice]], TilingChoice | None],
    network_bytes: float,
) -> dict[Scale, TilingChoice]:
    """Return what ``choose`` takes for each scale, given what coarser ones leave held; empty where one takes none."""
    tilings: dict[Scale, TilingChoice] = {}
    held = 0.0
    for scale, of_scale in choices.items():
        modest = [choice for choice in of_scale if choice.network_bytes <= network_bytes] or of_scale
        tiling = choose(scale, [tiling._replace(bytes=round(tiling.bytes + held)) for tiling in modest])
        if tiling is None:
            return {}
        tilings[scale] = tiling
        held = max(held, GAPS * tiling.network_bytes)
    return tilings


def _choose(
    _: Scale, choices: Sequence[TilingChoice], *, limit_bytes: float, is_strict: bool, step_down: int = 0
) -> TilingChoice | None:
    """Return one of a scale's ``choices``, the best first, None where none fits; arguments as :func:`choose_all`."""
    fitting = [choice for choice in choices if choice.bytes <= limit_bytes]
    least = min(choices, key=_bytes_of)
    if is_strict and not fitting:
        return None
    tiling = fitting[0] if fitting else least
    for _times in range(step_down):
        tiling = next((choice for choice in choices if choice.bytes <= _STEP_DOWN * tiling.bytes), least)
    return tiling


def _bytes_of(tiling: TilingChoice) -> int:
    return tiling.bytes


def _effort(tiling: TilingChoice) -> float:
    """Return what a step costs, and the more steps that fewer pairs need."""
    return tiling.cost * math.pow(HISTORY_WORTH, math.log2(max(1, tiling.wanted) / max(1, tiling.history)))


def _choices(
    scale: Scale,
    layers: Sequence[vgg19.Convolution],
    settings: Settings,
    precision: Precision,
    *,
    inputs: InputSizes | None,
    held_bytes: float,
    looking_bytes: float,
    is_emulated: bool,
    on_gpu: bool,
) -> list[TilingChoice]:
    """Return all ways that ``settings.tiling`` allows, the best first.

    ``held_bytes`` of the inputs are there always, ``looking_bytes`` of them while there are no optimiser's images yet.
    """
    histories = _histories(scale, settings)
    base = (
        (GPU_BASE_BYTES if on_gpu else BASE_BYTES[precision])
        + held_bytes
        + (0.0 if inputs is None or on_gpu else inputs.of_scale_bytes(scale))
    )
    largest = max(scale.pixels, 0 if inputs is None else inputs.largest_style(scale, settings))
    if precision == "float32" and not on_gpu:
        base += winograd.weights_bytes(largest, layers)
    looking = looking_bytes + LOOKING_IMAGES * IMAGE_BYTES_PX * scale.pixels
    targets = _targets_bytes(scale, settings, precision)
    fixed = {history: base + targets + max(_images_bytes(scale, settings, history), looking) for history in histories}
    regions = 0 if inputs is None else inputs.regions
    tilings = [
        TilingChoice(blocks, tile, history, histories[0], round(fixed[history] + network), round(network), cost_of_step)
        for blocks, tile, network, cost_of_step in _networks(
            scale, layers, settings, precision, regions=regions, largest_px=largest, is_emulated=is_emulated
        )
        for history in histories
    ]
    wanted = wanted_tiling(settings, layers)
    return sorted((tiling for tiling in tilings if wanted in {"auto", tiling.scheme}), key=_effort)


def wanted_tiling(settings: Settings, layers: Sequence[vgg19.Convolution]) -> Literal["auto"] | Scheme:
    """Return the setting ``tiling``; ``full`` for a ``front`` that is all of the network: there is no rest behind it."""
    is_all = settings.tiling == "front" and len(tiled_by(layers, min(FRONT_BLOCKS))) == len(layers)
    return "full" if is_all else settings.tiling


def _histories(scale: Scale, settings: Settings) -> list[int]:
    """Return how many pairs L-BFGS may keep at a scale, the wanted number first: never more than it has steps."""
    if settings.optimizer == "adam":
        return [0]
    histories = [max(1, min(settings.history, scale.steps - 1))]
    while histories[-1] > 1:
        histories.append(histories[-1] // 2)
    return histories


def _networks(
    scale: Scale,
    layers: Sequence[vgg19.Convolution],
    settings: Settings,
    precision: Precision,
    *,
    regions: int,
    largest_px: int,
    is_emulated: bool,
) -> Iterator[tuple[int, tuple[int, int], float, float]]:
    """Yield all ways to run the network: the blocks in tiles, the tile, its bytes and what a step costs.

    Args:
        scale: that is painted.
        layers: of the network.
        settings: the style layers count where there are regions.
        precision: of the convolutions.
        regions: of a mask, 0 without one.
        largest_px: pixels of the picture or of a larger style, which goes forward only.
        is_emulated: see :func:`choose_all`.
    """
    tile_network = functools.partial(_network_bytes, settings=settings, precision=precision, regions=regions)
    network = functools.partial(tile_network, number_bytes=EMULATED_BYTES) if is_emulated else tile_network
    # A picture that is done is there twice when it is written, and the network no more.
    least = scale.pixels * IMAGE_BYTES_PX
    untiled = sum(piece.cost for piece in cost.of_step(scale, layers, (), (0, 0)))
    yield 0, (0, 0), max(least, network(scale.pixels, layers), FORWARD * network(largest_px, layers)), untiled
    for blocks in (*FRONT_BLOCKS, _ALL_BLOCKS):
        tiled = tiled_by(layers, blocks)
        if blocks < _ALL_BLOCKS and len(tiled) == len(layers):
            continue  # the network ends there: that is all of it
        rest = layers[len(tiled) :]
        deep = max(network(scale.pixels, rest), FORWARD * network(largest_px, rest))
        for tile in _tile_sizes(scale):
            grid = cost.grid(scale, layers, tiled, tile)
            # The deep rest and the tiles take turns.
            in_tile = TILE_FACTOR[precision][blocks] * tile_network(grid.largest, tiled)
            needed = max(least, deep, in_tile) + SHAPE_BYTES * (grid.shapes - 1)
            yield blocks, tile, needed, sum(p.cost for p in cost.of_step(scale, layers, tiled, tile))


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


def _images_bytes(scale: Scale, settings: Settings, history: int) -> float:
    """Return what is held of the picture while it is painted, whatever runs in tiles: the optimiser's images."""
    images = IMAGES[settings.optimizer] + history  # two arrays a pair, in bfloat16
    images += SPECTRUM_IMAGES * (settings.optimizer == "lbfgs" and settings.preconditioner == "frequency")
    images += PHOTO_IMAGES * (settings.strength < 0.5)
    images += 2.0 * (settings.average > 0) + 2.0 * (settings.stop == "plateau")
    return scale.pixels * images * IMAGE_BYTES_PX


def _targets_bytes(scale: Scale, settings: Settings, precision: Precision) -> float:
    """Return what the content's features take."""
    targets = sum(_channels_px(vgg19.BY_NAME[name]) for name in settings.content_layers)
    return scale.pixels * targets * ELEMENT_BYTES[precision]


def _network_bytes(
    pixels: int,
    layers: Sequence[vgg19.Convolution],
    settings: Settings,
    *,
    precision: Precision,
    regions: int,
    number_bytes: float | None = None,
) -> float:
    in_regions = [layer for layer in layers if settings.style_layers.get(layer.name)] if regions else []
    covered = regions * REGION_BYTES_CHANNEL * ELEMENT_BYTES[precision] * sum(map(_channels_px, in_regions))
    number = NETWORK_BYTES[precision] if number_bytes is None else number_bytes
    return pixels * (number * sum(map(_channels_px, layers)) + covered)


def _channels_px(layer: vgg19.Convolution) -> float:
    """Return how many numbers a layer gives for each pixel of the picture."""
    return layer.outputs / layer.stride**2
