"""A hold, a selection, a filter and a sort are all on the line, on the narrowest screen too."""

from __future__ import annotations

from itertools import product

import pytest

from styled.store.status import DaemonStatus
from styled.tui.cells.glyphs import UNICODE
from styled.tui.cells.lines import plain, width
from styled.tui.model.snapshot import Snapshot, View
from styled.tui.panes.applies_line import applies_line
from tests.tui.conftest import NOW


def snapshot(state: str) -> Snapshot:
    daemon = DaemonStatus(pid=1, version="0", started_at=NOW, beat_at=NOW, state=state)
    return Snapshot(view=View(), taken_at=NOW, daemon=daemon)


def line(cells: int, *, paused: bool, selected: int, ranged: bool, text: str, order: str) -> str:
    spans = applies_line(
        snapshot("paused" if paused else "running"), text, order, selected, ranged=ranged, cells=cells, glyphs=UNICODE
    )
    assert width(plain(spans).rstrip()) <= cells
    return plain(spans)


@pytest.mark.parametrize("cells", [60, 80, 120, 160])
def test_whatever_applies_is_on_the_line_with_its_key(cells: int) -> None:
    choices = product(
        (False, True), (0, 3, 1200), (False, True), ("", "fail", "日本の城の春"), ("queue", "newest", "name")
    )
    for paused, selected, ranged, text, order in choices:
        shown = line(cells, paused=paused, selected=selected, ranged=ranged, text=text, order=order)
        for applies, words, key in (
            (paused, "paused", " P "),
            (selected > 0 or ranged, f"{selected} selected", " V " if ranged else " esc "),
            (bool(text), f"filter: {text[:2]}", " esc "),
            (order == "newest", "newest", " s "),
            (order == "name", "by name", " s "),
        ):
            assert not applies or (words in shown and key in shown), shown
            assert applies or words not in shown or not words.strip(), shown


def test_where_there_is_room_it_says_what_each_key_does() -> None:
    assert line(160, paused=True, selected=0, ranged=True, text="fail", order="name").split("  ") == [
        " queue paused: nothing starts P resumes",
        "0 selected, to the cursor V ends",
        "filter: fail (0 jobs) esc clears",
        "sorted: by name s changes ",
    ]
