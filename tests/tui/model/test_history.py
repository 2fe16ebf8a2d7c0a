"""The losses of a job in memory."""

from __future__ import annotations

import math

from styled.tui.model import history
from styled.tui.model.history import LossHistory, ScaleStart
from tests.tui.conftest import progress


def filled(steps: int, upto: int) -> LossHistory:
    losses = LossHistory()
    losses.extend(progress(step, steps) for step in range(1, upto + 1))
    return losses


def test_scales_begin_where_they_begin() -> None:
    assert filled(60, 60).scales == [ScaleStart(1, 1, 64, 40), ScaleStart(2, 31, 128, 80), ScaleStart(3, 51, 256, 160)]


def test_a_resumed_job_replaces_the_steps_that_come_again() -> None:
    losses = filled(60, 40)
    losses.extend([progress(25, 60, loss=7.0), progress(26, 60, loss=6.0)])
    assert list(losses.steps) == list(range(1, 27))
    assert losses.values["total"][-2:].tolist() == [7.0, 6.0]
    assert losses.scales == [ScaleStart(1, 1, 64, 40)]


def test_a_job_begun_anew_forgets_everything() -> None:
    losses = filled(60, 40)
    losses.extend([progress(1, 60)])
    assert list(losses.steps) == [1]
    assert losses.scales == [ScaleStart(1, 1, 64, 40)]


def test_ten_steps_ago_is_of_the_same_scale_or_unknown() -> None:
    """Losses of two scales do not compare: the first ten steps of a scale have no "ten steps ago"."""
    assert filled(60, 25).before(10)["total"] == progress(15, 60).loss
    assert filled(60, 40).before(10) == {}
    assert filled(60, 41).before(10)["total"] == progress(31, 60).loss
    assert LossHistory().before(10) == {}


def test_best_is_of_the_current_scale_and_ignores_nan() -> None:
    losses = filled(60, 35)
    losses.extend([progress(36, 60, loss=5.0), progress(37, 60, loss=math.nan)])
    assert losses.best() == 5.0


def test_change_per_second() -> None:
    losses = LossHistory()
    losses.extend([progress(1, 60, loss=100.0, seconds=0.0), progress(2, 60, loss=90.0, seconds=2.0)])
    assert losses.fall_per_second() == -0.05
    assert filled(60, 1).fall_per_second() is None


def test_memory_stays_bounded_and_the_spike_stays(monkeypatch) -> None:
    monkeypatch.setattr(history, "MAX_ROWS", 100)
    losses = LossHistory()
    for step in range(1, 1001):
        losses.extend([progress(step, 1000, loss=1e9 if step == 37 else 1.0)])
    assert len(losses) <= 100
    assert 1e9 in losses.values["total"]
    assert list(losses.steps) == sorted(losses.steps)
    assert losses.steps[-1] == 1000
