"""A job's folder: its name and the paths in it."""

from __future__ import annotations

import os
import unicodedata
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from styled.files import durable
from styled.files.untrusted import is_file

_RESULT_SUFFIXES = (".png", ".tif", ".jpg")

_NAME_BYTES = 100
"""Of the pair's name in the job's id: with date, claim prefix and collision number far below the 255 of a file name."""


@dataclass(frozen=True, slots=True)
class JobFolder:
    """The paths of one job's files. Making one touches no disk; ``result`` looks which one there is."""

    path: Path

    @property
    def id(self) -> str:
        """The job's id: the folder's name."""
        return self.path.name

    @property
    def input(self) -> Path:
        """Folder of the images the user gave."""
        return self.path / "input"

    @property
    def job_json(self) -> Path:
        """Settings, digests, versions and state; see :class:`~styled.evolution.JobFile`."""
        return self.path / "job.json"

    @property
    def losses(self) -> Path:
        """One line per step; see :class:`~styled.evolution.LossLog`."""
        return self.path / "losses.jsonl"

    @property
    def frames(self) -> Path:
        """Folder of the kept frames."""
        return self.path / "frames"

    @property
    def checkpoint(self) -> Path:
        """Folder of the two checkpoint slots."""
        return self.path / "checkpoint"

    @property
    def result(self) -> Path:
        """The finished picture, in whichever format it was written; ``result.png`` while there is none."""
        written = (self.result_as(suffix) for suffix in _RESULT_SUFFIXES)
        return next((path for path in written if is_file(path)), self.result_as(_RESULT_SUFFIXES[0]))

    def result_as(self, suffix: str) -> Path:
        """Return where a result with this suffix is written: ``.png``, ``.tif`` or ``.jpg``."""
        return self.path / f"result{suffix}"

    def keep_result(self, suffix: str) -> None:
        """Remove the results in other formats, of an earlier painting: the newest is *the* result."""
        for other in _RESULT_SUFFIXES:
            if other != suffix:
                self.result_as(other).unlink(missing_ok=True)

    @property
    def regions(self) -> Path:
        """What was understood of a mask: its regions in false colours."""
        return self.path / "regions.png"

    @property
    def timelapse(self) -> Path:
        """The frames as one animation."""
        return self.path / "evolution.webp"

    @property
    def views(self) -> Path:
        """Folder of the small copies that the gallery shows; see :mod:`styled.gallery.views`."""
        return self.path / "views"

    @property
    def log(self) -> Path:
        """What the worker and TensorFlow said."""
        return self.path / "log.txt"

    def open_log(self) -> int:
        """Open the log to append to, never through a link and never waiting for who reads a pipe; return its descriptor.

        A pipe, a device or a folder in its place is put aside as ``log.damaged``.

        Raises:
            OSError: it cannot be opened, or is a link.
        """
        put_aside_what_is_no_file(self.log)
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        return os.open(self.log, flags, 0o644)

    @property
    def attempt(self) -> Path:
        """Which worker may write here; see :class:`~styled.evolution.Fence`."""
        return self.path / "ATTEMPT"

    def create(self) -> None:
        """Make the folder and the folders in it; what is there already stays."""
        for folder in (self.path, self.input, self.frames, self.checkpoint):
            folder.mkdir(parents=True, exist_ok=True)

    def sweep(self) -> None:
        """Remove half-written files that a killed worker left. Only for the worker that holds the fence."""
        for folder in (self.path, self.frames, self.checkpoint):
            if folder.is_dir():
                durable.sweep(folder)


def put_aside_what_is_no_file(path: Path) -> None:
    """Rename a pipe, a device or a folder in the place of a file: out of the way, and not lost. A link is left."""
    if os.path.lexists(path) and not path.is_symlink() and not path.is_file():
        path.replace(path.with_suffix(".damaged"))


def safe_name(name: str) -> str:
    """Return ``name`` as letters, digits, ``.``, ``_`` and ``-`` only: safe as a file name and on a terminal.

    Letters of any script stay; everything else becomes ``-``. At most 100 bytes of UTF-8, never empty,
    never starting with a dot or a dash.
    """
    kept = (
        character if character in "._-" or unicodedata.category(character)[0] in "LMN" else "-"
        for character in unicodedata.normalize("NFC", name)
    )
    words = "-".join(word for word in "".join(kept).split("-") if word)
    cut = words.encode()[:_NAME_BYTES].decode(errors="ignore")
    return cut.strip(".-") or "job"


def job_id(name: str, now: datetime) -> str:
    """Return ``YYYYMMDD-hhmmss-<safe name>``, in the time zone of ``now``; :func:`free_id` makes it unique.

    Args:
        name: the pair's name.
        now: when the pair was claimed.
    """
    return f"{now:%Y%m%d-%H%M%S}-{safe_name(name)}"


def free_id(first: str, evolution: Path) -> str:
    """Return ``first``, or if that is taken in the folder ``evolution``, ``first-2``, ``first-3`` ….

    A claim in progress (``.claim-<id>``) counts as taken.
    """
    candidate, count = first, 1
    while (evolution / candidate).exists() or (evolution / f".claim-{candidate}").exists():
        count += 1
        candidate = f"{first}-{count}"
    return candidate
