"""One job in full, driven by keys."""

from __future__ import annotations

from typing import Any

import pytest

from styled.job import JobState
from styled.root import Root
from styled.tui.model.snapshot import Picture
from styled.tui.screens.detail_screen import PAGES, DetailScreen
from styled.tui.screens.main_screen import MainScreen
from styled.tui.widgets.picture_view import PictureView
from tests.tui.conftest import Desk, make_app, screen_text, settled, until

pytestmark = pytest.mark.screens

SIZES = [(60, 16), (160, 50)]
"""The smallest and a large one; the other tests are at 80 x 24."""


async def open_detail(pilot) -> DetailScreen:
    app = await settled(pilot)
    await pilot.press("enter")
    await until(pilot, lambda: isinstance(app.screen, DetailScreen))
    await settled(pilot)
    return app.screen


@pytest.mark.parametrize("size", SIZES)
async def test_keys_tab_and_clicks_on_the_tabs_go_through_the_pages(desk: Desk, root: Root, size) -> None:
    desk.usual()
    async with make_app(root).run_test(size=size) as pilot:
        screen = await open_detail(pilot)
        words = {
            "picture": "frame 40",
            "sides": "content",
            "losses": "total",
            "settings": "style_weight",
            "log": "of the log",
        }
        for number, page in enumerate(PAGES, 1):
            await pilot.press(str(number))
            await settled(pilot)
            if page == "settings" and size[1] < 24:
                await pilot.press("G")
                words["settings"] = "checkpoint_s"
            await until(pilot, lambda word=words[page]: word in screen_text(pilot.app))
            assert screen.query_one(f"#page-{page}").display

        await pilot.press("1")
        seen = []
        for _ in PAGES:
            await pilot.press("tab")
            seen.append(screen._page)
        assert seen == ["sides", "losses", "settings", "log", "picture"]
        row = screen_text(pilot.app).splitlines()[1]
        for page, words in (("log", "5 log"), ("sides", "before/after"), ("settings", "4 set"), ("losses", "losses")):
            await pilot.click("#tabs", offset=(row.index(words) + 1, 0))
            await until(pilot, lambda page=page: screen.query_one(f"#page-{page}").has_class("-front"))
        await pilot.click("#tabs", offset=(len(row) + 1, 0))
        assert screen._page == "losses", "beside the tabs is nothing"
        keys = screen_text(pilot.app).splitlines()[-1]
        await pilot.click("#keys", offset=(keys.index("esc") + 1, 0))
        await until(pilot, lambda: isinstance(pilot.app.screen, MainScreen))


async def test_brackets_scrub_and_space_plays_to_the_newest(desk: Desk, root: Root, monkeypatch) -> None:
    desk.usual()
    monkeypatch.setattr("styled.tui.screens.detail_screen.PLAY_S", 0.25)
    async with make_app(root).run_test(size=SIZES[0]) as pilot:
        screen = await open_detail(pilot)
        await pilot.press("left_square_bracket", "left_square_bracket")
        await until(pilot, lambda: "frame 20 of 40" in screen_text(pilot.app))
        await pilot.press("right_square_bracket")
        await until(pilot, lambda: "frame 30 of 40" in screen_text(pilot.app))
        seen: list[int] = []
        show = PictureView.show_picture

        def note(view: PictureView, picture: Picture | None, *arguments: Any) -> None:
            if view.id == "large" and picture is not None and picture.step not in seen[-1:]:
                seen.append(picture.step)
            show(view, picture, *arguments)

        monkeypatch.setattr(PictureView, "show_picture", note)
        await pilot.press("space")
        await until(pilot, lambda: screen.frame is None)
        await until(pilot, lambda: seen[-1:] == [40])
        assert seen[-4:] == [10, 20, 30, 40]
        assert screen._player is None


async def test_space_stops_what_it_started_and_needs_frames(desk: Desk, root: Root) -> None:
    jobs = desk.usual()
    async with make_app(root).run_test(size=(80, 24)) as pilot:
        screen = await open_detail(pilot)
        await pilot.press("space")
        assert screen._player is not None
        await pilot.press("space")
        assert screen._player is None
        await pilot.press("J")
        await until(pilot, lambda: screen.job_id() == jobs[1].id and screen.focus_now is not None)
        await pilot.press("space")
        assert "nothing to play yet" in screen_text(pilot.app)


async def test_side_by_side_shows_content_style_and_result(desk: Desk, root: Root) -> None:
    desk.usual()
    async with make_app(root).run_test(size=(160, 50)) as pilot:
        app = await settled(pilot)
        await pilot.press(*"jjjj")
        screen = await open_detail(pilot)
        await pilot.press("2")
        await until(
            pilot,
            lambda: all(
                screen.query_one(f"#side-{name}", PictureView).picture for name in ("content", "style", "result")
            ),
        )
        captions = [
            screen.query_one(f"#side-{name}", PictureView).picture.caption for name in ("content", "style", "result")
        ]
        assert captions == ["content", "style", "result"]
        assert app.snapshot.focus.job.name == "bridge"
        await pilot.press("1")
        await settled(pilot)
        large, small = screen.query_one("#large", PictureView), screen.query_one("#small-content", PictureView)
        assert large.picture.caption == "result"
        assert small.picture.caption == "content"
        assert large.size.width > 2 * small.size.width
        assert len(large.picture.blocks) < large.size.height
        await pilot.press("left_square_bracket")
        await until(pilot, lambda: "frame 50 of 60" in screen_text(app))


async def test_the_log_follows_its_end_until_the_reader_scrolls(desk: Desk, root: Root) -> None:
    jobs = desk.usual()
    log = root.evolution / jobs[0].id / "log.txt"
    async with make_app(root).run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        await pilot.press("l")
        await until(pilot, lambda: "line 40 of the log" in screen_text(pilot.app))
        with log.open("a") as file:
            file.write("a \x1b[31mnew\x1b[0m [b]line[/b]\n")
        await until(pilot, lambda: "a ?[31mnew?[0m [b]line[/b]" in screen_text(pilot.app))
        await pilot.press("g")
        with log.open("a") as file:
            file.write("one more\n")
        await pilot.pause(0.8)
        assert "line 1 of the log" in screen_text(pilot.app)
        await pilot.press("G")
        assert "one more" in screen_text(pilot.app)


LOG = """\
2026-11-20 10:00:00.123456: I tensorflow/core/platform/cpu_feature_guard.cc:210] This TensorFlow binary is optimized
To enable the following instructions: AVX2 FMA, in other operations, rebuild TensorFlow
WARNING: All log messages before absl::InitializeLog() is called are written to STDERR
I0000 00:00:1763632800.000000   12345 port.cc:153] oneDNN custom operations are on
timestamp=2026-09-21T14:13:20+0000 level=info event=started after_step=0 steps=60
E0000 00:00:1763632801.000000   12345 cuda_dnn.cc:8579] Unable to register cuDNN factory: a real error
timestamp=2026-09-21T14:13:21+0000 level=warning event="its colours were guessed" profile="none was found in the file, so sRGB is taken"
"""


async def test_the_log_is_for_people_wraps_and_has_no_chatter(desk: Desk, root: Root) -> None:
    jobs = desk.usual()
    (root.evolution / jobs[0].id / "log.txt").write_text(LOG)
    async with make_app(root).run_test(size=(60, 16)) as pilot:
        await settled(pilot)
        await pilot.press("l")
        await until(pilot, lambda: "sRGB is taken" in screen_text(pilot.app))
        rows = screen_text(pilot.app).splitlines()[3:-2]
        assert " ".join(" ".join(rows).split()) == (
            "2026-09-21 14:13:20 started after_step=0 steps=60 "
            "E0000 00:00:1763632801.000000 12345 cuda_dnn.cc:8579] Unable to register cuDNN factory: a real error "
            '2026-09-21 14:13:21 WARNING its colours were guessed profile="none was found in the file, so sRGB is taken"'
        )


async def test_a_job_removed_meanwhile_leads_back(desk: Desk, root: Root) -> None:
    jobs = desk.usual()
    async with make_app(root).run_test(size=(80, 24)) as pilot:
        app = await settled(pilot)
        await open_detail(pilot)
        desk.store.move(jobs[0].id, JobState.CANCELLED)
        desk.store.remove(jobs[0].id)
        await until(pilot, lambda: isinstance(app.screen, MainScreen))
        assert "This job was removed" in screen_text(app)


async def test_back_to_the_queue(desk: Desk, root: Root) -> None:
    desk.usual()
    async with make_app(root).run_test(size=(80, 24)) as pilot:
        for key in ("escape", "q"):
            await open_detail(pilot)
            await pilot.press(key)
            await pilot.pause()
            assert isinstance(pilot.app.screen, MainScreen)


async def test_readonly_refuses_commands_here_too(desk: Desk, root: Root) -> None:
    desk.usual()
    async with make_app(root, readonly=True).run_test(size=(80, 24)) as pilot:
        await open_detail(pilot)
        for key in ("p", "x", "r", "T", "D", "P", "plus", "minus"):
            await pilot.press(key)
            assert "Read-only" in screen_text(pilot.app)
