"""The colours, computed from the theme: contrast, also after a terminal with 256 colours rounded them."""

from __future__ import annotations

import itertools

import pytest
from rich.color import Color, ColorSystem

from styled.tui import theme

TONES = [name for name in theme.TONE_COLOURS if not name.startswith("tone-cursor")]


def luminance(colour: Color) -> float:
    """WCAG 2.2, relative luminance."""
    channels = [
        value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4
        for value in (channel / 255.0 for channel in colour.get_truecolor())
    ]
    return 0.2126 * channels[0] + 0.7152 * channels[1] + 0.0722 * channels[2]


def contrast(one: str, other: str, system: ColorSystem) -> float:
    """WCAG 2.2, contrast ratio of two colours as a terminal of that system shows them."""
    bright, dark = sorted((luminance(Color.parse(colour).downgrade(system)) for colour in (one, other)), reverse=True)
    return (bright + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("system", [ColorSystem.TRUECOLOR, ColorSystem.EIGHT_BIT])
@pytest.mark.parametrize("tone", TONES)
@pytest.mark.parametrize("background", ["background", "surface", "panel"])
def test_every_tone_can_be_read(tone: str, background: str, system: ColorSystem) -> None:
    behind = getattr(theme.DARK, background)
    assert contrast(theme.TONE_COLOURS[tone], behind, system) >= 4.5
    assert contrast(theme.DARK.foreground or "", behind, system) >= 4.5


@pytest.mark.parametrize("system", [ColorSystem.TRUECOLOR, ColorSystem.EIGHT_BIT])
def test_the_cursor_row_can_be_read(system: ColorSystem) -> None:
    colours = theme.TONE_COLOURS
    assert contrast(colours["tone-cursor"], colours["tone-cursor-background"], system) >= 4.5


# Machado, Oliveira & Fernandes (2009), severity 1.0, on linear RGB.
BLINDNESS = {
    "protanopia": ((0.152286, 1.052583, -0.204868), (0.114503, 0.786281, 0.099216), (-0.003882, -0.048116, 1.051998)),
    "deuteranopia": ((0.367322, 0.860646, -0.227968), (0.280085, 0.672501, 0.047413), (-0.011820, 0.042940, 0.968881)),
    "tritanopia": ((1.255528, -0.076749, -0.178779), (-0.078411, 0.930809, 0.147602), (0.004733, 0.691367, 0.303900)),
}


def seen(colour: str, kind: str) -> list[float]:
    """Return linear RGB as somebody with that colour blindness sees it."""
    linear = [
        value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4
        for value in (channel / 255.0 for channel in Color.parse(colour).get_truecolor())
    ]
    return [sum(weight * value for weight, value in zip(row, linear, strict=True)) for row in BLINDNESS[kind]]


@pytest.mark.parametrize("kind", BLINDNESS)
def test_failed_done_and_running_differ_for_colour_blind_eyes(kind: str) -> None:
    """State is told by glyph and word first; still no two of these colours may fall together."""
    colours = [theme.TONE_COLOURS[f"tone-{name}"] for name in ("bad", "good", "accent", "warn")]
    for one, other in itertools.combinations(colours, 2):
        assert max(abs(a - b) for a, b in zip(seen(one, kind), seen(other, kind), strict=True)) > 0.08
