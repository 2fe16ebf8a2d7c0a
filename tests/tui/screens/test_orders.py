"""Keys that change the queue: whose job they hit, however fast they are pressed, and on how many."""

from __future__ import annotations

import time

import pytest

from styled.job import JobState
from styled.root import Root
from styled.tui.screens.main_screen import MainScreen
from styled.tui.screens.pair_window import PairWindow
from styled.tui.widgets.palette import Palette
from styled.tui.widgets.question import Notice, Question
from styled.tui.widgets.queue_table import SURPRISE_S, QueueTable
from tests.tui.conftest import Desk, make_app, screen_text, settled, until
from tests.tui.daemon_double import DaemonDouble

pytestmark = pytest.mark.screens


def queue(app) -> QueueTable:
    return app.screen.query_one(QueueTable)


async def test_pausing_the_first_row_does_not_move_the_cursor_to_another_job(desk: Desk, root: Root) -> None:
    jobs = desk.usual()
    async with make_app(root).run_test(size=(80, 24)) as pilot:
        app = await settled(pilot)
        DaemonDouble(app, desk.store)
        assert queue(app).follows
        await pilot.press("p")
        await until(pilot, lambda: desk.store.get(jobs[0].id).state is JobState.PAUSED and queue(app).cursor > 0)
        assert queue(app).row.name == "portrait"
        await pilot.press("p")
        await until(pilot, lambda: desk.store.get(jobs[0].id).state is JobState.WAITING)


async def test_a_key_right_after_the_first_row_became_another_job_does_nothing(desk: Desk, root: Root) -> None:
    jobs = desk.usual()
    async with make_app(root).run_test(size=(80, 24)) as pilot:
        app = await settled(pilot)
        daemon = DaemonDouble(app, desk.store)
        desk.end(desk.store.get(jobs[0].id), JobState.DONE)
        for _ in range(400):  # the moment after the row has changed
            await pilot.pause(0.01)
            if queue(app).surprises:
                break
        await pilot.press("p")
        assert "has just become 0002 alps-lake" in screen_text(app)
        assert daemon.asked == []
        assert not queue(app).follows
        assert not queue(app).surprises, "the key was asked for again"
        await pilot.press("p")
        await until(pilot, lambda: desk.store.get(jobs[1].id).state is JobState.PAUSED)


async def test_a_command_of_the_palette_is_for_the_job_of_when_it_was_opened(desk: Desk, root: Root) -> None:
    jobs = desk.usual()
    async with make_app(root).run_test(size=(80, 24)) as pilot:
        app = await settled(pilot)
        daemon = DaemonDouble(app, desk.store)
        table = queue(app)
        await pilot.press("ctrl+p", *"pause")
        await until(pilot, lambda: isinstance(app.screen, Palette))
        desk.end(desk.store.get(jobs[0].id), JobState.DONE)
        await until(pilot, lambda: table.state_of(jobs[0].id) is JobState.DONE)
        table._changed_at = -SURPRISE_S  # a while later
        await pilot.press("enter")
        await until(pilot, lambda: "0001 is done: it cannot pause now" in screen_text(app))
        assert daemon.asked == []
        assert not table.follows, "as after a key that acts on a job"
        assert table.job_id == jobs[0].id


async def test_a_command_of_the_palette_is_for_no_job_that_took_the_row_meanwhile(desk: Desk, root: Root) -> None:
    jobs = desk.usual()
    async with make_app(root).run_test(size=(80, 24)) as pilot:
        app = await settled(pilot)
        daemon = DaemonDouble(app, desk.store)
        table = queue(app)
        await pilot.press("slash", *"waiting", "enter")
        await until(pilot, lambda: table.length == 2)
        await pilot.press("ctrl+p", *"pause")
        await until(pilot, lambda: isinstance(app.screen, Palette))
        desk.store.move(jobs[1].id, JobState.RUNNING)  # the filter leaves it out
        await until(pilot, lambda: table.length == 1)
        table._changed_at = -SURPRISE_S  # a while later
        await pilot.press("enter")
        await until(pilot, lambda: "has just become 0003 harbour" in screen_text(app))
        assert daemon.asked == []
        await pilot.press("p")
        await until(pilot, lambda: desk.store.get(jobs[2].id).state is JobState.PAUSED)


async def test_the_cursor_follows_again_when_the_palette_is_left(desk: Desk, root: Root) -> None:
    jobs = desk.usual()
    async with make_app(root).run_test(size=(80, 24)) as pilot:
        app = await settled(pilot)
        table = queue(app)
        await pilot.press("ctrl+p")
        await until(pilot, lambda: isinstance(app.screen, Palette))
        desk.end(desk.store.get(jobs[0].id), JobState.DONE)
        await until(pilot, lambda: table.state_of(jobs[0].id) is JobState.DONE)
        await pilot.press("escape")
        await until(pilot, lambda: table.job_id == jobs[1].id)
        await pilot.press("ctrl+p", *"loss term", "enter")
        await until(pilot, lambda: app.term == "content")
        assert table.follows
        await pilot.press("ctrl+p", *"move the cursor down", "enter")
        await until(pilot, lambda: table.job_id == jobs[2].id)
        assert not table.follows


async def test_five_fast_pluses_are_five(desk: Desk, root: Root) -> None:
    jobs = desk.usual()
    async with make_app(root).run_test(size=(80, 24)) as pilot:
        app = await settled(pilot)
        daemon = DaemonDouble(app, desk.store)
        await pilot.press("j", "j", *["plus"] * 5)
        await until(pilot, lambda: desk.store.get(jobs[2].id).priority == 5)
        assert daemon.ops() == ["priority"] * 5
        await until(pilot, lambda: "0003 has priority 5 now" in screen_text(app))
        await until(pilot, lambda: queue(app).row.name == "harbour")


@pytest.mark.parametrize("key", ["P", "p"])
async def test_a_fast_second_key_takes_the_first_one_back(desk: Desk, root: Root, key: str) -> None:
    desk.usual()
    async with make_app(root).run_test(size=(80, 24)) as pilot:
        app = await settled(pilot)
        daemon = DaemonDouble(app, desk.store)
        await pilot.press("j", key, key, key)
        await until(pilot, lambda: daemon.ops() == ["pause", "resume", "pause"])


async def test_several_are_selected_and_one_question_counts_them(desk: Desk, root: Root) -> None:
    jobs = desk.usual()
    async with make_app(root).run_test(size=(80, 24)) as pilot:
        app = await settled(pilot)
        DaemonDouble(app, desk.store)
        await pilot.press("j", "space", "j", "space", "j", "j", "space")  # two that wait, one that is done
        await until(pilot, lambda: "3 selected esc clears" in screen_text(app))
        queue(app)._changed_at = time.monotonic()  # the row of the cursor became another: what is selected did not
        await pilot.press("x")
        await until(pilot, lambda: isinstance(app.screen, Question))
        assert "Cancel 2 jobs?" in screen_text(app)
        assert "1 of the selected" in screen_text(app)
        await pilot.press("y")
        await until(pilot, lambda: "2 cancelled" in screen_text(app))
        assert [desk.store.get(job.id).state for job in jobs[1:3]] == [JobState.CANCELLED] * 2
        await pilot.press("escape")
        await until(pilot, lambda: "selected" not in screen_text(app))


async def test_a_range_is_selected_and_taken_back(desk: Desk, root: Root) -> None:
    desk.usual()
    async with make_app(root).run_test(size=(80, 24)) as pilot:
        app = await settled(pilot)
        DaemonDouble(app, desk.store)
        await pilot.press("j", "V", "j", "j")
        await until(pilot, lambda: "3 selected, to the cursor" in screen_text(app))
        await pilot.press("V", "j", "j")
        await until(pilot, lambda: "3 selected esc" in screen_text(app))
        await pilot.press("k", "k", "space")
        await until(pilot, lambda: "2 selected" in screen_text(app))
        await pilot.press("plus")
        await until(pilot, lambda: "Raise the priority of 2 jobs?" in screen_text(app))
        await pilot.press("y")
        await until(pilot, lambda: [job.priority for job in desk.store.jobs()][1:4] == [1, 1, 0])
        await pilot.press("p")
        await until(pilot, lambda: "Pause 2 jobs?" in screen_text(app))
        await pilot.press("n", "escape", "i", "space", "space")
        await until(pilot, lambda: "selected" not in screen_text(app))


async def test_several_go_to_the_top_in_the_order_they_have(desk: Desk, root: Root) -> None:
    """The daemon counts from what waits then: from a picture of before, some would be lowered, or refused at the highest."""
    jobs = desk.usual()
    async with make_app(root).run_test(size=(80, 24)) as pilot:
        app = await settled(pilot)
        daemon = DaemonDouble(app, desk.store)
        await pilot.press("j", "V", "j", "V", "T")
        await until(pilot, lambda: "Move to the top 2 jobs?" in screen_text(app))
        await pilot.press("y")
        await until(pilot, lambda: len(daemon.asked) == 2)
        assert daemon.asked == [("priority", {"job": job.id, "to_top": True}) for job in (jobs[2], jobs[1])]


async def test_of_a_hot_folder_nothing_is_asked(desk: Desk, root: Root) -> None:
    """It is no pair: it cannot be dismissed with its style, nor looked at again."""
    desk.usual()
    desk.publish(hot_folders=["starry_night"])
    async with make_app(root).run_test(size=(80, 24)) as pilot:
        app = await settled(pilot)
        daemon = DaemonDouble(app, desk.store)
        await pilot.press("G")
        await until(pilot, lambda: "hot folder: waits for images" in screen_text(app))
        await pilot.press("space", "D", "r", "x")
        assert "Select a job first." in screen_text(app)
        await pilot.press("enter")
        await until(pilot, lambda: "each image that is dropped there is painted" in screen_text(app))
        await pilot.press("D", "r")
        await pilot.press("escape", "slash", *"hot", "enter")
        await until(pilot, lambda: app.snapshot.view.filter == "hot")
        await pilot.press("6")
        assert "No node is known" in screen_text(app)
        assert daemon.asked == []


async def test_those_that_are_refused_are_listed(desk: Desk, root: Root, monkeypatch: pytest.MonkeyPatch) -> None:
    jobs = desk.usual()
    async with make_app(root).run_test(size=(80, 24)) as pilot:
        app = await settled(pilot)
        daemon = DaemonDouble(app, desk.store)
        await pilot.press("j", "V", "j", "V", "x")
        await until(pilot, lambda: isinstance(app.screen, Question))
        desk.store.move(jobs[2].id, JobState.CANCELLED)  # by another user, while the question is there
        await pilot.press("y")
        await until(pilot, lambda: isinstance(app.screen, Notice))
        assert "1 of 2 cancelled; their files stay, 1 refused" in screen_text(app)
        assert "0003: " in screen_text(app)
        assert daemon.ops() == ["cancel", "cancel"]


async def test_a_filter_a_sort_and_a_hold_are_on_the_screen_until_they_are_taken_back(desk: Desk, root: Root) -> None:
    desk.usual()
    desk.publish(state="paused")
    async with make_app(root).run_test(size=(80, 24)) as pilot:
        app = await settled(pilot)
        await pilot.press("slash", *"fail", "enter", "s")
        await until(pilot, lambda: "filter: fail (1 job) esc" in screen_text(app))
        line = screen_text(app).splitlines()[1]
        assert "paused P" in line
        assert "sorted: newest first s" in line
        desk.publish()
        await pilot.press("escape", "s", "s")
        await until(pilot, lambda: "JOB NAME" in screen_text(app).splitlines()[1])


async def test_rejected_pairs_can_be_filtered(desk: Desk, root: Root) -> None:
    desk.usual()
    async with make_app(root).run_test(size=(80, 24)) as pilot:
        app = await settled(pilot)
        await pilot.press("slash", *"reject", "enter")
        await until(pilot, lambda: queue(app).length == 1)
        assert queue(app).row.name == "notes"


async def test_what_is_wrong_with_a_pair_is_shown_whole_and_r_and_d_act_on_it(desk: Desk, root: Root) -> None:
    desk.usual()
    async with make_app(root).run_test(size=(80, 24)) as pilot:
        app = await settled(pilot)
        daemon = DaemonDouble(app, desk.store)
        await pilot.press("G")
        await until(pilot, lambda: "It is in inbox/rejected/notes/" in screen_text(app))
        assert "r look again" in screen_text(app).splitlines()[-1]
        await pilot.press("r")
        await until(pilot, lambda: "notes is looked at again" in screen_text(app))
        await pilot.press("D")
        await until(pilot, lambda: "Dismiss rejected/notes?" in screen_text(app))
        await pilot.press("y")
        await until(pilot, lambda: "notes is moved to inbox/dismissed/x/" in screen_text(app))
        await pilot.press("k", "enter")
        await until(pilot, lambda: isinstance(app.screen, PairWindow))
        await pilot.press("r")
        await until(pilot, lambda: len(daemon.asked) == 3)
        assert daemon.asked == [
            ("recheck", {"pair": "rejected/notes"}),
            ("dismiss", {"pair": "rejected/notes"}),
            ("recheck", {"pair": "inbox/harbour-2"}),
        ]
        assert isinstance(app.screen, MainScreen)


async def test_a_folders_jobs_are_one_row_that_opens(desk: Desk, root: Root) -> None:
    jobs = desk.summer()
    async with make_app(root).run_test(size=(80, 24)) as pilot:
        app = await settled(pilot)
        daemon = DaemonDouble(app, desk.store)
        await until(pilot, lambda: "summer/" in screen_text(app))
        text = screen_text(app)
        assert "3 jobs" in text
        assert "1/3" in text
        assert queue(app).length == 2
        await pilot.press("j", "k", "x")
        await until(pilot, lambda: "Cancel 2 jobs?" in screen_text(app))
        await pilot.press("n", "enter")
        await until(pilot, lambda: queue(app).length == 5)
        await pilot.press("j", "space", "j", "j", "space", "x")
        await until(pilot, lambda: "Cancel 1 job?" in screen_text(app) or "Cancel job" in screen_text(app))
        await pilot.press("n", "escape", "g", "enter")
        await until(pilot, lambda: queue(app).length == 2)
        await pilot.press("space")  # all of the folder
        await until(pilot, lambda: "3 selected" in screen_text(app))
        await pilot.press("slash", *"cliff", "enter")
        await until(pilot, lambda: queue(app).length == 1)  # one is no group
        assert "selected" in screen_text(app)
        assert [job.name for job in app.snapshot.jobs] == ["cliff"]
        await pilot.press("p")
        await until(pilot, lambda: daemon.asked[-1:] == [("pause", {"job": jobs[2].id})])
