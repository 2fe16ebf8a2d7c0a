"""What a filter means: words that begin a state's name choose it, the others are looked for."""

from __future__ import annotations

from typing import NamedTuple

from styled.job import JobState

PAIRS = ("incomplete", "ignored", "rejected", "hot folder")
"""What lies in the inbox and is no job."""

_LEAST = 3
"""Letters of a state's name that choose it."""


class Filter(NamedTuple):
    """A filter that was typed."""

    states: tuple[JobState, ...] | None = None
    """Of jobs; None for all."""
    pairs: frozenset[str] = frozenset(PAIRS)
    """Which of :data:`PAIRS` are shown."""
    search: str | None = None
    """What jobs and pairs must have in their texts."""

    def takes(self, kind: str, *texts: str) -> bool:
        """Return whether a pair of that kind, with these texts, is shown."""
        found = self.search is None or any(self.search.lower() in text.lower() for text in texts)
        return kind in self.pairs and found


def parse_filter(text: str) -> Filter:
    """Read a filter.

    ``fail`` shows the failed jobs, ``harb`` what has "harb" in its name, ``done harb`` both together, ``reject`` the
    rejected pairs.
    """
    states: list[JobState] = []
    pairs: set[str] = set()
    words: list[str] = []
    for word in text.split():
        lower = word.lower() if len(word) >= _LEAST else " "
        chosen = [state for state in JobState if state.startswith(lower)]
        kinds = [kind for kind in PAIRS if kind.startswith(lower)]
        states += chosen
        pairs.update(kinds)
        if not chosen and not kinds:
            words.append(word)
    search = " ".join(words) or None
    if not states and not pairs:
        return Filter(search=search)
    return Filter(tuple(states), frozenset(pairs), search)
