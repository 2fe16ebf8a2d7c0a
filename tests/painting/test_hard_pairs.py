"""What is told about pairs that are not ordinary ones."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from styled.painting.hard_pairs import ALGORITHM, hard_pair_remarks, was_painted_otherwise
from styled.settings import Settings

NOISE = np.random.default_rng(0).integers(0, 256, (64, 96, 3)).astype(np.uint8)
WHITE = np.where(np.arange(96)[None, :, None] < 70, 250, NOISE).astype(np.uint8)
GREY = NOISE[..., :1].repeat(3, axis=2)


def told(content: np.ndarray, styles: list[np.ndarray], *, is_blended: bool = True, **settings: Any) -> list[str]:
    return list(hard_pair_remarks(content, styles, Settings(**settings), is_blended=is_blended))


@pytest.mark.parametrize(
    ("content", "styles", "word"),
    [
        (WHITE, [NOISE], "nearly white"),
        (255 - WHITE, [NOISE], "nearly black"),
        (GREY, [GREY], "black and white"),
        (NOISE, [NOISE, NOISE // 12 + 230], "differ much in brightness"),
    ],
)
def test_a_hard_pair_is_told_what_it_is(content: np.ndarray, styles: list[np.ndarray], word: str) -> None:
    (remark,) = told(content, styles)
    assert word in remark


def test_a_style_of_weight_0_does_not_make_a_grey_pair_one_in_colour() -> None:
    """Of which nothing is painted; in a region of a mask it is."""
    weights = {"style_weights": (1.0, 0.0)}
    assert len(told(GREY, [GREY, NOISE], **weights)) == 1
    assert told(GREY, [GREY, NOISE], is_blended=False, **weights) == told(GREY, [GREY, NOISE]) == []


def test_an_ordinary_pair_or_one_that_is_set_otherwise_is_told_nothing() -> None:
    assert told(NOISE, [NOISE]) == told(NOISE, [NOISE, NOISE // 4 * 3]) == []
    assert told(WHITE, [NOISE], strength=0.3) == []
    assert told(NOISE, [NOISE, NOISE // 12 + 230], is_blended=False) == []
    assert told(GREY, [GREY], style_weight=0.0) == []
    assert told(WHITE, []) == told(WHITE, [NOISE], style_weights=(1.0, 2.0)) == [], "refused elsewhere, in words"
    assert told(WHITE, [NOISE], style_weights=(0.0,)) == []


@pytest.mark.parametrize("way", ["linear", "histogram"])
def test_recoloured_styles_are_not_evened(way: str) -> None:
    """They have the brightness of the content already."""
    apart = [NOISE, NOISE // 12 + 230]
    assert told(NOISE, apart, preserve_color=way) == []
    assert not was_painted_otherwise(NOISE, apart, Settings(preserve_color="linear"), is_blended=True, algorithm=1)


def test_a_start_in_colour_makes_the_picture_one() -> None:
    def remarks(init: np.ndarray | None) -> list[str]:
        return list(hard_pair_remarks(GREY, [GREY], Settings(init="a.png"), is_blended=True, init=init))

    assert remarks(NOISE) == []
    assert len(remarks(GREY)) == len(remarks(None)) == 1
    was = [
        was_painted_otherwise(GREY, [GREY], Settings(init="a.png"), is_blended=True, algorithm=1, init=init)
        for init in (NOISE, GREY)
    ]
    assert was == [False, True]


@pytest.mark.parametrize(
    ("content", "styles", "settings", "expected"),
    [
        (NOISE, [NOISE], {}, False),
        (NOISE, [NOISE], {"strength": 0.4}, True),
        (NOISE, [NOISE], {"preserve_color": "histogram"}, True),
        (NOISE, [NOISE[:8]], {}, True),
        (GREY, [GREY], {}, True),
        (NOISE, [NOISE, NOISE // 12 + 230], {}, True),
        (NOISE, [NOISE, NOISE], {"style_weights": (1.0, 0.0)}, True),
        (NOISE, [NOISE], {"style_scale": 0.3}, True),
    ],
)
def test_a_checkpoint_of_before_is_told_where_it_was_painted_otherwise(
    content: np.ndarray, styles: list[np.ndarray], settings: dict[str, Any], expected: bool
) -> None:
    was = [
        was_painted_otherwise(content, styles, Settings(**settings), is_blended=True, algorithm=algorithm)
        for algorithm in (1, ALGORITHM)
    ]
    assert was == [expected, False]


def test_a_checkpoint_of_before_is_told_where_a_style_is_a_cut_out() -> None:
    was = [
        was_painted_otherwise(NOISE, [NOISE], Settings(), is_blended=True, algorithm=algorithm, is_cut_out=True)
        for algorithm in (1, ALGORITHM)
    ]
    assert was == [True, False]


@pytest.mark.parametrize(("preserve_color", "expected"), [("linear", True), ("luminance", False), ("no", False)])
def test_a_checkpoint_of_before_is_told_where_regions_had_the_colours_of_the_whole_photo(
    preserve_color: Any, expected: bool
) -> None:
    settings = Settings(preserve_color=preserve_color)
    was = [
        was_painted_otherwise(NOISE, [NOISE] * 2, settings, is_blended=False, algorithm=algorithm)
        for algorithm in (1, ALGORITHM)
    ]
    assert was == [expected, False]
