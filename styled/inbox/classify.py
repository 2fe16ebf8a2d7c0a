"""What a look at the inbox means by now: which pairs are quiet, what waits and for what, what has to be rejected."""

from __future__ import annotations

import heapq
import re
from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from styled.files.printable import escaped
from styled.files.signature import Signature
from styled.inbox import group
from styled.inbox.checking import Task
from styled.inbox.claiming.abandoned import AFTER_S, is_hidden_copy
from styled.inbox.claiming.taken import Taken
from styled.inbox.group import Kind, Misfit, Pair
from styled.inbox.listing import Look
from styled.inbox.pairs import Pairing
from styled.inbox.tracker import Tracker
from styled.store.status import LISTED, Ignored, Incomplete, Rejected

MOUNTED = "something else is mounted there, and it is not entered"


@dataclass(slots=True)
class InboxState:
    """The inbox, sorted."""

    ready: list[Pair] = field(default_factory=list)
    """Quiet pairs, the longest unchanged first."""
    misfits: list[Misfit] = field(default_factory=list)
    """Quiet too, so that nobody is still at them."""
    incomplete: list[Incomplete] = field(default_factory=list)
    """The oldest first, at most ``LISTED``."""
    incomplete_count: int = 0
    waiting: list[tuple[str, Collection[str]]] = field(default_factory=list)
    """The name of each incomplete pair, and the paths of its files and folders."""
    idle: list[Pair] = field(default_factory=list)
    """Quiet hot folders without a picture, whose style is to be checked once."""
    hot_folders: list[str] = field(default_factory=list)
    """Those of them whose style has no fault that is known, by name, at most ``LISTED``."""
    hot_folders_count: int = 0
    left_alone: list[group.Ignored] = field(default_factory=list)
    ignored: list[Ignored] = field(default_factory=list)
    """The same with since when, the oldest first, at most ``LISTED``; :attr:`ignored_count` has them all."""
    ignored_count: int = 0
    rejected: list[Rejected] = field(default_factory=list)
    """What lies in ``rejected/``, the newest first, at most ``LISTED``."""
    rejected_count: int = 0
    next_s: float | None = None
    """Seconds until something that is not quiet yet can be; None if there is nothing like that."""
    signatures: Mapping[str, Signature] = field(default_factory=dict)
    """Of everything that was there."""
    abandoned: list[str] = field(default_factory=list)
    """Folders that a killed ``styled add`` left."""
    identity: tuple[int, int] = (0, 0)
    """Of the inbox, as :class:`~styled.inbox.listing.Look` has it."""
    stays: frozenset[str] = frozenset()
    """Paths of files that are jobs already and are here all the same."""
    hidden: frozenset[str] = frozenset()
    """Entries that could not be looked at or into."""
    inside: Mapping[str, list[str]] = field(default_factory=dict)
    """Folder to the paths in it."""

    def task(self, pair: Pair) -> Task:
        """Return what the preparer needs to know of a ready pair."""
        signatures = {path: self.signatures[path] for path in pair.paths}
        others = [path for path in self.inside.get(pair.folder, ()) if path not in signatures] if pair.folder else []
        return Task(pair, signatures, tuple(path.rpartition("/")[2] for path in others))


def classify(
    look: Look,
    pairing: Pairing,
    tracker: Tracker,
    *,
    busy: Collection[str],
    taken: Mapping[str, Taken],
    notes: Mapping[str, str],
    wall: float,
) -> InboxState:
    """Sort a look that the tracker has observed.

    Args:
        look: what is there.
        pairing: of that look.
        tracker: records since when each file has been the same.
        busy: contents of pairs that are being prepared.
        taken: what is remembered of files that are jobs already but could not be moved, by path.
        notes: content of a pair, or first path of a misfit, to what is known to be awaited.
        wall: Unix seconds now.
    """
    sorter = _Sorter(look, tracker, notes, wall)
    for half in pairing.halves:
        sorter.wait(half.name, half.missing, half.paths)
    for folder, why in look.unreadable.items():
        sorter.wait(folder, f"permission to read it ({why})", (folder,))
    for path in look.foreign:
        sorter.wait(path, f"a folder of the inbox's own: {MOUNTED}. Copy from it into inbox/", (path,))
    for pair in pairing.pairs:
        if not is_taken(pair, look, taken):
            sorter.add_pair(pair, busy=pair.content in busy)
    for misfit in pairing.misfits:
        sorter.add_misfit(misfit)
    for pair in pairing.idle:
        sorter.add_idle(pair)
    sorter.add_ignored([*pairing.ignored, *(group.Ignored(path, MOUNTED) for path in look.foreign)])
    here = ((path, look.signatures.get(path)) for path in taken)
    sorter.found.stays = frozenset(path for path, found in here if found is not None and taken[path].may_be(found))
    sorter.found.abandoned = [name for name in look.kinds if is_hidden_copy(name) and tracker.age(name) >= AFTER_S]
    sorter.found.identity = look.identity
    sorter.found.hidden = frozenset([*look.unreadable, *look.foreign])
    return sorter.result()


class _Sorter:
    def __init__(self, look: Look, tracker: Tracker, notes: Mapping[str, str], wall: float) -> None:
        self._look = look
        self._tracker = tracker
        self._notes = notes
        self._wall = wall
        self._inside: dict[str, list[str]] = defaultdict(list)
        for path in look.kinds:
            folder, slash, _ = path.rpartition("/")
            if slash:
                self._inside[folder].append(path)
        self._waiting: list[tuple[float, str, str]] = []
        self._hot: list[str] = []
        self._unquiet: list[str] = []
        self.found = InboxState(signatures=look.signatures, inside=self._inside)

    def wait(self, name: str, missing: str, paths: Collection[str]) -> None:
        self._waiting.append((self._since(paths), name, missing))
        self.found.waiting.append((name, paths))

    def _since(self, paths: Collection[str]) -> float:
        # The tracker's times begin with the daemon. The files' own times are only shown, never decided by: a
        # file server's clock may be wrong.
        since = [self._wall - self._tracker.age(path) for path in paths]
        since += [self._look.signatures[path].ctime_ns / 1e9 for path in paths if path in self._look.signatures]
        return min(since, default=self._wall)

    def add_pair(self, pair: Pair, *, busy: bool) -> None:
        paths = [*pair.paths, *((pair.folder, *self._inside[pair.folder]) if pair.folder else ())]
        note = self._notes.get(pair.content, "")
        still = [] if busy else self._still_changing(paths, is_declared=pair.ready is not None)
        if note or still:
            # With a note also while it is looked at again, or it would come and go in the list.
            self.wait(pair.name, note or self._rest_of(still), paths)
        if not still and not busy:
            self.found.ready.append(pair)

    def add_idle(self, pair: Pair) -> None:
        note = self._notes.get(pair.content, "")
        if note:
            self.wait(pair.name, note, (pair.name, *pair.paths))  # the note and the wait are those of a style
        else:
            self._hot.append(pair.name)
        if not self._still_changing(pair.paths):
            self.found.idle.append(pair)

    def add_ignored(self, ignored: Collection[group.Ignored]) -> None:
        self.found.left_alone = list(ignored)
        listed = heapq.nsmallest(LISTED, ((self._since((entry.path,)), entry.path, entry.reason) for entry in ignored))
        self.found.ignored_count = len(ignored)
        self.found.ignored = [
            Ignored(name=escaped(path), reason=escaped(reason), since=since) for since, path, reason in listed
        ]

    def add_misfit(self, misfit: Misfit) -> None:
        paths = [inner for path in misfit.paths for inner in (path, *self._inside.get(path, ()))]
        if self._still_changing(paths):
            self.wait(misfit.name, self._notes.get(misfit.paths[0]) or misfit.reason, paths)
        else:
            self.found.misfits.append(misfit)

    def result(self) -> InboxState:
        found = self.found
        found.ready.sort(key=lambda pair: (self._tracker.changed_at(pair.content), _natural(pair.content)))
        found.next_s = self._tracker.quiet_in_least(self._unquiet)
        found.hot_folders_count = len(self._hot)
        found.hot_folders = [escaped(name) for name in heapq.nsmallest(LISTED, self._hot)]
        found.incomplete_count = len(self._waiting)
        found.incomplete = [
            Incomplete(name=escaped(name), missing=escaped(missing), since=since)
            for since, name, missing in heapq.nsmallest(LISTED, self._waiting)
        ]
        return found

    def _still_changing(self, paths: Collection[str], *, is_declared: bool = False) -> list[str]:
        still = self._tracker.held_back(paths) if is_declared else self._tracker.not_quiet(paths)
        self._unquiet += still
        return still

    def _rest_of(self, still: list[str]) -> str:
        file = next((path for path in still if self._look.kinds.get(path) is not Kind.FOLDER), still[0])
        return f"the rest of {file.rpartition('/')[2]}, or some quiet seconds"


def _natural(name: str) -> list[tuple[int, str]]:
    """Return a key that sorts ``n2`` before ``n10``."""
    return [(int(part), "") if part.isdecimal() else (0, part) for part in re.split(r"(\d{1,18})", name)]


def is_taken(pair: Pair, look: Look, taken: Mapping[str, Taken]) -> bool:
    """Return whether a pair is a job already. One whose files may be the same goes to the preparer: digests decide."""
    if pair.content not in taken:
        return False
    own = [path for path in pair.paths if path not in pair.kept]
    return all(path in taken and taken[path].is_same(look.signatures[path]) for path in own)
