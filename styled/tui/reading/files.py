"""What a folder offers to somebody who looks for images. Reads the disk: call it from a thread."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from styled.inbox.names import IMAGE_SUFFIXES

MOST = 10_000
"""Entries listed at most; a folder with more is looked through in a shell."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A folder or an image."""

    path: Path
    is_folder: bool
    name: str
    """As shown: not yet safe to print."""


@dataclass(frozen=True, slots=True)
class Listing:
    """The content of a folder."""

    folder: Path
    entries: tuple[Entry, ...] = ()
    """The way up, folders, then images, by name."""
    trouble: str = ""
    """Why it could not be read."""


def list_folder(folder: Path) -> Listing:
    """List the folders and images in ``folder``; hidden ones are left out. Never raises."""
    folders: list[Entry] = []
    images: list[Entry] = []
    up = [Entry(folder.parent, is_folder=True, name="..")] if folder.parent != folder else []
    try:
        for path in folder.iterdir():
            if path.name.startswith("."):
                continue
            if path.suffix[1:].lower() in IMAGE_SUFFIXES and path.is_file():
                images.append(Entry(path, is_folder=False, name=path.name))
            elif path.is_dir():
                folders.append(Entry(path, is_folder=True, name=path.name))
            if len(folders) + len(images) >= MOST:
                break
    except OSError as error:
        return Listing(folder, tuple(up), trouble=f"{folder}: {error.strerror}")
    folders.sort(key=lambda entry: entry.name.casefold())
    images.sort(key=lambda entry: entry.name.casefold())
    return Listing(folder, (*up, *folders, *images))
