"""What a name in the inbox says: which part of which pair it is, or why it is left alone."""

from __future__ import annotations

import re
import unicodedata
from typing import NamedTuple

IMAGE_SUFFIXES = frozenset({
    "jpg", "jpeg", "jpe", "jfif", "png", "webp", "tif", "tiff", "bmp", "dib", "gif", "avif", "jp2", "j2k", "ppm",
    "pgm", "pnm", "mpo",
})  # fmt: skip
"""Endings that may name an image. What the file really is, its bytes say; this keeps sidecars (.xmp, .txt) apart."""

CONTENT_FOLDER = "content"
STYLE_FOLDER = "style"
REJECTED_FOLDER = "rejected"
SETTINGS_NAME = "job.toml"
SETTINGS_SUFFIX = ".toml"
READY_SUFFIX = ".ready"
"""Of an empty file that says that a pair is complete."""

_ROLE = r"(?P<role>content|style(?:-(?P<position>[2-9]|[1-9][0-9]))?|mask)"
_WHOLE_ROLE = re.compile(_ROLE, re.IGNORECASE)
_LAST_ROLE = re.compile(rf"[._-]{_ROLE}$", re.IGNORECASE)

_UNFINISHED_SUFFIXES = frozenset({
    "part", "partial", "filepart", "crdownload", "download", "opdownload", "tmp", "temp", "upload",
})  # fmt: skip
_UNFINISHED_HIDDEN = re.compile(
    r"\..+\..+\.[A-Za-z0-9]{6}|\.syncthing\..+|\.~tmp~|\.in\..+|\.goutputstream-.+|\.nfs[0-9a-f]+|\.pureftpd-upload\..+",
    re.IGNORECASE,
)
"""Names that rsync, Syncthing, FTP servers and desktops give to a file they have not finished."""

_JUNK = frozenset({
    "thumbs.db", "desktop.ini", "@eadir", "__macosx", "icon\r",
    # Recycle bins, snapshots and databases of NAS systems, Windows and synchronisers: what lies there was thrown away.
    "#recycle", "@recycle", "@recycle.bin", "$recycle.bin", "recycler", "system volume information", "lost+found",
    "#snapshot", "@snapshots", "@recently-snapshot", "@tmp", "_gsdata_",
})  # fmt: skip
_JUNK_SUFFIXES = frozenset({"swp", "swo", "swn", "swx"})


class Part(NamedTuple):
    """What a file is within its pair."""

    name: str
    """The pair's, empty if the folder says it."""
    role: str
    """``content``, ``style`` or ``mask``."""
    position: int
    """Of a style among the styles, from 1; 1 for the others."""
    suffix: str
    """In lower case, without the dot."""


def part_in_folder(file_name: str) -> Part | None:
    """Read a name inside a pair's own folder: ``content.jpg``, ``style-2.png``, ``mask.png``."""
    stem, suffix = _image_name(file_name)
    match = _WHOLE_ROLE.fullmatch(stem)
    return _part("", match, suffix) if match else None


def named_part(file_name: str) -> Part | None:
    """Read a name that carries the pair's: ``harbour.content.jpg``, ``harbour-style.png``, ``harbour_mask.png``."""
    stem, suffix = _image_name(file_name)
    match = _LAST_ROLE.search(stem)
    return _part(stem[: match.start()], match, suffix) if match and match.start() else None


def image_stem(file_name: str) -> str | None:
    """Return the name of an image file without its ending, None if the ending is no image's."""
    return _image_name(file_name)[0] or None


def _image_name(file_name: str) -> tuple[str, str]:
    """Split the name of an image file; two empty texts if it is none."""
    stem, _, suffix = file_name.rpartition(".")
    suffix = suffix.lower()
    return (stem, suffix) if suffix in IMAGE_SUFFIXES else ("", "")


def _part(name: str, match: re.Match[str], suffix: str) -> Part:
    role = match["role"].lower().partition("-")[0]
    return Part(name, role, int(match["position"] or 1), suffix)


def is_unfinished(name: str) -> bool:
    """Return whether a program gave this name to a file that it is still writing."""
    stem, _, suffix = name.rpartition(".")
    if stem and suffix.lower() in _UNFINISHED_SUFFIXES:
        return True
    return name.startswith(".") and _UNFINISHED_HIDDEN.fullmatch(name) is not None


def is_junk(name: str) -> bool:
    """Return whether a name belongs to an editor, a file manager or a NAS, and never to a picture: also all hidden names."""
    if name.startswith(".") or name.endswith("~"):
        return True
    lower = name.lower()
    return lower in _JUNK or lower.rpartition(".")[2] in _JUNK_SUFFIXES


def key(name: str) -> str:
    """Return what two names of one pair share: macOS writes ``é`` as two characters, Linux as one."""
    return name if name.isascii() else unicodedata.normalize("NFC", name)
