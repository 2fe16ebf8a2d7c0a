"""The loss plot."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from styled.tui.cells import plot
from styled.tui.cells.glyphs import ASCII, UNICODE
from styled.tui.cells.lines import plain


def test_a_spike_of_one_step_survives() -> None:
    values = [1e4] * 10_000
    values[5000] = 1e6
    columns = plot.columns_of(range(1, 10_001), values, 10_000, 40)
    assert columns[20] == (4.0, 6.0)
    assert all(column == (4.0, 4.0) for index, column in enumerate(columns) if index != 20)
    assert "█" in plot.bars(columns, 1, UNICODE)[0][20]


def test_values_without_a_logarithm_are_left_out() -> None:
    columns = plot.columns_of([1, 2, 3, 4], [math.nan, 0.0, -1.0, math.inf], 4, 4)
    assert columns == [None] * 4
    assert plot.limits(columns) is None
    assert plain(plot.plot(columns, [], 4, rows=6, glyphs=UNICODE)[0]) == "no loss yet"


def test_few_steps_are_held_until_the_next() -> None:
    columns = plot.columns_of([1, 6], [10.0, 100.0], 10, 10)
    assert columns == [(1.0, 1.0)] * 5 + [(2.0, 2.0)] + [None] * 4


def test_the_plot_fills_as_the_job_goes_on() -> None:
    """The axis is the plan: half way through, half of the columns are filled."""
    columns = plot.columns_of(range(1, 51), [1.0] * 50, 100, 40)
    assert [column is not None for column in columns] == [True] * 20 + [False] * 20


def test_scale_boundaries_are_ticks_at_their_step() -> None:
    assert plot.boundary_rule(10, [51, 81], 100, UNICODE) == "─────┴──┴─"
    assert plot.boundary_rule(10, [51], 100, ASCII) == "-----+----"


def test_bars_rise_with_the_value() -> None:
    columns = [(float(level), float(level)) for level in range(8)]
    assert plot.bars(columns, 1, UNICODE) == ["▁▂▃▄▅▆▇█"]
    top, bottom = plot.bars(columns, 2, UNICODE)
    assert top.strip()
    assert not top.startswith("█")
    assert bottom.endswith("████")


@given(
    st.lists(st.floats(1e-3, 1e9), min_size=1, max_size=80),
    st.integers(3, 20),
    st.sampled_from([UNICODE, ASCII]),
)
def test_the_plot_has_the_rows_asked_for_and_shows_every_column(values: list[float], rows: int, glyphs) -> None:
    count = 60
    columns = plot.columns_of(range(1, len(values) + 1), values, len(values), count)
    lines = plot.plot(columns, [], len(values), rows=rows, glyphs=glyphs)
    assert len(lines) == max(rows, 3)
    body = [plain(line)[7:] for line in lines[:-2]]
    cells = count // 2 if glyphs.unicode else count
    for x in range(cells):
        assert any(x < len(row) and row[x] != " " for row in body)


def test_axis_labels_name_the_first_the_boundaries_and_the_last_step() -> None:
    columns = plot.columns_of(range(1, 301), [10.0] * 300, 300, 120)
    assert plain(plot.plot(columns, [151], 300, rows=6, glyphs=UNICODE)[-1]).split() == ["0", "150", "300"]


def test_the_steep_first_tenth_of_each_scale_does_not_flatten_the_rest() -> None:
    steps = list(range(1, 201))
    values = [10.0 ** (7 - step) if step % 100 in range(1, 6) else 100.0 - step / 4 for step in steps]
    columns = plot.columns_of(steps, values, 200, 40)
    low, high = plot.limits(columns, [101], 200) or (0.0, 0.0)
    assert high < 2.1
    assert (plot.limits(columns) or (0.0, 0.0))[1] == pytest.approx(6.0)
    lines = [plain(line) for line in plot.plot(columns, [101], 200, rows=8, glyphs=ASCII)]
    assert "^|" in lines[0]
    assert low < 1.8


def test_before_there_is_more_than_the_steep_part_it_is_drawn() -> None:
    columns = plot.columns_of([1, 2, 3], [100.0, 10.0, 1.0], 300, 100)
    assert plot.limits(columns, [], 300) == (pytest.approx(0.0), pytest.approx(2.0))
