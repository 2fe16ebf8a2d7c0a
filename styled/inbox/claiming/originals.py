"""Files of the inbox that are jobs already and could not be moved out of it: known again, removed once that is possible."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping

from styled.inbox.checking import Prepared
from styled.inbox.claiming.taken import Taken
from styled.inbox.classify import InboxState
from styled.store.store import Store

_EVERY_S = 60.0
"""Between two tries to remove them."""


class Originals:
    """Remembers them, also across restarts.

    Args:
        store: keeps them.
        clock: monotonic seconds.
    """

    def __init__(self, store: Store, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._store = store
        self._clock = clock
        self._removal_at = clock() + _EVERY_S
        self._seen: dict[str, tuple[int, int]] = {}
        """Path to the identity of the inbox in which it was seen."""
        self.taken: dict[str, Taken] = {}
        """Path in the inbox to what is remembered."""
        self.here: frozenset[str] = frozenset()
        """Those that lie in the inbox now."""
        self.reload()

    def reload(self) -> None:
        """Read again what the store has."""
        self.taken = Taken.parse_all(self._store.taken())

    def add(self, stuck: Mapping[str, Taken]) -> None:
        """Remember files."""
        for path, taken in stuck.items():
            self._store.set_taken(path, taken.text)
            self.taken[path] = taken
        self.here |= stuck.keys()

    def forget(self, paths: Iterable[str]) -> None:
        """Forget files: they are gone."""
        for path in paths:
            self._store.set_taken(path, None)
            self.taken.pop(path, None)
            self._seen.pop(path, None)
            self.here -= {path}

    def see(self, found: InboxState) -> None:
        """Take note of a look: a file that was in this inbox and is not any more is forgotten.

        In another inbox, or with nothing mounted there, nothing is forgotten: it would be painted again.
        """
        self.here = found.stays
        gone = []
        for path in self.taken:
            if path in found.stays:
                self._seen[path] = found.identity
            elif self._seen.get(path) == found.identity and not _is_hidden(path, found):
                gone.append(path)
        if gone:
            with self._store.batch():
                self.forget(gone)

    def knows(self, prepared: Prepared) -> bool:
        """Return whether a pair is a job already, though its files look new: they have other inodes since a remount.

        Their digests decide; they are remembered as they are now.
        """
        own = [member for member in prepared.members if not member.kept]
        for member in own:
            taken = self.taken.get(member.source)
            if taken is None or not taken.may_be(member.signature) or taken.digest not in ("", member.digest):
                return False
        with self._store.batch():
            self.add({member.source: Taken.of(member) for member in own})
        return True

    def to_remove(self) -> dict[str, Taken]:
        """Return what should be removed now, if that is possible now; mostly nothing."""
        now = self._clock()
        if not self.here or now < self._removal_at:
            return {}
        self._removal_at = now + _EVERY_S
        return {path: self.taken[path] for path in self.here if path in self.taken}


def _is_hidden(path: str, found: InboxState) -> bool:
    return path in found.hidden or path.partition("/")[0] in found.hidden
