"""From a listing of the inbox to pairs: the four rules, as one pure function.

1. ``NAME/content.EXT`` + ``NAME/style.EXT`` (``style-2.EXT`` …, ``mask.EXT``, ``job.toml``); the folder is consumed.
2. ``NAME.content.EXT`` + ``NAME.style.EXT`` (``-`` and ``_`` do as well as the dot; ``NAME.toml`` beside them),
   in the inbox itself or together in a folder of it.
3. ``content/NAME.EXT`` + ``style/NAME.EXT`` (``content/NAME.toml``): the same name in two folders.
   ``NAME.ready`` beside the files or the folder of rules 1 to 3 says that all of them are complete.
4. ``NAME/`` with ``style.EXT`` and no content: a hot folder, where every other image is a content of its own;
   the style and the folder stay.

Nothing is opened or looked up here: names and kinds go in, decisions come out, and the same listing always
gives the same decisions. Whether a file is complete is the tracker's business.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from styled.files.printable import escaped, is_hostile
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
    """The file by which the sender says that the pair is complete; it goes with the pair."""
    folder: str | None = None
    """The folder that is consumed with the pair."""
    kept: frozenset[str] = frozenset()
    """Of the paths above, those that stay in the inbox for the next job: a hot folder's."""

    @property
    def paths(self) -> tuple[str, ...]:
        """Every file: content, styles, mask, settings, and the one that says that they are complete."""
        return (self.content, *self.styles, *(path for path in (self.mask, self.settings, self.ready) if path))


class Half(NamedTuple):
    """A pair that is not complete."""

    name: str
    missing: str
    paths: tuple[str, ...]


class Misfit(NamedTuple):
    """Files that can never become a job as they are."""

    name: str
    reason: str
    paths: tuple[str, ...]


class Ignored(NamedTuple):
    """An entry that is left where it is."""

    path: str
    reason: str


@dataclass(slots=True)
class Pairing:
    """Where each entry of a listing belongs."""

    pairs: list[Pair] = field(default_factory=list)
    halves: list[Half] = field(default_factory=list)
    misfits: list[Misfit] = field(default_factory=list)
    ignored: list[Ignored] = field(default_factory=list)


class _Group:
    """The files that carry one pair's name, by their part; two files may claim to be the same part."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._parts: dict[tuple[str, int], list[str]] = {}
        self._settings: str | None = None
        self._ready: str | None = None
        self._faults: list[str] = []

    def add(self, part: Part, path: str, kind: Kind) -> None:
        """Add the file at ``path``."""
        if kind is not Kind.FILE:
            self._faults.append(_not_a_file(path, kind))
        self._parts.setdefault((part.role, part.position), []).append(path)

    def add_settings(self, path: str, kind: Kind) -> None:
        """Add the TOML file at ``path``."""
        if kind is not Kind.FILE:
            self._faults.append(_not_a_file(path, kind))
        self._settings = path

    def add_ready(self, path: str, kind: Kind) -> None:
        """Add the file that says that the pair is complete."""
        if kind is not Kind.FILE:
            self._faults.append(_not_a_file(path, kind))
        self._ready = path

    @property
    def paths(self) -> tuple[str, ...]:
        """Every file of the group."""
        files = [path for paths in self._parts.values() for path in paths]
        return (*sorted(files), *(path for path in (self._settings, self._ready) if path))

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
        return self._faults[0] if self._faults else ""

    def missing_style(self) -> str:
        """Return which style is awaited: the first, or one before the last; empty if none is."""
        given = {position for role, position in self._parts if role == "style"}
        if 1 not in given:
            return "a style"
        gap = next((position for position in range(2, max(given)) if position not in given), None)
        return f"style-{gap}" if gap else ""

    def pair(self, name: str, *, content: str, folder: str | None = None, kept: frozenset[str] = frozenset()) -> Pair:
        """Make a pair of the group's style, mask and settings with a content."""
        styles = tuple(paths[0] for (role, _), paths in sorted(self._parts.items()) if role == "style")
        return Pair(name, content, styles, self.first("mask"), self._settings, self._ready, folder, kept)


def pair_up(listing: Listing) -> Pairing:
    """Sort every entry of the inbox into pairs, halves, misfits and what is ignored.

    Hidden names, unfinished downloads and other programs' litter are passed over in silence.
    """
    pairing = Pairing()
    folders: dict[str, _Folder] = {"": _Folder("")}
    for path, kind in listing.items():
        if "/" not in path and kind is Kind.FOLDER:
            folders[path] = _Folder(path)
    for path, kind in listing.items():
        folder, _, name = path.rpartition("/")
        if folder in folders:
            folders[folder].add(name, kind, pairing)
    _pair_across(folders.pop(names.CONTENT_FOLDER, None), folders.pop(names.STYLE_FOLDER, None), pairing)
    inbox = folders.pop("")
    folders.pop(names.REJECTED_FOLDER, None)
    for found in folders.values():
        if not passed_over(found.name):
            _pair_folder(found, inbox, pairing)
    _pair_files(inbox, pairing)
    return pairing


def passed_over(name: str) -> bool:
    """Return whether a name is left alone whatever it is."""
    return is_hostile(name) or names.is_unfinished(name) or names.is_junk(name)


@dataclass(slots=True)
class _Folder:
    """The entries of the inbox ("") or of one folder in it that are worth a look."""

    name: str
    entries: dict[str, Kind] = field(default_factory=dict)
    unfinished: list[str] = field(default_factory=list)

    def add(self, name: str, kind: Kind, pairing: Pairing) -> None:
        if is_hostile(name):
            pairing.ignored.append(Ignored(self.path(name), "its name holds control characters or is not UTF-8"))
        elif names.is_unfinished(name):
            self.unfinished.append(name)
        elif not names.is_junk(name):
            self.entries[name] = kind

    def path(self, name: str) -> str:
        return f"{self.name}/{name}" if self.name else name


def _pair_folder(folder: _Folder, inbox: _Folder, pairing: Pairing) -> None:
    """Judge one folder of the inbox by what it holds: rule 1, rule 4, rule 2 inside it, or nothing yet."""
    group = _Group(folder.name)
    others = {}
    for name, kind in folder.entries.items():
        part = names.part_in_folder(name)
        if part is not None:
            group.add(part, folder.path(name), kind)
        elif name == names.SETTINGS_NAME:
            group.add_settings(folder.path(name), kind)
        else:
            others[name] = kind
    if group.has("content"):
        ready = folder.name + names.READY_SUFFIX
        if inbox.entries.get(ready, Kind.FOLDER) is not Kind.FOLDER:
            group.add_ready(ready, inbox.entries.pop(ready))
        _pair_own_folder(folder, group, pairing)
    elif group.has("style"):
        _pair_hot_folder(folder, group, others, pairing)
    elif any(names.named_part(name) for name in others):
        _pair_files(folder, pairing)
    elif group.paths or any(names.image_stem(name) for name in others):
        pairing.halves.append(Half(folder.name, "a style: put style.jpg into its folder", (folder.name,)))
    elif others:
        pairing.ignored.append(Ignored(folder.name, "no image in it; folders in folders are not looked into"))


def _pair_own_folder(folder: _Folder, group: _Group, pairing: Pairing) -> None:
    """Rule 1."""
    wrong = group.wrong()
    if wrong:
        pairing.misfits.append(Misfit(folder.name, wrong, (folder.name, *group.outside())))
    elif folder.unfinished:
        missing = f"the rest of {escaped(folder.unfinished[0])}, which is still being written"
        pairing.halves.append(Half(folder.name, missing, (folder.name,)))
    else:
        _complete(group, pairing, folder=folder.name)


def _pair_hot_folder(folder: _Folder, group: _Group, others: Mapping[str, Kind], pairing: Pairing) -> None:
    """Rule 4."""
    wrong, missing = group.wrong(), group.missing_style()
    if wrong:
        pairing.misfits.append(Misfit(folder.name, wrong, group.paths))
        return
    unfinished = [
        name for name in folder.unfinished if name.lstrip(".").startswith(("style", "mask", "content", "job."))
    ]
    if unfinished or missing:
        missing = missing or f"the rest of {escaped(unfinished[0])}, which is still being written"
        pairing.halves.append(Half(folder.name, missing, (folder.name,)))
        return
    pairs = 0
    for name, kind in others.items():
        stem, path = names.image_stem(name), folder.path(name)
        if kind in (Kind.LINK, Kind.OTHER):
            pairing.misfits.append(Misfit(stem or name, _not_a_file(path, kind), (path,)))
        elif stem is None or kind is Kind.FOLDER:
            pairing.ignored.append(Ignored(path, "not an image"))
        else:
            pairing.pairs.append(group.pair(stem, content=path, kept=frozenset(group.paths)))
            pairs += 1
    if not pairs:
        pairing.halves.append(Half(folder.name, "images to paint in this style", (folder.name,)))


def _pair_files(folder: _Folder, pairing: Pairing) -> None:
    """Rule 2."""
    groups: dict[str, _Group] = {}
    beside: list[tuple[str, str, Kind]] = []
    others = {}
    for name, kind in folder.entries.items():
        part = names.named_part(name)
        if part is not None:
            groups.setdefault(names.key(part.name), _Group(part.name)).add(part, folder.path(name), kind)
        elif name.endswith((names.SETTINGS_SUFFIX, names.READY_SUFFIX)) and kind is not Kind.FOLDER:
            beside.append((name, folder.path(name), kind))
        elif not (kind is Kind.FOLDER and not folder.name):
            others[name] = kind
    for name, path, kind in beside:
        _add_beside(groups, name, path, kind)
    for group in groups.values():
        _judge(group, pairing)
    for name, kind in others.items():
        _left_over(name, folder.path(name), kind, pairing)


def _add_beside(groups: dict[str, _Group], name: str, path: str, kind: Kind) -> None:
    """Add a file that is no picture to the group whose name it carries: settings, or that it is complete."""
    stem, _, suffix = name.rpartition(".")
    group = groups.setdefault(names.key(stem), _Group(stem))
    if f".{suffix}" == names.SETTINGS_SUFFIX:
        group.add_settings(path, kind)
    else:
        group.add_ready(path, kind)


def _left_over(name: str, path: str, kind: Kind, pairing: Pairing) -> None:
    """Judge an entry that no rule names."""
    stem = names.image_stem(name)
    if kind in (Kind.LINK, Kind.OTHER):
        pairing.misfits.append(Misfit(name, _not_a_file(path, kind), (path,)))
    elif stem is not None and kind is Kind.FILE:
        suffix = name.rpartition(".")[2]
        missing = f"a part in its name: {stem}.content.{suffix} or {stem}.style.{suffix}"
        pairing.halves.append(Half(name, missing, (path,)))
    elif name.lower() != "readme.md":
        pairing.ignored.append(Ignored(path, "not an image"))


def _pair_across(contents: _Folder | None, styles: _Folder | None, pairing: Pairing) -> None:
    """Rule 3."""
    groups: dict[str, _Group] = {}
    for folder, role in ((contents, "content"), (styles, "style")):
        for name, kind in folder.entries.items() if folder else ():
            path, stem = f"{role}/{name}", names.image_stem(name)
            if kind in (Kind.FILE, Kind.LINK, Kind.OTHER) and stem is not None:
                group = groups.setdefault(names.key(stem), _Group(stem))
                group.add(Part(stem, role, 1, name.rpartition(".")[2].lower()), path, kind)
            elif kind is Kind.FILE and role == "content" and name.endswith((names.SETTINGS_SUFFIX, names.READY_SUFFIX)):
                _add_beside(groups, name, path, kind)
            elif kind in (Kind.LINK, Kind.OTHER):
                pairing.misfits.append(Misfit(name, _not_a_file(path, kind), (path,)))
            else:
                pairing.ignored.append(Ignored(path, "not an image"))
    for group in groups.values():
        _judge(group, pairing)


def _judge(group: _Group, pairing: Pairing) -> None:
    wrong = group.wrong()
    if wrong:
        pairing.misfits.append(Misfit(group.name, wrong, group.paths))
    else:
        _complete(group, pairing)


def _complete(group: _Group, pairing: Pairing, *, folder: str | None = None) -> None:
    """Make a pair of a group without faults, or half a pair."""
    content, missing = group.first("content"), group.missing_style()
    if content is not None and not missing:
        pairing.pairs.append(group.pair(group.name, content=content, folder=folder))
        return
    if content is None:
        missing = f"a content and {missing}" if missing else "a content"
    pairing.halves.append(Half(group.name, missing, (folder,) if folder else group.paths))


def _not_a_file(path: str, kind: Kind) -> str:
    return f"{path.rpartition('/')[2]} is a {kind}; only real files are taken"
