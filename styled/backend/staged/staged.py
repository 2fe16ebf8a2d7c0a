"""Runs jobs on a scheduler's nodes: lays each attempt out in the spool, follows it, and brings over what it paints.

All that may wait for a file server or a scheduler is here, in the bridge's process; see :mod:`styled.backend.staged`.
"""

from __future__ import annotations

import functools
import signal
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from styled import images
from styled.backend.launch import WORKER
from styled.backend.runner import Attempt, Ended, Placed, Queued, Report, Task
from styled.backend.staged import spool
from styled.backend.staged.engine import Engine, Outcome, Phase, Seen
from styled.backend.staged.mirror import Mirror
from styled.backend.staged.place import End, Heartbeat, Order, Place
from styled.backend.staged.running import MOST_REASON, Running, could_not_begin, lasting
from styled.config import BackendConfig
from styled.errors import (
    BackendAway,
    BackendError,
    BackendRefuses,
    DiskFull,
    InstallationBroken,
    StorageRefuses,
    StyledError,
)
from styled.evolution import JobFolder, read_job_file
from styled.files.durable import passing_trouble
from styled.files.printable import one_line
from styled.messages import STOPPED_EXIT_CODE, Failure, Noted, Progress, WorkerMessage
from styled.version import versions

ATTEMPT = "styled.backend.staged.attempt"
"""Module that a node runs."""

LOOK_S = 1.0
"""Between two questions to the scheduler, for all attempts at once."""

_IDLE_LOOK_S = 60.0
"""The same while there are none: one may have been submitted though the scheduler did not say so."""

_SWEEP_S = 60.0

_FORGOTTEN_S = 10.0
"""From when a scheduler no longer knows a command until its end is given up as unwritten."""

_UNFIT_S = 600.0
"""For so long a node is avoided that could not run an attempt."""

_MOST_MOVES = 3
"""Of one attempt to another node: where more are unfit, it is rather the installation than a node."""


class StagedRunner:
    """Behind the seam of :mod:`styled.backend.runner`, on any engine.

    Args:
        engine: the scheduler.
        config: of ``[backend]``.
        prefix: of the names of this root's attempts.
        worker: module that a node runs.
        stall_s: seconds without a sign of life of a worker, or use of its processor, after which it is ended.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        engine: Engine,
        config: BackendConfig,
        prefix: str,
        *,
        worker: str = WORKER,
        stall_s: float = 900.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._engine, self._config, self._prefix = engine, config, prefix
        self._worker, self._stall_s, self._clock = worker, stall_s, clock
        self._spool = Path(config.spool)
        self._running: dict[str, Running] = {}
        self._kept: set[str] = set()
        """Names of attempts that have ended, which the daemon has not noted yet: their folders are all that tells it."""
        self._seen: dict[str, Seen] = {}
        self._unfit: dict[str, tuple[float, str]] = {}
        """Nodes that could not run an attempt: since when they are avoided, and why."""
        self._look_at = self._sweep_at = 0.0
        self._away = ""
        self._storage = self._unswept = ""
        self._checker = images.Checker(max_pixels=images.MAX_RESULT_PIXELS)
        self._versions = versions()

    # -- the seam ------------------------------------------------------------------------------------------

    def capacity(self) -> int:
        """Return ``[backend] slots``."""
        return self._config.slots

    @property
    def trouble(self) -> str:
        """Why the scheduler or the spool cannot be used now."""
        return self._away or self._storage or self._unswept

    def attach(self, attempts: Sequence[Attempt]) -> frozenset[str]:
        """Follow the attempts of an earlier daemon from their first message on; those unknown end as lost."""
        for attempt in attempts:
            running = self._follow(attempt.task)
            if not attempt.wanted:
                running.asked = True
        return frozenset(self._running)

    def prepare(self) -> None:
        """Nothing: a place to paint in is the engine's to give."""

    def submit(self, task: Task) -> str:
        """Lay an attempt out and submit it. What goes wrong is reported as its end."""
        running = self._follow(task)
        self._begin(running)
        return running.name

    def _begin(self, running: Running) -> None:
        now = self._clock()
        self._unfit = {node: (at, why) for node, (at, why) in self._unfit.items() if now - at < _UNFIT_S}
        try:
            spool.lay_out(
                running.place,
                JobFolder(running.task.folder),
                Order(job=running.task.id, worker=self._worker, versions=self._versions),
            )
            running.handle = self._engine.submit(
                running.name, ATTEMPT, running.place.path, avoid=frozenset(self._unfit)
            )
        except BackendRefuses as error:
            unfit = "; ".join(f"{node}: {why}" for node, (_, why) in self._unfit.items())
            running.refused = BackendRefuses(f"{error.message}. Not fit: {unfit}", error.advice) if unfit else error
            self._unfit.clear()  # they are asked again when it is tried again
        except StyledError as error:
            running.refused = error
        except OSError as error:
            running.refused = passing_trouble(error, f"cannot lay out {running.place.path}") or StorageRefuses(
                f"cannot lay out {running.place.path}: {error.strerror or error}",
                "Is [backend] spool there, and yours?",
            )

    def poll(self) -> list[Report]:
        """Return what happened; asks the scheduler at most once a second."""
        self._look()
        self._storage = ""
        reports: list[Report] = []
        for job, running in list(self._running.items()):
            ended = self._turn(running)
            reports += running.reports
            running.reports = []
            if ended is not None:
                reports.append(Report(job, ended))
                del self._running[job]
                self._kept.add(running.name)
                if running.mirror is not None:
                    running.mirror.close()
        self._sweep()
        return reports

    def keep(self, task: Task) -> None:
        """Leave alone what an attempt has painted that ended: an earlier bridge told of it, and it is not noted yet."""
        self._kept.add(spool.name_of(self._prefix, task))

    def acknowledge(self, task: Task) -> None:
        """Clear what an attempt has painted: how it ended is noted, and no later daemon asks for it."""
        name = spool.name_of(self._prefix, task)
        self._kept.discard(name)
        spool.clear(self._spool / name)

    def stop(self, job: str, grace_s: float) -> None:
        """Ask an attempt to stop, at once."""
        running = self._running.get(job)
        if running is None:
            return
        kill_at = self._clock() + grace_s
        running.kill_at = kill_at if running.kill_at is None else min(running.kill_at, kill_at)
        running.asked = True
        self._obey(running)

    def detach(self, _grace_s: float, /) -> None:
        """Let go of all attempts; they run on."""
        for running in self._running.values():
            if running.mirror is not None:
                running.mirror.close()
        self._running.clear()

    def progress(self, job: str) -> Progress | None:
        """Return the latest progress of a job."""
        running = self._running.get(job)
        return running.heard.progress if running else None

    def running(self) -> frozenset[str]:
        """Return the jobs whose end was not yet reported."""
        return frozenset(self._running)

    def held(self) -> frozenset[str]:
        """Return no job: the engine ends its workers."""
        return frozenset()

    def wake_after(self) -> float | None:
        """Return when to look again."""
        return LOOK_S if self._running else None

    def close(self) -> None:
        """End the child that decodes, and let go of all else."""
        self.detach(0.0)
        self._checker.close()
        self._engine.close()

    # -- following -----------------------------------------------------------------------------------------

    def _follow(self, task: Task) -> Running:
        name = spool.name_of(self._prefix, task)
        now = self._clock()
        running = Running(task, name, Place(self._spool / name, task.id), now, beat_at=now, heard_at=now)
        self._running[task.id] = running
        self._look_at = 0.0
        return running

    def _look(self) -> None:
        now = self._clock()
        if now < self._look_at:
            return
        self._look_at = now + (LOOK_S if self._running else _IDLE_LOOK_S)
        try:
            self._seen = self._engine.look()
        except BackendError as error:
            self._away = self._why_away(error)
            return
        self._away = ""
        known = {running.name for running in self._running.values()}
        for name, seen in self._seen.items():
            if name not in known and seen.phase is not Phase.ENDED:
                # Of an attempt that was given up, or that was submitted though the scheduler did not say so.
                self._try(functools.partial(self._engine.kill, seen.handle))

    def _kill(self, running: Running) -> None:
        """Have the scheduler end an attempt; one that it has not shown yet is killed when it does, as nobody's."""
        if running.handle:
            self._try(lambda: self._engine.kill(running.handle))

    def _try(self, order: Callable[[], None]) -> bool:
        try:
            order()
        except BackendError as error:
            self._away = self._why_away(error)
            return False
        return True

    def _why_away(self, error: BackendError) -> str:
        if isinstance(error, BackendAway):
            return f"{self._engine.name} does not answer: {error.message}"
        return f"{error.message}. {error.advice}"

    def _turn(self, running: Running) -> Ended | None:
        """Follow one attempt; return how it ended, if it has."""
        if running.refused is not None:
            return self._refused(running, running.refused)
        seen = self._seen.get(running.name)
        if seen is not None:
            running.handle = seen.handle
            self._tell(running, seen)
        self._obey(running)
        try:
            self._engine.bring(running.place)
            # Looked at first: what was written before the end is then there, on this machine's view of the spool too.
            end = spool.read_small(running.place.end, End)
            self._bring(running)
            if end is not None and not (running.mirror and running.mirror.is_behind):
                return self._ended(running, end, seen)
            self._feel(running, seen)
            if end is not None:
                return None  # it is known how it ended; the rest comes over, a part in each turn
        except (StyledError, OSError) as error:
            running.refused = lasting(error, running.task.folder)
            if running.refused is not None:
                self._kill(running)
                return None
            self._storage = error.message if isinstance(error, StyledError) else f"{running.place.path}: {error}"
            # What was asked to stop ends all the same, but for a full disk: with some room its checkpoint comes over.
            return self._gone(running, seen) if running.overdue and not isinstance(error, DiskFull) else None
        return self._gone(running, seen)

    def _tell(self, running: Running, seen: Seen) -> None:
        if seen.phase is Phase.QUEUED:
            reason = f"in {self._engine.name}: {seen.reason or 'queued'}"
            if reason != running.reported:
                running.reported = reason
                running.reports.append(Report(running.task.id, Queued(reason)))
        elif seen.phase is Phase.RUNNING and seen.node and seen.node != running.node:
            running.node = running.reported = seen.node
            running.beat_at = self._clock()
            running.reports.append(Report(running.task.id, Placed(seen.node)))
        elif seen.phase is Phase.ENDED:
            running.node = running.node or seen.node  # it was over between two looks

    def _obey(self, running: Running) -> None:
        """Pass on a wish to stop, until the scheduler has it, and a kill when its time has come."""
        if not running.asked:
            return
        if running.handle and not running.obeyed:
            running.obeyed = self._try(lambda: self._engine.ask(running.handle))
        if running.kill_at is not None and self._clock() >= running.kill_at:
            running.overdue = True
            running.kill_at = self._clock() + LOOK_S * 5
            self._kill(running)

    def _bring(self, running: Running) -> None:
        if running.mirror is None:
            if not running.place.folder.job_json.is_file():
                return
            job = read_job_file(JobFolder(running.task.folder))
            running.mirror = Mirror(
                running.place, JobFolder(running.task.folder), job.settings, self._checker.check_open
            )
        for message in running.mirror.turn():
            self._hear(running, message)
        if running.mirror.garbled and not running.garbled:  # once: a worker that prints rubbish prints much of it
            running.garbled = True
            note = f"a worker wrote something that is no message: {one_line(running.mirror.garbled, MOST_REASON)}"
            step = running.heard.progress.step if running.heard.progress else running.heard.first_step
            running.reports.append(Report(running.task.id, Noted(step=step, note=note)))

    def _hear(self, running: Running, message: WorkerMessage) -> None:
        running.heard_at = self._clock()
        if running.heard.take(message):
            running.reports.append(Report(running.task.id, message))

    def _feel(self, running: Running, seen: Seen | None) -> None:
        """Note whether the node lives and its worker works; end what has been silent for too long."""
        now = self._clock()
        if self._away or seen is None or seen.phase is not Phase.RUNNING:
            running.beat_at = running.heard_at = now
            return
        beat = spool.read_small(running.place.heartbeat, Heartbeat)
        if isinstance(beat, Heartbeat):
            if beat.beats != running.beats:
                running.beats, running.beat_at = beat.beats, now
            if beat.cpu_seconds > running.cpu_seconds + 1.0:
                running.cpu_seconds, running.heard_at = beat.cpu_seconds, now
        limit = running.heard.silence_s(self._stall_s)
        if now - running.heard_at > limit and running.beats and not running.stalled:
            running.stalled = running.asked = True
            running.kill_at = now + self._stall_s

    # -- how it ends ---------------------------------------------------------------------------------------

    def _ended(self, running: Running, end: msgspec.Struct, seen: Seen | None) -> Ended | None:
        """Return the facts that the node has written down; None where another node is taken."""
        assert isinstance(end, End)  # noqa: S101  # read_small was asked for one
        if end.unfit:
            return self._elsewhere(running, InstallationBroken(f"{running.node or end.host}: {end.unfit}"), end.unfit)
        # A worker that is still starting has no time to end politely: the signal that was passed on kills it.
        is_stop = end.returncode in {STOPPED_EXIT_CODE, -signal.SIGTERM}
        unasked = end.signalled and not running.asked and is_stop
        return self._facts(
            running,
            end.returncode,
            killed_by_kernel=end.killed_by_kernel or (seen is not None and seen.outcome is Outcome.OUT_OF_MEMORY),
            stopped_by=f"{self._engine.name} (its time limit, or another job)" if unasked else "",
        )

    def _gone(self, running: Running, seen: Seen | None) -> Ended | None:
        """Return how an attempt ended that has not written it down, once that is sure."""
        now = self._clock()
        where = running.node or "its node"
        if seen is not None and seen.phase is not Phase.ENDED:
            running.gone_at = None
            silent = now - running.beat_at
            if seen.phase is Phase.RUNNING and silent > self._config.lost_after_s and not self._away:
                self._kill(running)
                return self._facts(running, -1, lost=where)
            return None
        if self._away:
            return None
        running.gone_at = running.gone_at or now
        outcome = seen.outcome if seen is not None else Outcome.UNKNOWN
        never_ran = running.asked and not running.heard.began
        never_ran = never_ran and (not running.node or outcome is Outcome.CANCELLED)
        patience_s = _FORGOTTEN_S if seen is None else self._engine.settles_s
        if now - running.gone_at < patience_s and outcome is not Outcome.LOST and not never_ran:
            return None
        if outcome is Outcome.UNKNOWN and running.handle:
            outcome = self._engine.last_outcome(running.handle)
        match outcome:
            case Outcome.CANCELLED:
                return self._facts(running, -signal.SIGKILL if running.overdue else STOPPED_EXIT_CODE)
            case Outcome.TIMED_OUT:
                return self._facts(running, -signal.SIGKILL, stopped_by=f"the time limit of {self._engine.name}")
            case Outcome.OUT_OF_MEMORY:
                return self._facts(running, -signal.SIGKILL, killed_by_kernel=True)
            case Outcome.FAILED:
                if not running.heard.began:
                    error = could_not_begin(running)
                    return self._elsewhere(running, error, error.message.removeprefix(f"{running.node} "))
                # What runs the worker was killed with it: by an administrator, or for its memory.
                return self._facts(running, -signal.SIGKILL)
        return self._facts(running, -1, lost=where)

    def _elsewhere(self, running: Running, error: StyledError, why: str) -> Ended | None:
        """Have another node run an attempt that this one cannot; return its end where that was tried enough."""
        if running.asked or not running.node or running.moves >= _MOST_MOVES:
            return self._refused(running, error)
        self._unfit[running.node] = (self._clock(), why)
        note = one_line(f"{running.node}: {why}: another node is taken", MOST_REASON)
        running.reports.append(Report(running.task.id, Noted(step=0, note=note)))
        if running.mirror is not None:
            running.mirror.close()
        spool.clear(running.place.path)
        self._seen.pop(running.name, None)
        again = self._follow(running.task)
        again.moves = running.moves + 1
        self._begin(again)
        return None

    def _facts(
        self,
        running: Running,
        returncode: int,
        *,
        killed_by_kernel: bool = False,
        lost: str = "",
        stopped_by: str = "",
    ) -> Ended:
        return Ended(
            returncode=returncode,
            result=running.heard.result,
            failure=running.heard.failure,
            asked_to_stop=running.asked and not running.stalled,
            stalled=running.stalled,
            killed_by_kernel=killed_by_kernel,
            progressed=running.heard.progressed,
            began=running.heard.began or bool(lost) or bool(stopped_by),
            lost=lost,
            stopped_by=stopped_by,
            elsewhere=True,
        )

    def _refused(self, running: Running, error: StyledError) -> Ended:
        running.heard.failure = Failure(kind=error.kind, message=error.message, advice=error.advice)
        return self._facts(running, error.exit_code)

    # -- tidiness ------------------------------------------------------------------------------------------

    def _sweep(self) -> None:
        """Remove what is left of attempts that were given up: a lost node may have gone on writing for a while."""
        now = self._clock()
        if now < self._sweep_at or self._away:
            return
        self._sweep_at = now + _SWEEP_S
        known = self._kept | {running.name for running in self._running.values()}
        alive = {name for name, seen in self._seen.items() if seen.phase is not Phase.ENDED}
        try:
            left = [path for path in self._spool.iterdir() if path.name.startswith(self._prefix)]
        except OSError as error:
            self._unswept = f"{self._spool}: {error.strerror or error}"
            return
        self._unswept = ""
        for path in left:
            if path.name not in known | alive:
                spool.clear(path)
