"""What the inbox is sorted into: pairs, halves, misfits, what is left alone; and the files that carry one pair's name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from styled.files.printable import escaped
from styled.inbox import names
from styled.inbox.names import Part


class Kind(StrEnum):
    """What an entry of a folder is, links not followed."""

    FILE = "file"
    FOLDER = "folder"
    LINK = "symbolic link"
    OTHER = "pipe, socket or device"


Listing = Mapping[str, Kind]
"""Path relative to the inbox (``harbour/style.jpg``, at most one ``/``) to what it is; folders included."""


@dataclass(frozen=True, slots=True)
class Pair:
    """All files of one job, as paths relative to the inbox."""

    name: str
    content: str
    styles: tuple[str, ...]
    mask: str | None = None
    settings: str | None = None
    """The pair's TOML file."""
    ready: str | None = None
    """The file by which the sender marks the pair as complete; it goes with the pair."""
    folder: str | None = None
    """The folder that is consumed with the pair."""
    kept: frozenset[str] = frozenset()
    """Of the paths above, those that stay in the inbox for the next job: a hot folder's."""
    remarks: tuple[str, ...] = ()
    """What lies with it and is not used; printable."""

    def rejected_for(self, path: str) -> list[str]:
        """Return what is rejected when the file at ``path`` is at fault: of a hot folder a picture, or all that stays."""
        if path in self.kept:
            return sorted(self.kept)
        if self.folder:
            return [self.folder, *(each for each in self.paths if "/" not in each)]
        return [each for each in self.paths if each not in self.kept]

    def reason_for(self, path: str, reason: str) -> str:
        """Return the reason for which the file at ``path`` is rejected, and of a hot folder's picture that the rest stays."""
        if path in self.kept or not self.kept:
            return reason
        folder = escaped(path.rpartition("/")[0])
        return f"{reason} Only this picture is rejected: the other files of {folder}/ stay."

    @property
    def is_idle(self) -> bool:
        """Whether it stands for a hot folder without a picture: its style is its content, to be checked and not claimed."""
        return self.content in self.kept

    @property
    def paths(self) -> tuple[str, ...]:
        """Every file: content, styles, mask, settings, and the one that marks them as complete."""
        return (self.content, *self.styles, *(path for path in (self.mask, self.settings, self.ready) if path))


class Half(NamedTuple):
    """A pair that is not complete."""

    name: str
    missing: str
    paths: tuple[str, ...]
    arrives: bool = False
    """All that it lacks is still being written."""


class Misfit(NamedTuple):
    """Files that can never become a job as they are."""

    name: str
    reason: str
    paths: tuple[str, ...]


class Ignored(NamedTuple):
    """An entry that is left where it is."""

    path: str
    reason: str


class Group:
    """The files that carry one pair's name, by their part; two files may claim to be the same part."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._parts: dict[tuple[str, int], list[str]] = {}
        self._settings: list[str] = []
        self._ready: list[str] = []
        self._faults: list[str] = []
        self.held: list[str] = []
        """Why the pair must wait until somebody has looked: files that are nearly, and not quite, called like a part."""
        self.arriving: list[str] = []
        """The same of files of its own that are still being written."""
        self.remarks: list[str] = []

    def add(self, part: Part, path: str, kind: Kind) -> None:
        """Add the file at ``path``."""
        if kind is not Kind.FILE:
            self._faults.append(not_a_file(path, kind))
        self._parts.setdefault((part.role, part.position), []).append(path)

    def add_settings(self, path: str, kind: Kind) -> None:
        """Add the TOML file at ``path``."""
        if kind is not Kind.FILE:
            self._faults.append(not_a_file(path, kind))
        self._settings.append(path)

    def add_ready(self, path: str, kind: Kind) -> None:
        """Add the file that marks the pair as complete."""
        if kind is not Kind.FILE:
            self._faults.append(not_a_file(path, kind))
        self._ready.append(path)

    def take_in(self, other: Group) -> None:
        """Add all files of another group, which carries this one's name in other letters."""
        for part, paths in other._parts.items():
            self._parts.setdefault(part, []).extend(paths)
        self._settings += other._settings
        self._ready += other._ready
        self._faults += other._faults
        self.held += other.held
        self.arriving += other.arriving

    def claimed(self) -> list[tuple[str, int]]:
        """Return every part that it has a file for, settings and the mark of completeness among them."""
        beside = [("settings", 1)] if self._settings else []
        return [*self._parts, *beside, *([("ready", 1)] if self._ready else [])]

    def leave_doubtful(self) -> list[str]:
        """Drop files that only might be images where a part has one that is; return them."""
        dropped = []
        for part, paths in self._parts.items():
            sure = [path for path in paths if path.rpartition(".")[2].lower() in names.IMAGE_SUFFIXES]
            if sure and len(sure) < len(paths):
                dropped += [path for path in paths if path not in sure]
                self._parts[part] = sure
        return dropped

    @property
    def paths(self) -> tuple[str, ...]:
        """Every file of the group."""
        files = [path for paths in self._parts.values() for path in paths]
        return (*sorted(files), *sorted(self._settings), *sorted(self._ready))

    def outside(self) -> tuple[str, ...]:
        """Return what lies in the inbox itself."""
        return tuple(path for path in self.paths if "/" not in path)

    def has(self, role: str) -> bool:
        """Return whether any file has this part."""
        return any(known == role for known, _ in self._parts)

    def first(self, role: str) -> str | None:
        """Return the file that is this part."""
        return next(iter(self._parts.get((role, 1), ())), None)

    def wrong(self) -> str:
        """Return why these files can never be a pair; empty if they can."""
        for (role, _), paths in sorted(self._parts.items()):
            if len(paths) > 1:
                listed = " and ".join(path.rpartition("/")[2] for path in sorted(paths))
                return f"{listed} both claim to be the {role}; leave one"
        if len(self._settings) > 1:
            listed = " and ".join(sorted(path.rpartition("/")[2] for path in self._settings))
            return f"{listed} both claim to be the settings; leave one"
        return min(self._faults, default="")

    def missing_style(self) -> str:
        """Return which style is awaited: the first, or one before the last; empty if none is."""
        given = {position for role, position in self._parts if role == "style"}
        if 1 not in given:
            return "a style"
        gap = next((position for position in range(2, max(given)) if position not in given), None)
        return f"style-{gap}" if gap else ""

    def lacks_settings(self) -> bool:
        """Return whether it has images and no settings."""
        return self.has_images() and not self._settings

    def has_images(self) -> bool:
        """Return whether it has a content, a style or a mask."""
        return bool(self._parts)

    def is_whole(self) -> bool:
        """Return whether it has all that a pair needs."""
        return self.has("content") and not self.missing_style()

    def pair(self, name: str, *, content: str, folder: str | None = None, kept: frozenset[str] = frozenset()) -> Pair:
        """Make a pair of the group's style, mask and settings with a content."""
        styles = tuple(paths[0] for (role, _), paths in sorted(self._parts.items()) if role == "style")
        return Pair(
            name,
            content,
            styles,
            self.first("mask"),
            min(self._settings, default=None),
            min(self._ready, default=None),
            folder,
            kept,
            tuple(self.remarks),
        )


def not_a_file(path: str, kind: Kind) -> str:
    """Return why something that is no regular file can be no part of a pair."""
    return f"{path.rpartition('/')[2]} is a {kind}; only real files are taken"
