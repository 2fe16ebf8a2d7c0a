"""What every back end does, whatever it paints with: the queue above the seam rests on these and on nothing else.

A new engine is added here as one more :class:`Bench`: how its workers are made to speak, to stop and to die.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Protocol

import pytest

from styled.backend.local import LocalRunner
from styled.backend.orphans import Process
from styled.backend.runner import Attempt, Ended, Placed, Queued, Report, Runner, Task
from styled.backend.staged.staged import StagedRunner
from styled.backend.verdict import Verdict, verdict_of
from styled.config import BackendConfig, QueueConfig
from styled.evolution import JobFolder
from styled.job import Job
from styled.messages import Checkpointed, Failure, Progress, Result, Started, encode
from styled.root import Root
from styled.store.store import Store
from tests.backend.staged.memory_engine import MemoryEngine
from tests.daemon.workshop import add_job
from tests.deadlines import patience
from tests.tools.processes import has_ended

pytestmark = pytest.mark.processes


class Bench(Protocol):
    """A runner, and the strings of its workers."""

    runner: Runner
    outlives: bool

    def start(self, job: str) -> None: ...
    def progress(self, job: str, step: int) -> None: ...
    def checkpoint(self, job: str, step: int) -> None: ...
    def finish(self, job: str) -> None: ...
    def fail(self, job: str, failure: Failure) -> None: ...
    def crash(self, job: str) -> None: ...
    def obey(self, job: str) -> None: ...
    def is_asked(self, job: str) -> bool: ...
    def restarted(self) -> Runner: ...
    def place(self, job: str) -> None: ...
    def frame(self, job: str, step: int) -> None: ...
    def close(self) -> None: ...


SCRIPT = """
import os, signal, sys, time
from styled.messages import *
stopped = []
signal.signal(signal.SIGTERM, lambda *_: stopped.append(1))
folder, done = sys.argv[1], 0
while True:
    lines = open(folder + "/orders", "rb").read().split(b"\\n")[:-1] if os.path.exists(folder + "/orders") else []
    for line in lines[done:]:
        if line.startswith(b"exit "):
            sys.exit(int(line[5:]))
        if line == b"polite":
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            os.remove(folder + "/orders")
            open(folder + "/polite", "w").close()
        if line == b"crash":
            os.kill(os.getpid(), signal.SIGSEGV)
        sys.stdout.buffer.write(line + b"\\n"); sys.stdout.buffer.flush()
    done = len(lines)
    if stopped:
        open(folder + "/asked", "w").close()
    time.sleep(0.005)
"""
"""A worker that says what a file tells it to say."""


def progress(step: int) -> Progress:
    return Progress(
        scale=1, scales=1, width=32, height=24, step=step, steps=20, loss=1.0, content_loss=0.5, style_loss=0.5,
        tv_loss=0.0, seconds=1.0, step_seconds=0.01, left_seconds=None, memory_bytes=1,
    )  # fmt: skip


class ToldBench:
    """Workers that say what a file beside their picture tells them to."""

    def folder(self, job: str) -> Path:
        """Return where a job is painted."""
        raise NotImplementedError

    def say(self, job: str, *lines: bytes) -> None:
        with (self.folder(job) / "orders").open("ab") as file:
            file.write(b"".join(line.rstrip(b"\n") + b"\n" for line in lines))

    def start(self, job: str) -> None:
        self.say(job, encode(Started(step=0, steps=20, width=32, height=24, device="cpu")))

    def progress(self, job: str, step: int) -> None:
        self.say(job, encode(progress(step)))

    def checkpoint(self, job: str, step: int) -> None:
        self.say(job, encode(Checkpointed(step=step)))

    def finish(self, job: str) -> None:
        self.say(job, encode(Result(path="result.png", step=20, loss=1.0, seconds=1.0)), b"exit 0")

    def fail(self, job: str, failure: Failure) -> None:
        self.say(job, encode(failure), b"exit 1")

    def crash(self, job: str) -> None:
        self.say(job, b"crash")

    def obey(self, job: str) -> None:
        self.say(job, encode(Checkpointed(step=9)), b"exit 75")

    def is_asked(self, job: str) -> bool:
        return (self.folder(job) / "asked").exists()


class LocalBench(ToldBench):
    """Real processes of this machine."""

    outlives = False

    def __init__(self, evolution: Path, folder: Path, environment: pytest.MonkeyPatch) -> None:
        (folder / "contract_worker.py").write_text(SCRIPT)
        environment.setenv("PYTHONPATH", str(folder))
        self.evolution = evolution
        self.runner: Runner = LocalRunner(None, QueueConfig(parallel=2), module="contract_worker")
        self.left: list[Runner] = []

    def restarted(self) -> Runner:
        for job in self.runner.running():
            self.say(job, b"polite")
            until(self.runner, lambda _, job=job: (self.evolution / job / "polite").exists())
        self.left.append(self.runner)
        self.runner = LocalRunner(None, QueueConfig(parallel=2), module="contract_worker")
        return self.runner

    def folder(self, job: str) -> Path:
        return self.evolution / job

    def place(self, job: str) -> None:
        pass

    def frame(self, job: str, step: int) -> None:
        raise NotImplementedError

    def close(self) -> None:
        for job in self.runner.running():
            self.runner.stop(job, 0.0)
        for runner in (self.runner, *self.left):
            until(runner, lambda _, runner=runner: not runner.running())


class StagedBench:
    """Staged attempts on a scheduler in memory."""

    outlives = True

    def __init__(self, spool: Path) -> None:
        self.spool = spool
        self.engine = MemoryEngine()
        self.shift = 0.0
        self.runner: Runner = self.restarted()

    def restarted(self) -> Runner:
        config = BackendConfig(kind="slurm", slots=2, spool=str(self.spool))
        self.runner = StagedRunner(self.engine, config, "styled-test-", clock=lambda: time.monotonic() + self.shift)
        return self.runner

    def start(self, job: str) -> None:
        self.engine.of(job).run()
        self.engine.of(job).start()

    def progress(self, job: str, step: int) -> None:
        self.engine.of(job).step(step)

    def checkpoint(self, job: str, step: int) -> None:
        self.engine.of(job).checkpoint(step)

    def finish(self, job: str) -> None:
        self.engine.of(job).finish()

    def fail(self, job: str, failure: Failure) -> None:
        self.engine.of(job).fail(failure)

    def crash(self, job: str) -> None:
        self.engine.of(job).end(-signal.SIGSEGV)

    def obey(self, job: str) -> None:
        self.engine.of(job).obey(9)

    def is_asked(self, job: str) -> bool:
        return self.engine.of(job).asked

    def place(self, job: str) -> None:
        self.engine.of(job).run()

    def frame(self, job: str, step: int) -> None:
        self.engine.of(job).frame(step)

    def close(self) -> None:
        self.runner.close()


@pytest.fixture(params=["local", "staged"])
def bench(
    request: pytest.FixtureRequest, root: Root, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Bench]:
    """Each back end."""
    (tmp_path / "spool").mkdir()
    made: Bench = (
        LocalBench(root.evolution, tmp_path, monkeypatch)
        if request.param == "local"
        else StagedBench(tmp_path / "spool")
    )
    yield made
    made.close()


@pytest.fixture
def root(tmp_path: Path) -> Root:
    """An empty root."""
    root = Root.at(tmp_path / "root")
    root.evolution.mkdir(parents=True)
    return root


@pytest.fixture
def jobs(root: Root) -> Iterator[list[Job]]:
    """Two jobs, claimed."""
    with Store.open(root) as store:
        for name in ("first", "second"):
            add_job(root, store, name)
        yield [job for _ in range(2) if (job := store.claim_next()) is not None]


def task_of(root: Root, job: Job) -> Task:
    return Task(job.id, root.evolution / job.id, job.number, attempt=job.attempt)


def until(runner: Runner, condition: Callable[[list[Report]], object]) -> list[Report]:
    """Poll until something is so; return all that was reported meanwhile."""
    reports: list[Report] = []
    end = time.monotonic() + patience(20)
    while not condition(reports):
        assert time.monotonic() < end, f"nothing came but {reports}"
        reports += runner.poll()
        time.sleep(0.01)
    return reports


def ended(runner: Runner, job: str) -> Ended:
    reports = until(runner, lambda found: any(isinstance(each.what, Ended) and each.id == job for each in found))
    [end] = [report.what for report in reports if report.id == job and isinstance(report.what, Ended)]
    return end


def said(reports: Sequence[Report], job: str) -> list[type]:
    return [
        type(report.what) for report in reports if report.id == job and not isinstance(report.what, Queued | Placed)
    ]


def test_a_task_is_heard_in_order_until_its_one_end(bench: Bench, root: Root, jobs: list[Job]) -> None:
    job = jobs[0].id
    handle = bench.runner.submit(task_of(root, jobs[0]))
    assert handle
    assert bench.runner.running() == {job}
    assert bench.runner.wake_after() is not None
    bench.start(job)
    bench.progress(job, 3)
    until(bench.runner, lambda _: (found := bench.runner.progress(job)) and found.step == 3)
    bench.checkpoint(job, 3)
    bench.finish(job)
    reports = until(bench.runner, lambda _: not bench.runner.running())
    assert said(reports, job)[-3:] == [Checkpointed, Result, Ended]
    end = reports[-1].what
    assert isinstance(end, Ended)
    assert (verdict_of(end)[0], end.progressed, end.began) == (Verdict.DONE, True, True)
    assert bench.runner.poll() == []
    assert bench.runner.progress(job) is None


def test_two_tasks_are_kept_apart(bench: Bench, root: Root, jobs: list[Job]) -> None:
    first, second = (job.id for job in jobs)
    handles = {bench.runner.submit(task_of(root, job)) for job in jobs}
    assert (len(handles), bench.runner.capacity()) == (2, 2)
    for job in (first, second):
        bench.start(job)
    bench.fail(first, Failure(kind="diverged", message="the loss is no longer finite", advice="Lower it."))
    assert verdict_of(ended(bench.runner, first)) == (Verdict.HOPELESS, "the loss is no longer finite. Lower it.")
    assert bench.runner.running() == {second}
    bench.crash(second)
    assert verdict_of(ended(bench.runner, second)) == (Verdict.CRASHED, "the worker was killed by SIGSEGV")


def test_a_task_that_is_stopped_ends_with_its_checkpoint(bench: Bench, root: Root, jobs: list[Job]) -> None:
    job = jobs[0].id
    bench.runner.submit(task_of(root, jobs[0]))
    bench.start(job)
    until(bench.runner, lambda found: Started in said(found, job))
    bench.runner.stop(job, 60.0)
    bench.runner.stop("another", 60.0)
    until(bench.runner, lambda _: bench.is_asked(job))
    bench.obey(job)
    end = ended(bench.runner, job)
    assert (verdict_of(end)[0], end.asked_to_stop, end.progressed) == (Verdict.STOPPED, True, True)


def test_a_task_that_does_not_stop_is_killed(bench: Bench, root: Root, jobs: list[Job]) -> None:
    job = jobs[0].id
    bench.runner.submit(task_of(root, jobs[0]))
    bench.start(job)
    until(bench.runner, lambda found: Started in said(found, job))
    bench.runner.stop(job, 100.0)
    bench.runner.stop(job, 0.0)
    end = ended(bench.runner, job)
    assert (end.returncode, verdict_of(end)[0]) == (-signal.SIGKILL, Verdict.STOPPED)


def test_what_cannot_begin_is_told_from_what_has_begun(bench: Bench, root: Root, jobs: list[Job]) -> None:
    job = jobs[0].id
    bench.runner.submit(task_of(root, jobs[0]))
    bench.place(job)
    bench.fail(job, Failure(kind="installation-broken", message="no module named keras"))
    assert not ended(bench.runner, job).began


def test_a_later_daemon_takes_over_what_runs_on_and_ends_all_else(bench: Bench, root: Root, jobs: list[Job]) -> None:
    first, second = jobs
    tasks = [task_of(root, job) for job in jobs]
    handles = [bench.runner.submit(task) for task in tasks]
    for job in jobs:
        bench.start(job.id)
    until(bench.runner, lambda found: all(Started in said(found, job.id) for job in jobs))
    if bench.outlives:  # the daemon's end is no end of theirs
        bench.runner.detach(60.0)
        assert bench.runner.running() == frozenset()
        bench.runner.close()
    runner = bench.restarted()
    attempts = [Attempt(task, handle, wanted=task.id == first.id) for task, handle in zip(tasks, handles, strict=True)]
    adopted = runner.attach(attempts)
    if bench.outlives:
        assert adopted == runner.running() == {first.id, second.id}
        until(runner, lambda _: bench.is_asked(second.id))
        bench.finish(first.id)
        assert verdict_of(ended(runner, first.id))[0] is Verdict.DONE
        bench.obey(second.id)
        assert verdict_of(ended(runner, second.id))[0] is Verdict.STOPPED
    else:
        assert adopted == runner.running() == frozenset()
        processes = [Process.of(handle) for handle in handles]
        assert all(process is None or has_ended(process.pid) for process in processes)


def test_nothing_but_the_daemons_side_writes_into_the_jobs_folder(bench: Bench, root: Root, jobs: list[Job]) -> None:
    if not bench.outlives:
        pytest.skip("a worker of this machine paints in the job's folder itself")
    job = jobs[0].id
    bench.runner.submit(task_of(root, jobs[0]))
    bench.start(job)
    bench.frame(job, 5)
    assert not list(JobFolder(root.evolution / job).frames.iterdir())
    until(bench.runner, lambda _: list(JobFolder(root.evolution / job).frames.glob("*.jpg")))
