"""The main screen on a real store, driven by keys."""

from __future__ import annotations

import re

import pytest

from styled.root import Root
from styled.tui.screens.main_screen import MainScreen
from styled.tui.widgets.picture_view import PictureView
from styled.tui.widgets.queue_table import QueueTable
from tests.store.many import add_copies
from tests.tui.conftest import Desk, make_app, screen_text, settled, until

pytestmark = pytest.mark.screens

SIZES = [(60, 16), (160, 50)]
"""The smallest and a large one; the other tests are at 80 x 24."""


def queue(app) -> QueueTable:
    return app.screen.query_one(QueueTable)


@pytest.mark.parametrize("size", SIZES)
async def test_moving_keys_move_the_cursor_and_the_losses_follow(desk: Desk, root: Root, size) -> None:
    desk.usual()
    async with make_app(root).run_test(size=size) as pilot:
        app = await settled(pilot)
        assert queue(app).row.name == "portrait"
        await pilot.press("j", "down")
        assert queue(app).cursor == 2
        await pilot.press("k")
        await settled(pilot)
        assert "0002 alps-lake" in screen_text(app)
        await pilot.press("G")
        assert queue(app).cursor == queue(app).length - 1 == 8
        await pilot.press("g")
        assert queue(app).cursor == 0
        await pilot.press("i")
        assert queue(app).row.name == "harbour-2"


@pytest.mark.parametrize("size", SIZES)
async def test_the_live_numbers_are_on_the_screen(desk: Desk, root: Root, size) -> None:
    """Step, the four losses, and the peak (where there is room for it) come from losses.jsonl."""
    desk.usual()
    async with make_app(root).run_test(size=size) as pilot:
        text = screen_text(await settled(pilot))
        for word in ("total", "content", "style", "TV", "40/60", "left 0:10"):
            assert word in text
        if size[1] >= 24:
            assert "peak 3.2 GiB" in text
            assert "3.0/16.0 GiB" in text
            assert "scale 2/3 128x80" in text


async def test_new_losses_and_frames_appear_by_themselves(desk: Desk, root: Root) -> None:
    jobs = desk.usual()
    async with make_app(root).run_test(size=(80, 24)) as pilot:
        app = await settled(pilot)
        assert "40/60" in screen_text(app)
        desk.run(jobs[0], upto=50)
        await until(pilot, lambda: "50/60" in screen_text(app) and "frame 50" in screen_text(app))


async def test_the_cursor_stays_on_its_job_when_the_order_changes(desk: Desk, root: Root) -> None:
    jobs = desk.usual()
    async with make_app(root).run_test(size=(80, 24)) as pilot:
        app = await settled(pilot)
        await pilot.press("j", "j")
        assert queue(app).row.name == "harbour"
        desk.store.set_priority(jobs[2].id, 5)
        await until(pilot, lambda: queue(app).cursor == 1)
        assert queue(app).row.name == "harbour"


@pytest.mark.parametrize("size", SIZES)
async def test_the_filter_takes_words_and_states_and_escape_takes_it_back(desk: Desk, root: Root, size) -> None:
    desk.usual()
    async with make_app(root).run_test(size=size) as pilot:
        app = await settled(pilot)
        await pilot.press("slash", *"harb")
        await until(pilot, lambda: queue(app).length == 2)  # the job, and half a pair in the inbox
        assert queue(app).row.name == "harbour"
        await pilot.press("enter", "slash", *["backspace"] * 4, *"fail", "enter")
        await until(pilot, lambda: queue(app).row is not None and queue(app).row.name == "pano")
        await pilot.press("slash", *"zzz", "enter")
        await until(pilot, lambda: "Nothing matches" in screen_text(app))
        await pilot.press("escape")
        await until(pilot, lambda: queue(app).length == 9)


async def test_ten_thousand_jobs_load_a_page_at_a_time(desk: Desk, root: Root) -> None:
    add_copies(desk.store, 10_000)
    async with make_app(root).run_test(size=(80, 24)) as pilot:
        app = await settled(pilot)
        await pilot.press("G")
        await until(pilot, lambda: queue(app).row is not None and queue(app).row.name == "n10000")
        assert "10000 of 10000" in screen_text(app)
        for _ in range(30):
            await pilot.press("pageup")
        await until(pilot, lambda: queue(app).row is not None)
        assert app.snapshot is not None
        assert len(app.snapshot.jobs) <= 150


async def test_a_terminal_too_small_gets_a_clear_word(desk: Desk, root: Root) -> None:
    desk.usual()
    async with make_app(root).run_test(size=(59, 16)) as pilot:
        await pilot.pause()
        text = screen_text(pilot.app)  # type: ignore[arg-type]
        assert "styled needs 60 x 16 cells" in text
        assert "portrait" not in text
        await pilot.resize_terminal(80, 24)
        await until(pilot, lambda: "portrait" in screen_text(pilot.app))  # type: ignore[arg-type]


@pytest.mark.parametrize("size", SIZES)
async def test_sort_goes_round(desk: Desk, root: Root, size) -> None:
    desk.usual()
    async with make_app(root).run_test(size=size) as pilot:
        app = await settled(pilot)
        names = []
        for _ in range(3):
            await pilot.press("s")
            app = await settled(pilot)
            names.append(queue(app).row.name)
        assert names == ["coffee", "alps-lake", "portrait"]


@pytest.mark.parametrize("size", SIZES)
async def test_the_picture_goes_from_blocks_to_ascii_to_off(desk: Desk, root: Root, size) -> None:
    desk.usual()
    async with make_app(root).run_test(size=size) as pilot:
        app = await settled(pilot)
        view = app.screen.query_one(PictureView)
        assert view.picture is not None
        await pilot.press("t")
        await until(pilot, lambda: view.picture is None)
        await settled(pilot)
        place = 0 if size[0] < 160 else 82  # of the picture
        assert any(set(line[place : place + 20]) & set("=+*#%@") for line in screen_text(app).splitlines()[6:])
        await pilot.press("t")
        await until(pilot, lambda: "off (t shows it)" in screen_text(app))


@pytest.mark.parametrize("size", SIZES)
async def test_brackets_scrub_the_frames(desk: Desk, root: Root, size) -> None:
    desk.usual()
    async with make_app(root).run_test(size=size) as pilot:
        app = await settled(pilot)
        await pilot.press("left_square_bracket", "left_square_bracket")
        await until(pilot, lambda: "frame 20 of 40" in screen_text(app))
        await pilot.press("right_square_bracket", "right_square_bracket")
        await until(pilot, lambda: "frame 40 " in screen_text(app) and " of 40" not in screen_text(app))


@pytest.mark.parametrize("size", SIZES)
async def test_v_plots_the_next_term(desk: Desk, root: Root, size) -> None:
    desk.usual()
    async with make_app(root).run_test(size=size) as pilot:
        app = await settled(pilot)
        seen = []
        for _ in range(4):
            await pilot.press("v")
            await until(pilot, lambda: app.snapshot.view.term == app.term)
            plotted = "TV" if app.term == "tv" else app.term
            assert f"log10 of {plotted}" in screen_text(app) or size[0] < 80
            seen.append(app.term)
        assert seen == ["content", "style", "tv", "total"]


@pytest.mark.parametrize("size", SIZES)
async def test_a_number_enlarges_a_panel_and_puts_it_back(desk: Desk, root: Root, size) -> None:
    desk.usual()
    async with make_app(root).run_test(size=size) as pilot:
        app = await settled(pilot)
        await pilot.press("3")
        await until(pilot, lambda: app.screen.query_one("#losses").size.width == size[0])
        assert not app.screen.query_one("#picture").display
        await pilot.press("escape")
        await until(pilot, lambda: app.screen.query_one("#picture").display)


@pytest.mark.parametrize("size", SIZES)
async def test_z_freezes_the_screen(desk: Desk, root: Root, size) -> None:
    jobs = desk.usual()
    async with make_app(root).run_test(size=size) as pilot:
        app = await settled(pilot)
        await pilot.press("z")
        assert "FROZEN" in screen_text(app)
        desk.run(jobs[0], upto=50)
        await pilot.pause(0.8)
        assert "40/60" in screen_text(app)
        await pilot.press("z")
        await until(pilot, lambda: "50/60" in screen_text(app))


async def test_y_copies_the_path_and_shows_it(desk: Desk, root: Root) -> None:
    jobs = desk.usual()
    async with make_app(root).run_test(size=(160, 50)) as pilot:
        app = await settled(pilot)
        await pilot.press("y")
        assert app.clipboard == str(root.evolution / jobs[0].id)
        assert f"copied {app.clipboard}" in screen_text(app)


async def test_a_path_longer_than_the_row_is_shown_whole_in_a_window(desk: Desk, root: Root) -> None:
    jobs = desk.usual()
    async with make_app(root).run_test(size=(60, 16)) as pilot:
        app = await settled(pilot)
        await pilot.press("y")
        await pilot.pause()
        window = "".join(part.strip() for part in re.findall("│(.*)│", screen_text(app)))
        assert str(root.evolution / jobs[0].id) in window
        await pilot.press("escape")
        await pilot.pause()
        assert isinstance(app.screen, MainScreen)


@pytest.mark.parametrize("size", SIZES)
async def test_readonly_hides_and_refuses_commands(desk: Desk, root: Root, size) -> None:
    desk.usual()
    async with make_app(root, readonly=True).run_test(size=size) as pilot:
        app = await settled(pilot)
        assert "pause" not in screen_text(app).splitlines()[-1]
        for key in ("p", "x", "r", "plus", "minus", "T", "D", "X", "P"):
            await pilot.press(key)
            assert "Read-only" in screen_text(app)
            assert isinstance(app.screen, MainScreen)


async def test_cancel_asks_and_no_is_the_answer_at_hand(desk: Desk, root: Root) -> None:
    desk.usual()
    async with make_app(root).run_test(size=(80, 24)) as pilot:
        app = await settled(pilot)
        await pilot.press("x")
        await pilot.pause()
        assert "Cancel job 0001 portrait?" in screen_text(app)
        await pilot.press("enter")
        await pilot.pause()
        assert isinstance(app.screen, MainScreen)
        assert "no daemon" not in screen_text(app)
        await pilot.press("x", "y")
        await until(pilot, lambda: "no daemon runs" in screen_text(app))


async def test_a_command_that_does_not_fit_the_state_says_why(desk: Desk, root: Root) -> None:
    desk.usual()
    async with make_app(root).run_test(size=(80, 24)) as pilot:
        app = await settled(pilot)
        await pilot.press("r")
        assert "0001 is running: it cannot be retried now" in screen_text(app)


@pytest.mark.parametrize("key", ["question_mark", "f1"])
async def test_both_keys_open_help(desk: Desk, root: Root, key: str) -> None:
    desk.usual()
    async with make_app(root).run_test(size=(60, 16)) as pilot:
        app = await settled(pilot)
        await pilot.press(key)
        await until(pilot, lambda: "The job" in screen_text(app))
        await pilot.press("pagedown", "pagedown", "G")
        assert "Leave; the daemon and its jobs run on." in screen_text(app)


async def test_help_lists_every_key(desk: Desk, root: Root) -> None:
    """The list comes from the bindings: each binding with a name of its own is in it, with the name."""
    desk.usual()
    async with make_app(root).run_test(size=(160, 70)) as pilot:
        app = await settled(pilot)
        wanted = {
            word
            for active in app.screen.active_bindings.values()
            if active.binding.id is not None
            for word in (active.binding.tooltip, active.binding.id)
        }
        await pilot.press("question_mark")
        await pilot.pause()
        text = " ".join(screen_text(app).split())
        assert len(wanted) > 40
        for word in wanted:
            assert " ".join(word.split()) in text
        await pilot.press("q")
        await pilot.pause()
        assert isinstance(app.screen, MainScreen)


async def test_q_leaves(desk: Desk, root: Root, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.usual()
    app = make_app(root)
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        await pilot.press("q")
    assert app.return_code == 0
    words = "styled runs on (pid 4711, 1 running, 2 waiting). Stop it with: styled stop"
    assert app.farewell() == f"{words} --root {root.path}", "the command would mean another root here"
    monkeypatch.chdir(root.path)
    assert app.farewell() == words


async def test_keys_can_be_given_other_keys(desk: Desk, root: Root) -> None:
    desk.usual()
    async with make_app(root, keys={"queue.down": "n", "queue.dwon": "m"}).run_test(size=(80, 24)) as pilot:
        app = await settled(pilot)
        assert "did you mean 'queue.down'" in screen_text(app)
        await pilot.press("n")
        assert queue(app).cursor == 1


async def test_the_palette_offers_and_runs_what_the_keys_do(desk: Desk, root: Root) -> None:
    desk.usual()
    async with make_app(root).run_test(size=(60, 16)) as pilot:
        app = await settled(pilot)
        await pilot.press("ctrl+p")
        await pilot.pause()
        text = screen_text(app)
        assert text.splitlines()[2].split()[1] == "pause", "not the movements of the cursor"
        assert "pause" in text
        assert "retry" not in text  # the job under the cursor runs
        await pilot.press(*"loss term", "enter")
        await until(pilot, lambda: app.term == "content")
        await pilot.press("ctrl+p", *"xyzzy")
        await pilot.pause()
        assert "no match" in screen_text(app)
        await pilot.press("escape")
        await pilot.pause()
        assert isinstance(app.screen, MainScreen)


async def test_a_running_job_shows_its_time_left_also_when_the_cursor_is_elsewhere(desk: Desk, root: Root) -> None:
    desk.usual()
    async with make_app(root).run_test(size=(80, 24)) as pilot:
        app = await settled(pilot)
        await pilot.press("j")
        app = await settled(pilot)
        assert "67% 6.33e+5    0:10" in screen_text(app)


async def test_a_click_on_the_row_of_keys_does_what_the_key_does(desk: Desk, root: Root) -> None:
    desk.usual()
    async with make_app(root).run_test(size=(80, 24)) as pilot:
        app = await settled(pilot)
        for words, shown in (("? help", "The job"), ("esc", "PROGRESS")):
            row = screen_text(app).splitlines()[-1]
            await pilot.click("#keys", offset=(row.index(words) + 1, 0))
            await until(pilot, lambda shown=shown: shown in screen_text(app))


async def test_a_click_on_a_columns_head_sorts_by_it(desk: Desk, root: Root) -> None:
    """By the name, by the number, and back to the order in which they run."""
    desk.usual()
    async with make_app(root).run_test(size=(80, 24)) as pilot:
        app = await settled(pilot)
        for word, order in (("NAME", "name"), ("NAME", "queue"), ("JOB", "newest"), ("LOSS", "queue")):
            head = next(row for row in screen_text(app).splitlines() if "JOB" in row and "NAME" in row)
            await pilot.click("#queue", offset=(head.index(word) + 1, 0))
            await until(pilot, lambda order=order: app.snapshot.view.order == order)
