"""A picture printed once: half blocks in colour on a terminal, characters elsewhere."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TextIO

from PIL import Image

from styled import images
from styled.cli.character_set import has_plain_font, speaks_utf8
from styled.tui.cells import preview
from styled.tui.cells.lines import Run

_RESET = "\x1b[0m"
_LONG_SIDE = 400  # px; more than any terminal shows


def thumbnail(path: Path, stream: TextIO) -> str:
    """Return the picture at ``path`` as lines that fit the terminal behind ``stream``, or 72 columns."""
    picture = Image.fromarray(images.load(path, long_side=_LONG_SIDE).pixels)
    terminal = shutil.get_terminal_size((72, 26))
    columns, rows = preview.fit_cells(*picture.size, min(terminal.columns, 100), max(8, terminal.lines - 6))
    if _takes_colour(stream):
        return "\n".join(_coloured(row) for row in preview.half_blocks(picture, columns, rows))
    return "\n".join(preview.ascii_art(picture, columns, rows))


def _takes_colour(stream: TextIO) -> bool:
    can_draw = speaks_utf8() and not has_plain_font() and os.environ.get("TERM") != "dumb"
    # https://no-color.org: any value that is not empty.
    return stream.isatty() and can_draw and not os.environ.get("NO_COLOR")


def _coloured(row: tuple[Run, ...]) -> str:
    cells = ("\x1b[38;2;{};{};{}m\x1b[48;2;{};{};{}m".format(*run.top, *run.bottom) + "▀" * run.cells for run in row)
    return "".join(cells) + _RESET
