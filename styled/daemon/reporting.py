"""The daemon's reports on itself, once a second: to the store, to the service manager, to Prometheus."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence

import msgspec
import psutil
import structlog

from styled import memory
from styled.daemon import metrics
from styled.daemon.dispatch import Dispatcher
from styled.daemon.process.service import Notifier
from styled.daemon.upkeep.disk import Disk
from styled.daemon.wall_clock import WallClock
from styled.inbox.intake import Inbox
from styled.job import JobState
from styled.root import Root
from styled.store.status import DaemonStatus, PartTrouble
from styled.store.store import Store
from styled.version import __version__

IDLE_MEMORY_S = 10.0
"""Between looks at the memory while nothing runs: the kernel adds up a control group's figures when asked, for ms."""


class Reporter:
    """Collects the daemon's state and publishes it.

    Args:
        root: whose daemon.
        store: for readers without a socket.
        inbox: what is incomplete and rejected.
        disk: how much room there is.
        dispatcher: what is running.
        notifier: the service manager.
        wall_clock: whether the clock is in doubt, which the next daemon has to know.
        troubles: which parts of the daemon do not work.
    """

    def __init__(
        self,
        root: Root,
        store: Store,
        *,
        inbox: Inbox,
        disk: Disk,
        dispatcher: Dispatcher,
        notifier: Notifier,
        wall_clock: WallClock,
        troubles: Callable[[], Sequence[PartTrouble]],
    ) -> None:
        self._root = root
        self._store = store
        self._inbox = inbox
        self._disk = disk
        self._dispatcher = dispatcher
        self._notifier = notifier
        self._wall_clock = wall_clock
        self._troubles = troubles
        self._started_at = time.time()
        self._last: DaemonStatus | None = None
        self._process = psutil.Process()
        self._memory = memory.MemorySample()
        self._memory_due = 0.0
        self._metrics_due = 0.0
        self._metrics_failed = False
        self._log = structlog.get_logger("daemon")

    def status(self, state: str, note: str) -> DaemonStatus:
        """Return how the daemon is now; the figures beside its state are those of the last beat.

        Args:
            state: one of the words of :class:`DaemonStatus`.
            note: why it is not simply running.
        """
        if self._last is not None:
            parts = list(self._troubles())
            return msgspec.structs.replace(self._last, state=state, note=note, parts=parts, beat_at=time.time())
        return self._look(state, note)

    def _look(self, state: str, note: str) -> DaemonStatus:
        inbox = self._inbox.found
        beat_at = time.time()  # before the clock is asked for doubts: it may be set in between
        doubted = self._wall_clock.doubted()
        return DaemonStatus(
            pid=os.getpid(),
            version=__version__,
            started_at=self._started_at,
            beat_at=beat_at,
            believed_at=doubted.believed_at if doubted else None,
            doubted_s=doubted.doubted_s if doubted else 0.0,
            state=state,  # type: ignore[arg-type]  # the caller's word is one of them
            note=note,
            parts=list(self._troubles()),
            incomplete=inbox.incomplete,
            incomplete_count=inbox.incomplete_count,
            hot_folders=inbox.hot_folders,
            hot_folders_count=inbox.hot_folders_count,
            ignored=inbox.ignored,
            ignored_count=inbox.ignored_count,
            rejected=inbox.rejected,
            rejected_count=inbox.rejected_count,
            memory=self._sample(),
            nodes=self._dispatcher.nodes.seen(),
            nodes_count=self._dispatcher.nodes.count,
            slots=self._dispatcher.runner.capacity(),
        )

    def _sample(self) -> memory.MemorySample:
        now = time.monotonic()
        if self._dispatcher.busy() or now >= self._memory_due:
            self._memory, self._memory_due = memory.sample(), now + IDLE_MEMORY_S
        return self._memory

    def beat(self, state: str, note: str) -> None:
        """Look at everything and publish it everywhere.

        Args:
            state: one of the words of :class:`DaemonStatus`.
            note: why it is not simply running.

        Raises:
            DiskFull: the store has no room for it.
        """
        status = self._last = self._look(state, note)
        self._store.publish(status)
        self._notifier.status(self._summary(status))
        if time.monotonic() >= self._metrics_due:
            self._metrics_due = time.monotonic() + metrics.EVERY_S
            self._write_metrics(status)

    def _summary(self, status: DaemonStatus) -> str:
        counts = self._store.counts()
        text = f"{status.state}: {counts[JobState.RUNNING]} running, {counts[JobState.WAITING]} waiting"
        return f"{text}; {status.words}" if status.words else text

    def _write_metrics(self, status: DaemonStatus) -> None:
        oldest = self._store.jobs([JobState.WAITING], limit=1)
        runner = self._dispatcher.runner
        progress = [(job, runner.progress(job)) for job in runner.running()]
        missed_events, observer_restarts = self._inbox.watching
        facts = metrics.Facts(
            status=status,
            counts=self._store.counts(),
            oldest_waiting_at=oldest[0].created_at if oldest else None,
            running=[(self._store.get(job), last) for job, last in progress if last is not None],
            ends=self._dispatcher.ends,
            missed_events=missed_events,
            observer_restarts=observer_restarts,
            disk_free=self._disk.free,
            resident_bytes=self._process.memory_info().rss,
        )
        try:
            metrics.write(self._root.metrics, metrics.render(facts))
        except OSError as error:
            if not self._metrics_failed:
                self._log.warning("metrics.prom cannot be written", error=str(error))
            self._metrics_failed = True
        else:
            self._metrics_failed = False
