"""Which row of the queue is which job, for all of its rows: read anew only when a job comes, goes or moves."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from styled.job import ENDED, JobState
from styled.store.queries import JobRow
from styled.titles import is_called_by_part

LEAST = 2
"""Jobs that make a group: one alone is shown as itself."""

_PARTS_FOLDERS = frozenset({"content", "style"})
"""Folders of the inbox in which pairs lie across, and no hot folder."""


@dataclass(frozen=True, slots=True)
class Group:
    """The jobs of one hot folder, as one row."""

    name: str
    """The folder's."""
    jobs: tuple[str, ...]
    """Ids, in the queue's order."""
    counts: Mapping[JobState, int]
    is_open: bool = False
    """Its jobs follow as rows of their own."""

    @property
    def key(self) -> str:
        """What names its row; no id has a slash in it."""
        return f"{self.name}/"

    @property
    def ended(self) -> int:
        """How many of its jobs have ended."""
        return sum(self.counts.get(state, 0) for state in ENDED)


@dataclass(frozen=True)
class QueueIndex:
    """All rows of the queue that match the filter, in order."""

    keys: tuple[str, ...] = ()
    """Of each row: a job's id, or a group's :attr:`Group.key`."""
    groups: Mapping[str, Group] = field(default_factory=dict)
    """By key."""
    states: Mapping[str, JobState] = field(default_factory=dict)
    """Of every job that matches, also of those in a closed group, by id."""
    numbers: Mapping[str, int] = field(default_factory=dict)

    @cached_property
    def positions(self) -> Mapping[str, int]:
        """The row of each key."""
        return {key: row for row, key in enumerate(self.keys)}

    @cached_property
    def running(self) -> tuple[str, ...]:
        """The ids of the jobs that run, also of those in a closed group."""
        return tuple(job for job, state in self.states.items() if state is JobState.RUNNING)

    @cached_property
    def group_of(self) -> Mapping[str, str]:
        """The key of the group of each job that is in one."""
        return {job: key for key, group in self.groups.items() for job in group.jobs}

    def jobs_at(self, key: str) -> tuple[str, ...]:
        """Return the ids of the jobs of a row: of a group all."""
        group = self.groups.get(key)
        if group is not None:
            return group.jobs
        return (key,) if key in self.states else ()


def folder_of(row: JobRow) -> str:
    """Return the hot folder that a job came from; empty for one that was dropped otherwise."""
    folder, _, file = row.dropped_as.rpartition("/")
    if not folder or "/" in folder or folder in _PARTS_FOLDERS or is_called_by_part(file):
        return ""
    return folder


def make_index(rows: Iterable[JobRow], opened: frozenset[str]) -> QueueIndex:
    """Sort rows into groups; a group stands where its first job would.

    Args:
        rows: in the order of the queue.
        opened: keys of the groups whose jobs are shown.
    """
    listed = list(rows)
    members: dict[str, list[JobRow]] = {}
    folders = {}
    for row in listed:
        if row.dropped_as and (folder := folder_of(row)):
            folders[row.id] = folder
            members.setdefault(folder, []).append(row)
    groups: dict[str, Group] = {}
    for folder, jobs in members.items():
        if len(jobs) >= LEAST:
            ids, counts = tuple(job.id for job in jobs), Counter(job.state for job in jobs)
            group = Group(folder, ids, counts, is_open=f"{folder}/" in opened)
            groups[group.key] = group
    keys: list[str] = []
    begun = set()
    for row in listed:
        key = f"{folders[row.id]}/" if row.id in folders else ""
        group_here = groups.get(key)
        if group_here is None:
            keys.append(row.id)
        elif key not in begun:
            begun.add(key)
            keys.append(key)
            keys += group_here.jobs if group_here.is_open else ()
    states = {row.id: row.state for row in listed}
    return QueueIndex(tuple(keys), groups, states, {row.id: row.number for row in listed})
