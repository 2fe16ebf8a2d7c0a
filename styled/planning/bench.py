"""``styled bench``: how fast this machine paints, at several sizes and precisions, in figures to compare."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import msgspec

from styled import vgg19
from styled.planning import speeds
from styled.planning.probing import Trial, ask, speeds_of
from styled.planning.speeds import Speed, Speeds
from styled.settings import DEFAULT_CONTENT_LAYERS, DEFAULT_STYLE_LAYERS
from styled.sizing.memory_use import ELEMENT_BYTES, Precision

SIZES = ((256, 256), (512, 384), (1024, 768), (1920, 1080))
"""Measured when no others are asked for, width and height, px."""


_MOVED_BYTES_PX = 8955
"""That a step reads and writes outside of the convolutions, for each pixel in bfloat16: counted in traced steps."""


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the table."""

    width: int
    """Pixels."""
    height: int
    precision: Precision
    step_seconds: float
    megapixels_per_second: float
    """Of the picture, for each step."""
    gflops: float
    """Multiplications and additions of the direct convolutions, forward and back, 10^9 a second; Winograd's method
    makes fewer."""
    peak_bytes: int | None
    """Peak memory of the process: resident, or the GPU's."""
    matmul_gflops: float | None
    """Of a matrix product in this precision: what convolutions could reach at most without Winograd's method."""
    gigabytes_per_second: float | None
    """Of memory, read and written."""
    roofline: float | None
    """Seconds that a step takes at least, over those it took: its convolutions at the speed of the matrix product, and
    all else at that of memory. May be above 1 with Winograd's method."""


class Bench(msgspec.Struct, frozen=True, kw_only=True):
    """What was measured."""

    machine: str
    device: str
    rows: tuple[Row, ...]


def bench(
    sizes: Sequence[tuple[int, int]],
    precisions: Sequence[Precision],
    *,
    on_trial: Callable[[Trial], None] = lambda _trial: None,
    steps: int = 3,
) -> Bench:
    """Measure each size in each precision, each in a child of its own, and keep the speeds for plans.

    Args:
        sizes: width and height, px.
        precisions: empty means the one that ``precision = auto`` is here.
        on_trial: called before each.
        steps: of which the median counts.

    Raises:
        EngineError: a child failed, for want of memory most likely; what was measured before is kept.
    """
    found: list[Speed] = []
    known = Speeds(machine=speeds.machine())
    for trial in _trials(sizes, precisions, steps):
        on_trial(trial)
        known = speeds.keep(speeds_of(ask([trial], matmul=True)))
        found.append(known.measured[-1])
    return Bench(
        machine=known.machine,
        device=known.device,
        rows=tuple(map(_row, found)),
    )


def markdown(result: Bench) -> str:
    """Return a table to paste into an issue."""
    products = {row.precision: row.matmul_gflops for row in result.rows}
    said = ", ".join(f"{peak:.0f} GFLOP/s in {precision}" for precision, peak in products.items() if peak)
    memory_speed = max((row.gigabytes_per_second or 0.0 for row in result.rows), default=0.0)
    lines = [
        f"{result.machine}, on {result.device}; matrix product: {said or '-'}; memory: {memory_speed:.0f} GB/s",
        "",
        "| size | precision | s/step | Mpx/s | GFLOP/s | of the matrix product | of the roofline | peak memory |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for row in result.rows:
        share = "-" if not row.matmul_gflops else f"{row.gflops / row.matmul_gflops:.0%}"
        roofline = "-" if row.roofline is None else f"{row.roofline:.0%}"
        memory = "-" if row.peak_bytes is None else f"{row.peak_bytes / 2**30:.2f} GiB"
        lines.append(
            f"| {row.width}x{row.height} | {row.precision} | {row.step_seconds:.3f} | {row.megapixels_per_second:.3f} "
            f"| {row.gflops:.0f} | {share} | {roofline} | {memory} |"
        )
    return "\n".join(lines)


def _trials(sizes: Sequence[tuple[int, int]], precisions: Sequence[Precision], steps: int) -> Iterator[Trial]:
    for precision in precisions or ("auto",):
        for width, height in sizes:
            yield Trial(width=width, height=height, steps=steps, settings={"precision": precision})


def _row(speed: Speed) -> Row:
    return Row(
        width=speed.width,
        height=speed.height,
        precision=speed.precision,
        step_seconds=speed.step_seconds,
        megapixels_per_second=speed.pixels / speed.step_seconds / 1e6,
        gflops=speed.pixels * _operations_px() / speed.step_seconds / 1e9,
        peak_bytes=speed.peak_bytes,
        matmul_gflops=speed.matmul_gflops,
        gigabytes_per_second=speed.gigabytes_per_second,
        roofline=_roofline(speed),
    )


def _roofline(speed: Speed) -> float | None:
    if not speed.matmul_gflops or not speed.gigabytes_per_second:
        return None
    moved = _MOVED_BYTES_PX * ELEMENT_BYTES[speed.precision] / ELEMENT_BYTES["bfloat16"]
    least = _operations_px() / (speed.matmul_gflops * 1e9) + moved / (speed.gigabytes_per_second * 1e9)
    return speed.pixels * least / speed.step_seconds


def _operations_px() -> float:
    """Return the multiplications and additions of a step for each pixel: two for each weight and cell, forward and back."""
    layers = vgg19.up_to(vgg19.deepest({*DEFAULT_CONTENT_LAYERS, *DEFAULT_STYLE_LAYERS}))
    return sum(2 * 2 * 9 * layer.inputs * layer.outputs / layer.stride**2 for layer in layers)
