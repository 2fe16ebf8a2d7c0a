"""The colours: blue, orange, yellow and mint on near-black, or blue, dark red, ochre and teal on near-white.

Each has a contrast of at least 4.5:1 on every background it stands on, also when a terminal rounds it to 256
colours, and no two fall together for protanopia, deuteranopia or tritanopia; tests compute both. State never rests on colour
alone: glyph and word come first.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from textual.theme import BUILTIN_THEMES, Theme

TONE_COLOURS = {
    "tone-muted": "#98a4b0",
    "tone-accent": "#6cb8f0",
    "tone-good": "#93f2de",
    "tone-bad": "#ff9566",
    "tone-warn": "#f2d45c",
    "tone-key": "#6cb8f0",
    "tone-cursor": "#ffffff",
    "tone-cursor-background": "#2b567f",
}
"""CSS variable to colour, on dark grounds; ``LineView``'s tones use them."""

LIGHT_TONE_COLOURS = {
    "tone-muted": "#4f5963",
    "tone-accent": "#0b53e2",
    "tone-good": "#026966",
    "tone-bad": "#820512",
    "tone-warn": "#8c6216",
    "tone-key": "#0b53e2",
    "tone-cursor": "#ffffff",
    "tone-cursor-background": "#1f5a96",
}
"""The same on light grounds."""


def _theme(name: str, tones: Mapping[str, str], grounds: tuple[str, str, str], foreground: str, *, dark: bool) -> Theme:
    """Return a theme in the colours of ``tones``; ``grounds`` are those of the screen, of fields, and of windows."""
    background, surface, panel = grounds
    return Theme(
        name=name,
        primary=tones["tone-accent"],
        secondary=tones["tone-good"],
        warning=tones["tone-warn"],
        error=tones["tone-bad"],
        success=tones["tone-good"],
        accent=tones["tone-warn"],
        foreground=foreground,
        background=background,
        surface=surface,
        panel=panel,
        dark=dark,
        variables={
            **tones,
            "block-cursor-background": tones["tone-cursor-background"],
            "block-cursor-foreground": tones["tone-cursor"],
            "input-cursor-text-style": "reverse",
            "input-selection-background": tones["tone-cursor-background"],
            "input-selection-foreground": tones["tone-cursor"],
            "border": tones["tone-accent"],
        },
    )


DARK = _theme("styled-dark", TONE_COLOURS, ("#11151a", "#171c22", "#1e252d"), "#d8dfe6", dark=True)
LIGHT = _theme("styled-light", LIGHT_TONE_COLOURS, ("#fdfdfb", "#f3f5f7", "#e9edf1"), "#1d2329", dark=False)

_ANSI_DARK_TONES = {
    "tone-muted": "ansi_default",
    "tone-accent": "ansi_cyan",
    "tone-good": "ansi_green",
    "tone-bad": "ansi_bright_red",  # plain red is too dark on black
    "tone-warn": "ansi_bright_yellow",  # plain yellow is brown on the Linux console
    "tone-key": "ansi_cyan",
}
_ANSI_LIGHT_TONES = {
    "tone-muted": "ansi_default",
    "tone-accent": "ansi_blue",
    "tone-good": "ansi_default",  # no green, cyan or yellow of any terminal can be read on white
    "tone-bad": "ansi_red",
    "tone-warn": "ansi_magenta",
    "tone-key": "ansi_blue",
}


def _ansi(name: str, builtin: str, tones: Mapping[str, str]) -> Theme:
    return replace(
        BUILTIN_THEMES[builtin],
        name=name,
        variables={
            **BUILTIN_THEMES[builtin].variables,
            **tones,
            # The cursor row is drawn in reverse video here: the terminal's own two colours always contrast.
            "tone-cursor": "ansi_default",
            "tone-cursor-background": "ansi_default",
            "block-cursor-foreground": "ansi_default",
            "block-cursor-background": "ansi_default",
            "block-cursor-text-style": "reverse",
            "input-cursor-foreground": "ansi_default",
            "input-cursor-background": "ansi_default",
            "input-cursor-text-style": "reverse",
        },
    )


ANSI_DARK = _ansi("styled-ansi-dark", "ansi-dark", _ANSI_DARK_TONES)
ANSI_LIGHT = _ansi("styled-ansi-light", "ansi-light", _ANSI_LIGHT_TONES)
"""For 16 colours and for ``NO_COLOR``: the terminal's own colours, so its own contrast."""
