"""Two jobs side by side."""

from __future__ import annotations

import pytest

from styled.job import JobState
from styled.root import Root
from styled.tui.screens.compare_screen import CompareScreen
from styled.tui.screens.main_screen import MainScreen
from styled.tui.widgets.picture_view import PictureView
from styled.tui.widgets.queue_table import QueueTable
from tests.tui.conftest import Desk, make_app, screen_text, settled, until

pytestmark = pytest.mark.screens


@pytest.fixture
def two(desk: Desk) -> Desk:
    for name, weight in (("one", 100.0), ("two", 2000.0)):
        job = desk.run(desk.add(name, settings={"style_weight": weight, "size": 512}))
        desk.end(job, JobState.DONE)
    desk.publish()
    return desk


@pytest.mark.parametrize("size", [(60, 16), (80, 24), (160, 50)])
async def test_c_on_two_jobs_shows_both_results_and_what_differs(two: Desk, root: Root, size) -> None:
    async with make_app(root).run_test(size=size) as pilot:
        app = await settled(pilot)
        await pilot.press("c")
        assert "0001 marked" in screen_text(app)
        assert "*000" in screen_text(app)
        await pilot.press("j", "c")
        await until(pilot, lambda: isinstance(app.screen, CompareScreen))
        views = list(app.screen.query(PictureView))
        await until(pilot, lambda: all(view.picture is not None for view in views))
        assert [view.picture.caption for view in views] == ["result", "result"]
        await pilot.press("G")
        row = next(line for line in screen_text(app).splitlines() if line.startswith("style_weight"))
        assert row.split()[1:] in (["100", "2000"], ["2000", "100"])
        assert not any(line.startswith("size") for line in screen_text(app).splitlines())
        await pilot.press("escape")
        await pilot.pause()
        assert isinstance(app.screen, MainScreen)


async def test_escape_and_the_same_job_take_the_pick_back(two: Desk, root: Root) -> None:
    async with make_app(root).run_test(size=(80, 24)) as pilot:
        app = await settled(pilot)
        table = app.screen.query_one(QueueTable)
        await pilot.press("c", "c")
        assert table.picked is None
        await pilot.press("c", "escape")
        assert table.picked is None
        assert isinstance(app.screen, MainScreen)


async def test_a_job_that_goes_meanwhile_ends_the_comparison(two: Desk, root: Root) -> None:
    async with make_app(root).run_test(size=(80, 24)) as pilot:
        app = await settled(pilot)
        await pilot.press("c", "j", "c")
        await until(pilot, lambda: isinstance(app.screen, CompareScreen))
        two.store.remove(1)
        await until(pilot, lambda: isinstance(app.screen, MainScreen))
        assert "was removed" in screen_text(app)
