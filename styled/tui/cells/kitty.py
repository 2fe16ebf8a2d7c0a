"""Real pictures in terminals that speak the kitty graphics protocol with Unicode placeholders. Pure, no Textual.

The picture is sent once, in escape sequences that draw nothing. What is drawn are ordinary characters: each cell
holds U+10EEEE, the picture's number as its colour and its row as a combining mark, and the terminal puts the part of
the picture there. So the toolkit may move, cover and repaint the cells as any text, and nothing flickers or stays
behind. Sixel has no such cells: its pixels vanish wherever text is written later.

https://sw.kovidgoyal.net/kitty/graphics-protocol/#unicode-placeholders
"""

from __future__ import annotations

import base64
import io

from PIL import Image

PLACEHOLDER = "\U0010eeee"
CELL = (8, 16)
"""Pixels sent for each cell, width and height: the cells' true size is not asked for, the terminal scales."""

_CHUNK = 4096
"""Characters of data in one sequence, at most."""
_MARKS = "".join(
    map(
        chr,
        (
            *(0x305, 0x30D, 0x30E, 0x310, 0x312, 0x33D, 0x33E, 0x33F, 0x346, 0x34A, 0x34B, 0x34C, 0x350, 0x351, 0x352),
            *(0x357, 0x35B, 0x363, 0x364, 0x365, 0x366, 0x367, 0x368, 0x369, 0x36A, 0x36B, 0x36C, 0x36D, 0x36E, 0x36F),
            *(0x483, 0x484, 0x485, 0x486, 0x487, 0x592, 0x593, 0x594, 0x595, 0x597, 0x598, 0x599, 0x59C, 0x59D, 0x59E),
            *(0x59F, 0x5A0, 0x5A1, 0x5A8, 0x5A9, 0x5AB, 0x5AC, 0x5AF, 0x5C4, 0x610, 0x611, 0x612, 0x613, 0x614, 0x615),
            *(0x616, 0x617, 0x657, 0x658),
        ),
    )
)
"""The protocol's marks for the rows 0, 1, 2 … (the first 64 of its table)."""

MAX_ROWS = len(_MARKS)


def encode(picture: Image.Image, columns: int, rows: int) -> bytes:
    """Return ``picture`` as a PNG for ``columns`` x ``rows`` cells, in 256 colours of its own: a third of the bytes."""
    small = picture.convert("RGB").resize((columns * CELL[0], rows * CELL[1]), Image.Resampling.LANCZOS)
    file = io.BytesIO()
    small.quantize(256).save(file, "PNG", optimize=True)
    return file.getvalue()


def transmission(number: int, png: bytes, columns: int, rows: int) -> str:
    """Return the sequences that give the terminal picture ``number`` (1..2²⁴-1); it is asked not to answer."""
    data = base64.standard_b64encode(png).decode()
    chunks = [data[start : start + _CHUNK] for start in range(0, len(data), _CHUNK)]
    keys = f"a=T,U=1,f=100,i={number},c={columns},r={rows},"
    sequences = []
    for index, chunk in enumerate(chunks):
        more = int(index < len(chunks) - 1)
        sequences.append(f"\x1b_G{keys if index == 0 else ''}q=2,m={more};{chunk}\x1b\\")
    return "".join(sequences)


def deletion(number: int) -> str:
    """Return the sequence that makes the terminal forget a picture."""
    return f"\x1b_Ga=d,d=I,i={number},q=2\x1b\\"


def cells(row: int, columns: int) -> str:
    """Return the text of one row: the first cell has row and column 0, each other one goes on from its left."""
    return f"{PLACEHOLDER}{_MARKS[row]}{_MARKS[0]}" + PLACEHOLDER * (columns - 1)


def colour(number: int) -> tuple[int, int, int]:
    """Return the foreground colour that means picture ``number``."""
    return number >> 16 & 255, number >> 8 & 255, number & 255
