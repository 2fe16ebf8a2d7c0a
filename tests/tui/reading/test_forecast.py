"""Estimates of waiting jobs, against sums done by hand."""

from __future__ import annotations

import pytest

from styled import figures
from styled.job import Job, JobState
from styled.root import Root
from styled.store.reader import StoreReader
from styled.tui.reading.forecast import Forecaster, pixel_steps, queue_eta, seconds_per_pixel
from tests.tui.conftest import NOW, Desk, make_app, progress, screen_text, settled, until


def job(name: str, **fields: object) -> Job:
    values = {"id": name, "number": 1, "name": name, "state": JobState.WAITING, "content": "c", "styles": ("s",)}
    settings = {"size": 300, "steps": 10, "scales": [150], "upscale": True}
    return Job(**{**values, "settings": settings, **fields})  # type: ignore[arg-type]


def test_pixels_are_counted_scale_by_scale_and_only_those_to_come() -> None:
    """Two scales of 150x100 and 300x200, with 6 and 4 steps."""
    whole = 6 * 150 * 100 + 4 * 300 * 200
    assert pixel_steps(job("a")) == whole
    assert pixel_steps(job("a", step=2)) == whole - 2 * 150 * 100
    assert pixel_steps(job("a", step=7)) == 3 * 300 * 200
    assert pixel_steps(job("a", step=10)) == 0
    assert pixel_steps(job("a", settings={"size": 8})) == 0, "a job that will fail at once"


def test_the_speed_is_the_median() -> None:
    assert seconds_per_pixel([None]) is None
    some = [progress(1, 60, width=10, height=10, step_seconds=seconds) for seconds in (1.0, 2.0, 90.0)]
    assert seconds_per_pixel([*some, None]) == pytest.approx(0.02)


def test_each_job_follows_the_one_that_ends_first() -> None:
    first, second, third = (job(name) for name in "abc")
    own = pixel_steps(first) * 1e-3
    late = job("d", not_before=NOW + 10_000.0)
    assert queue_eta([], [first, second], 1e-3, NOW) == pytest.approx({"a": own, "b": 2 * own})
    busy = [(job("x"), progress(1, 60, left_seconds=100.0)), (job("y"), progress(1, 60, left_seconds=5.0))]
    found = queue_eta(busy, [first, second, third, late], 1e-3, NOW)
    assert found == pytest.approx({"a": 5 + own, "b": 100 + own, "c": 5 + 2 * own, "d": 10_000 + own})
    assert queue_eta([(job("x"), None)], [first], 1e-3, NOW) == pytest.approx({"a": 2 * own})


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, "-"),
        (float("inf"), "-"),
        (0.0, "~10s"),
        (44.0, "~40s"),
        (61.0, "~1m"),
        (5400.0, "~90m"),
        (7300.0, "~2h"),
        (200_000.0, "~2d"),
        (1e12, "~9999d"),
    ],
)
def test_a_guess_is_coarse_and_looks_like_one(seconds: float | None, text: str) -> None:
    assert figures.about(seconds) == text


def test_nothing_is_foretold_before_a_job_has_run(desk: Desk, root: Root) -> None:
    desk.add("harbour")
    with StoreReader.open(root) as reader:
        assert Forecaster(root, reader, clock=lambda: NOW).left() == {}


def test_it_follows_a_new_order_at_once(desk: Desk, root: Root) -> None:
    _, first, second, *_ = desk.usual()
    with StoreReader.open(root) as reader:
        forecaster = Forecaster(root, reader, clock=lambda: NOW)
        assert forecaster.left()[first.id] < forecaster.left()[second.id]
        desk.store.set_priority(second.id, 5)
        assert forecaster.left()[first.id] > forecaster.left()[second.id]


async def test_the_queue_shows_it_while_a_daemon_runs(desk: Desk, root: Root) -> None:
    jobs = desk.usual()
    for now, shown in ((NOW, True), (NOW + 60.0, False)):
        app = make_app(root, now=now)
        async with app.run_test(size=(80, 24)) as pilot:
            await settled(pilot)
            await until(pilot, lambda app=app: app.snapshot.focus is not None)
            row = next(line for line in screen_text(app).splitlines() if jobs[1].name in line)
            assert ("~" in row) is shown, row
