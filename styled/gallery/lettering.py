"""Text on the contact sheet, with a font that has its letters."""

from __future__ import annotations

from functools import cache

from PIL import ImageDraw, ImageFont

_WIDER = ("DejaVuSans.ttf", "NotoSans-Regular.ttf", "NotoSansCJK-Regular.ttc")
"""Found by Pillow where systems keep fonts; tried in this order."""

_MISSING = "\uffff"
"""No font has a letter for it: what is drawn is the mark of a missing letter."""

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont


def write(
    draw: ImageDraw.ImageDraw,
    at: tuple[float, float],
    text: str,
    size: int,
    colour: str,
    *,
    width: float,
    anchor: str = "la",
) -> None:
    """Write one line, cut with "..." to ``width`` px.

    Args:
        draw: where.
        at: px, the point that ``anchor`` means (Pillow's: ``la`` is left and top, ``ra`` right and top).
        text: letters that no font here has become ``?``.
        size: of the font, px.
        colour: as Pillow takes it.
        width: at most, px.
        anchor: how the text lies to ``at``.
    """
    font, text = font_for(text, size)
    if font.getlength(text) > width:
        while text and font.getlength(text + "...") > width:
            text = text[:-1]
        text += "..."
    draw.text(at, text, font=font, fill=colour, anchor=anchor)


def font_for(text: str, size: int) -> tuple[Font, str]:
    """Return a font, and the text with ``?`` for what it lacks: Pillow's own font where it has every letter.

    Args:
        text: one line.
        size: px.
    """
    fonts = _fonts(size)
    lacking = [sum(not has(font, letter) for letter in set(text)) for font in fonts]
    font = fonts[lacking.index(min(lacking))]
    return font, "".join(letter if has(font, letter) else "?" for letter in text)


def has(font: Font, letter: str) -> bool:
    """Return whether a font draws this letter, and not the mark of a missing one."""
    return letter.isspace() or bytes(font.getmask(letter)) != bytes(font.getmask(_MISSING))


@cache
def _fonts(size: int) -> list[Font]:
    fonts: list[Font] = [ImageFont.load_default(size)]
    for name in _WIDER:
        try:
            fonts.append(ImageFont.truetype(name, size))
        except OSError:
            continue  # not on this machine; the text is then poorer, the sheet is not
    return fonts
