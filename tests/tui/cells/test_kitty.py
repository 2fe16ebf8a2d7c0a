"""Real pictures: what is sent is decoded as a terminal does, and the cells stay the toolkit's own."""

from __future__ import annotations

import base64
import io
import re

import numpy as np
import pytest
from PIL import Image

from styled import evolution
from styled.cli.demo import CONTENT
from styled.job import JobState
from styled.root import Root
from styled.tui.cells import kitty
from styled.tui.widgets.picture_view import PictureView
from tests.tui.conftest import Desk, make_app, picture, screen_text, settled, until

pytestmark = pytest.mark.screens

SEQUENCE = re.compile(r"\x1b_G([^;\x1b]*)(?:;([^\x1b]*))?\x1b\\")


def received(text: str) -> list[tuple[dict[str, str], bytes]]:
    """Take sequences apart as a terminal does: the keys of each command, and its data put together."""
    assert SEQUENCE.sub("", text) == "", "something that would be drawn"
    commands: list[tuple[dict[str, str], str]] = []
    goes_on = False
    for keys, data in SEQUENCE.findall(text):
        assert len(data) <= 4096
        values = dict(pair.split("=") for pair in keys.split(","))
        assert values["q"] == "2", "the terminal would answer"
        if goes_on:
            assert set(values) == {"q", "m"}
            commands[-1] = (commands[-1][0], commands[-1][1] + data)
        else:
            commands.append((values, data))
        goes_on = values.get("m") == "1"
    assert not goes_on
    return [(values, base64.standard_b64decode(data)) for values, data in commands]


def test_the_terminal_gets_the_picture_for_its_cells() -> None:
    photo = Image.open(CONTENT)
    sent = kitty.transmission(7, kitty.encode(photo, 40, 15), 40, 15)
    [(keys, png)] = received(sent)
    assert keys | {"q": "", "m": ""} == {
        "a": "T",
        "U": "1",
        "f": "100",
        "i": "7",
        "c": "40",
        "r": "15",
        "q": "",
        "m": "",
    }
    got = Image.open(io.BytesIO(png)).convert("RGB")
    assert got.size == (320, 240)
    wanted = photo.convert("RGB").resize(got.size, Image.Resampling.LANCZOS)
    # Colour by colour it is dithered; what the eye sees is the mean of some.
    assert np.abs(np.asarray(got.reduce(8), float) - np.asarray(wanted.reduce(8), float)).mean() < 6.0
    assert len(SEQUENCE.findall(sent)) > 2, "too small to test the chunks"


def test_rows_are_told_apart_by_marks_of_no_width() -> None:
    rows = [kitty.cells(row, 5) for row in range(kitty.MAX_ROWS)]
    assert len(set(rows)) == kitty.MAX_ROWS == 64
    assert all(row.count(kitty.PLACEHOLDER) == 5 and len(row) == 7 for row in rows)
    assert rows[0] == "\U0010eeee\u0305\u0305" + 4 * "\U0010eeee"
    assert kitty.colour(0x123456) == (0x12, 0x34, 0x56)


async def test_the_screen_draws_cells_and_sends_each_picture_once(
    desk: Desk, root: Root, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = desk.usual()[0]
    sent: list[str] = []
    app = make_app(root, kitty=True)
    async with app.run_test(size=(80, 24)) as pilot:
        monkeypatch.setattr(app._driver, "write", sent.append)
        await settled(pilot)

        def graphics() -> list[tuple[dict[str, str], bytes]]:
            return received("".join(text for text in sent if "\x1b_G" in text))

        def drawn() -> list[str]:
            return [line for line in screen_text(app).splitlines() if kitty.PLACEHOLDER in line]

        await until(pilot, drawn)
        before = drawn()
        [(keys, _)] = graphics()
        assert {line.count(kitty.PLACEHOLDER) for line in before} == {int(keys["c"])}
        assert len(before) == int(keys["r"])
        style = next(
            segment.style
            for strip in app.screen._compositor.render_strips()
            for segment in strip
            if kitty.PLACEHOLDER in segment.text
        )
        assert tuple(style.color.triplet) == kitty.colour(int(keys["i"]))  # type: ignore[union-attr]

        await pilot.press("x")  # a question covers the picture, then goes away
        await pilot.pause()
        assert drawn() != before
        await pilot.press("escape")
        await until(pilot, lambda: drawn() == before)
        view = app.screen.query_one(PictureView)
        view.show_picture(view.picture, "", (("another title", ""),))
        assert len(graphics()) == 1, "sent again without need"

        folder = evolution.JobFolder(root.evolution / job.id)
        evolution.write_frame(folder, 41, picture(64, 40), 256)
        await until(pilot, lambda: len(graphics()) == 2)
        assert graphics()[1][0]["i"] == keys["i"]
        assert graphics()[1][1] != graphics()[0][1]
        await pilot.press("t")
        await until(pilot, lambda: not drawn() and app.screen.query_one(PictureView).picture.blocks)
        await pilot.press("t", "t", "t")
        await until(pilot, drawn)
    assert graphics()[-1][0] == {"a": "d", "d": "I", "i": keys["i"], "q": "2"}
    assert desk.store.get(job.id).state is JobState.RUNNING


@pytest.mark.parametrize(("name", "value"), [("TMUX", "/tmp/tmux-0/default,1,0"), ("COLORTERM", "")])
async def test_where_it_cannot_work_it_says_so_and_draws_characters(
    desk: Desk, root: Root, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    desk.usual()
    monkeypatch.setenv(name, value)
    app = make_app(root, kitty=True)
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        await until(pilot, lambda: "frame 40" in screen_text(app))
        assert app.screen.query_one(PictureView).picture.blocks  # type: ignore[union-attr]
        assert name.lower() in screen_text(app).splitlines()[-2].lower()
        for _ in range(4):
            await pilot.press("t")
            await settled(pilot)
            assert kitty.PLACEHOLDER not in screen_text(app)
