"""Whose a file is that lies beside others, by the name that it carries: settings, marks of completeness, unfinished files."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from styled.files.printable import escaped
from styled.inbox import names
from styled.inbox.group import Group, Kind

InOneCase = Mapping[str, Sequence[Group]]
"""Groups by the key of their name in one case."""


@dataclass(slots=True)
class Beside:
    """Files in the inbox that carry the name of a folder there."""

    of_folder: dict[str, list[str]] = field(default_factory=dict)
    """Folder to its settings, and its mark of completeness."""
    doubtful: dict[str, str] = field(default_factory=dict)
    """Folder to what it waits for: a file that may as well be another folder's, because both have its name but for the case."""
    coming: dict[str, str] = field(default_factory=dict)
    """Folder to the first file that will be such a one, and is still being written."""


def beside_folders(entries: Mapping[str, Kind], unfinished: Collection[str], folders: Iterable[str]) -> Beside:
    """Find the files in the inbox that belong to its folders: once, for all of them.

    A file belongs to the folder of its very name, else to a pair of files that carry its name, else to the folder that
    has its name in another case.

    Args:
        entries: of the inbox.
        unfinished: names in the inbox of files that are still being written.
        folders: of the inbox.
    """
    exact: dict[str, list[str]] = {}
    alike: dict[str, list[str]] = {}
    for folder in folders:
        exact.setdefault(names.key(folder), []).append(folder)
        alike.setdefault(names.key_in_one_case(folder), []).append(folder)
    beside = Beside()
    for name in sorted(unfinished):
        for stem in stems_beside(names.finished_name(name) or ""):
            waiting = alike.get(names.key_in_one_case(stem), [])
            if waiting and waiting[0] not in beside.coming:
                beside.coming |= dict.fromkeys(waiting, name)
    companions = [name for name, kind in entries.items() if kind is not Kind.FOLDER and names.companion(name)]
    if not companions:
        return beside
    with_files = {names.key_in_one_case(part.name) for name in entries if (part := names.named_part(name))}
    for name in sorted(companions):
        for stem in stems_beside(name):
            key = names.key_in_one_case(stem)
            owners = exact.get(names.key(stem)) or ([] if key in with_files else alike.get(key, []))
            if len(owners) == 1:
                beside.of_folder.setdefault(owners[0], []).append(name)
            elif owners and owners[0] not in beside.doubtful:
                beside.doubtful |= dict.fromkeys(owners, _which(name, owners))
            if owners or key in with_files:
                break  # NAME.job.toml is of NAME only where nothing is called NAME.job
    return beside


def _which(name: str, folders: Sequence[str]) -> str:
    wanted = sorted(f"{escaped(folder)}{names.companion_suffix(name)}" for folder in folders)
    return f"{escaped(name)} to be called {' or '.join(wanted[:4])}: which folder is meant?"


def in_one_case(groups: Mapping[str, Group]) -> dict[str, list[Group]]:
    """Return the groups by the key of their name in one case."""
    found: dict[str, list[Group]] = {}
    for key, group in groups.items():
        found.setdefault(key.casefold(), []).append(group)
    return found


def owners_by_part(name: str, groups: InOneCase) -> list[Group]:
    """Return the groups whose name a file carries: as a part, as settings, or as what nearly is settings."""
    if part := names.named_part(name):
        return [*groups.get(names.key_in_one_case(part.name), ())]
    return _owners_beside(name, groups) or owners_of_nearly_settings(name, groups)


def owners_by_name(name: str, groups: InOneCase) -> list[Group]:
    """Return the groups across two folders that a file belongs to."""
    stem = names.bare_stem(name)
    if stem is not None:
        return [*groups.get(names.key_in_one_case(stem), ())]
    return _owners_beside(name, groups) or owners_of_nearly_settings(name, groups)


def owners_of_nearly_settings(name: str, groups: InOneCase) -> list[Group]:
    """Return the groups whose settings a file nearly is: ``NAME.toml.txt``."""
    if not names.nearly_settings(name):
        return []
    folded = names.key_in_one_case(name)
    ends = [index for index, character in enumerate(folded) if character in "._-"]
    return [group for end in ends for group in groups.get(folded[:end], ())]


def _owners_beside(name: str, groups: InOneCase) -> list[Group]:
    """Return the groups whose settings a file is, or which it marks as complete."""
    return [group for stem in stems_beside(name) for group in groups.get(names.key_in_one_case(stem), ())]


def stems_beside(name: str) -> list[str]:
    """Return the names that a file beside a pair may carry, the longest first: of ``NAME.job.toml`` two."""
    found = names.companion(name)
    return [stem for stem in (found[0], names.without_job(found[0])) if stem] if found else []


def without_settings(groups: Mapping[str, Group]) -> list[Group]:
    """Return the groups that have images and no settings."""
    return [group for group in groups.values() if group.lacks_settings()]


def hold_for_settings_of_all(groups: dict[str, Group], entries: Iterable[str]) -> frozenset[str]:
    """Let the groups of a folder that have no settings wait for a ``job.toml`` there; return the names of such files.

    It is in no pair's name, and may be meant for each. A group that is only made of it is dropped.

    Args:
        groups: by the key of their name.
        entries: names of the files in the folder.
    """
    alike = [(key, group) for key, group in groups.items() if names.is_settings_of_all(f"{key}{names.SETTINGS_SUFFIX}")]
    if any(group.has_images() for _, group in alike):
        return frozenset()  # a pair may be called job
    settings = frozenset(filter(names.is_settings_of_all, entries))
    if not hold_for(groups, settings):
        return frozenset()
    for key, group in alike:
        if group.claimed() == [("settings", 1)]:
            del groups[key]
    return settings


def hold_for(groups: Mapping[str, Group], settings: Collection[str]) -> bool:
    """Let the groups that have no settings wait for settings that lie with all of them; return whether any does."""
    name = min(settings, default="")
    lacking = without_settings(groups) if name else []
    for group in lacking:
        wanted = f"{escaped(group.name)}{names.SETTINGS_SUFFIX} and to lie beside its files, a copy for each pair"
        group.held.append(f"{escaped(name)} to be called {wanted}, or to be taken away: as it is it is not used")
    return bool(lacking)
