"""What is understood of a mask that was chosen for a new job. Loads NumPy and decodes it at full size: for threads."""

from __future__ import annotations

import numpy as np
from PIL import Image

from styled import images
from styled.errors import StyledError
from styled.files.printable import escaped
from styled.tui.cells import preview
from styled.tui.cells.lines import Line, inert
from styled.tui.model.snapshot import Canvas, Picture
from styled.tui.panes.new_job import NewJob
from styled.tui.reading.pictures import MAX_PIXELS, drawn

_SYMBOLS = "123456789"
"""Of the styles, where there are no colours; the photo's part is a dot."""


def read_mask(job: NewJob, canvas: Canvas) -> tuple[Picture | None, Line]:
    """Return a picture of the regions of a job's mask, and which style is where, in one row.

    Args:
        job: with a mask; without styles it is not known how many colours it should have.
        canvas: for the picture; without one there is only the row.
    """
    if job.mask is None:
        return None, ()
    if not job.styles:
        return None, (("choose the styles first: it has a colour for each", "warn"),)
    reading = job.mask
    try:
        with images.open_file(job.mask) as file:
            loaded = images.load(file, name=job.mask.name, max_pixels=MAX_PIXELS, is_mask=True)
        if job.content is not None:
            reading = job.content
            images.check_mask(loaded.info, images.probe(job.content, max_pixels=MAX_PIXELS))
        found = images.find_regions(loaded.pixels, loaded.alpha, len(job.styles))
    except StyledError as error:
        return None, ((inert(str(error)), "bad"),)
    except OSError as error:
        return None, ((inert(f"{escaped(reading.name)}: {error.strerror}"), "bad"),)
    size = loaded.info.width, loaded.info.height
    return _picture(found, size, canvas) if canvas.wanted else None, _row(found, job, canvas)


def _picture(found: images.Regions, size: tuple[int, int], canvas: Canvas) -> Picture:
    if canvas.mode == "ascii":
        columns, rows = preview.fit_cells(*size, canvas.columns, canvas.rows)
        of_region = np.array([_symbol(style) for style in found.styles])
        labels = Image.fromarray(found.labels).resize((columns, rows), Image.Resampling.NEAREST)
        text = tuple("".join(row) for row in of_region[np.asarray(labels)])
        return Picture(_caption(found), *size, text=text)
    return drawn(Image.fromarray(found.picture()), size, canvas, caption=_caption(found))


def _caption(found: images.Regions) -> str:
    count = len(found.styles)
    return f"mask: {count} region{'s' * (count != 1)}"


def _row(found: images.Regions, job: NewJob, canvas: Canvas) -> Line:
    parts = []
    for style, colour, share in zip(found.styles, found.colours, found.shares, strict=True):
        what = "the photo" if style is None else inert(job.styles[style].name)
        key = _symbol(style) if canvas.mode == "ascii" else colour
        parts.append(f"{key} {what} {share:.0%}")
    count = f"{len(parts)} region{'s' * (len(parts) != 1)}"
    remarks: Line = ((f"  ({inert('; '.join(found.remarks))})", "warn"),) if found.remarks else ()
    return ((f"{count}: {', '.join(parts)}", ""), *remarks)


def _symbol(style: int | None) -> str:
    return "." if style is None else _SYMBOLS[style] if style < len(_SYMBOLS) else "+"
