"""Runs each job as a child process of this machine."""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import psutil
import structlog

from styled.backend import launch
from styled.backend.runner import Ended, Process, Report, Task
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

_BUSY_STALL = 10.0
"""A silent worker that uses the processor is given this many times the limit: a step may simply be long."""


@dataclass(slots=True, eq=False)
class _Worker:
    task: Task
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
        stall_s: seconds without a sign of life after which a worker is ended.
        nice: niceness of the workers.
        module: what to run instead of the real worker; for tests, as is ``$STYLED_TEST_WORKER``.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        selector: selectors.BaseSelector | None = None,
        *,
        stall_s: float = 900.0,
        nice: int = 0,
        module: str = "",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._stall_s = stall_s
        self._nice = nice
        self._module = module or os.environ.get(TEST_WORKER, "styled.painting.worker")
        self._selector = selector
        self._clock = clock
        self._workers: dict[str, _Worker] = {}
        self._log = structlog.get_logger("runner")

    def reconfigure(self, config: QueueConfig) -> None:
        """Go on by another configuration; running workers keep their niceness."""
        self._stall_s, self._nice = config.stall_s, config.nice

    def submit(self, task: Task) -> Process:
        """Start a worker in the job's folder.

        Raises:
            OSError: no process could be started, or the job's log cannot be opened.
        """
        log = JobFolder(task.folder).open_log()
        try:
            process = subprocess.Popen(
                launch.command(self._module, str(task.folder), nice=self._nice),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                cwd=task.folder,
                env={**clean_search_path(os.environ), **task.environment},
                start_new_session=True,
                bufsize=0,
            )
        finally:
            os.close(log)
        assert process.stdout is not None  # noqa: S101  # asked for above
        os.set_blocking(process.stdout.fileno(), False)
        now = self._clock()
        worker = _Worker(task, process, process.stdout, heard_at=now, oom_kills=_oom_kills(), cpu_seen_at=now)
        self._workers[task.id] = worker
        if self._selector is not None:
            # Only a wake-up: poll() does the reading.
            self._selector.register(worker.output, selectors.EVENT_READ, lambda: None)
        return Process(process.pid, _started_at(process.pid))

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
        return max(self._stall_s, 20.0 * worker.progress.step_seconds if worker.progress else 0.0)

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
