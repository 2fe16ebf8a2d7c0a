"""The moves of a job that has a worker, or was to have one: back to the queue, now or later, or to its end without a result."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

import structlog

from styled.config import QueueConfig
from styled.daemon.job_record import record
from styled.daemon.setbacks import Setback, Setbacks
from styled.daemon.upkeep.disk import REPORTED_FULL_S
from styled.errors import JobFileDamaged, NoSuchJob
from styled.evolution import MAX_STEP_DOWNS, JobFolder, step_down
from styled.job import Job, JobState
from styled.root import Root
from styled.store.store import Store

AWAY = "evolution/ is away"
"""Why a job waits for its disk."""

MOST_WITHOUT_ROOM = 5
"""Times in a row that a job gets no room on a disk that takes other files, before it is given up."""

_LEAST_WITHOUT_ROOM_S = 2 * REPORTED_FULL_S
"""A job that gets no room is put off for longer than the queue is held for it: others shall have their turn before."""


class Moves:
    """Makes them, in the store first and then in the job's folder.

    Args:
        root: whose jobs.
        store: the queue's record.
        config: tells attempts and back-off.
        setbacks: are counted here.
        ended: called with each job that has failed.
        is_away: asked whether ``evolution/`` is away where a job's folder is missed: then the job waits.
        clock: Unix seconds.
    """

    def __init__(
        self,
        root: Root,
        store: Store,
        config: Callable[[], QueueConfig],
        setbacks: Setbacks,
        *,
        ended: Callable[[Job], None],
        is_away: Callable[[], bool],
        clock: Callable[[], float],
    ) -> None:
        self._root = root
        self._store = store
        self._config = config
        self._setbacks = setbacks
        self._ended = ended
        self._is_away = is_away
        self._clock = clock
        self._log = structlog.get_logger("queue")

    def wait_on(self, job: Job, reason: str, delay_s: float) -> None:
        """Queue a job again that stopped through no fault of its own."""
        not_before = self._clock() + delay_s if delay_s else 0.0
        waiting = self._store.move(
            job.id,
            JobState.WAITING,
            expect=JobState.RUNNING,
            attempts=max(0, job.attempts - 1),
            not_before=not_before,
            reason=reason,
        )
        record(self._root, waiting)

    def wait_for_room(self, job: Job, reason: str, *, elsewhere: bool) -> None:
        """Queue a job again that had no room to write.

        At once where the disk is full: then nothing starts. Later each time where the disk takes other files, up to
        a few times: the job would be painted for nothing, and the others never.

        Args:
            job: as it was claimed.
            reason: what its worker said.
            elsewhere: the disk is another machine's, of which nothing is known.
        """
        times = self._setbacks.of(job.id, Setback.ROOM)
        if elsewhere:
            self.wait_on(job, reason, self._setbacks.lasting_delay_s(times))
        elif not times:
            self.wait_on(job, reason, 0.0)
        elif times < MOST_WITHOUT_ROOM:
            self.wait_on(job, reason, max(_LEAST_WITHOUT_ROOM_S, self._setbacks.delay_s(times)))
        else:
            self.fail(
                job,
                f"{reason} It was refused {times} times without progress, though the disk takes other files: make room for"
                f" it, or mend its folder, then: styled retry {job.number}; or paint it smaller: styled again {job.number}",
            )

    def wait_for_input(self, job: Job, reason: str) -> None:
        """Queue a job again one of whose inputs the system does not give: later each time, the others may have theirs."""
        if self._is_away():
            self.wait_on(job, AWAY, 0.0)
            return
        delay = self._setbacks.lasting_delay_s(self._setbacks.count(job.id, Setback.INPUT))
        self._log.warning("an input is out of reach; tried again later", job=job.id, seconds=delay, reason=reason)
        self.wait_on(job, reason, delay)

    def absolve(self, job_id: str) -> None:
        """Take back what a job was charged with that was the machine's fault."""
        try:
            job = self._store.get(job_id)
        except NoSuchJob:
            return
        if job.state is JobState.WAITING and job.attempts:
            self._store.change(job.id, attempts=job.attempts - 1)
        elif job.state is JobState.FAILED:
            record(self._root, self._store.move(job.id, JobState.WAITING, reason=job.reason))

    def put_off(self, job_id: str, seconds: float) -> None:
        """Have a job that was tried before wait for longer, if it is still there and waits."""
        with suppress(NoSuchJob):
            if self._store.get(job_id).state is JobState.WAITING:
                self._store.change(job_id, not_before=self._clock() + seconds)

    def step_down(self, job: Job, reason: str) -> None:
        """Queue a job again whose memory ran out, to go on with less of it, or give it up."""
        if self._setbacks.of(job.id, Setback.MEMORY) >= MAX_STEP_DOWNS:
            self.fail(job, f"{reason} It was tried {MAX_STEP_DOWNS} times with less memory, without progress")
            return
        try:
            times = step_down(JobFolder(self._root.evolution / job.id))
        except (JobFileDamaged, OSError) as error:  # it is written again with the next move
            self.try_again(job, f"{reason} (and it cannot be painted with less: {error})")
            return
        # Later each time, as after a crash: another process may have been the glutton, and may have ended by then.
        delay = self._setbacks.delay_s(self._setbacks.count(job.id, Setback.MEMORY))
        self._log.warning("memory ran out; going on with less", job=job.id, times=times, seconds=delay, reason=reason)
        self.wait_on(job, f"{reason.partition('. ')[0]}; it goes on with less memory", delay)

    def try_again(self, job: Job, reason: str) -> None:
        """Queue a job again after a crash, later each time, or give it up."""
        if self._is_folder_away(job):
            self.wait_on(job, f"{AWAY} ({reason})", 0.0)
            return
        if job.attempts >= self._config().max_attempts:
            self.fail(job, f"{reason}. It was tried {job.attempts} times without progress")
            return
        delay = self._setbacks.delay_s(job.attempts)
        waiting = self._store.move(
            job.id,
            JobState.WAITING,
            expect=JobState.RUNNING,
            attempts=job.attempts,
            not_before=self._clock() + delay,
            reason=reason,
        )
        self._log.warning("tried again later", job=job.id, seconds=delay, attempts=job.attempts, reason=reason)
        record(self._root, waiting)

    def fail(self, job: Job, reason: str) -> None:
        """Give a job up."""
        failed = self._store.move(job.id, JobState.FAILED, expect=JobState.RUNNING, reason=reason)
        self._setbacks.forget(job.id)  # only now: a move that the store refuses is decided on again
        self._log.error("failed", job=job.id, reason=reason)
        record(self._root, failed)
        self._ended(failed)

    def _is_folder_away(self, job: Job) -> bool:
        try:
            is_there = (self._root.evolution / job.id).is_dir()
        except OSError:  # it cannot be looked at: nor can those of the others, if the disk is away
            is_there = False
        return not is_there and self._is_away()
