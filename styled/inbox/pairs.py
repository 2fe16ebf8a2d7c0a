"""From a listing of the inbox to pairs: the four rules, as one pure function.

1. ``NAME/content.EXT`` + ``NAME/style.EXT`` (``style-2.EXT`` …, ``mask.EXT``, ``job.toml``); the folder is consumed.
2. ``NAME.content.EXT`` + ``NAME.style.EXT`` (``-`` and ``_`` do as well as the dot; ``NAME.toml`` beside them),
   in the inbox itself or together in a folder of it.
3. ``content/NAME.EXT`` + ``style/NAME.EXT`` (``content/NAME.toml``): the same name in two folders.
   ``NAME.ready`` beside the files or the folder of rules 1 to 3 marks all of them as complete.
4. ``NAME/`` with ``style.EXT`` and no content: a hot folder, where every other image is a content of its own;
   the style and the folder stay.

Nothing is opened or looked up here: names and kinds go in, decisions come out, and the same listing always
gives the same decisions. Whether a file is complete is the tracker's business.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from styled.files.printable import escaped, is_hostile
from styled.inbox import names
from styled.inbox.group import Group, Half, Ignored, Kind, Listing, Misfit, Pair, not_a_file
from styled.inbox.names import Part
from styled.inbox.owners import (
    Beside,
    InOneCase,
    beside_folders,
    hold_for,
    hold_for_settings_of_all,
    in_one_case,
    owners_by_name,
    owners_by_part,
    owners_of_nearly_settings,
    stems_beside,
    without_settings,
)
from styled.lasting_thread import gradually_sorted

_SURELY_A_SLIP = 0.9
"""Likeness of a name in a hot folder to a part's from which it is not painted: every picture there is a content."""

_Owners = Callable[[str, InOneCase], Sequence[Group]]


@dataclass(slots=True)
class Pairing:
    """Where each entry of a listing belongs."""

    pairs: list[Pair] = field(default_factory=list)
    halves: list[Half] = field(default_factory=list)
    misfits: list[Misfit] = field(default_factory=list)
    idle: list[Pair] = field(default_factory=list)
    """Hot folders without a picture to paint, as if their style were it: whether that style can be used shows now."""
    ignored: list[Ignored] = field(default_factory=list)


def pair_up(listing: Listing) -> Pairing:
    """Sort every entry of the inbox into pairs, halves, misfits and what is ignored.

    Hidden names and other programs' litter are passed over in silence.
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
    inbox = folders.pop("")
    usable = (name for name in folders if not passed_over(name))
    inbox.beside = beside_folders(inbox.entries, inbox.unfinished, usable)
    for name in names.PUT_ASIDE:
        folders.pop(name, None)
    _pair_across([folders.pop(name) for name in sorted(folders) if names.role_of_folder(name)], pairing)
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
    unfinished: dict[str, Kind] = field(default_factory=dict)
    """What programs are still writing or downloading."""
    awaited: set[str] = field(default_factory=set)
    """Those of them that a pair waits for which is whole without them: told with that pair."""
    beside: Beside = field(default_factory=Beside)
    """Of the inbox: what carries the names of its folders."""

    def add(self, name: str, kind: Kind, pairing: Pairing) -> None:
        if is_hostile(name):
            pairing.ignored.append(Ignored(self.path(name), "its name holds control characters or is not UTF-8"))
        elif names.is_unfinished(name) or names.placeholder_of(name):
            self.unfinished[name] = kind
        elif not names.is_junk(name) and self.path(name) != names.REJECTED_FOLDER:  # of which the scanner tells
            self.entries[name] = kind

    def path(self, name: str) -> str:
        return f"{self.name}/{name}" if self.name else name

    def take_beside(self, group: Group, inbox: _Folder) -> None:
        """Give a group the files in the inbox that carry this folder's name."""
        for name in inbox.beside.of_folder.get(self.name, ()):
            kind = inbox.entries.pop(name)
            (group.add_ready if names.is_ready(name) else group.add_settings)(name, kind)
        if self.name in inbox.beside.doubtful:
            group.held.append(inbox.beside.doubtful[self.name])
        if self.name in inbox.beside.coming:
            inbox.hold(group, inbox.beside.coming[self.name])

    def hold_for_beside(self, groups: Mapping[str, Group], inbox: _Folder) -> None:
        """Let those of this folder's pairs that have no settings wait for settings in the inbox of the folder's name."""
        settings = [name for name in inbox.beside.of_folder.get(self.name, ()) if not names.is_ready(name)]
        if hold_for(groups, settings):
            for name in settings:
                del inbox.entries[name]
        if self.name in inbox.beside.coming:
            for group in without_settings(groups):
                inbox.hold(group, inbox.beside.coming[self.name])

    def hold(self, group: Group, name: str) -> None:
        """Let a group wait for an unfinished file of this folder that is to be one of its own."""
        # What is to be downloaded may wait for ever: until somebody asks for it.
        (group.held if names.placeholder_of(name) else group.arriving).append(_rest_of(name))
        self.awaited.add(name)

    def hold_all(self, groups: Mapping[str, Group], owners: _Owners) -> None:
        """Let each whole group wait for the unfinished files here that are to be its own.

        Args:
            groups: by the key of their name.
            owners: which of the groups, by the key of their name in one case, a file of a finished name belongs to.
        """
        whole = {key: group for key, group in groups.items() if group.is_whole()}
        lacking = without_settings(whole) if self.name else []
        waiting = in_one_case(whole)
        for name, _ in gradually_sorted(self.unfinished.items()):
            finished = names.finished_name(name) or ""
            owned = owners(finished, waiting)
            if not owned and names.is_settings_of_all(finished):
                owned, lacking = lacking, []
            for group in owned:
                self.hold(group, name)
                waiting.pop(names.key_in_one_case(group.name), None)  # one reason to wait will do

    def tell_unfinished(self, pairing: Pairing) -> None:
        """List what programs are still writing here, hidden files apart, and what a pair waits for."""
        for name in self.unfinished:
            if name not in self.awaited and (not name.startswith(".") or names.placeholder_of(name)):
                pairing.halves.append(Half(name, _rest_of(name), (self.path(name),)))


def _pair_folder(folder: _Folder, inbox: _Folder, pairing: Pairing) -> None:
    """Judge one folder of the inbox by what it holds: rule 1, rule 4, rule 2 inside it, or nothing yet."""
    group = Group(folder.name)
    others = {}
    for name, kind in gradually_sorted(folder.entries.items()):
        part = names.part_in_folder(name) if kind is not Kind.FOLDER or names.image_stem(name) else None
        if part is not None:
            group.add(part, folder.path(name), kind)
        elif names.is_settings_in_folder(name):
            group.add_settings(folder.path(name), kind)
        else:
            others[name] = kind
    for path in group.leave_doubtful():
        others[path.rpartition("/")[2]] = Kind.FILE
    if group.has("content"):
        folder.take_beside(group, inbox)
        _pair_own_folder(folder, group, others, pairing)
    elif group.has("style"):
        folder.take_beside(group, inbox)
        _pair_hot_folder(folder, group, others, pairing)
    elif any(names.named_part(name) for name in others):
        _pair_files(folder, pairing, inbox)
    elif group.paths or any(names.image_stem(name) for name in others):
        pairing.halves.append(Half(folder.name, "a style: put style.jpg into its folder", (folder.name,)))
    else:
        folder.tell_unfinished(pairing)
        if others:
            pairing.ignored.append(Ignored(folder.name, _without_pictures(others)))


def _without_pictures(others: Mapping[str, Kind]) -> str:
    """Return why a folder is left alone that holds nothing that can be used."""
    inner = sorted(name for name, kind in others.items() if kind is Kind.FOLDER)
    if not inner:
        return "no picture in it by their names"
    return f"no picture in it, and folders in folders are not looked into: move {_some(inner)} up into inbox/"


def _some(listed: Sequence[str]) -> str:
    """Name up to four of several files."""
    named = ", ".join(escaped(name) for name in listed[:4])
    return named if len(listed) <= 4 else f"{named} and {len(listed) - 4} more"


def _rest_of(name: str) -> str:
    """Return what an unfinished file, or a placeholder, waits for."""
    placeholder = names.placeholder_of(name)
    if placeholder:
        return f"{escaped(placeholder[0])}: it is a placeholder, let {placeholder[1]} download it"
    return f"the rest of {escaped(name)}, which is still being written"


def _pair_own_folder(folder: _Folder, group: Group, others: Mapping[str, Kind], pairing: Pairing) -> None:
    """Rule 1."""
    wrong = group.wrong()
    if wrong:
        pairing.misfits.append(Misfit(folder.name, wrong, (folder.name, *group.outside())))
    elif folder.unfinished:
        arrives = group.is_whole() and not group.held and not any(map(names.placeholder_of, folder.unfinished))
        pairing.halves.append(Half(folder.name, _rest_of(min(folder.unfinished)), (folder.name,), arrives=arrives))
    else:
        unused = []
        for name, kind in others.items():
            slip = _slip(name, kind)
            if slip:
                group.held.append(slip)
            else:
                unused.append(f"{name}/" if kind is Kind.FOLDER else name)
        if unused:
            group.remarks.append(f"not used, from its folder: {_some(unused)}")
        _complete(group, pairing, folder=folder.name)


def _slip(name: str, kind: Kind) -> str:
    """Return what a pair waits for whose folder has a file of nearly a part's name; empty if it is not nearly one."""
    if kind is Kind.FOLDER:
        return ""
    if names.nearly_settings(name):
        return f"{escaped(name)} to be called {names.SETTINGS_NAME}, or to be taken away: as it is it is not used"
    role = names.nearly_a_role(name)
    if role is None:
        return ""
    wanted = "style-2, style-3 …" if role == "style" else role
    return f"{escaped(name)} to be called {wanted}, or to be taken away: as it is it is not used"


def _pair_hot_folder(folder: _Folder, group: Group, others: Mapping[str, Kind], pairing: Pairing) -> None:
    """Rule 4."""
    wrong, missing = group.wrong(), group.missing_style()
    if wrong:
        pairing.misfits.append(Misfit(folder.name, wrong, group.paths))
        return
    for name in sorted(filter(_will_stay_in_hot_folder, folder.unfinished)):
        folder.hold(group, name)
    if missing:
        pairing.halves.append(Half(folder.name, missing, (folder.name,)))
        return
    group.held += [slip for name, kind in others.items() if names.nearly_settings(name) and (slip := _slip(name, kind))]
    if reasons := [*group.held, *group.arriving]:
        pairing.halves.append(Half(folder.name, reasons[0], (folder.name,), arrives=not group.held))
        return
    folder.tell_unfinished(pairing)
    pairs = 0
    for name, kind in others.items():
        stem, path = names.image_stem(name), folder.path(name)
        if kind in (Kind.LINK, Kind.OTHER):
            pairing.misfits.append(Misfit(stem or name, not_a_file(path, kind), (path,)))
        elif kind is Kind.FOLDER:
            pairing.ignored.append(Ignored(path, "a folder in a folder, which is not looked into"))
        elif stem is None:
            pairing.ignored.append(Ignored(path, names.why_not_a_picture(name)))
        elif names.nearly_a_role(name, cutoff=_SURELY_A_SLIP):
            pairing.halves.append(
                Half(path, f"another name: {escaped(name)} is nearly a part's, style-2 perhaps", (path,))
            )
        else:
            pairing.pairs.append(group.pair(stem, content=path, kept=frozenset(group.paths)))
            pairs += 1
    if not pairs:
        pairing.idle.append(group.pair(folder.name, content=group.first("style") or "", kept=frozenset(group.paths)))


def _will_stay_in_hot_folder(unfinished: str) -> bool:
    """Return whether a file that is still being written may be used for every picture of a hot folder, or make it a pair's own.

    Where in doubt it may: a program that is not known has its own way to call what is unfinished.
    """
    name = names.finished_name(unfinished) or ""
    if names.image_stem(name) is not None:
        return names.part_in_folder(name) is not None
    is_like_a_part = unfinished.lstrip(".").casefold().startswith(("content", "style", "mask", "job."))
    return is_like_a_part or names.is_settings_in_folder(name) or names.nearly_settings(name)


def _pair_files(folder: _Folder, pairing: Pairing, inbox: _Folder | None = None) -> None:
    """Rule 2; ``inbox`` is given for a folder of pairs."""
    groups: dict[str, Group] = {}
    beside: list[tuple[str, str, Kind]] = []
    others = {}
    for name, kind in gradually_sorted(folder.entries.items()):
        part = names.named_part(name) if kind is not Kind.FOLDER or names.image_stem(name) else None
        if part is not None:
            groups.setdefault(names.key(part.name), Group(part.name)).add(part, folder.path(name), kind)
        elif names.companion(name) and kind is not Kind.FOLDER:
            beside.append((name, folder.path(name), kind))
        elif not (kind is Kind.FOLDER and not folder.name):
            others[name] = kind
    _add_beside(groups, beside)
    for group in groups.values():
        for path in group.leave_doubtful():
            others[path.rpartition("/")[2]] = Kind.FILE
    groups = _folded(groups)
    told = hold_for_settings_of_all(groups, folder.entries) if inbox else ()
    if inbox:
        folder.hold_for_beside(groups, inbox)
    found = in_one_case(groups)
    for name, kind in others.items():
        if name not in told and not _holds_one(name, kind, found):
            _left_over(name, folder.path(name), kind, pairing)
    folder.hold_all(groups, owners_by_part)
    for group in groups.values():
        _sort_group(group, pairing)
    folder.tell_unfinished(pairing)


def _folded(groups: dict[str, Group]) -> dict[str, Group]:
    """Put groups together whose names differ in upper and lower case only, unless two files claim one part."""
    same: dict[str, list[Group]] = {}
    for name in sorted(groups):
        same.setdefault(name.casefold(), []).append(groups[name])
    folded: dict[str, Group] = {}
    for alike in same.values():
        parts = [part for group in alike for part in group.claimed()]
        if len(set(parts)) < len(parts):
            folded |= {names.key(group.name): group for group in alike}
            continue
        first = next((group for group in alike if group.has("content")), alike[0])
        for group in alike:
            if group is not first:
                first.take_in(group)
        folded[names.key(first.name)] = first
    return folded


def _add_beside(groups: dict[str, Group], beside: Sequence[tuple[str, str, Kind]]) -> None:
    """Add files that are no pictures to the groups whose names they carry: settings, or that they are complete.

    Args:
        groups: by the key of their name.
        beside: name, path and kind of each file.
    """
    there = {key.casefold() for key in groups}
    for name, path, kind in beside:
        stems = stems_beside(name)  # of NAME.job.toml two
        stem = next((stem for stem in stems if names.key_in_one_case(stem) in there), stems[0])
        group = groups.setdefault(names.key(stem), Group(stem))
        (group.add_ready if names.is_ready(name) else group.add_settings)(path, kind)


def _holds_one(name: str, kind: Kind, groups: InOneCase) -> bool:
    """Let the group wait whose settings a file nearly is: ``NAME.toml.txt``; return whether there is one.

    Args:
        name: of the file.
        kind: what it is.
        groups: by the key of their name in one case.
    """
    held = owners_of_nearly_settings(name, groups) if kind is Kind.FILE else []
    for group in held:
        wanted = f"{escaped(group.name)}{names.SETTINGS_SUFFIX}"
        group.held.append(f"{escaped(name)} to be called {wanted}, or to be taken away: as it is it is not used")
    return bool(held)


def _left_over(name: str, path: str, kind: Kind, pairing: Pairing) -> None:
    """Judge an entry that no rule names."""
    stem = names.image_stem(name)
    if kind in (Kind.LINK, Kind.OTHER):
        pairing.misfits.append(Misfit(name, not_a_file(path, kind), (path,)))
    elif stem is not None and kind is Kind.FILE:
        suffix = name.removeprefix(f"{stem}.")
        missing = f"a part in its name: {stem}.content.{suffix} or {stem}.style.{suffix}"
        pairing.halves.append(Half(name, missing, (path,)))
    elif kind is Kind.FOLDER:
        pairing.ignored.append(Ignored(path, "a folder in a folder, which is not looked into"))
    elif name.lower() != "readme.md":
        pairing.ignored.append(Ignored(path, names.why_not_a_picture(name)))


def _pair_across(folders: Sequence[_Folder], pairing: Pairing) -> None:
    """Rule 3."""
    groups: dict[str, Group] = {}
    beside: list[tuple[str, str, Kind]] = []
    others: list[tuple[str, str, Kind]] = []
    for folder in folders:
        role = names.role_of_folder(folder.name) or ""
        for name, kind in gradually_sorted(folder.entries.items()):
            path, stem = folder.path(name), names.bare_stem(name)
            if kind is not Kind.FOLDER and names.companion(name):
                beside.append((name, path, kind))
            elif kind is not Kind.FOLDER and stem is not None:
                group = groups.setdefault(names.key(stem), Group(stem))
                group.add(Part(stem, role, 1, ""), path, kind)
            elif kind in (Kind.LINK, Kind.OTHER):
                pairing.misfits.append(Misfit(name, not_a_file(path, kind), (path,)))
            elif kind is Kind.FOLDER:
                pairing.ignored.append(Ignored(path, "a folder in a folder, which is not looked into"))
            else:
                others.append((name, path, kind))
    _add_beside(groups, beside)
    for group in groups.values():
        pairing.ignored += [Ignored(path, "another file is this part") for path in group.leave_doubtful()]
    groups = _folded(groups)
    told = hold_for_settings_of_all(groups, [name for folder in folders for name in folder.entries])
    found = in_one_case(groups)
    for name, path, kind in others:
        if name not in told and not _holds_one(name, kind, found):
            pairing.ignored.append(Ignored(path, names.why_not_a_picture(name)))
    for folder in folders:
        folder.hold_all(groups, owners_by_name)
        folder.tell_unfinished(pairing)
    for group in groups.values():
        _sort_group(group, pairing)


def _sort_group(group: Group, pairing: Pairing) -> None:
    wrong = group.wrong()
    if wrong:
        pairing.misfits.append(Misfit(group.name, wrong, group.paths))
    else:
        _complete(group, pairing)


def _complete(group: Group, pairing: Pairing, *, folder: str | None = None) -> None:
    """Make a pair of a group without faults, or half a pair."""
    content, missing = group.first("content"), group.missing_style()
    arrives = group.is_whole() and bool(group.arriving) and not group.held
    if not missing and (reasons := [*group.held, *group.arriving]):
        missing = reasons[0]
    if content is not None and not missing:
        pairing.pairs.append(group.pair(group.name, content=content, folder=folder))
        return
    if content is None:
        missing = f"a content and {missing}" if missing else "a content"
    pairing.halves.append(Half(group.name, missing, (folder,) if folder else group.paths, arrives=arrives))
