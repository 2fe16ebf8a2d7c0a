"""Hot folders without a picture: whether their style can be used is known before a picture comes."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Iterable, Mapping

from styled.files.signature import Signature
from styled.inbox.checking import Task
from styled.inbox.group import Pair


class IdleFolders:
    """Those whose style is to be checked, each once for as long as it stays as it is.

    Args:
        signature: of a file as it was last observed.
    """

    def __init__(self, signature: Callable[[str], Signature | None]) -> None:
        self._signature = signature
        self._due: deque[Pair] = deque()
        self._usable: dict[str, Mapping[str, Signature]] = {}

    def see(self, idle: Iterable[Pair], *, busy: Collection[str]) -> None:
        """Take note of all that are quiet; ``busy`` are being checked."""
        self._due = deque(pair for pair in idle if pair.content not in busy and not self._is_usable(pair))

    def next(self) -> Pair | None:
        """Return one to be checked now; None if none is."""
        return self._due.popleft() if self._due else None

    def found_usable(self, task: Task) -> None:
        """Remember that a style can be used as it is."""
        self._usable[task.pair.content] = task.signatures

    def _is_usable(self, pair: Pair) -> bool:
        """Return whether all files of a pair are those that were found usable."""
        known = self._usable.get(pair.content, {})
        return known.keys() == set(pair.paths) and all(self._signature(path) == known[path] for path in known)
