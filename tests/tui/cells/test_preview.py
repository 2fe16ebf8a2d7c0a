"""Pictures as terminal cells."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from styled.tui.cells import preview
from styled.tui.cells.lines import Run


def solid(width: int, height: int, colour: tuple[int, int, int]) -> Image.Image:
    return Image.new("RGB", (width, height), colour)


@given(st.integers(1, 5000), st.integers(1, 5000), st.integers(1, 200), st.integers(1, 100))
def test_fit_cells_stays_inside_and_keeps_the_aspect(width: int, height: int, columns: int, rows: int) -> None:
    wide, high = preview.fit_cells(width, height, columns, rows)
    assert 1 <= wide <= columns
    assert 1 <= high <= rows
    # A cell is twice as high as wide: rounding to whole cells moves either side by at most half a cell.
    exact = min(columns / width, 2 * rows / height)
    assert abs(wide - width * exact) <= 0.5 or wide == 1
    assert abs(high - height * exact / 2) <= 0.5 or high == 1


@pytest.mark.parametrize("mode", ["RGB", "L", "P", "RGBA", "CMYK"])
def test_half_blocks_fill_exactly_the_cells(mode: str) -> None:
    picture = Image.fromarray((np.arange(64 * 40 * 3) % 251).astype(np.uint8).reshape(40, 64, 3)).convert(mode)
    rows = preview.half_blocks(picture, 21, 7)
    assert len(rows) == 7
    assert all(sum(run.cells for run in row) == 21 for row in rows)


def test_half_blocks_put_the_upper_pixel_on_top() -> None:
    picture = solid(8, 8, (0, 0, 0))
    picture.paste((248, 0, 0), (0, 0, 8, 4))
    assert preview.half_blocks(picture, 4, 1) == ((Run(4, (248, 0, 0), (0, 0, 0)),),)


def test_neighbours_that_look_the_same_are_one_run() -> None:
    """Each change of colour costs bytes: 100 and 102 round to the same level."""
    picture = solid(4, 2, (100, 100, 100))
    picture.paste((102, 102, 102), (2, 0, 4, 2))
    assert len(preview.half_blocks(picture, 4, 1)[0]) == 1


def test_shrinking_averages_light_and_not_codes() -> None:
    """A black and white checkerboard is as bright as sRGB 188, not 128 (IEC 61966-2-1)."""
    board = Image.fromarray((np.indices((32, 32)).sum(axis=0) % 2 * 255).astype(np.uint8)).convert("RGB")
    assert preview.shrink(board, 4, 4).tolist() == [[[188, 188, 188]] * 4] * 4


def test_ascii_goes_from_dark_to_bright() -> None:
    ramp = Image.linear_gradient("L").rotate(90).convert("RGB")
    row = preview.ascii_art(ramp, 30, 1)[0]
    order = [preview.ASCII_RAMP.index(character) for character in row]
    assert order == sorted(order)
    assert order[0] == 0
    assert order[-1] == len(preview.ASCII_RAMP) - 1


def test_a_flat_picture_is_not_turned_into_noise() -> None:
    picture = Image.fromarray(np.random.default_rng(0).integers(100, 104, (40, 40, 3)).astype(np.uint8))
    assert len(set("".join(preview.ascii_art(picture, 20, 10)))) <= 2


def test_a_huge_picture_is_reduced_first() -> None:
    rows = preview.half_blocks(solid(4000, 3000, (8, 16, 24)), 10, 4)
    assert rows[0] == (Run(10, (8, 16, 24), (8, 16, 24)),)
