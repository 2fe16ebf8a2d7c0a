"""How fast a GPU paints, of what it could, and whether a picture takes the memory that was planned for it."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from styled import vgg19
from styled.planning.bench import Row, bench
from styled.planning.probing import Trial, ask
from styled.settings import DEFAULT_CONTENT_LAYERS, DEFAULT_STYLE_LAYERS, Settings
from styled.sizing.memory_use import choose_all
from styled.sizing.scales import Scale
from tests.gpu.place import Place, Table

pytestmark = [pytest.mark.gpu, pytest.mark.painting]


@pytest.fixture(scope="module")
def rows(place: Place, tmp_path_factory: pytest.TempPathFactory) -> tuple[Row, ...]:
    """What ``styled bench`` finds, untiled, each size in a process of its own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        return bench(place.sizes, [], steps=10 if place.is_gpu else 2).rows


def test_steps_are_timed_and_set_against_the_roofline(rows: tuple[Row, ...], table: Table) -> None:
    for row in rows:
        assert row.roofline is not None
        assert 0.0 < row.roofline < 1.2 + 3.0 * (row.precision == "float32")  # Winograd's method makes fewer products
        found = f"{1000 * row.step_seconds:.1f} ms a step, {row.roofline:.0%} of the roofline"
        table.add(f"{row.width}x{row.height}, {row.precision}", found)
    table.add(
        "matrix product, memory", f"{rows[0].matmul_gflops:,.0f} GFLOP/s, {rows[0].gigabytes_per_second:,.0f} GB/s"
    )


def test_memory_is_what_was_planned(place: Place, rows: tuple[Row, ...], table: Table) -> None:
    """No more; and not so much less that pictures would be cut into tiles for nothing."""
    layers = vgg19.up_to(vgg19.deepest({*DEFAULT_CONTENT_LAYERS, *DEFAULT_STYLE_LAYERS}))
    wrong = []
    for row in rows:
        scale = Scale(row.width, row.height, 100)
        settings = Settings(tiling="off")
        ways = choose_all([scale], layers, settings, math.inf, precision=row.precision, on_gpu=place.is_gpu)
        planned, taken = ways[scale].bytes, row.peak_bytes or 0
        table.add(f"memory at {row.width}x{row.height}", f"{taken / 2**30:.2f} GiB, {planned / 2**30:.2f} planned")
        if taken > planned or (taken < 0.3 * planned and row.width >= 1024):
            wrong.append((row.width, row.height, taken, planned))
    assert wrong == []


@pytest.mark.parametrize(
    "changes", [{"statistic": "wasserstein"}, {"optimizer": "adam"}, {"precision": "float32"}], ids=str
)
def test_other_ways_are_timed(place: Place, table: Table, changes: dict[str, str]) -> None:
    """Above all the eigenvectors of ``wasserstein``, which are the host's on the processor."""
    width, height = place.sizes[1]
    (found,) = ask([Trial(width=width, height=height, steps=3, settings=changes)]).measured
    (way,) = changes.values()
    table.add(f"{width}x{height}, {way}", f"{1000 * found.step_seconds:.1f} ms a step")


def test_tiles_are_timed(place: Place, table: Table, tmp_path: Path) -> None:
    width, height = place.sizes[1]
    tile = (-(-width // 2), -(-height // 2))
    for blocks, name in ((2, "front"), (5, "full")):
        (found,) = ask([Trial(width=width, height=height, blocks=blocks, tile=tile, steps=3)]).measured
        table.add(f"{width}x{height} in 4 tiles, {name}", f"{1000 * found.step_seconds:.1f} ms a step")
