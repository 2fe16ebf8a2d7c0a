"""What a step is said to cost, beside the tiles that are really cut."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from styled import vgg19
from styled.sizing import cost
from styled.sizing.scales import Scale
from styled.sizing.tiles import halo, tiled_by, tiles

LAYERS = vgg19.up_to("block5_conv1")
SIDES = st.integers(96, 3000)


@given(st.tuples(SIDES, SIDES), st.tuples(SIDES, SIDES), st.sampled_from([2, 3, 5]))
def test_a_grid_is_what_is_cut(size: tuple[int, int], tile: tuple[int, int], blocks: int) -> None:
    width, height = size
    tiled = tiled_by(LAYERS, blocks)
    grid = cost.grid(Scale(width, height, 1), LAYERS, tiled, tile)
    cut = tiles(height, width, tile=tile, halo=halo(tiled, is_pooled=blocks < 5))
    areas = [(each.rows.stop - each.rows.start) * (each.columns.stop - each.columns.start) for each in cut]
    assert (grid.tiles, grid.pixels, grid.largest) == (len(cut), sum(areas), max(areas))
    assert grid.shapes == len({each.relative for each in cut})


@pytest.mark.parametrize("blocks", [2, 3, 5])
def test_tiles_cost_their_first_pass_and_their_halos(blocks: int) -> None:
    scale = Scale(3000, 2000, 1)
    tiled = tiled_by(LAYERS, blocks)
    untiled, one, many = (
        sum(piece.cost for piece in cost.of_step(scale, LAYERS, part, tile))
        for part, tile in (((), (0, 0)), (tiled, (3000, 2000)), (tiled, (500, 500)))
    )
    assert untiled == pytest.approx(scale.pixels, rel=1e-3), "the shares are of a whole step"
    assert untiled < one < many
