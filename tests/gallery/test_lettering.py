from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw

from styled.gallery.lettering import font_for, has, write


def inked(text: str, width: float, anchor: str = "la", x: float = 0) -> tuple[int, int]:
    """Return the first and the last column that a text has inked."""
    image = Image.new("L", (600, 60))
    write(ImageDraw.Draw(image), (x, 5), text, 30, "white", width=width, anchor=anchor)
    columns = np.flatnonzero(np.asarray(image).any(axis=0))
    return int(columns[0]), int(columns[-1])


def test_a_text_stays_inside_its_width() -> None:
    assert inked("harbour", 500)[1] < 140
    assert 80 < inked("a very long name " * 10, 150)[1] <= 150


def test_a_text_can_end_at_a_point() -> None:
    first, last = inked("1e9", 500, anchor="ra", x=300)
    assert 200 < first < last <= 300


def test_letters_that_no_font_has_become_question_marks() -> None:
    assert font_for("a\U0010fffdb", 20)[1] == "a?b"
    font, text = font_for("plain name_1", 20)
    assert text == "plain name_1"
    assert all(has(font, letter) for letter in text)
