"""Does what was left undone after a job's move: by a full disk, by a kill between the store and the job's folder.

Each ``job.json`` that is behind the store is brought in step again, and the checkpoint of a job that is done is removed.
"""

from __future__ import annotations

import shutil
import stat
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import NamedTuple

import structlog

from styled.daemon.job_record import record
from styled.errors import JobFileDamaged, NoSuchJob
from styled.evolution import JobFolder, read_job_file
from styled.job import Job, JobState
from styled.lasting_thread import LastingThread
from styled.root import Root
from styled.store.adoption import state_of
from styled.store.older_copy import take_ended
from styled.store.store import Store

AFTER_S = 10.0
"""From a look to the next, if a job has moved meanwhile."""

MOST_S = 3600.0
"""Between two attempts to write what cannot be written; they begin a minute apart."""

_PER_TURN = 10
"""Files written before the loop goes on."""

_CLOSE_S = 1.0
"""That closing waits for the look in progress: its disk may hang."""


class _Undone(NamedTuple):
    """What a look found, as ids of jobs."""

    behind: list[str]
    """Their ``job.json`` has another state than the store."""
    left: list[str]
    """They are done, there as well, and have a checkpoint still."""


class RecordCheck:
    """Compares ``job.json`` with the store: of all jobs at the start, then of those that have moved. A context manager.

    A rebuild of the queue goes by ``job.json`` alone: a job that is done in the store and running in its folder
    would be painted again after the database was lost, and one that was cancelled would be painted after all. Where the
    database is the older one, restored from a backup, the job is taken from its folder instead.
    A checkpoint, hundreds of megabytes at times, is of no use once both say that the job is done, and not before:
    until then a rebuild has the job painted again, from there.

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
        self._look: Future[_Undone] | None = None
        self._behind: deque[str] = deque()
        self._left: deque[str] = deque()
        self._thread = LastingThread("styled-record-check")
        self._log = structlog.get_logger("queue")

    def turn(self) -> None:
        """Look if it is time to; write a few of what was found behind, or remove a checkpoint that was left."""
        if self._look is not None and self._look.done():
            look, self._look = self._look, None
            undone = look.result()
            self._behind.extend(undone.behind)
            self._left.extend(undone.left)
            if self._is_undone:
                self._due_at = self._clock()
        self._has_work = self._look is None and (self._is_undone or self._store.last_event() != self._seen_event)
        if not self._has_work or self._clock() < self._due_at:
            return
        if self._left:  # first: what it frees may be the room that the others need
            self._tidy(self._left[0])
            self._left.popleft()
        elif self._behind:
            self._write()
        else:
            self._begin()
        self._has_work = self._is_undone

    def wake_after(self) -> float | None:
        """Return in how many seconds :meth:`turn` is due; None while nothing is to be done."""
        return max(0.0, self._due_at - self._clock()) if self._has_work else None

    @property
    def _is_undone(self) -> bool:
        return bool(self._left or self._behind)

    def __enter__(self) -> RecordCheck:
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.close(time.monotonic() + _CLOSE_S)

    def _begin(self) -> None:
        """Have the thread read the files of the jobs that have moved since the last look."""
        since, self._seen_event = self._seen_event, self._store.last_event()
        self._due_at = self._clock() + AFTER_S
        jobs = self._store.jobs() if since < 0 else self._moved(since)

        def work() -> _Undone:
            undone = _Undone([], [])
            try:
                for job in jobs:
                    self._compare(job, undone)
            except Exception:  # noqa: BLE001  # logged with its traceback; the queue goes on
                self._log.exception("comparing job.json with the store failed")
            finally:
                self._wake()
            return undone

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

    def _compare(self, job: Job, undone: _Undone) -> None:
        """Look at a job whose ``job.json`` is readable. A damaged, a newer or a missing one is left as it is."""
        folder = JobFolder(self._root.evolution / job.id)
        try:
            file = read_job_file(folder)
        except JobFileDamaged:
            return
        if any(getattr(file, name) != value for name, value in state_of(job).items()):
            undone.behind.append(job.id)
        elif job.state is JobState.DONE and _has_checkpoint(folder):
            undone.left.append(job.id)

    def _tidy(self, job_id: str) -> None:
        """Remove the checkpoint of a job that is done in its ``job.json``, if it is so in the store still.

        Not in the thread: the job may be painted again meanwhile, and go on from the checkpoint that is removed.
        """
        folder = JobFolder(self._root.evolution / job_id)
        try:
            if self._store.get(job_id).state is not JobState.DONE or not _has_checkpoint(folder):
                return
            shutil.rmtree(folder.checkpoint)
        except NoSuchJob:
            return  # removed since
        except OSError as error:
            self._log.warning("the checkpoint of a job that is done cannot be removed", job=job_id, why=str(error))
        else:
            self._log.info("the checkpoint of a job that is done was left, and is removed", job=job_id)

    def _write(self) -> None:
        for _ in range(min(_PER_TURN, len(self._behind))):
            try:
                job = self._store.get(self._behind[0])
            except NoSuchJob:
                self._behind.popleft()  # removed since
                continue
            if notes := take_ended(self._store, self._root.evolution, [job]):
                self._behind.popleft()
                for note in notes:
                    self._log.warning("the queue's database", note=note)
                continue
            is_written = record(self._root, job)
            if is_written and job.state is JobState.DONE:
                self._left.append(job.id)
            if not is_written:  # the disk is full, say: what comes after it would fail too
                self._due_at = self._clock() + self._pause_s
                self._pause_s = min(MOST_S, 2.0 * self._pause_s)
                self._behind.rotate(-1)
                return
            self._log.info("job.json was behind the store and is written", job=self._behind.popleft())
        self._pause_s = 60.0


def _has_checkpoint(folder: JobFolder) -> bool:
    try:
        return stat.S_ISDIR(folder.checkpoint.lstat().st_mode)
    except OSError:
        return False  # it has none, or it is on a dead mount: nobody knows
