"""Reads the queue for the screen: the order of all rows when a job comes, goes or moves, and the jobs of the rows on the screen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import msgspec

from styled.errors import StyledError
from styled.job import Job, JobState
from styled.root import Root
from styled.store.reader import StoreReader
from styled.tui.model.filter import parse_filter
from styled.tui.model.queue_index import Group, QueueIndex, make_index
from styled.tui.model.snapshot import View


@dataclass(frozen=True)
class Queue:
    """What was read of the queue last."""

    counts: dict[JobState, int] = field(default_factory=dict)
    index: QueueIndex = field(default_factory=QueueIndex)
    rows: Sequence[Job | Group | None] = ()
    """The rows on the screen; None for a job that cannot be read."""


class QueueReader:
    """Keeps what did not change. Used by the poller's thread only.

    Args:
        root: paths below it are shown without it.
        reader: the queue.
    """

    def __init__(self, root: Root, reader: StoreReader) -> None:
        self._prefix = f"{root.path}/"
        self._reader = reader
        self.queue = Queue()
        self._key: tuple[object, ...] = ()
        self._index_key: tuple[object, ...] = ()
        self._took: tuple[tuple[str, float] | None, float | None] = None, None
        """Of the job that was asked for last."""

    def read(self, view: View) -> bool:
        """Read what changed, or what another view asks for; return whether anything was read.

        Raises:
            StoreError: the queue cannot be read.
        """
        key = (self._reader.version(), view.offset, view.limit, view.filter, view.order, view.opened)
        if key == self._key:
            return False
        counts = self._reader.counts()
        # A job's progress changes the version, and no row's place: 10,000 rows are not sorted for it.
        index_key = (self._reader.last_event(), tuple(counts.values()), view.filter, view.order, view.opened)
        index = self.queue.index
        if index_key != self._index_key:
            found = parse_filter(view.filter)
            index = make_index(
                self._reader.rows(found.states, search=found.search, order=view.order), frozenset(view.opened)
            )
        wanted = index.keys[view.offset : view.offset + view.limit]
        jobs = self._reader.jobs_of(name for name in wanted if name not in index.groups)
        rows = [index.groups.get(name) or self._short(jobs.get(name)) for name in wanted]
        self.queue = Queue(counts, index, rows)
        self._key, self._index_key = key, index_key
        return True

    def focused(self, view: View) -> Job | None:
        """Return the job under the cursor: by its id, on the screen or off it, else the first of the first row."""
        job_id = view.job
        if job_id is None:
            index = self.queue.index
            ids = index.jobs_at(index.keys[0]) if index.keys else ()
            if not ids:
                return None
            job_id = ids[0]
        for row in self.queue.rows:
            if isinstance(row, Job) and row.id == job_id:
                return row
        try:
            return self._short(self._reader.get(job_id))
        except StyledError:
            return None  # removed meanwhile; the next view names another

    def took(self, job: Job) -> float | None:
        """Return for how long an ended job ran, seconds, without its pauses; None if it has not ended or that is not known."""
        if job.finished_at is None:
            return None
        key = (job.id, job.finished_at)
        if self._took[0] != key:
            try:
                self._took = key, self._reader.worked_seconds(job.id)
            except StyledError:
                return None  # what is wrong with the store is said by those who read it first
        return self._took[1]

    def _short(self, job: Job | None) -> Job | None:
        """Return the job with paths in its reason relative to the root: rows are short."""
        if job is None:
            return None
        reason = job.reason.replace(self._prefix, "")
        return job if reason == job.reason else msgspec.structs.replace(job, reason=reason)
