"""The daemon's side of the bridge: the seam's methods, none of which ever waits.

The bridge is one child process. If it dies another is started, which takes over what runs; if it hangs, with a file
server say, only what it would tell is late.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import subprocess
import time
from collections.abc import Callable, Sequence

import msgspec
import structlog

from styled.backend import launch
from styled.backend.launch import WORKER
from styled.backend.local import TEST_WORKER
from styled.backend.orphans import Orphans, Process
from styled.backend.runner import Attempt, Ended, Report, Task
from styled.backend.staged.protocol import Acknowledge, Handed, Notice, Open, Order, Stop, Submit
from styled.backend.staged.spool import name_of
from styled.children import clean_search_path, ends_within, has_ended, kill_group
from styled.config import BackendConfig, QueueConfig
from styled.errors import DataDamaged
from styled.files.decoding import from_json
from styled.messages import Progress

_READ_AT_ONCE = 1024 * 1024
_MOST_LINE = 1024 * 1024

_SILENT_S = 90.0
"""Of the bridge, which speaks every ten seconds: longer than a scheduler's commands may take together."""

_AGAIN_S = (1.0, 5.0, 30.0)
"""Before another bridge is started in place of one that died; the last one repeats."""

_LIVED_S = 60.0
"""A bridge that lived for longer was well: the wait before the next one is the first again."""

_NOTED_S = 1.0
"""Between two questions whether it is noted how attempts ended."""

_END_S = 5.0
"""That the bridge has to end, its input closed."""

_LOOK_S = 0.02
"""Between two looks at a bridge that is to end."""

_KILLED_S = 2.0
"""The same when it was killed: a file server that hangs may keep it."""


class RemoteRunner:
    """Runs jobs through a bridge.

    Args:
        selector: is given the bridge's output to watch; None for a caller that polls on its own.
        config: of ``[backend]``.
        queue: of ``[queue]``: how long a worker may be silent.
        prefix: of the names of this root's attempts.
        noted: returns those of some attempts whose end is noted: a later daemon would not attach them.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        selector: selectors.BaseSelector | None,
        config: BackendConfig,
        queue: QueueConfig,
        prefix: str,
        *,
        noted: Callable[[Sequence[Task]], Sequence[Task]] = lambda tasks: tasks,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._selector, self._config, self._queue, self._prefix, self._clock = selector, config, queue, prefix, clock
        self._noted = noted
        self._tasks: dict[str, Attempt] = {}
        self._ended: dict[str, Attempt] = {}
        """By their handles: those whose end was reported and is not noted yet. What they painted has to stay till then."""
        self._ask_at = 0.0
        self._progress: dict[str, Progress] = {}
        self._untold: set[str] = set()
        """Jobs that were submitted while there was no bridge."""
        self._stops: dict[str, float] = {}
        """Grace given to the jobs that were asked to stop, for a bridge that has to be told again."""
        self._bridge: subprocess.Popen[bytes] | None = None
        self._received = b""
        self._unsent = b""
        self._began_at = self._heard_at = 0.0
        self._deaths = 0
        self._start_at = 0.0
        self._trouble = ""
        self._crash = ""
        self._closing = False
        self._orphans = Orphans()
        """Of a daemon whose ``[backend]`` was this machine."""
        self._log = structlog.get_logger("runner")

    def reconfigure(self, config: QueueConfig) -> None:
        """Go on by another configuration; a bridge that runs keeps its own."""
        self._queue = config

    def capacity(self) -> int:
        """Return ``[backend] slots``, and one for each job that a worker of this machine holds."""
        return self._config.slots + len(self._orphans.jobs)

    @property
    def trouble(self) -> str:
        """What the bridge says, or that it says nothing; else which worker of this machine cannot be ended."""
        if self._crash and self._bridge is None:
            return f"the bridge to {self._config.kind} ended: {self._crash}"
        if self._bridge is not None and self._clock() - self._heard_at > _SILENT_S:
            return f"the bridge to {self._config.kind} does not answer; does the spool {self._config.spool}?"
        return self._trouble or self._orphans.trouble

    def attach(self, attempts: Sequence[Attempt]) -> frozenset[str]:
        """Take over all attempts that are not this machine's; the bridge finds out later which of them are gone."""
        held = self._orphans.end(attempts)
        for attempt in attempts:
            if attempt.task.attempt and attempt.handle in ("", self._handle(attempt.task)):
                self._tasks[attempt.task.id] = attempt
                if not attempt.wanted:
                    self._stops[attempt.task.id] = self._queue.stop_grace_s
            elif attempt.handle and Process.of(attempt.handle) is None:
                self._log.warning("an attempt elsewhere is let go", job=attempt.task.id, handle=attempt.handle)
        return held.union(self._tasks)

    def prepare(self) -> None:
        """Nothing: a place to paint in is the engine's to give."""

    def submit(self, task: Task) -> str:
        """Have the bridge submit a task. The scheduler's own number comes later: the name is enough to find it."""
        attempt = self._tasks[task.id] = Attempt(task, self._handle(task), wanted=True)
        if self._bridge is None:
            self._untold.add(task.id)
        else:
            self._send(Submit(attempt=Handed.of(attempt)))
        return attempt.handle

    def _handle(self, task: Task) -> str:
        return f"{self._config.kind}:{name_of(self._prefix, task)}"

    def poll(self) -> list[Report]:
        """Return what the bridge has told since the last call; start one where there is none."""
        reports = self._orphans.poll()
        if self._closing:
            return reports
        if self._bridge is None:
            if self._clock() >= self._start_at:
                self._start()
            return reports
        self._acknowledge()
        self._flush()
        gone = has_ended(self._bridge.pid)
        self._read(reports)
        if gone:
            self._lose_bridge()
        return reports

    def stop(self, job: str, grace_s: float) -> None:
        """Have the bridge stop a job."""
        if job not in self._tasks:
            return
        self._stops[job] = min(grace_s, self._stops.get(job, grace_s))
        self._send(Stop(job=job, grace_s=grace_s))

    def detach(self, _grace_s: float, /) -> None:
        """Let the jobs run on without a daemon."""
        self._closing = True
        self._flush()
        if self._bridge is not None and self._bridge.stdin is not None:
            with contextlib.suppress(BrokenPipeError):
                self._bridge.stdin.close()
        self._unsent = b""  # nobody takes it any more
        self._tasks.clear()
        self._orphans.let_go()

    def progress(self, job: str) -> Progress | None:
        """Return the latest progress that was told."""
        return self._progress.get(job)

    def running(self) -> frozenset[str]:
        """Return the jobs whose ``Ended`` was not yet returned."""
        return self._orphans.jobs.union(self._tasks)

    def held(self) -> frozenset[str]:
        """Return the jobs that a worker of this machine holds; a cluster ends its own."""
        return self._orphans.jobs

    def wake_after(self) -> float | None:
        """Return when a bridge is to be started, or has to be written to again."""
        if self._closing:
            return None
        if self._bridge is None:
            return max(0.0, self._start_at - self._clock())
        if self._unsent:
            return 0.1
        return max(0.0, self._ask_at - self._clock()) if self._ended else None

    def close(self) -> None:
        """End the bridge; what it was writing into ``evolution/`` is whole, and is done again otherwise."""
        if self._bridge is not None and not self._closing:
            self._ask_at = 0.0
            self._acknowledge()  # those whose end was noted last; else they lie in the spool until the next daemon
        self.detach(0.0)
        bridge, self._bridge = self._bridge, None
        if bridge is None:
            return
        self._unwatch(bridge)
        until = time.monotonic() + _END_S
        while not has_ended(bridge.pid) and time.monotonic() < until:
            time.sleep(_LOOK_S)
        kill_group(bridge.pid)  # before it is collected: its group's number is its own
        if not ends_within(bridge, _KILLED_S):
            self._log.warning("the bridge to the cluster was killed and does not end", pid=bridge.pid)

    # -- the bridge ----------------------------------------------------------------------------------------

    def _start(self) -> None:
        try:
            bridge = subprocess.Popen(
                launch.command("styled.backend.staged.bridge"),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                env=clean_search_path(os.environ),
                start_new_session=True,
                bufsize=0,
            )
        except OSError as error:
            self._crash = f"it cannot be started: {error}"
            self._put_off()
            return
        assert bridge.stdin is not None  # noqa: S101  # asked for above
        assert bridge.stdout is not None  # noqa: S101  # asked for above
        os.set_blocking(bridge.stdin.fileno(), False)
        os.set_blocking(bridge.stdout.fileno(), False)
        self._bridge, self._heard_at = bridge, self._clock()
        self._crash, self._began_at = "", self._clock()
        self._received = self._unsent = b""
        if self._selector is not None:
            self._selector.register(bridge.stdout, selectors.EVENT_READ, lambda: None)
        self._send(
            Open(
                config=self._config,
                prefix=self._prefix,
                worker=os.environ.get(TEST_WORKER, WORKER),
                stall_s=self._queue.stall_s,
                attempts=tuple(Handed.of(attempt) for job, attempt in self._tasks.items() if job not in self._untold),
                ended=tuple(map(Handed.of, self._ended.values())),
            )
        )
        for job in self._untold:
            self._send(Submit(attempt=Handed.of(self._tasks[job])))
        self._untold.clear()
        for job, grace_s in self._stops.items():
            self._send(Stop(job=job, grace_s=grace_s))

    def _send(self, order: Order) -> None:
        if self._bridge is not None:
            self._unsent += msgspec.json.encode(order) + b"\n"
            self._flush()

    def _acknowledge(self) -> None:
        """Tell the bridge which attempts may be cleared away."""
        if not self._ended or self._clock() < self._ask_at:
            return
        self._ask_at = self._clock() + _NOTED_S
        for task in self._noted([attempt.task for attempt in self._ended.values()]):
            self._send(Acknowledge(attempt=Handed.of(self._ended.pop(self._handle(task)))))

    def _flush(self) -> None:
        """Write what the pipe takes; a bridge that hangs must not hang the daemon."""
        if not self._unsent or self._bridge is None or self._bridge.stdin is None:
            return
        try:
            written = os.write(self._bridge.stdin.fileno(), self._unsent)
        except BlockingIOError:
            return
        except BrokenPipeError:  # it has died, which the next poll finds out
            written = len(self._unsent)
        self._unsent = self._unsent[written:]

    def _read(self, reports: list[Report]) -> None:
        assert self._bridge is not None  # noqa: S101  # asked by the caller
        assert self._bridge.stdout is not None  # noqa: S101  # asked for when it was started
        try:
            data = os.read(self._bridge.stdout.fileno(), _READ_AT_ONCE)
        except BlockingIOError:
            return
        if data:
            self._heard_at = self._clock()
        *lines, self._received = (self._received + data).split(b"\n")
        for line in lines:
            try:
                self._take(from_json(line, Notice), reports)
            except DataDamaged as error:
                self._log.error("the bridge wrote something that is no notice", why=error.message)
        if len(self._received) > _MOST_LINE:
            self._received = b""

    def _take(self, notice: Notice, reports: list[Report]) -> None:
        if notice.crash:
            self._crash = notice.crash
        if notice.trouble is not None and notice.trouble != self._trouble:
            self._trouble = notice.trouble
            if notice.trouble:
                self._log.warning("the back end has trouble", trouble=notice.trouble)
        attempt = self._tasks.get(notice.job)
        if attempt is None:
            return
        if isinstance(notice.progress, Progress):
            self._progress[notice.job] = notice.progress
        found = (notice.message, notice.queued, notice.placed, notice.ended)
        reports += [Report(notice.job, what) for what in found if what is not None]
        if isinstance(notice.ended, Ended):
            self._ended[self._handle(attempt.task)] = self._tasks.pop(notice.job)
            self._progress.pop(notice.job, None)
            self._stops.pop(notice.job, None)

    def _lose_bridge(self) -> None:
        bridge, self._bridge = self._bridge, None
        assert bridge is not None  # noqa: S101  # asked by the caller
        self._unwatch(bridge)
        kill_group(bridge.pid)
        code = bridge.wait()
        self._crash = self._crash or f"exit code {code}"
        self._log.error("the bridge to the cluster ended; another one is started", why=self._crash)
        if self._clock() - self._began_at > _LIVED_S:
            self._deaths = 0
        self._put_off()

    def _put_off(self) -> None:
        self._start_at = self._clock() + _AGAIN_S[min(self._deaths, len(_AGAIN_S) - 1)]
        self._deaths += 1

    def _unwatch(self, bridge: subprocess.Popen[bytes]) -> None:
        for pipe in (bridge.stdout, bridge.stdin):
            if pipe is None or pipe.closed:
                continue
            if pipe is bridge.stdout and self._selector is not None:
                self._selector.unregister(pipe)
            with contextlib.suppress(BrokenPipeError):
                pipe.close()
