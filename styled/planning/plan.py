"""What a job will take: sizes, schemes, seconds and memory, from the headers of its images alone."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec

from styled import images, vgg19
from styled.planning import probing, speeds
from styled.planning.speeds import Speed, Speeds
from styled.settings import Settings
from styled.sizing import cost, memory_use
from styled.sizing.input_sizes import InputSizes
from styled.sizing.memory_limit import budget
from styled.sizing.memory_use import Precision, Scheme, TilingChoice
from styled.sizing.scales import Scale, content_size, plan_scales, style_size
from styled.sizing.style_shape import shape_remarks
from styled.sizing.tiles import tiled_by

_COMPILE_SECONDS = 1.5
"""For each scale: the optimiser's graphs. Processors differ less in this than in the rest."""

_COMPILE_SECONDS_SHAPE = {"off": 1.0, "front": 0.8, "full": 1.1}
"""More for each shape of a tile, or of the whole."""

_SAVE_SECONDS_PX = 0.5e-6
"""To write the result."""


class ScalePlan(msgspec.Struct, frozen=True, kw_only=True):
    """One scale of a plan."""

    width: int
    """Pixels."""
    height: int
    steps: int
    scheme: Scheme
    """``off``: untiled; ``front``: the network's front in tiles; ``full``: all of it."""
    tile_width: int
    """Of a tile, px; 0 when untiled."""
    tile_height: int
    history: int
    """Pairs that L-BFGS keeps, fewer than asked for where memory or steps are few; 0 with Adam."""
    step_seconds: float | None
    """Of one step; None while no speed of this machine is known."""
    seconds: float | None
    """Of all its steps, with the preparation; None likewise."""
    peak_bytes: int
    """Predicted peak memory of the process."""


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What a job will take."""

    width: int
    """Of the result, px."""
    height: int
    steps: int
    scales: tuple[ScalePlan, ...]
    """Coarse to fine."""
    seconds: float | None
    """From the start of the worker to the result; None while no speed of this machine is known."""
    peak_bytes: int
    limit_bytes: int | None
    """What the job may take; None where nothing limits it."""
    limit_source: str
    """Who sets that limit, in a few words."""
    precision: str
    """That the convolutions run in."""
    machine: str
    """That the time is for."""
    remarks: tuple[str, ...] = ()
    """What the shapes of the images ask for that nobody has set."""

    @property
    def fits(self) -> bool:
        """Whether the job may take what it needs."""
        return self.limit_bytes is None or self.peak_bytes <= self.limit_bytes


def plan(
    content: Path,
    styles: Sequence[Path],
    settings: Settings,
    *,
    has_mask: bool = False,
    known: Speeds | None = None,
    may_probe: bool = True,
) -> Plan:
    """Estimate a job.

    Blocks while it probes, ten seconds or more, the first time on a machine: not for an event loop.

    Args:
        content: the content image; only its header is read.
        styles: the style images, likewise.
        settings: of the job.
        has_mask: whether a mask gives each style its region, which takes memory of its own.
        known: speeds of this machine; None takes those in the user's cache.
        may_probe: measure, in a child process, when none are known; else the times are None.

    Raises:
        ImageError: an image cannot be used.
        SettingsError: the result would be too thin for the network.
        DoesNotFit: a scale does not fit into ``settings.memory_limit``, however it is tiled.
        EngineError: the probe failed.
    """
    header, *of_styles = (images.probe(path, max_pixels=settings.max_pixels) for path in (content, *styles))
    sizes = [(info.width, info.height) for info in of_styles]
    known = known or speeds.load()
    if may_probe and not _comparable(known, settings):
        known = speeds.keep(probing.probe(settings.precision))
    return of_sizes(header.width, header.height, sizes, settings, known, has_mask=has_mask)


def of_sizes(
    width: int,
    height: int,
    styles: Sequence[tuple[int, int]],
    settings: Settings,
    known: Speeds,
    *,
    has_mask: bool = False,
) -> Plan:
    """Estimate a job from the sizes of its images, px; else as :func:`plan`, and it never measures."""
    plan_scales(width, height, settings)  # its refusal of what is too thin names a size
    # As the worker does: the content is decoded no larger than the result.
    width, height = content_size(width, height, settings)
    scales = plan_scales(width, height, settings)
    layers = vgg19.up_to(vgg19.deepest({*settings.content_layers, *settings.style_layers}))
    on_gpu = known.device != "cpu"
    allowed = budget(settings, on_gpu=on_gpu)
    precision = _precision(known, settings)
    estimated = []
    # Of a mask only the regions are kept, no larger than the content.
    inputs = InputSizes((width, height), tuple(styles), (width, height) if has_mask else None)
    tilings = memory_use.choose_all(
        scales,
        layers,
        settings,
        allowed.bytes,
        inputs=inputs,
        precision=precision,
        is_emulated=not on_gpu and precision == "bfloat16" != known.default_precision,
        on_gpu=on_gpu,
        is_strict=allowed.is_strict,
    )
    for scale in scales:
        of_styles = [style_size(*size, scale, settings.style_scale) for size in styles]
        pixels = [style_width * style_height for style_width, style_height in of_styles]
        estimated.append(_estimate(scale, layers, tilings[scale], pixels, settings, known=_comparable(known, settings)))
    seconds = [each.seconds for each in estimated if each.seconds is not None]
    start = _start_seconds(known) + scales[-1].pixels * _SAVE_SECONDS_PX
    return Plan(
        width=scales[-1].width,
        height=scales[-1].height,
        steps=settings.steps,
        scales=tuple(estimated),
        seconds=start + sum(seconds) if len(seconds) == len(scales) else None,
        peak_bytes=max(each.peak_bytes for each in estimated),
        limit_bytes=None if allowed.bytes == float("inf") else round(allowed.bytes),
        limit_source=allowed.source,
        precision=precision,
        machine=known.machine,
        remarks=shape_remarks(styles),
    )


def _estimate(
    scale: Scale,
    layers: Sequence[vgg19.Convolution],
    tiling: TilingChoice,
    styles: Sequence[int],
    settings: Settings,
    *,
    known: Sequence[Speed],
) -> ScalePlan:
    step = seconds = None
    if known:
        tiled = tiled_by(layers, tiling.blocks)
        step = _seconds([*cost.of_step(scale, layers, tiled, tiling.tile), cost.of_statistic(settings)], known)
        forward = _seconds(cost.of_targets(scale, layers, tiled, tiling.tile), known)
        targets = forward * (1 + sum(styles) / scale.pixels)
        shapes = cost.grid(scale, layers, tiled, tiling.tile).shapes if tiled else 1
        seconds = scale.steps * step + targets + _COMPILE_SECONDS + _COMPILE_SECONDS_SHAPE[tiling.scheme] * shapes
    return ScalePlan(
        width=scale.width,
        height=scale.height,
        steps=scale.steps,
        scheme=tiling.scheme,
        tile_width=tiling.tile[0],
        tile_height=tiling.tile[1],
        history=tiling.history,
        step_seconds=step,
        seconds=seconds,
        peak_bytes=tiling.bytes,
    )


def _seconds(pieces: Sequence[cost.Piece], known: Sequence[Speed]) -> float:
    return sum(piece.cost * speeds.seconds_per_pixel(known, piece.pixels) for piece in pieces)


def _comparable(known: Speeds, settings: Settings) -> list[Speed]:
    """Return the untiled measurements in the precision that the job will have."""
    precision = _precision(known, settings)
    return [speed for speed in known.measured if speed.blocks == 0 and speed.precision == precision]


def _precision(known: Speeds, settings: Settings) -> Precision:
    return known.default_precision if settings.precision == "auto" else settings.precision


def _start_seconds(known: Speeds) -> float:
    return known.measured[-1].start_seconds if known.measured else 0.0
