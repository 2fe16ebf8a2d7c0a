"""The local runner with real child processes: what they say, how they stop, and how they die."""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from styled.backend import local as runner_module
from styled.backend.devices import Devices
from styled.backend.local import LocalRunner
from styled.backend.orphans import Process
from styled.backend.runner import Ended, Report, Task
from styled.config import QueueConfig
from styled.gpus import Device
from styled.messages import Checkpointed, Frame, Result, Started
from tests.deadlines import patience, wait_until
from tests.tools.processes import has_ended

pytestmark = pytest.mark.processes

PRELUDE = """
import os, signal, sys, time
from styled.messages import *
def send(message):
    sys.stdout.buffer.write(encode(message)); sys.stdout.buffer.flush()
def progress(step, step_seconds=0.01):
    send(Progress(scale=1, scales=1, width=9, height=9, step=step, steps=9, loss=1.0, content_loss=0.5, style_loss=0.5,
                  tv_loss=0.0, seconds=1.0, step_seconds=step_seconds, left_seconds=None, memory_bytes=1))
"""


class Bench:
    """A runner whose workers are small scripts."""

    def __init__(self, folder: Path, search: pytest.MonkeyPatch) -> None:
        self.folder = folder
        self.search = search
        self.selector = selectors.DefaultSelector()
        self.shift = 0.0
        self.runner = LocalRunner(
            self.selector, QueueConfig(stall_s=5.0), module="script_worker", clock=lambda: time.monotonic() + self.shift
        )
        self.reports: list[Report] = []

    def start(self, script: str, job: str = "job") -> Process:
        folder = self.folder / job
        folder.mkdir()
        (self.folder / f"modules-{job}").mkdir()
        (self.folder / f"modules-{job}" / "script_worker.py").write_text(PRELUDE + textwrap.dedent(script))
        self.search.setenv("PYTHONPATH", str(self.folder / f"modules-{job}"))
        process = Process.of(self.runner.submit(Task(job, folder)))
        assert process is not None
        return process

    def poll_until(self, condition: Callable[[], object]) -> None:
        until = time.monotonic() + patience(20)
        while not condition():
            assert time.monotonic() < until, f"nothing came but {self.reports}"
            self.selector.select(0.02)
            self.reports += self.runner.poll()

    def ended(self, job: str = "job") -> Ended:
        def found() -> list[Ended]:
            return [report.what for report in self.reports if report.id == job and isinstance(report.what, Ended)]

        self.poll_until(found)
        return found()[0]


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    bench = Bench(tmp_path, monkeypatch)
    yield bench
    for job in bench.runner.running():
        bench.runner.stop(job, 0.0)
    bench.poll_until(lambda: not bench.runner.running())
    bench.selector.close()


def test_a_worker_is_heard_until_its_end(bench: Bench) -> None:
    process = bench.start("""
        send(Started(step=0, steps=9, width=9, height=9, device="cpu"))
        progress(1); progress(2)
        send(Frame(step=2, path="frames/000002.jpg"))
        send(Checkpointed(step=2))
        send(Result(path="result.png", step=2, loss=1.0, seconds=1.0))
        print("to the log", file=sys.stderr)
    """)
    assert abs(process.started_at - time.time()) < 60
    ended = bench.ended()
    assert [type(report.what) for report in bench.reports] == [Started, Frame, Checkpointed, Result, Ended]
    assert (ended.returncode, ended.progressed) == (0, True)
    assert ended.result is not None
    assert (bench.folder / "job" / "log.txt").read_text() == "to the log\n"
    assert bench.runner.running() == frozenset()
    assert not psutil.pid_exists(process.pid)


def test_progress_is_kept_but_not_reported(bench: Bench) -> None:
    bench.start("progress(1); progress(2); sys.stdin.read()")
    bench.poll_until(lambda: (found := bench.runner.progress("job")) and found.step == 2)
    assert bench.reports == []
    assert bench.runner.progress("another") is None


def test_a_checkpoint_at_the_starting_step_is_no_progress(bench: Bench) -> None:
    bench.start("""
        send(Started(step=5, steps=9, width=9, height=9, device="cpu"))
        send(Checkpointed(step=5))
    """)
    assert not bench.ended().progressed


def test_a_worker_stops_when_asked_with_its_own_exit_code(bench: Bench) -> None:
    bench.start("""
        signal.signal(signal.SIGTERM, lambda *_: None)
        send(Started(step=0, steps=9, width=9, height=9, device="cpu"))
        sys.stdin.read()
        send(Checkpointed(step=3)); send(Stopped(step=3)); sys.exit(75)
    """)
    bench.poll_until(lambda: bench.reports)
    bench.runner.stop("job", 20)
    ended = bench.ended()
    assert (ended.returncode, ended.asked_to_stop, ended.progressed) == (75, True, True)


def test_a_worker_that_will_not_stop_is_killed_with_its_children(bench: Bench) -> None:
    bench.start("""
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        import subprocess
        child = subprocess.Popen(["sleep", "100"])
        send(Frame(step=child.pid, path=""))
        while True: time.sleep(1)
    """)
    bench.poll_until(lambda: bench.reports)
    child = bench.reports[0].what.step  # type: ignore[union-attr]
    bench.runner.stop("job", 100.0)
    assert bench.runner.wake_after() > 50  # type: ignore[operator]
    bench.runner.stop("job", 0.1)
    assert bench.runner.wake_after() <= 0.1  # type: ignore[operator]
    ended = bench.ended()
    assert (ended.returncode, ended.asked_to_stop) == (-signal.SIGKILL, True)
    bench.poll_until(lambda: has_ended(child))


def test_a_worker_that_sigkill_does_not_end_does_not_keep_the_loop_awake(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The kernel ends no process that waits for a GPU's driver, say."""
    process = bench.start("""
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        send(Frame(step=1, path=""))
        while True: time.sleep(1)
    """)
    bench.poll_until(lambda: bench.reports)
    with monkeypatch.context() as hung:
        hung.setattr(runner_module, "kill_group", lambda _pid: None)
        bench.runner.stop("job", 0.0)
        assert bench.runner.wake_after() == 0.0
        assert bench.runner.poll() == []
        assert bench.runner.wake_after() > 0.5  # type: ignore[operator]
        assert bench.runner.trouble == ""
        assert bench.runner.held() == set()
        bench.shift = 31.0
        for _ in range(2):
            assert bench.runner.poll() == []
            assert bench.runner.wake_after() > 0.5  # type: ignore[operator]
        assert f"process {process.pid}" in bench.runner.trouble
        assert bench.runner.running() == bench.runner.held() == {"job"}
    bench.shift = 33.0
    assert bench.ended().returncode == -signal.SIGKILL
    assert bench.runner.trouble == ""


def test_a_child_left_behind_by_a_dead_worker_is_ended(bench: Bench) -> None:
    bench.start("""
        import subprocess
        send(Frame(step=subprocess.Popen(["sleep", "100"]).pid, path=""))
        os.kill(os.getpid(), signal.SIGSEGV)
    """)
    assert bench.ended().returncode == -signal.SIGSEGV
    child = bench.reports[0].what.step  # type: ignore[union-attr]
    bench.poll_until(lambda: has_ended(child))


def test_a_silent_idle_worker_is_ended_as_stalled(bench: Bench) -> None:
    bench.start("send(Frame(step=1, path='')); sys.stdin.read(); sys.exit(75)")
    bench.poll_until(lambda: bench.reports)
    bench.shift = 6.0  # beyond stall_s; the first look at its processor time covers its start
    bench.runner.poll()
    bench.shift = 12.0
    ended = bench.ended()
    assert (ended.stalled, ended.asked_to_stop) == (True, False)


def test_a_silent_worker_that_computes_is_given_time(bench: Bench) -> None:
    bench.start("send(Frame(step=1, path=''))\nwhile True: pass")
    bench.poll_until(lambda: bench.reports)
    worker = psutil.Process().children()[0]
    for number in range(1, 5):
        bench.poll_until(lambda done=0.1 * number: sum(worker.cpu_times()[:2]) > done)
        bench.shift = 6.0 * number
        assert bench.runner.poll() == []
    assert bench.runner.running() == {"job"}
    bench.shift = 60.0
    assert bench.ended().stalled


def test_long_steps_raise_the_limit_of_silence(bench: Bench) -> None:
    bench.start("progress(1, step_seconds=10.0); sys.stdin.read()")
    bench.poll_until(lambda: bench.runner.progress("job"))
    bench.shift = 150.0
    bench.runner.poll()
    assert bench.runner.running() == {"job"}
    assert bench.runner.wake_after() > 40  # type: ignore[operator]


@pytest.mark.parametrize(
    "rubbish", ["print('hello')", "sys.stdout.write('x' * 1_000_000)", "os.write(1, bytes(range(256)) * 100)"]
)
def test_rubbish_on_standard_output_is_passed_over(bench: Bench, rubbish: str) -> None:
    bench.start(f"""
        {rubbish}
        print(flush=True)
        send(Result(path="result.png", step=2, loss=1.0, seconds=1.0))
    """)
    assert bench.ended().result is not None


def test_a_chatty_worker_does_not_keep_the_others_waiting(bench: Bench) -> None:
    bench.start("while True: progress(1)", job="chatty")
    bench.start("send(Result(path='result.png', step=2, loss=1.0, seconds=1.0))", job="quiet")
    assert bench.ended("quiet").result is not None


def test_a_worker_without_a_module_ends_with_its_reason_in_the_log(bench: Bench, tmp_path: Path) -> None:
    bench.runner = LocalRunner(bench.selector, module="no_such_module")
    bench.start("")
    assert bench.ended().returncode == 1
    assert "no_such_module" in (tmp_path / "job" / "log.txt").read_text()


def test_each_worker_has_its_own_gpu_and_niceness(bench: Bench) -> None:
    bench.runner = LocalRunner(
        bench.selector,
        QueueConfig(nice=3),
        devices=Devices(lambda: [Device("0"), Device("GPU-7")]),
        module="script_worker",
    )
    for number, device in enumerate(["0", "GPU-7", "0"]):
        bench.start(
            f"""
            assert os.environ["CUDA_VISIBLE_DEVICES"] == "{device}" and os.nice(0) == {os.nice(0) + 3}
            assert os.getsid(0) == os.getpid()
            send(Frame(step=1, path=''))
            sys.stdin.read()
            """,
            job=f"job-{number}",
        )
    bench.poll_until(lambda: {report.id for report in bench.reports} == {"job-0", "job-1", "job-2"})
    assert [type(report.what) for report in bench.reports] == [Frame] * 3
    bench.runner.stop("job-1", 0.0)
    bench.ended("job-1")
    bench.start("assert os.environ['CUDA_VISIBLE_DEVICES'] == 'GPU-7'", job="next")  # the one that is free again
    assert bench.ended("next").returncode == 0


def test_a_log_that_is_a_link_is_not_written_through(bench: Bench, tmp_path: Path) -> None:
    folder = tmp_path / "linked"
    folder.mkdir()
    (folder / "log.txt").symlink_to(tmp_path / "target")
    with pytest.raises(OSError, match=r"log\.txt"):
        bench.runner.submit(Task("linked", folder))
    assert not (tmp_path / "target").exists()
    assert bench.runner.running() == frozenset()


def test_a_kernel_kill_is_told_from_any_other(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.start("os.kill(os.getpid(), signal.SIGKILL)")
    assert not bench.ended().killed_by_kernel
    bench.start("sys.stdin.read()", job="second")
    before = runner_module.oom_kills()
    monkeypatch.setattr(runner_module, "oom_kills", lambda: before + 1)
    os.kill(next(child.pid for child in psutil.Process().children()), signal.SIGKILL)
    assert bench.ended("second").killed_by_kernel


def test_a_worker_ends_when_its_daemon_is_killed(tmp_path: Path) -> None:
    (tmp_path / "script_worker.py").write_text(
        "import sys, time; print('up', file=sys.stderr)\nwhile True: time.sleep(1)"
    )
    (tmp_path / "job").mkdir()
    daemon = f"""
import time; from pathlib import Path; from styled.backend.devices import Devices
from styled.gpus import Device
from styled.backend.local import *
runner = LocalRunner(module="script_worker")
print(Process.of(runner.submit(Task("job", Path({str(tmp_path / "job")!r})))).pid, flush=True)
while True: time.sleep(1)
"""
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    with subprocess.Popen([sys.executable, "-c", daemon], stdout=subprocess.PIPE, env=environment) as process:
        assert process.stdout is not None
        worker = psutil.Process(int(process.stdout.readline()))
        wait_until(lambda: (tmp_path / "job" / "log.txt").read_text() == "up\n")
        process.kill()
    # It has no handler and does not read its standard input: only the kernel's signal can end it.
    wait_until(lambda: has_ended(worker.pid))


def test_no_module_comes_from_the_jobs_folder_and_no_core_is_left_there(bench: Bench) -> None:
    """A worker stands in it; a ``secrets.py`` there must not be taken for Python's own."""
    (bench.folder / "early").mkdir()
    script = """
    import resource
    assert resource.getrlimit(resource.RLIMIT_CORE) == (0, 0)
    import secrets
    secrets.token_hex(4)
    assert str(os.getcwd()) not in sys.path and "" not in sys.path
    send(Result(step=1, loss=1.0, seconds=1.0, path="result.png"))
    """
    folder = bench.folder / "planted"
    for name in ("secrets", "ctypes", "styled"):
        (bench.folder / f"{name}.py").write_text("raise SystemExit('taken from the folder')\n")
    bench.start(script, job="planted")
    for name in ("secrets", "ctypes", "styled"):
        (folder / f"{name}.py").write_text("raise SystemExit('taken from the folder')\n")
    bench.poll_until(lambda: any(isinstance(report.what, Ended) for report in bench.reports))
    [ended] = [report.what for report in bench.reports if isinstance(report.what, Ended)]
    assert ended.returncode == 0, (folder / "log.txt").read_text()
