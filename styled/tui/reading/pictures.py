"""Turns image files into cells for the screen, keeping the last of each kind. Used by the poller's thread only."""

from __future__ import annotations

from pathlib import Path

from PIL import Image

from styled import images
from styled.evolution import open_input
from styled.tui.cells import kitty, preview
from styled.tui.model.snapshot import Canvas, Graphic, Picture

MAX_PIXELS = 250_000_000


class PictureMaker:
    """Draws pictures, each slot ("frame", "content" …) remembering the last one until something changes."""

    def __init__(self) -> None:
        self._kept: dict[str, tuple[tuple[object, ...], Picture]] = {}

    def last(self, slot: str) -> Picture | None:
        """Return what was last drawn in ``slot``."""
        kept = self._kept.get(slot)
        return kept[1] if kept is not None else None

    def make(
        self, slot: str, path: Path, canvas: Canvas, *, caption: str, step: int | None = None, digest: str = ""
    ) -> Picture:
        """Draw the image at ``path`` as large as it fits on ``canvas``, in its aspect.

        ``digest`` is of an input of a job; see :func:`styled.evolution.open_input`.

        Raises:
            OSError: the file cannot be read.
            ImageError: it is no image, or larger than allowed.
        """
        about = path.stat()
        key = (path, about.st_mtime_ns, about.st_size, canvas, caption)
        kept = self._kept.get(slot)
        if kept is not None and kept[0] == key:
            return kept[1]
        picture = draw(path, canvas, caption=caption, step=step, digest=digest)
        self._kept[slot] = (key, picture)
        return picture


def draw(path: Path, canvas: Canvas, *, caption: str, step: int | None = None, digest: str = "") -> Picture:
    """Draw the image at ``path``; see :meth:`PictureMaker.make`."""
    # Four pixels for each one shown: the decoder may shrink a JPEG early, the rest is averaged in linear light.
    scale = kitty.CELL[0] if canvas.mode == "kitty" else 4
    long_side = scale * max(canvas.columns, 2 * canvas.rows)
    with open_input(path, digest) as file:
        loaded = images.load(file, name=path.name, max_pixels=MAX_PIXELS, long_side=long_side)
    size = loaded.info.width, loaded.info.height
    return drawn(Image.fromarray(loaded.pixels), size, canvas, caption=caption, step=step)


def drawn(
    picture: Image.Image, size: tuple[int, int], canvas: Canvas, *, caption: str, step: int | None = None
) -> Picture:
    """Draw pixels as large as they fit on ``canvas``, in their aspect; ``size`` is that of the file, px."""
    rows_at_most = min(canvas.rows, kitty.MAX_ROWS) if canvas.mode == "kitty" else canvas.rows
    columns, rows = preview.fit_cells(picture.width, picture.height, canvas.columns, rows_at_most)
    if canvas.mode == "kitty":
        return Picture(caption, *size, step, graphic=Graphic(kitty.encode(picture, columns, rows), columns, rows))
    if canvas.mode == "ascii":
        ramp = preview.LIGHT_RAMP if canvas.on_light else preview.ASCII_RAMP
        return Picture(caption, *size, step, text=preview.ascii_art(picture, columns, rows, ramp))
    return Picture(
        caption, *size, step, blocks=preview.half_blocks(picture, columns, rows, few_colours=canvas.few_colours)
    )
