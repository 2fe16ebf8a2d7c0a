"""From waiting to ended: starts workers for the jobs that are due and moves the jobs as their workers end."""

from __future__ import annotations

import shutil
import sys
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from functools import partial

import structlog

from styled import images
from styled.backend.runner import Attempt, Ended, Placed, Queued, Report, Runner, Task
from styled.backend.verdict import Blame, Verdict, blame, of_the_machine, verdict_of
from styled.config import QueueConfig
from styled.daemon.environment import Environment
from styled.daemon.job_record import record
from styled.daemon.moves import AWAY, Moves
from styled.daemon.nodes import Nodes
from styled.daemon.setbacks import Setback, Setbacks
from styled.daemon.supervisor import RETRY_S
from styled.errors import IllegalMove, ImageError, NoSuchJob, StorageRefuses, StyledError
from styled.evolution import JobFolder
from styled.files.durable import passing_trouble
from styled.inbox.claiming.recovery import LOST
from styled.job import Job, JobState, joined_remarks
from styled.lasting_thread import LastingThread
from styled.messages import Checkpointed, Noted, Result, Started
from styled.root import Root
from styled.store.store import Store

PROGRESS_S = 2.0
"""Between two notes of the running jobs' progress in the store."""

_STARTS_A_TURN = 16
"""At most: a cluster may take a thousand jobs at once, and clients are answered between two turns."""

_PROBE_LOOK_S = 0.05
"""Between two looks at a queue that is held, at least: its probe may be under way."""

_CLOSE_S = 10.0
"""That closing waits for the pictures that are being checked: their disk may hang."""

_LIVE_STATES = (JobState.RUNNING, JobState.PAUSED, JobState.CANCELLED, JobState.WAITING)


@contextmanager
def _kept(failures: list[Exception]) -> Iterator[None]:
    """Keep an error for later, unless it may pass: then the others would fail too."""
    try:
        yield
    except Exception as error:  # raised at the end of the turn
        if isinstance(error, StyledError) and error.may_pass:
            raise
        failures.append(error)


class Dispatcher:
    """Keeps the slots filled. Every move of a job that follows from a worker is made here.

    Args:
        root: whose jobs.
        store: the queue's record; used from the caller's thread only.
        runner: paints.
        config: slots, attempts, back-off.
        may_start: asked before each start.
        wake: called from another thread when :meth:`turn` has something to do.
        ended: called with each job that is done or has failed.
        disk_full: called with the reason when a worker had no room to write; returns whether the disk takes other files.
        is_away: asked whether ``evolution/`` is away where a job's folder is missed: then the job waits.
        clock: Unix seconds.
    """

    def __init__(
        self,
        root: Root,
        store: Store,
        runner: Runner,
        config: QueueConfig,
        *,
        may_start: Callable[[], bool] = lambda: True,
        wake: Callable[[], None] = lambda: None,
        ended: Callable[[Job], None] = lambda _: None,
        disk_full: Callable[[str], bool] = lambda _: False,
        is_away: Callable[[], bool] = lambda: False,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._config = config
        self.runner = runner
        self.ends: Counter[str] = Counter()
        """How many workers ended in each way (:class:`Verdict`) since the daemon started."""
        self.nodes = Nodes()
        self._root = root
        self._store = store
        self._may_start = may_start
        self._wake = wake
        self._ended = ended
        self._disk_full = disk_full
        self._is_away = is_away
        self._clock = clock
        self._setbacks = Setbacks(lambda: self._config.backoff_s)
        self._moves = Moves(
            root, store, lambda: self._config, self._setbacks, ended=ended, is_away=is_away, clock=clock
        )
        self._cut_off: Exception | None = None
        """What was raised after a job was claimed, maybe before it had a worker."""
        self._is_detached = False
        self._reports: deque[Report] = deque()
        self._checking: dict[str, tuple[Result, Future[None]]] = {}
        self._checker = LastingThread("styled-result-check")
        self._noted_at = 0.0
        self._due_at: float | None = 0.0
        self._environment = Environment(lambda: self._config.backoff_s, clock=clock)
        self._log = structlog.get_logger("queue")

    # -- what the main loop calls --------------------------------------------------------------------------

    @property
    def stop_grace_s(self) -> float:
        """Seconds that a worker has at least for its last checkpoint."""
        return self._config.stop_grace_s

    def reconfigure(self, config: QueueConfig) -> None:
        """Go on by another configuration."""
        self._config = config
        self.changed()

    def recover(self) -> None:
        """At start: take over the workers that run on without a daemon, and queue the jobs of all others again."""
        live = [job for job in self._store.jobs(_LIVE_STATES) if job.handle or job.state is JobState.RUNNING]
        adopted = self.runner.attach(
            [Attempt(self._task(job), job.handle, wanted=job.state is JobState.RUNNING) for job in live]
        )
        for job in live:
            if job.id in adopted:
                self.nodes.adopt(job)
                self._log.info("its worker runs on", job=job.id, handle=job.handle)
            elif job.handle:
                self._store.change(job.id, handle="", node="")
        latest = self._clock() + max(self._config.backoff_s)
        for job in self._store.jobs([JobState.WAITING]):
            if job.not_before > latest:  # the clock was set back since
                self._store.change(job.id, not_before=latest)
        for job in self._store.requeue_running("the daemon ended; it goes on from its checkpoint", but=adopted):
            self._log.info("queued again", job=job.id, step=job.step)
            record(self._root, job)

    def turn(self) -> None:
        """Read the workers' messages, note their progress, finish what was checked, and start what is due.

        Nothing is forgotten: what raises is done again by the next call. It does not keep another job waiting, but
        for an error that may pass, such as a full disk, which would meet the others too.

        Raises:
            StyledError: the store or the system refused.
            Exception: one that nobody foresaw, the first of them.
        """
        reports = self.runner.poll()
        for report in reports:
            if isinstance(report.what, Ended):
                self._note_end(report.id, report.what)
        self._reports.extend(reports)
        failures: list[Exception] = []
        unheard: set[str] = set()
        for report in list(self._reports):
            if report.id in unheard:  # what a worker said is heard in order
                continue
            unheard.add(report.id)
            with _kept(failures):
                self._hear(report)
                self._reports.remove(report)
                unheard.discard(report.id)
        for job, (result, check) in list(self._checking.items()):
            with _kept(failures):
                if check.done():
                    self._finish(job, result, check.exception())
                    del self._checking[job]
        for step in (self._note_progress, self._start_due):
            with _kept(failures):
                step()
        if failures:
            raise failures[0]

    @property
    def trouble(self) -> str:
        """Why the queue is held though nobody holds it: no worker can begin, the back end is away. Empty if it is not."""
        return self._environment.trouble or self.runner.trouble

    def changed(self) -> None:
        """Note that a job may have become due."""
        self._due_at = 0.0

    def busy(self) -> frozenset[str]:
        """Return the jobs that hold a slot: their worker lives, or its end is still being dealt with."""
        return self.runner.running() | self._checking.keys() | {report.id for report in self._reports}

    def awaited(self) -> frozenset[str]:
        """Return the busy jobs whose worker is going to end: the daemon waits for no other when it is to end itself."""
        return self.busy() - self.runner.held()

    def wake_after(self) -> float | None:
        """Return in how many seconds :meth:`turn` must be called at the latest."""
        waits = [self.runner.wake_after()]
        if self._due_at is not None and self._has_free_slot():
            waits.append(max(0.0, self._due_at - self._clock()))
        elif self._due_at is not None and self._environment.trouble:
            waits.append(max(self._environment.probe_in(), _PROBE_LOOK_S))
        if self.runner.running():
            waits.append(PROGRESS_S)
        return min((wait for wait in waits if wait is not None), default=None)

    def stop_running(self, grace_s: float) -> None:
        """Ask all workers to write their checkpoint and end; their jobs go back to waiting."""
        for job in self.runner.running():
            self.runner.stop(job, grace_s)

    def detach(self, grace_s: float) -> None:
        """Prepare for the daemon's end: workers that cannot outlive it stop, and their jobs go back to waiting.

        Nothing starts from then on. Nor is a start that was cut off made up for: jobs whose workers run on are not
        busy any more, and look as if they had none. The next daemon tells them apart.
        """
        self._is_detached = True
        self.runner.detach(grace_s)

    def close(self) -> None:
        """Let go of the thread that checks results. A job whose picture is not checked by then goes on from its checkpoint."""
        self._checker.close(time.monotonic() + _CLOSE_S)

    # -- starting ------------------------------------------------------------------------------------------

    def _start_due(self) -> None:
        if self._is_detached:
            return
        if self._cut_off is not None:
            self._put_back(self._cut_off)
            self._cut_off = None
        try:
            self._start_some()
        except Exception as error:
            self._cut_off = error
            raise

    def _put_back(self, error: Exception) -> None:
        """Queue the jobs again that are running without a worker: an error cut off what was to follow their claim."""
        busy = self.busy()
        for job in self._store.jobs([JobState.RUNNING]):
            if job.id in busy:
                continue
            reason = f"it could not be started: {error}"
            if isinstance(error, OSError) or (isinstance(error, StyledError) and error.may_pass):
                self._moves.wait_on(job, reason, RETRY_S)
            else:
                self._moves.try_again(job, reason)

    def _start_some(self) -> None:
        for _ in range(_STARTS_A_TURN):
            if not (self._is_due() and self._has_free_slot()):
                return
            # Resumed faster than its worker could end, which may take days: another one's turn.
            busy = self.busy()
            # Asked first: a claim is a transaction, also when there is nothing to claim.
            self._due_at = self._store.next_due(self._clock(), but=busy)
            if not self._is_due():
                return
            job = self._store.claim_next(self._clock(), but=busy)
            if job is None:  # the clock was set back in between
                return
            self._start(job)

    def _has_free_slot(self) -> bool:
        return len(self.busy()) < self.runner.capacity() and self._may_start() and self._environment.may_start()

    def _is_due(self) -> bool:
        return self._due_at is not None and self._clock() >= self._due_at

    def _start(self, job: Job) -> None:
        if job.attempts > self._config.max_attempts:
            self._moves.fail(job, f"it was started {job.attempts - 1} times and never reached a checkpoint")
            return
        if not self._has_input(job):
            return
        try:
            record(self._root, job)
            handle = self.runner.submit(self._task(job))
        except OSError as error:
            where = f": {error.filename}" if error.filename else ""
            trouble = passing_trouble(error, f"its worker could not be started{where}")
            if isinstance(trouble, StorageRefuses):
                # One file of this job alone may be refused, its log say: no reason to keep the others waiting. But not Python.
                if error.filename != sys.executable and self._lacks_room_alone(job.id, trouble.message):
                    self._moves.wait_for_room(job, str(trouble), elsewhere=False)
                    return
                self._moves.wait_on(job, trouble.message, RETRY_S)
                raise trouble from error
            whose = Blame.MACHINE if of_the_machine(error, sys.executable) else Blame.UNKNOWN
            if not self._blame_machine(job, f"its worker could not be started: {error}", whose):
                self._moves.try_again(job, f"its worker could not be started: {error}")
            return
        self._environment.started(job.id)
        if handle:
            self._store.update_progress(job.id, handle=handle)
        self._log.info("started", job=job.id, attempt=job.attempts, handle=handle)

    def _has_input(self, job: Job) -> bool:
        """Look whether a claimed job's content is there; if not, move the job."""
        folder = self._root.evolution / job.id
        try:
            if (folder / job.content).is_file():
                return True
            gone = f"its input is gone: {folder / job.content}" if folder.is_dir() else LOST
        except OSError as error:
            self._moves.wait_for_input(job, f"{job.content} cannot be looked at: {error.strerror or error}")
            return False
        if self._is_away():
            self._moves.wait_on(job, AWAY, 0.0)
        else:
            self._moves.fail(job, gone)
        return False

    def _task(self, job: Job) -> Task:
        # Its limit on memory is the whole process'; and whatever ended an earlier attempt shall not be what is kept.
        has_limit = job.settings.get("memory_limit", "auto") not in {"auto", 0}
        is_delicate = has_limit or job.attempts > 1 or self._setbacks.of(job.id, Setback.MEMORY) > 0
        return Task(job.id, self._root.evolution / job.id, job.number, is_delicate=is_delicate, attempt=job.attempt)

    # -- hearing -------------------------------------------------------------------------------------------

    def _hear(self, report: Report) -> None:
        self.nodes.hear(report)
        match report.what:
            case Ended() as ended:
                self._end(report.id, ended)
            case Started(step=step, steps=steps, remarks=remarks):
                self._environment.began(report.id)
                self._store.update_progress(report.id, step=step, steps=steps)
                self._keep_remarks(report.id, remarks)
            case Checkpointed(step=step):
                self._store.update_progress(report.id, attempts=0)
            case Queued(reason=reason):
                self._store.update_progress(report.id, reason=reason)
            case Placed(node=node):
                self._log.info("placed", job=report.id, node=node)
                self._store.update_progress(report.id, node=node, reason="")
            case Noted(note=note):
                self._log.warning("a worker notes", job=report.id, note=note)

    def _keep_remarks(self, job_id: str, new: Sequence[str]) -> None:
        """Add to the job's remarks those of its worker that are new."""
        job = self._store.get(job_id)
        remarks = joined_remarks(job.remarks, new)
        if remarks != job.remarks:
            for remark in remarks[len(job.remarks) :]:
                self._log.warning("a worker remarks", job=job_id, remark=remark)
            record(self._root, self._store.change(job_id, remarks=remarks))

    def _note_progress(self) -> None:
        now = self._clock()
        if 0.0 <= now - self._noted_at < PROGRESS_S:
            return
        self._noted_at = now
        progresses = {job: self.runner.progress(job) for job in self.runner.running()}
        if not any(progresses.values()):
            return
        with self._store.batch(durable=False):  # a cluster paints a thousand at once
            for job, progress in progresses.items():
                if progress is not None:
                    self._store.update_progress(job, step=progress.step, steps=progress.steps, loss=progress.loss)

    def _note_end(self, job_id: str, ended: Ended) -> None:
        """Handle a worker's end, once; what follows from it may have to be tried more than once."""
        verdict, reason = verdict_of(ended)
        self.ends[verdict] += 1
        self._log.info("ended", job=job_id, verdict=verdict, reason=reason, exit_code=ended.returncode)
        if verdict is Verdict.DISK_FULL:
            self._lacks_room_alone(job_id, reason, elsewhere=ended.elsewhere)

    def _lacks_room_alone(self, job_id: str, reason: str, *, elsewhere: bool = False) -> bool:
        """Take note that a job was refused room; return whether the disk takes other files, or is another machine's."""
        if elsewhere or self._disk_full(reason):
            self._setbacks.count(job_id, Setback.ROOM)
            return True
        self._setbacks.forget(job_id, Setback.ROOM)  # the disk is full, whatever the job
        return False

    def _end(self, job_id: str, ended: Ended) -> None:
        self._due_at = 0.0
        self._environment.ended(job_id)  # whatever follows: a probe that was paused or cancelled is one no longer
        try:
            job = self._store.get(job_id)
        except NoSuchJob:  # its row was damaged, and its folder had nothing to take it from
            self._log.warning("a worker ended whose job is gone", job=job_id)
            return
        verdict, reason = verdict_of(ended)
        whose = blame(ended)
        if job.state is not JobState.RUNNING:  # paused or cancelled, and so it was asked to stop
            self._store.change(job_id, handle="", node="")
            return
        if verdict is Verdict.DONE and ended.result is not None:
            # It stays busy until the picture is seen to decode.
            self._checking[job_id] = (ended.result, self._checker.submit(partial(self._check, job_id)))
            return
        if ended.progressed:
            job = self._store.change(job_id, attempts=0)
            self._setbacks.forget(job_id)
        if whose is not Blame.NOBODY and self._blame_machine(job, reason, whose):
            return
        match verdict:
            case Verdict.STOPPED:
                asked = ended.asked_to_stop or bool(ended.stopped_by)
                self._moves.wait_on(job, reason, 0.0 if asked else self._setbacks.lasting_delay_s(1))
            case Verdict.DISK_FULL:
                self._moves.wait_for_room(job, reason, elsewhere=ended.elsewhere)
            case Verdict.OUT_OF_REACH:
                self._moves.wait_for_input(job, reason)
            case Verdict.LOST:
                # At once: it is no fault of the job's. Later each time if there is never any progress in between.
                times = self._setbacks.count(job_id, Setback.LOST) - 1
                delay = self._setbacks.lasting_delay_s(times) if times else 0.0
                self._moves.wait_on(job, f"{reason}; it goes on from its checkpoint", delay)
            case Verdict.OUT_OF_MEMORY:
                self._moves.step_down(job, reason)
            case Verdict.HOPELESS:
                self._moves.fail(job, reason)
            case _:
                self._moves.try_again(job, reason)

    # -- moving --------------------------------------------------------------------------------------------

    def _check(self, job_id: str) -> None:
        try:
            images.check(JobFolder(self._root.evolution / job_id).result, max_pixels=images.MAX_RESULT_PIXELS)
        finally:
            self._wake()

    def _finish(self, job_id: str, result: Result, error: BaseException | None) -> None:
        """A worker said that it is done: believe it if the picture decodes."""
        what = f"the result of {job_id} cannot be read"
        trouble = passing_trouble(error, what) if isinstance(error, OSError) else None
        foreseen = error is None or isinstance(error, ImageError | OSError)
        # Looked at again and again it would keep the others waiting; from its checkpoint it is soon written anew.
        alone = isinstance(trouble, StorageRefuses) and self._lacks_room_alone(job_id, trouble.message)
        if error is not None and not alone and (trouble is not None or not foreseen):
            self._checking[job_id] = (
                result,
                self._checker.submit(partial(self._check, job_id)),
            )  # it is looked at again
            raise trouble or error
        self._due_at = 0.0
        try:
            job = self._store.get(job_id)
            if alone:
                self._moves.wait_for_room(job, str(trouble), elsewhere=False)
                return
            if isinstance(error, ImageError | OSError):
                self._moves.try_again(job, f"its result cannot be read: {error}")
                return
            done = self._store.move(
                job_id, JobState.DONE, expect=JobState.RUNNING, step=result.step, loss=result.loss, attempts=0
            )
        except (IllegalMove, NoSuchJob) as late:  # paused or cancelled in its last moment: so it stays
            self._log.info("the result came too late", job=job_id, why=late.message)
            return
        self._setbacks.forget(job_id)
        record(self._root, done)
        # Only now: until the store knew of the result, this was the way back to it.
        shutil.rmtree(JobFolder(self._root.evolution / job_id).checkpoint, ignore_errors=True)
        self._log.info("done", job=job_id, steps=result.step, seconds=round(result.seconds, 1))
        self._ended(done)

    def _blame_machine(self, job: Job, reason: str, whose: Blame) -> bool:
        """Queue a job again, at no cost, whose worker could not begin; return False if that is the job's own fault."""
        blamed = self._environment.ended_early(job.id, reason, whose)
        if blamed is None:
            return False
        put_off = self._environment.put_off_s()
        self._moves.wait_on(job, f"no worker can begin: {reason}", put_off.pop(job.id))
        with self._store.batch():
            for tried, seconds in put_off.items():
                self._moves.put_off(tried, seconds)
        for other in blamed:
            self._moves.absolve(other)
        return True
