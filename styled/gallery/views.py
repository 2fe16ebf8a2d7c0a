"""Small copies of a job's pictures that every browser shows, kept in ``evolution/<job>/views/``.

A content image may be a TIFF, 16 bits deep, lie on its side or have 100 megapixels; a grid of hundreds of full
results would take gigabytes to decode. A view is made once, and again only when what it shows has changed. A view may
be deleted at any time.
"""

from __future__ import annotations

import io
import os
from pathlib import Path

from PIL import Image

from styled import durable, images
from styled.evolution import JobFolder

THUMBNAIL_SIDE = 480
"""Long side, px: sharp in a card of 240 px on a screen with two pixels for one."""

COMPARED_SIDE = 1280
"""Long side, px, of the content beside the result."""


def view_of(folder: JobFolder, source: Path, name: str, side: int) -> tuple[str, int, int]:
    """Return a view's path relative to the job's folder, its width and its height, px.

    Args:
        folder: the job's.
        source: the image to show.
        name: of the view: ``thumbnail``, ``content``, ``style``.
        side: long side at most, px.

    Raises:
        UnreadableImage: the source cannot be shown.
        ImageTooLarge: it has more pixels than the limit.
        DiskFull: no space.
        OSError: the source is gone, or the folder cannot be written.
    """
    view = folder.views / f"{name}.webp"
    shown = source.stat()
    if not _is_of(view, shown):
        _make(view, source, side)
        # The source's time is the mark that the view is of this very source.
        os.utime(view, ns=(shown.st_atime_ns, shown.st_mtime_ns))
    with Image.open(view) as image:
        width, height = image.size
    return f"{folder.views.name}/{view.name}", width, height


def _is_of(view: Path, shown: os.stat_result) -> bool:
    try:
        found = view.stat()
    except FileNotFoundError:
        return False
    return found.st_mtime_ns == shown.st_mtime_ns and found.st_size > 0


def _make(view: Path, source: Path, side: int) -> None:
    pixels = images.load(source, long_side=side).pixels
    encoded = io.BytesIO()
    Image.fromarray(pixels).save(encoded, "WEBP", quality=82, method=4)
    with durable.disk_full_at(view):
        view.parent.mkdir(exist_ok=True)
    durable.write_bytes(view, encoded.getvalue())
