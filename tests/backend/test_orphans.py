"""Workers that outlived their daemon: they are ended, and what cannot be ended is waited for."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import psutil
import pytest

from styled.backend import orphans as orphans_module
from styled.backend.local import LocalRunner
from styled.backend.orphans import Orphans, Process
from styled.backend.runner import Attempt, Ended, Queued, Report, Runner, Task
from styled.backend.staged.remote import RemoteRunner
from styled.backend.verdict import Verdict, verdict_of
from styled.config import BackendConfig, QueueConfig
from tests.deadlines import patience, wait_until

pytestmark = pytest.mark.processes

_STUBBORN = "import signal,time; signal.signal(15, signal.SIG_IGN); print(1, flush=True); time.sleep(99)"


@pytest.fixture
def stubborn() -> Iterator[subprocess.Popen[bytes]]:
    """A process that does not heed SIGTERM."""
    with (
        subprocess.Popen([sys.executable, "-c", _STUBBORN], start_new_session=True, stdout=subprocess.PIPE) as process,
        ExitStack() as stack,
    ):
        stack.callback(process.kill)
        assert process.stdout is not None
        process.stdout.readline()
        yield process


@pytest.fixture
def hung(monkeypatch: pytest.MonkeyPatch) -> None:
    """SIGKILL ends nothing, as of a process that waits for a GPU's driver; and nobody is given long to end."""
    monkeypatch.setattr(orphans_module, "kill_group", lambda _pid: None)
    monkeypatch.setattr(orphans_module, "_PATIENCE_S", 0.05)


def attempt(process: Process, job: str = "job", *, wanted: bool = True) -> Attempt:
    return Attempt(Task(job, Path("/") / job, 1, attempt="aa"), process.handle, wanted=wanted)


def test_an_orphan_is_ended_and_a_stranger_with_its_pid_is_not() -> None:
    with subprocess.Popen(["sleep", "100"], start_new_session=True) as orphan:
        started = psutil.Process(orphan.pid).create_time()
        orphans = Orphans()
        assert orphans.end([attempt(Process(orphan.pid, started - 100))]) == frozenset()
        assert orphan.poll() is None
        assert orphans.end([attempt(Process(orphan.pid, started))]) == frozenset()
        # It is a zombie until it is waited for, as in a container whose first process collects nobody.
        assert psutil.Process(orphan.pid).status() == psutil.STATUS_ZOMBIE
        assert orphans.end([attempt(Process(orphan.pid, started))]) == frozenset(), "a zombie has ended"
    assert orphans.end([attempt(Process(orphan.pid, started))]) == frozenset()
    assert orphans.poll() == []


def test_a_stubborn_orphan_is_killed(stubborn: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(orphans_module, "_PATIENCE_S", 0.2)
    # A kill is no matter of a moment on a busy machine.
    monkeypatch.setattr(orphans_module, "_KILLED_S", patience(5))
    assert Orphans().end([attempt(Process.running_as(stubborn.pid))]) == frozenset()
    assert stubborn.wait(patience(5)) == -signal.SIGKILL


@pytest.mark.usefixtures("hung")
@pytest.mark.parametrize("kind", ["local", "slurm"])
def test_an_orphan_that_cannot_be_ended_holds_its_job_and_no_other(
    tmp_path: Path, stubborn: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.setattr(orphans_module, "_KILLED_S", 0.05)
    runner: Runner = (
        LocalRunner(None, QueueConfig(parallel=1))
        if kind == "local"
        else RemoteRunner(None, BackendConfig(kind="slurm", slots=1, spool=str(tmp_path)), QueueConfig(), "styled-t-")
    )
    monkeypatch.setattr(RemoteRunner, "_start", lambda _runner: None)  # no bridge
    ended = Process(os.getpid(), 0.0)
    attempts = [attempt(Process.running_as(stubborn.pid)), attempt(ended, "other")]
    assert runner.attach(attempts) == {"job"}
    assert runner.running() == runner.held() == {"job"}
    assert runner.capacity() == 2, "it paints nothing: another job may"
    assert f"process {stubborn.pid}" in runner.trouble
    [report] = runner.poll()
    assert report.id == "job"
    assert isinstance(report.what, Queued)
    assert f"process {stubborn.pid}" in report.what.reason
    assert runner.poll() == []
    runner.stop("job", 0.0)
    stubborn.kill()
    [report] = wait_until(runner.poll)
    assert isinstance(report.what, Ended)
    assert verdict_of(report.what) == (Verdict.STOPPED, "")
    assert (runner.held(), runner.running(), runner.capacity(), runner.trouble) == (frozenset(), frozenset(), 1, "")
    assert runner.poll() == []


@pytest.mark.usefixtures("hung")
def test_an_orphan_of_another_user_holds_its_job_too(
    stubborn: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(process: psutil.Process) -> None:
        raise psutil.AccessDenied(process.pid)

    monkeypatch.setattr(orphans_module, "_KILLED_S", 0.05)
    monkeypatch.setattr(psutil.Process, "terminate", refuse)
    orphans = Orphans()
    assert orphans.end([attempt(Process.running_as(stubborn.pid))]) == {"job"}
    orphans.let_go()
    assert orphans.jobs == frozenset()
    assert orphans.poll() == list[Report]()
