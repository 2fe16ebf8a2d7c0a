"""The colours, computed from the theme: contrast, also after a terminal with 256 colours rounded them."""

from __future__ import annotations

import itertools

import pytest
from rich.color import Color, ColorSystem

from styled.root import Root
from styled.tui import theme
from styled.tui.app import StyledApp
from styled.tui.screens.add_screen import AddScreen
from tests.tui.conftest import Desk, make_app, settled, until

OWN = {"dark": (theme.DARK, theme.TONE_COLOURS), "light": (theme.LIGHT, theme.LIGHT_TONE_COLOURS)}
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
@pytest.mark.parametrize("name", OWN)
def test_every_tone_can_be_read(name: str, system: ColorSystem) -> None:
    chosen, tones = OWN[name]
    for ground in (chosen.background, chosen.surface, chosen.panel):
        for colour in (*(tones[tone] for tone in TONES), chosen.foreground):
            assert contrast(colour or "", ground or "", system) >= 4.5, (colour, ground)
    assert contrast(tones["tone-cursor"], tones["tone-cursor-background"], system) >= 4.5


# The sixteen colours of xterm, of the Linux console (VGA), and of GNOME's terminal (Tango): those that the tones use.
SIXTEEN = {
    "ansi_red": ("#cd0000", "#aa0000", "#cc0000"),
    "ansi_green": ("#00cd00", "#00aa00", "#4e9a06"),
    "ansi_blue": ("#0000ee", "#0000aa", "#3465a4"),
    "ansi_magenta": ("#cd00cd", "#aa00aa", "#75507b"),
    "ansi_cyan": ("#00cdcd", "#00aaaa", "#06989a"),
    "ansi_bright_red": ("#ff0000", "#ff5555", "#ef2929"),
    "ansi_bright_yellow": ("#ffff00", "#ffff55", "#fce94f"),
}


@pytest.mark.parametrize(("chosen", "ground"), [(theme.ANSI_DARK, "#000000"), (theme.ANSI_LIGHT, "#ffffff")])
def test_the_terminals_own_colours_are_chosen_so_that_they_can_be_read(chosen: theme.Theme, ground: str) -> None:
    used = {chosen.variables[tone] for tone in TONES} - {"ansi_default"}  # that is the terminal's own text
    for name in used:
        for colour in SIXTEEN[name]:
            assert contrast(colour, ground, ColorSystem.TRUECOLOR) >= 4.5, name


def styles_in_use(app: StyledApp) -> set[tuple[str, str, str]]:
    """Return (colour, ground, sample of a text) of everything on the screen."""
    found = {}
    for strip in app.screen._compositor.render_strips():
        for segment in strip:
            style = segment.style
            if style is None or not segment.text.strip():
                continue
            assert style.color is not None, segment
            assert style.bgcolor is not None, segment
            colours = (style.color.get_truecolor().hex, style.bgcolor.get_truecolor().hex)
            found[colours[::-1] if style.reverse else colours] = segment.text.strip()
    return {(*colours, text) for colours, text in found.items()}


@pytest.mark.parametrize("name", OWN)
async def test_all_that_is_on_the_screens_can_be_read(desk: Desk, root: Root, name: str) -> None:
    """Contrast of at least 4.5:1 of every style in use on the ground it is on, pictures aside."""
    desk.usual()
    app = make_app(root, light=name == "light", slow=True)  # slow: pictures are characters
    used = set()
    async with app.run_test(size=(160, 50)) as pilot:
        app = await settled(pilot)
        await until(pilot, lambda: app.snapshot and app.snapshot.focus)
        used |= styles_in_use(app)
        for keys, back in ((("slash", "x"), "escape"), (("x",), "n"), (("question_mark",), "escape")):
            await pilot.press(*keys)
            used |= styles_in_use(app)
            await pilot.press(back)
        for keys in (("ctrl+p",), ("ctrl+p", "z", "q")):
            await pilot.press(*keys)
            used |= styles_in_use(app)
            await pilot.press("escape")
        await pilot.press("j", "e")
        used |= styles_in_use(app)
        await pilot.press("shift+home")  # selected text
        used |= styles_in_use(app)
        await pilot.press("escape", "enter", "4")
        used |= styles_in_use(app)
        await pilot.press("escape", "a")
        await until(pilot, lambda: isinstance(app.screen, AddScreen))
        used |= styles_in_use(app)
    assert len(used) > 8
    for system in (ColorSystem.TRUECOLOR, ColorSystem.EIGHT_BIT):
        bad = [(one, round(contrast(*one[:2], system), 1)) for one in used if contrast(*one[:2], system) < 4.5]
        assert not bad


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


@pytest.mark.parametrize("name", OWN)
@pytest.mark.parametrize("kind", BLINDNESS)
def test_failed_done_and_running_differ_for_colour_blind_eyes(kind: str, name: str) -> None:
    """Glyph and word of a state come first; still no two of these colours may fall together."""
    colours = [OWN[name][1][f"tone-{tone}"] for tone in ("bad", "good", "accent", "warn")]
    for one, other in itertools.combinations(colours, 2):
        assert max(abs(a - b) for a, b in zip(seen(one, kind), seen(other, kind), strict=True)) > 0.08
