"""What is said of styles of some shape."""

from __future__ import annotations

from styled.sizing.style_shape import shape_remarks


def test_a_long_style_is_told_and_which_it_is() -> None:
    assert shape_remarks([(7680, 400)]) == ("the style is 19.2:1: its short side sets the strokes",)
    assert shape_remarks([(600, 400), (400, 7680)]) == ("style 2 is 1:19.2: its short side sets the strokes",)
    assert shape_remarks([(1200, 400), (400, 1200)]) == ()
