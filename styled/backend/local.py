"""Runs jobs in child processes of this machine, one job after another in each while all goes well."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import selectors
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import psutil
import structlog

from styled.backend import launch
from styled.backend.devices import Devices
from styled.backend.heard import Heard
from styled.backend.launch import WORKER
from styled.backend.orphans import Orphans, Process, unending
from styled.backend.runner import Attempt, Ended, Report, Task
from styled.children import clean_search_path, has_ended, kill_group
from styled.config import QueueConfig
from styled.errors import ControlError
from styled.job_folder import JobFolder
from styled.memory import oom_kills
from styled.messages import Idle, Progress, decode

MAX_LINE = 64 * 1024
"""Longest line taken from a worker, bytes; its messages are far shorter."""

TEST_WORKER = "STYLED_TEST_WORKER"
"""Environment variable that names another module to run as the worker; for tests."""

_STAY = "--stay"
"""Has the worker wait for another job; see :mod:`styled.painting.worker`."""

_KEPT_BYTES = 2 * 2**30
"""A worker that holds more when its job is done is ended: what it keeps would save less than that memory is worth."""

_READ_AT_ONCE = 256 * 1024
"""Bytes taken from one worker before the others get their turn."""

_KILL_AFTER_S = 30.0
"""Between asking a worker that gives no sign of life and killing it."""

_KILLED_LOOK_S = 1.0
"""Between two looks at a worker that was killed: SIGKILL waits for as long as a GPU's driver hangs, days perhaps."""

_BUSY_STALL = 10.0
"""A silent worker that uses the processor is given this many times the limit: a step may simply be long."""


@dataclass(slots=True, eq=False)
class _Child:
    """A worker's process."""

    process: subprocess.Popen[bytes]
    output: IO[bytes]
    installed: tuple[int, ...]
    """What it may have imported, see :func:`_installed`."""
    device: str = ""
    """Its ``CUDA_VISIBLE_DEVICES``; empty without GPUs."""
    received: bytearray = field(default_factory=bytearray)
    watched: bool = True
    jobs: int = 1
    """Given to it so far."""
    idle_since: float = 0.0
    """When it was done with its last job; once it is asked to end, when that was."""


@dataclass(slots=True, eq=False)
class _Worker:
    """A process while it has a job."""

    task: Task
    child: _Child
    heard_at: float
    oom_kills: int
    heard: Heard = field(default_factory=Heard)
    kill_at: float | None = None
    killed_at: float | None = None
    """When it was killed first."""
    is_unending: bool = False
    """It was killed long ago, and lives."""
    asked_to_stop: bool = False
    stalled: bool = False
    cpu_seconds: float = 0.0
    cpu_seen_at: float = 0.0
    garbled: bool = False
    idle: Idle | None = None
    """What it said when it was done with its job."""


class LocalRunner:
    """Runs each task in a child process of its own session on this machine.

    A worker whose job is done waits for the next one (``[queue] warm``): the interpreter, TensorFlow, the network and
    the graphs of some shapes are there already. One that failed, was stopped, or holds much memory is not used again.

    Args:
        selector: is given the workers' output to watch; None for a caller that polls on its own.
        config: how many at once, how patient, how nice.
        devices: the GPUs that workers may have; None: none.
        module: what to run instead of the real worker; for tests, as is ``$STYLED_TEST_WORKER``.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        selector: selectors.BaseSelector | None = None,
        config: QueueConfig | None = None,
        *,
        devices: Devices | None = None,
        module: str = "",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._config = config or QueueConfig(warm=False)
        self._devices = devices or Devices()
        self._module = module or os.environ.get(TEST_WORKER, WORKER)
        self._selector = selector
        self._clock = clock
        self._workers: dict[str, _Worker] = {}
        self._idle: list[_Child] = []
        self._prepared = False
        self._leaving: list[_Child] = []
        """Idle ones that were asked to end."""
        self._orphans = Orphans()
        self._log = structlog.get_logger("runner")

    @property
    def trouble(self) -> str:
        """Which worker cannot be ended; this machine can always be reached."""
        found = (unending(job, worker.child.process.pid) for job, worker in self._workers.items() if worker.is_unending)
        return next(found, self._orphans.trouble)

    def reconfigure(self, config: QueueConfig) -> None:
        """Go on by another configuration; running workers keep their niceness, and paint nothing else afterwards."""
        if config != self._config:
            self._config = config
            self._dismiss_idle()
            for worker in self._workers.values():
                worker.child.jobs = config.jobs_per_worker

    def capacity(self) -> int:
        """Return ``[queue] parallel``: with ``auto`` as many as there are GPUs with room, one without GPUs.

        A job that is held by the worker of an earlier daemon is not painted, and takes nobody's place.
        """
        return self._slots() + len(self._orphans.jobs)

    def attach(self, attempts: Sequence[Attempt]) -> frozenset[str]:
        """End the workers that outlived the last daemon; return the jobs of those that cannot be ended."""
        held = self._orphans.end(attempts)
        for attempt in attempts:
            if attempt.handle and Process.of(attempt.handle) is None:
                self._log.warning("an attempt elsewhere is let go", job=attempt.task.id, handle=attempt.handle)
        return held

    def prepare(self) -> None:
        """Start a worker that waits for its first job, unless one waits or paints already."""
        if not self._stays or self._workers or self._idle or self._prepared:
            return
        self._prepared = True  # once for each job that comes: what is dropped may be no job for hours
        try:
            child = self._launch(cwd=Path("/"), log=subprocess.DEVNULL)
        except OSError as error:
            self._log.warning("no worker can be made ready", why=str(error))
            return
        child.jobs = 0
        child.idle_since = self._clock()
        self._idle.append(child)

    def submit(self, task: Task) -> str:
        """Start a worker in the job's folder.

        Raises:
            OSError: no process could be started, or the job's log cannot be opened.
        """
        self._prepared = False
        child = None if task.is_delicate else self._given_to_idle(task)
        if child is None:
            child = self._start(task)
        now = self._clock()
        self._workers[task.id] = _Worker(task, child, heard_at=now, oom_kills=oom_kills(), cpu_seen_at=now)
        return Process.running_as(child.process.pid).handle

    def _given_to_idle(self, task: Task) -> _Child | None:
        """Give a task to an idle worker; return None if there is none that takes it."""
        while self._idle:
            child = self._idle.pop()
            # One that imports half of an upgrade later, and has the other half from before, paints who knows what.
            if has_ended(child.process.pid) or child.installed != _installed():
                self._dismiss(child)
                continue
            assert child.process.stdin is not None  # noqa: S101  # asked for when it was started
            try:
                child.process.stdin.write(os.fsencode(task.folder.absolute()) + b"\0")
            except BrokenPipeError:  # it has died meanwhile
                self._dismiss(child)
            else:
                child.jobs += 1
                return child
        return None

    def _start(self, task: Task) -> _Child:
        self._dismiss_idle()  # its memory is wanted, a GPU's above all
        log = JobFolder(task.folder).open_log()
        try:
            return self._launch(str(task.folder.absolute()), cwd=task.folder, log=log)
        finally:
            os.close(log)

    def _launch(self, *arguments: str, cwd: Path, log: int) -> _Child:
        device = self._devices.for_next(self._taken())
        installed = _installed()
        stay = [_STAY] if self._stays else []
        process = subprocess.Popen(
            launch.command(self._module, *arguments, *stay, nice=self._config.nice),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            cwd=cwd,
            env={**clean_search_path(os.environ), **self._devices.variables(device, self._slots())},
            start_new_session=True,
            bufsize=0,
        )
        assert process.stdout is not None  # noqa: S101  # asked for above
        os.set_blocking(process.stdout.fileno(), False)
        child = _Child(process, process.stdout, installed, device)
        if self._selector is not None:
            # Only a wake-up: poll() does the reading.
            self._selector.register(child.output, selectors.EVENT_READ, lambda: None)
        return child

    def _slots(self) -> int:
        return self._devices.capacity(self._config.parallel, self._taken())

    @property
    def _stays(self) -> bool:
        """Whether workers wait for another job; those of tests know nothing of that."""
        return self._config.warm and self._module == WORKER

    def _taken(self) -> list[str]:
        """Return the GPU of each worker that there is, those that are to end included: their memory is not back yet."""
        children = [*(worker.child for worker in self._workers.values()), *self._idle, *self._leaving]
        return [child.device for child in children]

    def poll(self) -> list[Report]:
        """Return what the workers said since the last call, and which have ended."""
        reports = self._orphans.poll()
        for job, worker in list(self._workers.items()):
            # Looked at before reading: whatever a worker wrote before its end is then in the pipe.
            gone = has_ended(worker.child.process.pid)
            self._read(worker, reports, to_the_end=gone)
            if gone:
                reports.append(Report(job, self._reap(worker)))
                del self._workers[job]
            elif worker.idle is not None and not worker.asked_to_stop and not worker.stalled:
                reports.append(Report(job, _ended(worker, returncode=0)))
                del self._workers[job]
                self._keep(worker.child, worker.idle)
            else:
                self._watch(worker)
        self._look_at_idle()
        return reports

    def _keep(self, child: _Child, idle: Idle) -> None:
        """Keep a worker that is done with its job for the next one, or have it end."""
        child.idle_since = self._clock()
        self._idle.append(child)
        if child.jobs >= self._config.jobs_per_worker or idle.memory_bytes > _KEPT_BYTES:
            self._dismiss(child)

    def _look_at_idle(self) -> None:
        """End the workers that wait for longer than they shall, and collect those that have ended."""
        for child in [child for child in self._idle if self._clock() >= child.idle_since + self._config.warm_s]:
            self._dismiss(child)
        for child in [child for child in (*self._idle, *self._leaving) if has_ended(child.process.pid)]:
            self._dismiss(child)
            self._leaving.remove(child)
            self._unwatch(child)
            kill_group(child.process.pid)
            child.process.wait()
        for child in self._leaving:
            if self._clock() >= child.idle_since + _KILL_AFTER_S:
                kill_group(child.process.pid)

    def _dismiss_idle(self) -> None:
        for child in list(self._idle):
            self._dismiss(child)

    def _dismiss(self, child: _Child) -> None:
        """Have an idle worker end: it holds nothing that is wanted."""
        if child in self._idle:
            self._idle.remove(child)
        if child not in self._leaving:
            self._leaving.append(child)
            child.idle_since = self._clock()
            _ask(child)

    def stop(self, job: str, grace_s: float) -> None:
        """Ask a worker to stop; it is killed if it is still there after ``grace_s`` seconds."""
        worker = self._workers.get(job)
        if worker is None:
            return
        if not worker.asked_to_stop:
            worker.asked_to_stop = True
            _ask(worker.child)
        kill_at = self._clock() + grace_s
        worker.kill_at = kill_at if worker.kill_at is None else min(worker.kill_at, kill_at)

    def detach(self, grace_s: float, /) -> None:
        """Stop all workers: they end with the daemon."""
        for job in self.running():
            self.stop(job, grace_s)
        self._orphans.let_go()
        self._dismiss_idle()

    def close(self) -> None:
        """Let go of nothing: a worker that is left is sent SIGTERM by the kernel when this process ends."""

    def progress(self, job: str) -> Progress | None:
        """Return the latest progress of a running job."""
        worker = self._workers.get(job)
        return worker.heard.progress if worker else None

    def running(self) -> frozenset[str]:
        """Return the jobs that have a worker."""
        return self._orphans.jobs.union(self._workers)

    def held(self) -> frozenset[str]:
        """Return the jobs whose worker was killed long ago, and lives."""
        return self._orphans.jobs.union(job for job, worker in self._workers.items() if worker.is_unending)

    def wake_after(self) -> float | None:
        """Return in how many seconds a worker may have to be killed."""
        due = [self._due(worker) for worker in self._workers.values()]
        due += [child.idle_since + self._config.warm_s for child in self._idle]
        due += [self._clock() + _KILLED_LOOK_S for _ in self._orphans.jobs]
        return max(0.0, min(due) - self._clock()) if due else None

    def _due(self, worker: _Worker) -> float:
        if worker.killed_at is not None:
            return self._clock() + _KILLED_LOOK_S
        if worker.kill_at is not None:
            return worker.kill_at
        return max(worker.heard_at, worker.cpu_seen_at) + worker.heard.silence_s(self._config.stall_s)

    def _read(self, worker: _Worker, reports: list[Report], *, to_the_end: bool) -> None:
        taken = 0
        while worker.child.watched and (to_the_end or taken < _READ_AT_ONCE):
            try:
                chunk = os.read(worker.child.output.fileno(), 65536)
            except BlockingIOError:
                return
            if not chunk:
                self._unwatch(worker.child)
                return
            taken += len(chunk)
            worker.heard_at = self._clock()
            worker.child.received += chunk
            *lines, rest = worker.child.received.split(b"\n")
            for line in lines:
                self._take(worker, bytes(line), reports)
            worker.child.received = rest
            if len(rest) > MAX_LINE:
                self._garbled(worker, "a line without end")
                rest.clear()

    def _take(self, worker: _Worker, line: bytes, reports: list[Report]) -> None:
        try:
            message = decode(line)
        except ControlError as error:
            self._garbled(worker, error.message)
            return
        if isinstance(message, Idle):
            worker.idle = message
        elif worker.heard.take(message):
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
                self._kill(worker, now)
            return
        silent = now - worker.heard_at
        limit = worker.heard.silence_s(self._config.stall_s)
        if silent < limit:
            return
        if silent < _BUSY_STALL * limit and self._is_busy(worker, now, limit):
            return
        self._log.warning("a worker gives no sign of life and is ended", job=worker.task.id, seconds=round(silent))
        worker.stalled = True
        worker.kill_at = now + _KILL_AFTER_S
        _ask(worker.child)

    def _kill(self, worker: _Worker, now: float) -> None:
        kill_group(worker.child.process.pid)
        worker.killed_at = now if worker.killed_at is None else worker.killed_at
        if now >= worker.killed_at + _KILL_AFTER_S and not worker.is_unending:
            worker.is_unending = True
            self._log.error("a worker was killed and does not end", job=worker.task.id, pid=worker.child.process.pid)

    def _is_busy(self, worker: _Worker, now: float, limit: float) -> bool:
        """Return whether a worker has used the processor within the limit, for at least a hundredth of it."""
        if now - worker.cpu_seen_at < limit:
            return True
        try:
            used = sum(psutil.Process(worker.child.process.pid).cpu_times()[:2])
        except psutil.Error:
            return False
        busy = used - worker.cpu_seconds > 0.01 * limit
        worker.cpu_seconds, worker.cpu_seen_at = used, now
        return busy

    def _reap(self, worker: _Worker) -> Ended:
        """Collect a dead worker, and end whatever it started and left behind."""
        child = worker.child
        self._unwatch(child)
        # Before the wait: until then its pid, and so its group's number, cannot be used again.
        kill_group(child.process.pid)
        returncode = child.process.wait()
        if child.process.stdin is not None:
            with contextlib.suppress(BrokenPipeError):
                child.process.stdin.close()
        ours = worker.kill_at is not None and self._clock() >= worker.kill_at
        killed = returncode == -signal.SIGKILL and not ours and oom_kills() > worker.oom_kills
        return _ended(worker, returncode=returncode, killed_by_kernel=killed)

    def _unwatch(self, child: _Child) -> None:
        if child.watched:
            child.watched = False
            if self._selector is not None:
                self._selector.unregister(child.output)
            child.output.close()


def _ended(worker: _Worker, *, returncode: int, killed_by_kernel: bool = False) -> Ended:
    return Ended(
        returncode=returncode,
        result=worker.heard.result,
        failure=worker.heard.failure,
        asked_to_stop=worker.asked_to_stop,
        stalled=worker.stalled,
        killed_by_kernel=killed_by_kernel,
        progressed=worker.heard.progressed,
        began=worker.heard.began,
    )


def _ask(child: _Child) -> None:
    """Ask a worker to stop, in both ways it listens to.

    The signal first: a worker that already ends because its input did has no handler left near the end of its
    interpreter, and would die of the signal instead of giving its exit code.
    """
    with contextlib.suppress(ProcessLookupError):
        child.process.send_signal(signal.SIGTERM)
    if child.process.stdin is not None:
        with contextlib.suppress(BrokenPipeError):
            child.process.stdin.close()


def _installed() -> tuple[int, ...]:
    """Return what changes when the packages that a worker imports are installed again: times of change, ns."""
    found = (importlib.util.find_spec(name) for name in ("styled", "tensorflow", "numpy", "PIL"))
    files = [spec.origin for spec in found if spec is not None and spec.origin is not None]
    times = []
    for file in files:
        with contextlib.suppress(OSError):  # being replaced just now
            times.append(Path(file).stat().st_mtime_ns)
    return tuple(times)
