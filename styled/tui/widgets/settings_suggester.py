"""Completes settings as they are typed: names, words that a setting may be, presets, and jobs to start from."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from textual.suggester import Suggester

from styled.errors import StoreError
from styled.job import JobState
from styled.root import Root
from styled.settings import JOB_PREFIX, settings_table, words_of
from styled.store.reader import StoreReader

_JOBS = 200
"""Jobs looked through for a name, the newest."""


class SettingsSuggester(Suggester):
    """Suggests the end of the last word in a field of assignments.

    Args:
        root: whose finished jobs may be started from.
    """

    def __init__(self, root: Root) -> None:
        super().__init__(use_cache=False, case_sensitive=True)
        self._root = root

    async def get_suggestion(self, value: str) -> str | None:
        """Return ``value`` with its last word completed; None where nothing fits."""
        word = value.rpartition(" ")[2]
        name, equals, part = word.partition("=")
        if not word:
            return None
        if name == "init" and part.startswith(JOB_PREFIX):
            choices: Sequence[str] = [JOB_PREFIX + job for job in await asyncio.to_thread(self._jobs)]
        else:
            choices = choices_for(name) if equals else [f"{setting}=" for setting in _names()]
        start = part if equals else word
        return next(
            (value + choice[len(start) :] for choice in choices if choice.startswith(start) and choice != start), None
        )

    def _jobs(self) -> list[str]:
        """Return what jobs with a result may be called; reads the queue."""
        try:
            with StoreReader.open(self._root) as queue:
                jobs = queue.jobs([JobState.DONE], limit=_JOBS, order="newest")
        except StoreError:
            return []  # the screen behind shows it
        names = [job.name for job in jobs]
        # Of a name that several jobs have, none is meant; and one with a space would have to be quoted.
        return [
            *(str(job.number) for job in jobs),
            *(name for name in names if names.count(name) == 1 and " " not in name),
        ]


def _names() -> list[str]:
    return [row.name for row in settings_table()]


def choices_for(name: str) -> tuple[str, ...]:
    """Return how the values of a setting may begin; none for numbers."""
    return (*words_of(name), JOB_PREFIX) if name == "init" else words_of(name)
