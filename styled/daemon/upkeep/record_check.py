"""Brings each ``job.json`` in step with the store again where it was left behind: by a full disk, by a kill between both."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future

import structlog

from styled.daemon.job_record import record
from styled.errors import JobFileDamaged, NoSuchJob
from styled.evolution import JobFolder, read_job_file
from styled.job import Job
from styled.lasting_thread import LastingThread
from styled.root import Root
from styled.store.adoption import state_of
from styled.store.store import Store

AFTER_S = 10.0
"""From a look to the next, if a job has moved meanwhile."""

MOST_S = 3600.0
"""Between two attempts to write what cannot be written; they begin a minute apart."""

_PER_TURN = 10
"""Files written before the loop goes on."""

_CLOSE_S = 1.0
"""That closing waits for the look in progress: its disk may hang."""


class RecordCheck:
    """Compares ``job.json`` with the store: of all jobs at the start, then of those that have moved. A context manager.

    A rebuild of the queue goes by ``job.json`` alone: a job that is done in the store and running in its folder
    would be painted again after the database was lost, and one that was cancelled would be painted after all.

    Args:
        root: whose jobs.
        store: has the truth.
        wake: called from the thread when it has looked.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        root: Root,
        store: Store,
        *,
        wake: Callable[[], None] = lambda: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._root = root
        self._store = store
        self._wake = wake
        self._clock = clock
        self._seen_event = -1
        self._due_at = clock()
        self._pause_s = 60.0
        self._has_work = True
        self._look: Future[list[str]] | None = None
        self._behind: deque[str] = deque()
        self._thread = LastingThread("styled-record-check")
        self._log = structlog.get_logger("queue")

    def turn(self) -> None:
        """Look if it is time to; write a few of what was found behind."""
        if self._look is not None and self._look.done():
            look, self._look = self._look, None
            self._behind.extend(look.result())
            if self._behind:
                self._due_at = self._clock()
        self._has_work = self._look is None and (bool(self._behind) or self._store.last_event() != self._seen_event)
        if not self._has_work or self._clock() < self._due_at:
            return
        if self._behind:
            self._write()
        else:
            self._begin()
        self._has_work = bool(self._behind)

    def wake_after(self) -> float | None:
        """Return in how many seconds :meth:`turn` is due; None while nothing is to be done."""
        return max(0.0, self._due_at - self._clock()) if self._has_work else None

    def __enter__(self) -> RecordCheck:
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.close(time.monotonic() + _CLOSE_S)

    def _begin(self) -> None:
        """Have the thread read the files of the jobs that have moved since the last look."""
        since, self._seen_event = self._seen_event, self._store.last_event()
        self._due_at = self._clock() + AFTER_S
        jobs = self._store.jobs() if since < 0 else self._moved(since)

        def work() -> list[str]:
            try:
                return [job.id for job in jobs if self._is_behind(job)]
            except Exception:  # noqa: BLE001  # logged with its traceback; the queue goes on
                self._log.exception("comparing job.json with the store failed")
                return []
            finally:
                self._wake()

        self._look = self._thread.submit(work)

    def _moved(self, since: int) -> Sequence[Job]:
        found = {}
        while events := self._store.events(since):
            for event in events:
                try:
                    found[event.id] = self._store.get(event.id)
                except NoSuchJob:
                    continue  # removed since
            since = events[-1].seq
        return list(found.values())

    def _is_behind(self, job: Job) -> bool:
        """Whether a readable ``job.json`` has another state. A damaged, a newer or a missing one is left as it is."""
        try:
            file = read_job_file(JobFolder(self._root.evolution / job.id))
        except JobFileDamaged:
            return False
        return any(getattr(file, name) != value for name, value in state_of(job).items())

    def _write(self) -> None:
        for _ in range(min(_PER_TURN, len(self._behind))):
            try:
                is_written = record(self._root, self._store.get(self._behind[0]))
            except NoSuchJob:
                is_written = True  # removed since
            if not is_written:  # the disk is full, say: what comes after it would fail too
                self._due_at = self._clock() + self._pause_s
                self._pause_s = min(MOST_S, 2.0 * self._pause_s)
                self._behind.rotate(-1)
                return
            self._log.info("job.json was behind the store and is written", job=self._behind.popleft())
        self._pause_s = 60.0
