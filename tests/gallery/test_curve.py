from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from styled.gallery.curve import curve_of, decades
from tests.gallery.conftest import progress


def test_a_line_goes_from_edge_to_edge() -> None:
    """1000 to 1 over 31 steps: from the top left corner to the bottom right one."""
    curve = curve_of(
        [progress(step, 10 ** (3 - (step - 1) / 10), content_loss=0, style_loss=0) for step in range(1, 32)]
    )
    assert curve is not None
    assert list(curve.lines) == ["loss"]
    assert curve.lines["loss"][0] == pytest.approx((0, 0))
    assert curve.lines["loss"][-1] == pytest.approx((1, 1))
    assert (curve.low, curve.high, curve.steps) == pytest.approx((0, 3, 31))
    assert decades(curve) == [(power, pytest.approx(1 - power / 3)) for power in (0, 1, 2, 3)]


def test_a_spike_survives_thinning() -> None:
    """One step of 100,000 is kept, with far fewer points than steps."""
    losses = [
        progress(step, 5e5 if step == 54_321 else 10.0, content_loss=0, style_loss=0) for step in range(1, 100_001)
    ]
    curve = curve_of(losses, columns=50)
    assert curve is not None
    points = curve.lines["loss"]
    assert len(points) <= 102
    assert min(points, key=lambda point: point.y).x == pytest.approx(54_320 / 99_999)


def test_steps_painted_twice_are_drawn_once() -> None:
    """After a resume the later lines are the true ones."""
    curve = curve_of([progress(1, 100), progress(2, 90), progress(3, 1e9), progress(3, 80), progress(4, 70)])
    assert curve is not None
    assert [point.x for point in curve.lines["loss"]] == pytest.approx([0, 1 / 3, 2 / 3, 1])
    assert curve.high == pytest.approx(2)


def test_scales_are_marked_where_they_begin() -> None:
    losses = [progress(step, 100.0, scale=1 if step < 11 else 2) for step in range(1, 22)]
    curve = curve_of(losses)
    assert curve is not None
    assert curve.scales == [0.5]


@pytest.mark.parametrize("loss", [0.0, -1.0, math.nan, math.inf])
def test_what_has_no_logarithm_is_not_drawn(loss: float) -> None:
    assert curve_of([]) is None
    assert curve_of([progress(1, loss)]) is None
    curve = curve_of([progress(1, 100.0), progress(2, loss), progress(3, 10.0)])
    assert curve is not None
    assert len(curve.lines["loss"]) == 2


def test_terms_far_below_do_not_flatten_the_rest() -> None:
    """Five decades are shown; what lies deeper lies on the edge."""
    curve = curve_of([progress(1, 1e6, content_loss=1e-12), progress(2, 1e5, content_loss=1e-12)])
    assert curve is not None
    assert curve.high - curve.low == pytest.approx(5)
    assert [point.y for point in curve.lines["content_loss"]] == [1, 1]


values = st.floats(allow_nan=True, allow_infinity=True, min_value=None)


@given(st.lists(st.tuples(st.integers(1, 5000), values, values), max_size=60), st.integers(1, 20))
def test_every_point_lies_in_the_plot(rows: list[tuple[int, float, float]], columns: int) -> None:
    curve = curve_of([progress(step, loss, tv_loss=tv) for step, loss, tv in rows], columns=columns)
    if curve is not None:
        assert curve.high > curve.low
        for points in curve.lines.values():
            assert all(0 <= point.x <= 1 and -1e-9 <= point.y <= 1 for point in points)
            assert [point.x for point in points] == sorted(point.x for point in points)
