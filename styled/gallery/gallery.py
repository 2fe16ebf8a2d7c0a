"""``evolution/index.html``: read the job folders, make the views, write the page."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from styled import images
from styled.errors import ImageError, OutputUnusable
from styled.files import durable
from styled.gallery.entry import GalleryEntry, job_folders, read_entry
from styled.gallery.page import page
from styled.gallery.views import COMPARED_SIDE, THUMBNAIL_SIDE, EntryViews, View, view_of


class Written(NamedTuple):
    """What :func:`write_gallery` did."""

    path: Path
    shown: int
    without_result: int
    """Jobs that are left out because they have no result, or not yet."""
    notes: list[str]
    """What could not be shown, one sentence each."""


def write_gallery(evolution: Path, *, on_job: Callable[[int, int], None] = lambda _done, _all: None) -> Written:
    """Write ``index.html`` into ``evolution/``, whole or not at all, with every result, newest first.

    Args:
        evolution: the folder with the job folders; made when it is missing.
        on_job: called after each job with how many are read and how many there are.

    Raises:
        DiskFull: no space.
        OSError: the folder cannot be read or written.
    """
    shown: list[tuple[GalleryEntry, EntryViews]] = []
    notes: list[str] = []
    without_result = 0
    folders = job_folders(evolution)
    for number, folder in enumerate(folders, start=1):
        if not folder.result.is_file():
            without_result += 1
        else:
            try:
                entry = read_entry(folder)
                shown.append((entry, _views(entry, notes)))
            except FileNotFoundError:
                notes.append(f"{folder.id} went away")  # removed by the daemon or a user meanwhile
            except OSError as error:
                notes.append(f"{folder.id} cannot be shown: {error.strerror or error}")
            except ImageError as error:
                notes.append(f"{folder.id}: {error.message}")
        on_job(number, len(folders))
    shown.sort(key=lambda each: each[0].finished_at, reverse=True)
    with durable.disk_full_at(evolution):
        try:
            evolution.mkdir(exist_ok=True)
        except FileNotFoundError as error:
            raise OutputUnusable(f"{evolution.parent} is not there", "Check the path of the root.") from error
    path = evolution / "index.html"
    durable.write_bytes(path, page(shown, without_result=without_result, written_at=time.time()).encode())
    return Written(path, len(shown), without_result, notes)


def _views(entry: GalleryEntry, notes: list[str]) -> EntryViews:
    folder = entry.folder
    result = images.probe(folder.result)
    thumbnail = view_of(folder, folder.result, "thumbnail", THUMBNAIL_SIDE)
    inputs: dict[str, View] = {}
    for title, source in entry.inputs:
        side = COMPARED_SIDE if title == "content" else THUMBNAIL_SIDE
        try:
            inputs[title] = view_of(folder, source, title.replace(" ", "-"), side, entry.digest_of(source))
        except (OSError, ImageError) as error:
            # The result is there to see, with or without what it was made from.
            notes.append(f"{folder.id}: the {title} is not shown: {error}")
    full = View(folder.result.name, result.width, result.height)
    if result.format == "TIFF":  # which no browser shows
        full = full._replace(path=view_of(folder, folder.result, "result", COMPARED_SIDE).path)
    return EntryViews(full, thumbnail, inputs)
