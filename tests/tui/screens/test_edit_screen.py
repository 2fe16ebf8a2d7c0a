"""Typed settings are checked at each key; a job that is done is painted again as a new one."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from textual.widgets import Input

from styled.errors import SettingsError
from styled.root import Root
from styled.settings import differing, settings_from
from styled.tui.panes.new_job import NewJob
from styled.tui.reading.requests import Request
from styled.tui.screens.edit_screen import EditScreen, NewSettingsScreen, changes_of
from styled.tui.screens.main_screen import MainScreen
from tests.tui.conftest import Desk, make_app, screen_text, settled, until

BEFORE = {"size": 1024, "scales": [256, 512]}


@pytest.mark.parametrize(
    ("text", "changes"),
    [
        ("size=1024 steps=300", {}),
        ("size=512", {"size": 512}),
        ("size = 512", None),
        ("preset=draft init=noise", {"preset": "draft", "init": "noise"}),
        ("size=1024 steps=300 preset=draft", {"size": 1024, "steps": 300, "preset": "draft"}),
        ("scales=[256,512]", {}),
        ("'scales=[64, 128]'", {"scales": [64, 128]}),
        ("sise=512", None),
        ("size=3", None),
        ("'size=512", None),
        ("", {}),
    ],
)
def test_what_is_typed_is_what_differs_or_an_error(text: str, changes: dict[str, Any] | None) -> None:
    if changes is None:
        with pytest.raises(SettingsError):
            changes_of(text, BEFORE)
    else:
        assert changes_of(text, BEFORE) == changes


@pytest.mark.parametrize(
    ("text", "changes"),
    [
        ("size=1024 steps=300 preset=draft", {"preset": "draft"}),
        ("size=1024 steps=70 preset=draft", {"preset": "draft", "steps": 70}),
        ("size=1024 steps=70", {"steps": 70}),
        ("size=1024 steps=300", {}),
    ],
)
def test_what_was_offered_does_not_win_over_a_preset_that_is_typed(text: str, changes: dict[str, Any]) -> None:
    assert changes_of(text, BEFORE, "size=1024 steps=300 ") == changes


def test_what_stood_there_with_its_preset_stays() -> None:
    """Settings of a new job that were typed before: it is that preset with another size."""
    offered = "size=900 preset=draft "
    assert changes_of(offered, BEFORE, offered) == {"size": 900, "preset": "draft"}
    assert changes_of("size=900 preset=fine", BEFORE, offered) == {"preset": "fine"}


def test_settings_put_back_to_their_defaults_beside_the_jobs_preset_are_the_jobs() -> None:
    """As the store has them: 1024 px is not among what differs, and the preset would give 1600."""
    before = differing(settings_from({"preset": "fine", "size": 1024, "scales": [256, 1024]}))
    assert changes_of("size=1600", before) == {"size": 1600}
    assert changes_of("size=1024 seed=3", before) == {"seed": 3}
    assert changes_of("preset=fine", before) == {"preset": "fine"}, "its size is another"


@pytest.mark.screens
async def test_a_job_is_estimated_at_its_own_size_and_a_new_one_keeps_the_size_typed_over_the_configured_preset(
    desk: Desk, root: Root
) -> None:
    desk.usual()
    async with make_app(root).run_test(size=(80, 24)) as pilot:
        app = await settled(pilot)
        await pilot.press("j")
        await until(pilot, lambda: app.screen.job is not None and app.screen.job.name == "alps-lake")
        stored = differing(settings_from({"preset": "print", "size": 1024}))
        job = msgspec.structs.replace(app.screen.job, settings=stored)
        glyphs = app.glyphs
        await app.push_screen(EditScreen(job, root, "Settings", glyphs, needs_change=True))
        await until(pilot, lambda: "1024x" in screen_text(app))
        await pilot.press("escape")

        given: list[dict[str, Any] | None] = []
        await app.push_screen(NewSettingsScreen(NewJob(configured={"preset": "fine"}), root, glyphs), given.append)
        assert "size=1600" in app.screen.query_one(Input).value
        app.screen.query_one(Input).value = "size=1024"
        await pilot.press("enter")
        await until(pilot, lambda: given)
        assert given == [{"size": 1024}]


@pytest.mark.screens
async def test_a_waiting_job_is_edited_and_a_done_one_is_painted_again(
    desk: Desk, root: Root, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.usual()
    async with make_app(root).run_test(size=(80, 24)) as pilot:
        app = pilot.app
        asked: list[Request] = []
        monkeypatch.setattr(app, "ask", lambda *requests: asked.extend(requests))
        await settled(pilot)
        await pilot.press("e")
        assert isinstance(app.screen, MainScreen)
        assert "0001 is running: it cannot be edited now" in screen_text(app)
        await pilot.press("j")
        await until(pilot, lambda: app.screen.job is not None and app.screen.job.name == "alps-lake")
        await pilot.press("e")
        await until(pilot, lambda: isinstance(app.screen, EditScreen))
        await until(pilot, lambda: "memory" in screen_text(app))
        assert "Settings of 0002 alps-lake × starry_night" in screen_text(app)
        assert "size=1024 steps=300 style_weight=1000" in screen_text(app)
        await pilot.press("enter")
        assert isinstance(app.screen, EditScreen), "there is nothing to change yet"
        field = app.screen.query_one(Input)
        field.value = "sise=512"
        await until(pilot, lambda: "Did you mean 'size'?" in screen_text(app))
        await pilot.press("enter")
        assert isinstance(app.screen, EditScreen)
        field.value = "size=48"
        await until(pilot, lambda: "size = 48" in screen_text(app) and "48x30" in screen_text(app))
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, MainScreen))
        assert [(request.op, request.args["settings"]) for request in asked] == [("edit", {"size": 48})]

        await pilot.press("j", "j", "j")
        await until(pilot, lambda: app.screen.job is not None and app.screen.job.name == "bridge")
        await pilot.press("r")
        await until(pilot, lambda: isinstance(app.screen, EditScreen))
        await until(pilot, lambda: "Paint again as a new job; 0005 bridge stays" in screen_text(app))
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, MainScreen))
        assert len(asked) == 1
        await pilot.press("r", "enter")
        await until(pilot, lambda: isinstance(app.screen, MainScreen))
        assert (asked[-1].op, asked[-1].args["settings"]) == ("again", {})


@pytest.mark.screens
async def test_a_job_to_start_from_is_found_where_evolution_is_a_link_to_another_disk(desk: Desk, root: Root) -> None:
    disk = root.path / "disk"
    disk.mkdir()
    root.evolution.rename(disk / "evolution")
    root.evolution.symlink_to(disk / "evolution")
    desk.usual()
    async with make_app(root).run_test(size=(80, 24)) as pilot:
        app = await settled(pilot)
        await pilot.press("j")
        await until(pilot, lambda: app.screen.job is not None and app.screen.job.name == "alps-lake")
        await pilot.press("e")
        await until(pilot, lambda: isinstance(app.screen, EditScreen))
        field = app.screen.query_one(Input)
        field.value = "size=48 init=job:brid"
        await until(pilot, lambda: field._suggestion == "size=48 init=job:bridge")
        field.value = "size=48 init=job:bridge"
        await until(pilot, lambda: "48x30" in screen_text(app) and "memory" in screen_text(app))
