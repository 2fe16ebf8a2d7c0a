"""The colours: blue, orange, yellow and pale mint on near-black, distinct for every common kind of colour blindness.

Each has a contrast of at least 4.5:1 on every background it stands on, also when a terminal rounds it to 256
colours, and no two fall together for protanopia, deuteranopia or tritanopia; tests compute both. State never rests on colour
alone: glyph and word come first.
"""

from __future__ import annotations

from dataclasses import replace

from textual.theme import BUILTIN_THEMES, Theme

BACKGROUND = "#11151a"

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
"""CSS variable to colour; ``LineView``'s tones use them."""

DARK = Theme(
    name="styled-dark",
    primary="#6cb8f0",
    secondary="#93f2de",
    warning="#f2d45c",
    error="#ff9566",
    success="#93f2de",
    accent="#f2d45c",
    foreground="#d8dfe6",
    background=BACKGROUND,
    surface="#171c22",
    panel="#1e252d",
    dark=True,
    variables={
        **TONE_COLOURS,
        "block-cursor-background": "#2b567f",
        "block-cursor-foreground": "#ffffff",
        "input-cursor-text-style": "reverse",
        "border": "#6cb8f0",
    },
)

ANSI = replace(
    BUILTIN_THEMES["ansi-dark"],
    name="styled-ansi",
    variables={
        **BUILTIN_THEMES["ansi-dark"].variables,
        "tone-muted": "ansi_default",
        "tone-accent": "ansi_cyan",
        "tone-good": "ansi_green",
        "tone-bad": "ansi_red",
        "tone-warn": "ansi_yellow",
        "tone-key": "ansi_cyan",
        # The cursor row is drawn in reverse video here: the terminal's own two colours always contrast.
        "tone-cursor": "ansi_default",
        "tone-cursor-background": "ansi_default",
        "block-cursor-foreground": "ansi_default",
        "block-cursor-background": "ansi_default",
        "block-cursor-text-style": "reverse",
    },
)
"""For 16 colours and for ``NO_COLOR``: the terminal's own colours, so its own contrast."""
