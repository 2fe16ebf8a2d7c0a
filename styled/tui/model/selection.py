"""Which rows are selected, so that a command acts on all of them."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field


@dataclass(slots=True)
class Selection:
    """Keys of jobs and pairs, and a range that is being selected."""

    keys: set[str] = field(default_factory=set)
    range_from: str | None = None
    """Key of the row where a range begins; it ends at the cursor."""

    def __bool__(self) -> bool:
        return bool(self.keys) or self.range_from is not None

    def toggle(self, keys: Iterable[str]) -> None:
        """Select all of ``keys``; if all of them are, none of them."""
        chosen = set(keys)
        if chosen <= self.keys:
            self.keys -= chosen
        else:
            self.keys |= chosen

    def keep(self, known: Collection[str]) -> None:
        """Forget those that are gone, or hidden by a filter: nobody acts on what he does not see."""
        self.keys &= set(known)
