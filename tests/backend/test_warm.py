"""Workers that paint job after job: when one is used again, and when not."""

from __future__ import annotations

import selectors
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from styled.backend import local
from styled.backend.local import LocalRunner
from styled.backend.orphans import Process
from styled.backend.runner import Ended, Report, Task
from styled.config import QueueConfig
from tests.deadlines import patience, wait_until
from tests.tools.processes import has_ended

pytestmark = pytest.mark.processes

SCRIPT = """
import os, signal, sys, time
from styled.messages import *
signal.signal(signal.SIGTERM, signal.SIG_IGN)  # the end of its input does as well
def send(message):
    sys.stdout.buffer.write(encode(message)); sys.stdout.buffer.flush()
stays, folder = "--stay" in sys.argv, sys.argv[1]
if folder == "--stay":
    folder = os.read(0, 4096).decode().rstrip("\\0")
while folder:
    name = os.path.basename(folder)
    send(Started(step=0, steps=1, width=9, height=9, device="cpu"))
    if "fails" in name:
        send(Failure(kind="image", message="no picture"))
        sys.exit(65)
    if "stopped" in name:
        while os.read(0, 10):
            pass
        send(Stopped(step=1))
        sys.exit(75)
    send(Result(path="result.png", step=1, loss=1.0, seconds=1.0))
    if not stays:
        sys.exit(0)
    if "dies" in name:
        send(Idle(memory_bytes=1))
        os._exit(9)
    send(Idle(memory_bytes=3 * 2**30 if "large" in name else 1))
    line = os.read(0, 4096)
    folder = line.decode().rstrip("\\0")
"""


class Bench:
    """A runner, its clock, and jobs that are named for what their worker does."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.selector = selectors.DefaultSelector()
        self.shift = 0.0
        self.config = QueueConfig(warm_s=60.0)
        self.runner = LocalRunner(self.selector, self.config, clock=lambda: time.monotonic() + self.shift)
        self.reports: list[Report] = []

    def submit(self, name: str, **fields: bool) -> int:
        """Start a job; return the process that has it."""
        folder = self.folder / name
        folder.mkdir()
        process = Process.of(self.runner.submit(Task(name, folder, **fields)))
        assert process is not None
        return process.pid

    def poll_until(self, condition: Callable[[], object]) -> None:
        until = time.monotonic() + patience(20)
        while not condition():
            assert time.monotonic() < until, f"nothing came but {self.reports}"
            self.selector.select(0.02)
            self.reports += self.runner.poll()

    def ended(self, name: str) -> Ended:
        """Wait for a job's end."""

        def found() -> list[Ended]:
            return [report.what for report in self.reports if report.id == name and isinstance(report.what, Ended)]

        self.poll_until(found)
        (ended,) = found()
        return ended

    def paint(self, name: str, **fields: bool) -> int:
        """Run a job to its end; return the process that had it."""
        pid = self.submit(name, **fields)
        assert self.ended(name).result is not None
        return pid


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    modules = tmp_path / "modules"
    modules.mkdir()
    (modules / "script_worker.py").write_text(textwrap.dedent(SCRIPT))
    monkeypatch.setenv("PYTHONPATH", str(modules))
    monkeypatch.delenv(local.TEST_WORKER, raising=False)
    monkeypatch.setattr(local, "WORKER", "script_worker")
    bench = Bench(tmp_path)
    yield bench
    bench.runner.detach(0.0)
    bench.poll_until(lambda: not psutil.Process().children())
    bench.selector.close()


def gone(pid: int) -> Callable[[], bool]:
    return lambda: not psutil.pid_exists(pid)


def test_the_next_job_has_the_same_process_and_each_has_its_own_end(bench: Bench) -> None:
    first = bench.paint("first")
    assert bench.runner.running() == frozenset()
    assert bench.paint("second") == first
    assert bench.paint("third") == first
    assert bench.ended("second") == Ended(returncode=0, result=bench.ended("first").result)


def test_jobs_at_once_have_a_process_each_and_both_are_used_again(bench: Bench) -> None:
    bench.runner.reconfigure(QueueConfig(parallel=2))
    both = {bench.submit("first"), bench.submit("second")}
    assert len(both) == 2
    bench.ended("first"), bench.ended("second")
    assert {bench.submit("third"), bench.submit("fourth")} == both
    bench.ended("third"), bench.ended("fourth")


def test_an_idle_worker_ends_after_its_time(bench: Bench) -> None:
    pid = bench.paint("first")
    assert 0.0 < (bench.runner.wake_after() or 0.0) <= 60.0
    bench.shift = 61.0
    bench.poll_until(gone(pid))
    assert bench.runner.wake_after() is None
    assert bench.paint("second") != pid


@pytest.mark.parametrize("name", ["large", "dies"])
def test_one_that_holds_much_memory_or_has_died_is_not_used_again(bench: Bench, name: str) -> None:
    pid = bench.paint(name)
    bench.poll_until(gone(pid))
    assert bench.paint("second") != pid


def test_one_that_dies_while_nobody_looks_costs_the_next_job_nothing(bench: Bench) -> None:
    pid = bench.paint("first")
    psutil.Process(pid).kill()
    wait_until(lambda: has_ended(pid))
    assert bench.paint("second") != pid
    assert bench.ended("second").returncode == 0


def test_one_that_failed_or_was_stopped_is_not_used_again(bench: Bench) -> None:
    failed = bench.submit("fails")
    assert bench.ended("fails").returncode == 65
    stopped = bench.submit("stopped")
    bench.poll_until(lambda: bench.reports[-1].id == "stopped")
    bench.runner.stop("stopped", 10.0)
    assert bench.ended("stopped").returncode == 75
    assert len({failed, stopped, bench.paint("last")}) == 3


def test_a_stop_in_the_last_moment_ends_the_process_with_the_job(bench: Bench) -> None:
    pid = bench.submit("first")
    time.sleep(0.3)  # by now it is idle, and nobody has read that; if it is not, the test holds all the same
    bench.runner.stop("first", 10.0)
    ended = bench.ended("first")
    assert ended.asked_to_stop
    assert bench.runner.running() == frozenset()
    assert bench.paint("second") != pid


def test_a_delicate_job_has_a_process_that_painted_nothing_before(bench: Bench) -> None:
    pid = bench.paint("first")
    delicate = bench.paint("second", is_delicate=True)
    assert delicate != pid
    bench.poll_until(gone(pid))
    assert bench.paint("third") == delicate


@pytest.mark.parametrize("config", [QueueConfig(nice=1), QueueConfig(jobs_per_worker=1), QueueConfig(warm=False)])
def test_another_configuration_has_other_workers(bench: Bench, config: QueueConfig) -> None:
    pid = bench.paint("first")
    bench.runner.reconfigure(config)
    bench.poll_until(gone(pid))
    second = bench.paint("second")
    assert second != pid
    if config.nice == 0:
        bench.poll_until(gone(second))
        assert bench.paint("third") != second


def test_after_an_upgrade_of_a_package_no_worker_from_before_is_used(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    pid = bench.paint("first")
    real = local._installed()
    assert len(real) == 4
    monkeypatch.setattr(local, "_installed", lambda: (*real[:1], real[1] + 1, *real[2:]))
    second = bench.paint("second")
    assert second != pid
    assert bench.paint("third") == second


def test_a_worker_is_replaced_after_its_number_of_jobs(bench: Bench) -> None:
    bench.runner.reconfigure(QueueConfig(jobs_per_worker=2))
    pids = [bench.paint(name) for name in ("first", "second", "third")]
    assert pids[0] == pids[1] != pids[2]


def test_the_command_of_a_worker_that_shall_not_stay_does_not_ask_it_to(bench: Bench) -> None:
    assert "--stay" not in sys.argv
    bench.runner.reconfigure(QueueConfig(warm=False))
    pid = bench.submit("stopped")
    assert "--stay" not in psutil.Process(pid).cmdline()
    bench.runner.stop("stopped", 10.0)
    bench.ended("stopped")


def test_one_made_ready_has_the_first_job_and_is_made_once_for_each(bench: Bench) -> None:
    bench.runner.prepare()
    (ready,) = psutil.Process().children()
    bench.runner.prepare()
    assert psutil.Process().children() == [ready]
    assert bench.paint("first") == ready.pid
    bench.runner.prepare()
    assert psutil.Process().children() == [ready]
    bench.shift = 61.0
    bench.poll_until(gone(ready.pid))
    bench.runner.prepare()
    (second,) = psutil.Process().children()
    bench.shift = 200.0
    bench.poll_until(gone(second.pid))
    bench.runner.prepare()  # nothing came of the last one: what was dropped may lie there for hours
    assert psutil.Process().children() == []


def test_none_is_made_ready_where_none_stays(bench: Bench) -> None:
    bench.runner.reconfigure(QueueConfig(warm=False))
    bench.runner.prepare()
    assert psutil.Process().children() == []
