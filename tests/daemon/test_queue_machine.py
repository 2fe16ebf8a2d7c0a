"""Random users, workers and crashes against the dispatcher and the store, beside a model of a dozen lines.

The runner is a puppet behind the real ``Runner`` seam: it decides nothing, so that every interleaving of orders and
ends can be tried, also those that real processes reach once a year.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    MultipleResults,
    RuleBasedStateMachine,
    initialize,
    invariant,
    multiple,
    precondition,
    rule,
)
from PIL import Image

from styled.backend.runner import Attempt, Ended, Placed, Queued, Report, Task
from styled.config import QueueConfig
from styled.daemon.dispatch import Dispatcher
from styled.daemon.job_commands import JobCommands
from styled.daemon.upkeep.trash import Trash
from styled.errors import IllegalMove, NoSuchJob
from styled.evolution import JobFolder
from styled.job import ENDED, Job, JobState
from styled.lasting_thread import LastingThread
from styled.messages import Checkpointed, Failure, Progress, Result, Started
from styled.root import Root
from styled.store.reader import StoreReader
from styled.store.store import Store
from tests.daemon.workshop import add_job

pytestmark = pytest.mark.processes

MAX_ATTEMPTS = 2
ORDERS = ["pause", "resume", "cancel", "retry", "retry from start"]


class Puppet:
    """A runner whose workers do what the test says.

    Args:
        parallel: how many it takes at once.
        outlives: its workers run on when the daemon is killed, as a cluster's do, and are adopted by the next one.
    """

    trouble = ""

    def __init__(self, parallel: int, *, outlives: bool) -> None:
        self.parallel, self.outlives = parallel, outlives
        self.attempts: set[str] = set()
        self.live: dict[str, bool] = {}
        """Job to whether it was asked to stop."""
        self.reports: list[Report] = []

    def capacity(self) -> int:
        return self.parallel

    def attach(self, attempts: Sequence[Attempt]) -> frozenset[str]:
        self.reports = []  # what was said and not heard is lost with the daemon; its end is found out again
        for job in self.live:
            self.live[job] = False
        expected = {attempt.task.id: attempt for attempt in attempts}
        for job in list(self.live):
            if not self.outlives or job not in expected:
                del self.live[job]
            elif not expected[job].wanted:
                self.live[job] = True
        return frozenset(self.live)

    def submit(self, task: Task) -> str:
        assert task.id not in self.running(), "two workers for one job"
        assert task.attempt not in self.attempts, "one name for two attempts"
        self.attempts.add(task.attempt)
        self.live[task.id] = False
        if self.outlives:
            self.reports += [Report(task.id, Queued("in line: Priority")), Report(task.id, Placed("node1"))]
        self.reports.append(Report(task.id, Started(step=0, steps=9, width=9, height=9, device="cpu")))
        return ""

    def poll(self) -> list[Report]:
        reports, self.reports = self.reports, []
        return reports

    def stop(self, job: str, grace_s: float) -> None:
        if job in self.live:
            self.live[job] = True

    def prepare(self) -> None:
        pass

    def detach(self, grace_s: float) -> None:
        for job in self.live:
            self.stop(job, grace_s)

    def close(self) -> None:
        pass

    def progress(self, job: str) -> Progress | None:
        return None

    def running(self) -> frozenset[str]:
        # As the seam says: until its end was told.
        return frozenset(self.live) | {report.id for report in self.reports}

    def held(self) -> frozenset[str]:
        return frozenset()

    def wake_after(self) -> float | None:
        return None

    def end(self, job: str, ended: Ended) -> None:
        del self.live[job]
        self.reports.append(Report(job, ended))


class Later(LastingThread):
    """Runs what was submitted when it is told to, so that every run of an example is the same."""

    def __init__(self) -> None:
        self.tasks: list[tuple[Future[Any], Callable[[], Any]]] = []

    def submit(self, do: Callable[[], Any]) -> Future[Any]:
        future: Future[Any] = Future()
        self.tasks.append((future, do))
        return future

    def close(self, until: float) -> None:
        pass

    def run(self) -> None:
        tasks, self.tasks = self.tasks, []
        for future, function in tasks:
            try:
                future.set_result(function())
            except Exception as error:  # noqa: BLE001  # as the thread does
                future.set_exception(error)


class QueueMachine(RuleBasedStateMachine):
    """Jobs are added, ordered about, painted and killed; nothing is lost, doubled or run by two."""

    jobs = Bundle("jobs")

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="styled-machine-"))
        self.root = Root.at(self.folder)
        self.root.evolution.mkdir()
        self.store = Store.open(self.root)
        self.known: set[str] = set()
        self.held = False
        self.config = QueueConfig(max_attempts=MAX_ATTEMPTS, backoff_s=(0.0,))
        self.puppet: Puppet = Puppet(1, outlives=False)
        self.start_daemon()

    def start_daemon(self) -> None:
        self.dispatcher = Dispatcher(
            self.root,
            self.store,
            self.puppet,
            self.config,
            may_start=lambda: not self.held,
        )
        self.checks = Later()
        self.dispatcher._checker.close(0.0)
        self.dispatcher._checker = self.checks
        self.trash = Trash(self.root)
        self.job_commands = JobCommands(self.root, self.store, self.dispatcher, self.puppet, self.trash)
        self.dispatcher.recover()
        self.dispatcher.changed()

    def stop_daemon(self) -> None:
        self.dispatcher.close()
        self.trash.__exit__()

    def teardown(self) -> None:
        self.stop_daemon()
        self.store.close()
        shutil.rmtree(self.folder)

    def turn(self) -> None:
        self.dispatcher.turn()

    def refused_or(self, order: Callable[[], Job], job: str, after: JobState, legal: set[JobState]) -> None:
        """Give an order: it works exactly where the model says so."""
        before = self.state(job)
        busy = job in self.dispatcher.busy()
        try:
            order()
        except NoSuchJob:
            assert before is None
        except IllegalMove:
            # An ended job whose worker lives on cannot be retried or removed yet.
            assert before not in legal or (busy and before in ENDED)
        else:
            assert before in legal
            assert not (busy and before in ENDED)
            assert self.state(job) is after

    def state(self, job: str) -> JobState | None:
        try:
            return self.store.get(job).state
        except NoSuchJob:
            return None

    # -- what users do -------------------------------------------------------------------------------------

    @initialize(target=jobs, parallel=st.integers(1, 3), outlives=st.booleans())
    def three_jobs(self, parallel: int, outlives: bool) -> MultipleResults[str]:
        """Few jobs, so that much happens to each; a removed one is an unknown one from then on."""
        self.config = msgspec.structs.replace(self.config, parallel=parallel)
        self.puppet.parallel, self.puppet.outlives = parallel, outlives
        jobs = [add_job(self.root, self.store, "job") for _ in range(3)]
        self.known = {job.id for job in jobs}
        self.dispatcher.changed()
        return multiple(*(job.id for job in jobs))

    @rule(job=jobs, job_commands=st.lists(st.sampled_from(ORDERS), min_size=1, max_size=3))
    def order(self, job: str, job_commands: list[str]) -> None:
        """Somebody in a hurry: the next order comes while the worker still obeys the last one."""
        live = {JobState.WAITING, JobState.RUNNING}
        for order in job_commands:
            give, after, legal = {
                "pause": (lambda: self.job_commands.pause(job, by="ada"), JobState.PAUSED, live),
                "resume": (lambda: self.job_commands.resume(job), JobState.WAITING, {JobState.PAUSED}),
                "cancel": (
                    lambda: self.job_commands.cancel(job, by="ada"),
                    JobState.CANCELLED,
                    live | {JobState.PAUSED},
                ),
                "retry": (lambda: self.job_commands.retry(job), JobState.WAITING, set(ENDED) - {JobState.DONE}),
                "retry from start": (
                    lambda: self.job_commands.retry(job, from_start=True),
                    JobState.WAITING,
                    set(ENDED),
                ),
            }[order]
            self.refused_or(give, job, after, legal)
        self.turn()

    @rule(job=jobs)
    def remove(self, job: str) -> None:
        before, busy = self.state(job), job in self.dispatcher.busy()
        try:
            self.job_commands.remove(job)
        except NoSuchJob:
            assert before is None
        except IllegalMove:
            assert before not in ENDED or busy
        else:
            assert before in ENDED
            self.known.remove(job)

    @rule(job=jobs, priority=st.integers(-3, 3))
    def prioritise(self, job: str, priority: int) -> None:
        if self.state(job) is not None:
            assert self.job_commands.prioritise(job, priority).priority == priority

    @rule(held=st.booleans())
    def hold(self, held: bool) -> None:
        self.held = held
        if held:
            self.dispatcher.stop_running(1.0)
        self.dispatcher.changed()

    # -- what workers do -----------------------------------------------------------------------------------

    @precondition(lambda self: self.puppet.live)
    @rule(data=st.data(), progressed=st.booleans())
    def worker_crashes(self, data: st.DataObject, progressed: bool) -> None:
        job = data.draw(st.sampled_from(sorted(self.puppet.live)))
        if progressed:
            self.puppet.reports.append(Report(job, Checkpointed(step=3)))
        self.puppet.end(job, Ended(-11, asked_to_stop=self.puppet.live[job], progressed=progressed))

    @precondition(lambda self: self.puppet.live and self.puppet.outlives)
    @rule(data=st.data())
    def node_is_lost(self, data: st.DataObject) -> None:
        job = data.draw(st.sampled_from(sorted(self.puppet.live)))
        before = self.store.get(job).attempts
        self.puppet.end(job, Ended(-1, lost="node1", asked_to_stop=self.puppet.live[job]))
        self.turn()
        assert self.store.get(job).attempts <= max(before, 1)

    @precondition(lambda self: any(self.puppet.live.values()))
    @rule(data=st.data())
    def worker_obeys(self, data: st.DataObject) -> None:
        job = data.draw(st.sampled_from(sorted(job for job, asked in self.puppet.live.items() if asked)))
        self.puppet.reports.append(Report(job, Checkpointed(step=3)))
        self.puppet.end(job, Ended(75, asked_to_stop=True, progressed=True))

    @precondition(lambda self: self.puppet.live)
    @rule(data=st.data(), decodes=st.booleans())
    def worker_is_done(self, data: st.DataObject, decodes: bool) -> None:
        job = data.draw(st.sampled_from(sorted(self.puppet.live)))
        result = JobFolder(self.root.evolution / job).result
        if decodes:
            Image.fromarray(np.zeros((8, 8, 3), np.uint8)).save(result)
        else:
            result.write_bytes(b"rubbish")
        told = Result(path="result.png", step=9, loss=1.0, seconds=1.0)
        self.puppet.end(job, Ended(0, result=told, asked_to_stop=self.puppet.live[job]))

    @precondition(lambda self: self.puppet.live)
    @rule(data=st.data(), kind=st.sampled_from(["diverged", "out-of-memory", "disk-full", "styled-error"]))
    def worker_fails(self, data: st.DataObject, kind: str) -> None:
        job = data.draw(st.sampled_from(sorted(self.puppet.live)))
        self.puppet.end(
            job, Ended(1, failure=Failure(kind=kind, message="it went wrong"), asked_to_stop=self.puppet.live[job])
        )

    # -- what time and bad luck do -------------------------------------------------------------------------

    @rule(what=st.sampled_from(["turn", "turn", "check results", "check results", "kill"]))
    def daemon(self, what: str) -> None:
        """Let the daemon turn, the thread that checks results work, or both be killed with all they only remember."""
        if what == "kill":
            self.stop_daemon()
            self.start_daemon()
            assert {job.id for job in self.store.jobs([JobState.RUNNING])} <= self.puppet.live.keys()
        elif what == "check results":
            self.turn()
            self.checks.run()
        self.turn()

    # -- what must be true ---------------------------------------------------------------------------------

    @invariant()
    def every_job_is_there_once(self) -> None:
        assert {job.id for job in self.store.jobs()} == self.known

    @invariant()
    def slots_are_not_exceeded(self) -> None:
        assert len(self.puppet.live) <= self.config.parallel
        assert len(self.dispatcher.busy()) <= self.config.parallel

    @invariant()
    def running_jobs_have_a_worker_or_a_check(self) -> None:
        running = {job.id for job in self.store.jobs([JobState.RUNNING])}
        assert running <= self.dispatcher.busy()

    @invariant()
    def nothing_is_tried_too_often(self) -> None:
        assert all(0 <= job.attempts <= MAX_ATTEMPTS + 1 for job in self.store.jobs())

    @invariant()
    def what_is_done_has_a_result(self) -> None:
        for job in self.store.jobs([JobState.DONE]):
            with Image.open(JobFolder(self.root.evolution / job.id).result) as result:
                result.load()

    @invariant()
    def a_reader_sees_the_same(self) -> None:
        with StoreReader.open(self.root) as reader:
            assert reader.counts() == self.store.counts()


QueueMachine.TestCase.settings = settings(
    max_examples=40, stateful_step_count=40, suppress_health_check=list(HealthCheck)
)
TestQueue = QueueMachine.TestCase
