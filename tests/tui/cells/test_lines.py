"""Text in terminal cells."""

from __future__ import annotations

import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from styled.tui.cells import lines

HOSTILE = [
    "a\x1b[31mb",
    "a\nb\tc",
    "\u202ereversed",
    "zero\u200bwidth",
    "\ud800lone",
    "rtl\u200f",
    "\x00\x07\x9b31m",
    "☺\ufe0f",
]


@given(st.one_of(st.sampled_from(HOSTILE), st.text()))
def test_inert_text_has_no_character_that_a_terminal_obeys(text: str) -> None:
    shown = lines.inert(text)
    assert all(unicodedata.category(character)[0] != "C" for character in shown)
    assert "\n" not in shown


@given(st.text())
def test_inert_ascii_is_printable_ascii(text: str) -> None:
    assert all(" " <= character <= "~" for character in lines.inert(text, ascii_only=True))


def test_inert_keeps_letters_of_any_script() -> None:
    assert lines.inert("日本の城 Zürich [red]") == "日本の城 Zürich [red]"


def test_inert_replaces_an_escape_sequence_by_its_harmless_rest() -> None:
    assert lines.inert("a\x1b[31mb") == "a?[31mb"


@given(st.text(), st.integers(0, 30))
def test_left_and_right_fill_exactly_the_cells(text: str, cells: int) -> None:
    shown = lines.inert(text)
    assert lines.width(lines.left(shown, cells)) == cells
    assert lines.width(lines.right(shown, cells)) == cells


def test_cut_marks_the_loss_and_never_splits_a_wide_character() -> None:
    assert lines.cut("starry-night", 8) == "starry-~"
    assert lines.cut("日本の城", 6) == "日本~"
    assert lines.cut("short", 8) == "short"


def test_cut_middle_keeps_both_ends() -> None:
    shown = lines.cut_middle("/srv/pictures/evolution/20260101-000000-harbour", 24)
    assert lines.width(shown) == 24
    assert shown.startswith("/srv")
    assert shown.endswith("-harbour")


@given(st.text(alphabet="ab 日", max_size=60), st.integers(2, 20))
def test_wrap_loses_no_letter_and_keeps_the_width(text: str, cells: int) -> None:
    rows = lines.wrap(text, cells)
    assert all(lines.width(row) <= cells for row in rows)
    assert "".join("".join(rows).split()) == "".join(text.split())


def test_spread_gives_the_end_its_room() -> None:
    line = lines.spread((("a long start", ""),), (("END", ""),), 10)
    assert lines.plain(line) == "a long~END"
    assert lines.line_width(line) == 10
