"""Small copies of a job's pictures that every browser shows, kept in ``evolution/<job>/views/``.

A content image may be a TIFF, 16 bits deep, lie on its side or have 100 megapixels; a grid of hundreds of full
results would take gigabytes to decode. A view is made once, and again only when what it shows has changed. A view may
be deleted at any time.
"""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from typing import NamedTuple

from PIL import Image

from styled import images
from styled.errors import ImageError
from styled.evolution import JobFolder, open_input
from styled.files import durable

THUMBNAIL_SIDE = 480
"""Long side, px: sharp in a card of 240 px on a screen with two pixels for one."""

COMPARED_SIDE = 1280
"""Long side, px, of the content beside the result."""


class View(NamedTuple):
    """A picture that a browser shows."""

    path: str
    """Relative to the job's folder."""
    width: int
    """px."""
    height: int


class EntryViews(NamedTuple):
    """The pictures that the page shows of one job."""

    result: View
    thumbnail: View
    inputs: dict[str, View]
    """``content``, ``style``, ``style 2`` … as far as they can be shown."""


def view_of(folder: JobFolder, source: Path, name: str, side: int, digest: str = "") -> View:
    """Return a view, made if there is none of this source.

    Args:
        folder: the job's.
        source: the image to show.
        name: of the view: ``thumbnail``, ``content``, ``style``.
        side: long side at most, px.
        digest: what the source's bytes must be, for an input of the job; see :func:`styled.evolution.open_input`.

    Raises:
        UnreadableImage: the source cannot be shown.
        ImageTooLarge: it has more pixels than the limit.
        InputChanged: it is not the file that the job was made with.
        DiskFull: no space.
        OSError: the source is gone, or the folder cannot be written.
    """
    view = folder.views / f"{name}.webp"
    shown = source.stat()
    size = _size_if_of(view, shown)
    if size is None:
        size = _make(view, source, side, shown, digest)
    return View(f"{folder.views.name}/{view.name}", *size)


def _size_if_of(view: Path, shown: os.stat_result) -> tuple[int, int] | None:
    """Return a view's width and height; None when there is none, or one of an earlier source."""
    try:
        if view.stat().st_mtime_ns != shown.st_mtime_ns:
            return None
        found = images.probe(view)
        return found.width, found.height
    except (OSError, ImageError):
        return None  # not there, or cut by a power loss


def _make(view: Path, source: Path, side: int, shown: os.stat_result, digest: str) -> tuple[int, int]:
    with open_input(source, digest) as file:
        picture = Image.fromarray(images.load(file, name=source.name, long_side=side).pixels)
    # Whole or not at all for a reader, but not synced: what a power loss takes is made again. Syncing three small
    # files a job would take most of the time.
    temporary = view.with_name(f".{secrets.token_hex(4)}.tmp")
    with durable.disk_full_at(view):
        view.parent.mkdir(exist_ok=True)
        try:
            picture.save(temporary, "WEBP", quality=82, method=2)
            # The source's time is the mark that the view is of this very source.
            os.utime(temporary, ns=(shown.st_atime_ns, shown.st_mtime_ns))
            temporary.replace(view)
        finally:
            temporary.unlink(missing_ok=True)
    return picture.size
