"""Runs each job as a child process of this machine."""

from __future__ import annotations

import contextlib
import itertools
import os
import selectors
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, NamedTuple

import psutil
import structlog

from styled.backend import launch
from styled.backend.runner import Attempt, Ended, Report, Task
from styled.children import clean_search_path, has_ended, kill_group
from styled.config import QueueConfig
from styled.errors import ControlError
from styled.evolution.folder import JobFolder
from styled.messages import Checkpointed, Failure, Progress, Result, Started, decode

MAX_LINE = 64 * 1024
"""Longest line taken from a worker, bytes; its messages are far shorter."""

TEST_WORKER = "STYLED_TEST_WORKER"
"""Environment variable that names another module to run as the worker; for tests."""

_READ_AT_ONCE = 256 * 1024
"""Bytes taken from one worker before the others get their turn."""

_KILL_AFTER_S = 30.0
"""Between asking a worker that gives no sign of life and killing it."""

_LOOK_S = 0.02
"""Between two looks at a process that is no child of ours, and so cannot be waited for."""

_HANDLE = "local"
"""What the handles of this back end begin with."""

_BUSY_STALL = 10.0
"""A silent worker that uses the processor is given this many times the limit: a step may simply be long."""


class Process(NamedTuple):
    """The process that paints a job, so that a later daemon can recognise it."""

    pid: int
    started_at: float
    """Unix seconds; a pid alone is used again."""

    @property
    def handle(self) -> str:
        """The process as a text."""
        return f"{_HANDLE}:{self.pid}:{self.started_at:.3f}"

    @classmethod
    def of(cls, handle: str) -> Process | None:
        """Return the process that a handle means; None if it is that of another back end, or damaged."""
        kind, _, rest = handle.partition(":")
        pid, _, started_at = rest.partition(":")
        try:
            process = cls(int(pid), float(started_at))
        except ValueError:
            return None
        return process if kind == _HANDLE and process.pid > 0 else None


@dataclass(slots=True, eq=False)
class _Worker:
    task: Task
    slot: int
    process: subprocess.Popen[bytes]
    output: IO[bytes]
    heard_at: float
    oom_kills: int
    received: bytearray = field(default_factory=bytearray)
    first_step: int = 0
    progress: Progress | None = None
    result: Result | None = None
    failure: Failure | None = None
    progressed: bool = False
    began: bool = False
    kill_at: float | None = None
    asked_to_stop: bool = False
    stalled: bool = False
    cpu_seconds: float = 0.0
    cpu_seen_at: float = 0.0
    garbled: bool = False
    watched: bool = True


class LocalRunner:
    """Runs each task as a child process of its own session on this machine.

    Args:
        selector: is given the workers' output to watch; None for a caller that polls on its own.
        config: how many at once, how patient, how nice.
        devices: one ``CUDA_VISIBLE_DEVICES`` value per GPU; empty without GPUs.
        module: what to run instead of the real worker; for tests, as is ``$STYLED_TEST_WORKER``.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        selector: selectors.BaseSelector | None = None,
        config: QueueConfig | None = None,
        *,
        devices: Sequence[str] = (),
        module: str = "",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._config = config or QueueConfig()
        self._devices = devices
        self._module = module or os.environ.get(TEST_WORKER, "styled.painting.worker")
        self._selector = selector
        self._clock = clock
        self._workers: dict[str, _Worker] = {}
        self._log = structlog.get_logger("runner")

    trouble = ""
    """This machine can always be reached."""

    def reconfigure(self, config: QueueConfig) -> None:
        """Go on by another configuration; running workers keep their niceness."""
        self._config = config

    def capacity(self) -> int:
        """Return ``[queue] parallel``."""
        return self._config.parallel

    def attach(self, attempts: Sequence[Attempt]) -> frozenset[str]:
        """End the workers that outlived the last daemon: none runs on."""
        end_orphans(attempts)
        return frozenset()

    def submit(self, task: Task) -> str:
        """Start a worker in the job's folder.

        Raises:
            OSError: no process could be started, or the job's log cannot be opened.
        """
        log = JobFolder(task.folder).open_log()
        taken = {worker.slot for worker in self._workers.values()}
        slot = next(number for number in itertools.count() if number not in taken)
        try:
            process = subprocess.Popen(
                launch.command(self._module, str(task.folder), nice=self._config.nice),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                cwd=task.folder,
                env={**clean_search_path(os.environ), **self._variables(slot)},
                start_new_session=True,
                bufsize=0,
            )
        finally:
            os.close(log)
        assert process.stdout is not None  # noqa: S101  # asked for above
        os.set_blocking(process.stdout.fileno(), False)
        now = self._clock()
        worker = _Worker(task, slot, process, process.stdout, heard_at=now, oom_kills=_oom_kills(), cpu_seen_at=now)
        self._workers[task.id] = worker
        if self._selector is not None:
            # Only a wake-up: poll() does the reading.
            self._selector.register(worker.output, selectors.EVENT_READ, lambda: None)
        return Process(process.pid, _started_at(process.pid)).handle

    def _variables(self, slot: int) -> dict[str, str]:
        """Return what is added to a worker's environment: the GPU it may use, the threads it may start."""
        if self._devices:
            return {
                "CUDA_VISIBLE_DEVICES": self._devices[slot % len(self._devices)],
                "TF_FORCE_GPU_ALLOW_GROWTH": "true",
            }
        if self._config.parallel == 1:
            return {}
        threads = str(max(1, len(os.sched_getaffinity(0)) // self._config.parallel))
        return {"OMP_NUM_THREADS": threads, "TF_NUM_INTRAOP_THREADS": threads}

    def poll(self) -> list[Report]:
        """Return what the workers said since the last call, and which have ended."""
        reports: list[Report] = []
        for job, worker in list(self._workers.items()):
            # Looked at before reading: whatever a worker wrote before its end is then in the pipe.
            gone = has_ended(worker.process.pid)
            self._read(worker, reports, to_the_end=gone)
            if gone:
                reports.append(Report(job, self._reap(worker)))
                del self._workers[job]
            else:
                self._watch(worker)
        return reports

    def stop(self, job: str, grace_s: float) -> None:
        """Ask a worker to stop; it is killed if it is still there after ``grace_s`` seconds."""
        worker = self._workers.get(job)
        if worker is None:
            return
        if not worker.asked_to_stop:
            worker.asked_to_stop = True
            self._ask(worker)
        kill_at = self._clock() + grace_s
        worker.kill_at = kill_at if worker.kill_at is None else min(worker.kill_at, kill_at)

    def detach(self, grace_s: float) -> None:
        """Stop all workers: they end with the daemon."""
        for job in self.running():
            self.stop(job, grace_s)

    def close(self) -> None:
        """Let go of nothing: a worker that is left is sent SIGTERM by the kernel when this process ends."""

    def progress(self, job: str) -> Progress | None:
        """Return the latest progress of a running job."""
        worker = self._workers.get(job)
        return worker.progress if worker else None

    def running(self) -> frozenset[str]:
        """Return the jobs that have a worker."""
        return frozenset(self._workers)

    def wake_after(self) -> float | None:
        """Return in how many seconds a worker may have to be killed."""
        if not self._workers:
            return None
        now = self._clock()
        return max(0.0, min(self._due(worker) for worker in self._workers.values()) - now)

    def _due(self, worker: _Worker) -> float:
        if worker.kill_at is not None:
            return worker.kill_at
        return max(worker.heard_at, worker.cpu_seen_at) + self._limit(worker)

    def _limit(self, worker: _Worker) -> float:
        """Return how many seconds of silence are normal: much more than a step takes."""
        return max(self._config.stall_s, 20.0 * worker.progress.step_seconds if worker.progress else 0.0)

    def _read(self, worker: _Worker, reports: list[Report], *, to_the_end: bool) -> None:
        taken = 0
        while worker.watched and (to_the_end or taken < _READ_AT_ONCE):
            try:
                chunk = os.read(worker.output.fileno(), 65536)
            except BlockingIOError:
                return
            if not chunk:
                self._unwatch(worker)
                return
            taken += len(chunk)
            worker.heard_at = self._clock()
            worker.received += chunk
            *lines, rest = worker.received.split(b"\n")
            for line in lines:
                self._take(worker, bytes(line), reports)
            worker.received = rest
            if len(rest) > MAX_LINE:
                self._garbled(worker, "a line without end")
                rest.clear()

    def _take(self, worker: _Worker, line: bytes, reports: list[Report]) -> None:
        try:
            message = decode(line)
        except ControlError as error:
            self._garbled(worker, error.message)
            return
        match message:
            case Started(step=step):
                worker.first_step, worker.began = step, True
            case Progress():
                worker.progress = message
                return
            case Checkpointed(step=step):
                worker.progressed = worker.progressed or step > worker.first_step
            case Result():
                worker.result = message
            case Failure():
                worker.failure = message
        reports.append(Report(worker.task.id, message))

    def _garbled(self, worker: _Worker, why: str) -> None:
        if not worker.garbled:  # once: a worker that prints rubbish prints much of it
            self._log.warning("a worker wrote something that is no message", job=worker.task.id, why=why)
        worker.garbled = True

    def _watch(self, worker: _Worker) -> None:
        """End a worker that has had its time."""
        now = self._clock()
        if worker.kill_at is not None:
            if now >= worker.kill_at:
                kill_group(worker.process.pid)
            return
        silent = now - worker.heard_at
        limit = self._limit(worker)
        if silent < limit:
            return
        if silent < _BUSY_STALL * limit and self._is_busy(worker, now, limit):
            return
        self._log.warning("a worker gives no sign of life and is ended", job=worker.task.id, seconds=round(silent))
        worker.stalled = True
        worker.kill_at = now + _KILL_AFTER_S
        self._ask(worker)

    def _is_busy(self, worker: _Worker, now: float, limit: float) -> bool:
        """Return whether a worker has used the processor within the limit, for at least a hundredth of it."""
        if now - worker.cpu_seen_at < limit:
            return True
        try:
            used = sum(psutil.Process(worker.process.pid).cpu_times()[:2])
        except psutil.Error:
            return False
        busy = used - worker.cpu_seconds > 0.01 * limit
        worker.cpu_seconds, worker.cpu_seen_at = used, now
        return busy

    def _ask(self, worker: _Worker) -> None:
        """Ask a worker to stop, in both ways it listens to.

        The signal first: a worker that already ends because its input did has no handler left near the end of its
        interpreter, and would die of the signal instead of giving its exit code.
        """
        with contextlib.suppress(ProcessLookupError):
            worker.process.send_signal(signal.SIGTERM)
        if worker.process.stdin is not None:
            with contextlib.suppress(BrokenPipeError):
                worker.process.stdin.close()

    def _reap(self, worker: _Worker) -> Ended:
        """Collect a dead worker, and end whatever it started and left behind."""
        self._unwatch(worker)
        # Before the wait: until then its pid, and so its group's number, cannot be used again.
        kill_group(worker.process.pid)
        returncode = worker.process.wait()
        if worker.process.stdin is not None:
            with contextlib.suppress(BrokenPipeError):
                worker.process.stdin.close()
        ours = worker.kill_at is not None and self._clock() >= worker.kill_at
        return Ended(
            returncode=returncode,
            result=worker.result,
            failure=worker.failure,
            asked_to_stop=worker.asked_to_stop,
            stalled=worker.stalled,
            killed_by_kernel=returncode == -signal.SIGKILL and not ours and _oom_kills() > worker.oom_kills,
            progressed=worker.progressed,
            began=worker.began,
        )

    def _unwatch(self, worker: _Worker) -> None:
        if worker.watched:
            worker.watched = False
            if self._selector is not None:
                self._selector.unregister(worker.output)
            worker.output.close()


def end_orphans(attempts: Sequence[Attempt]) -> None:
    """End the workers of this machine among the attempts of an earlier daemon."""
    for attempt in attempts:
        process = Process.of(attempt.handle)
        if process is not None and end_orphan(process):
            log = structlog.get_logger("runner")
            log.warning("ended a worker that outlived its daemon", job=attempt.task.id, pid=process.pid)


def end_orphan(process: Process, *, patience_s: float = 10.0) -> bool:
    """End a worker that outlived its daemon, with its whole group; return whether there was one.

    Such a worker was stopped by the end of its daemon and may be writing its checkpoint: it is given
    ``patience_s`` seconds for that. A process that merely has the same pid is left alone.

    Raises:
        psutil.TimeoutExpired: it cannot even be killed.
    """
    try:
        orphan = psutil.Process(process.pid)
        if abs(orphan.create_time() - process.started_at) > 1.0 or orphan.status() == psutil.STATUS_ZOMBIE:
            return False
        orphan.terminate()
    except psutil.NoSuchProcess:
        return False
    if not _ends_within(orphan, patience_s):
        kill_group(process.pid)
        if not _ends_within(orphan, patience_s):
            raise psutil.TimeoutExpired(patience_s, process.pid)
    return True


def _ends_within(process: psutil.Process, seconds: float) -> bool:
    """Return whether a process ends in time. A zombie has ended: not every container has somebody who collects it."""
    until = time.monotonic() + seconds
    while True:
        try:
            if not process.is_running() or process.status() == psutil.STATUS_ZOMBIE:
                return True
        except psutil.NoSuchProcess:
            return True
        if time.monotonic() >= until:
            return False
        time.sleep(_LOOK_S)


def _started_at(pid: int) -> float:
    try:
        return psutil.Process(pid).create_time()
    except psutil.Error:
        return 0.0


def _oom_kills() -> int:
    """Return how many processes the kernel has killed for memory since it started, 0 where it is not known."""
    try:
        lines = Path("/proc/vmstat").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("oom_kill ")), 0)
