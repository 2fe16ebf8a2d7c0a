"""What pairs wait for beyond a quiet time: known for as long as the file at fault stays as it is."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import NamedTuple

from styled.files.signature import Signature


class _Note(NamedTuple):
    path: str
    signature: Signature | None
    missing: str


class Awaited:
    """Content of a pair, or first path of a misfit, to what is awaited."""

    def __init__(self) -> None:
        self._notes: dict[str, _Note] = {}

    def keep(self, key: str, path: str, signature: Signature | None, missing: str) -> bool:
        """Remember what is awaited, as long as the file at ``path`` has this signature; return whether that is news."""
        note, before = _Note(path, signature, missing), self._notes.get(key)
        self._notes[key] = note
        return note != before

    def drop(self, *keys: str) -> None:
        """Forget them."""
        for key in keys:
            self._notes.pop(key, None)

    def current(self, signature: Callable[[str], Signature | None]) -> dict[str, str]:
        """Return what is awaited still, by the files as they were last observed."""
        return {
            key: note.missing
            for key, note in self._notes.items()
            if note.signature is not None and signature(note.path) == note.signature
        }

    def only(self, keys: Collection[str]) -> None:
        """Forget all others."""
        self._notes = {key: note for key, note in self._notes.items() if key in keys}
