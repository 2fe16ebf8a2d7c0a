"""The nearest of 256 colours."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image
from rich.color import Color, ColorSystem

from styled.tui.cells import colours, preview


def test_every_colour_used_survives_the_toolkits_own_rounding() -> None:
    """Else the toolkit would show a neighbour of the colour that was chosen."""
    for red, green, blue in colours.palette().tolist():
        shown = Color.from_rgb(red, green, blue).downgrade(ColorSystem.EIGHT_BIT)
        assert tuple(Color.from_ansi(shown.number or 0).get_truecolor()) == (red, green, blue)


def test_oklab_of_known_colours() -> None:
    """White, and red from the table in Ottosson's article (2020)."""
    white, red = colours.oklab(np.array([[255, 255, 255], [255, 0, 0]], np.uint8))
    assert white == pytest.approx([1.0, 0.0, 0.0], abs=1e-3)
    assert red == pytest.approx([0.628, 0.225, 0.126], abs=1e-3)


def test_a_dark_grey_stays_grey() -> None:
    """Rounding each channel by itself makes (40, 40, 52) blue or green; the eye sees a dark grey."""
    red, green, blue = colours.to_256(np.array([[40, 40, 52]], np.uint8))[0].tolist()
    assert red == green == blue


def test_a_picture_uses_only_the_palette() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (20, 20, 3)).astype(np.uint8)
    allowed = {tuple(colour) for colour in colours.palette().tolist()}
    for row in preview.half_blocks(Image.fromarray(noise), 20, 10, few_colours=True):
        assert {run.top for run in row} | {run.bottom for run in row} <= allowed
