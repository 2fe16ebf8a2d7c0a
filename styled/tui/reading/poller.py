"""The thread that looks at the disk for the screen: every half second it builds one Snapshot and hands it over.

It is a daemon thread of our own and not a worker of the toolkit's: those end with the event loop, which
waits for them, so a read that hangs on a dead network disk would make ``q`` hang too.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

import msgspec

from styled import memory
from styled.daemon.control.protocol import Client, status_from
from styled.errors import StyledError
from styled.figures import age as age_of
from styled.memory import MemorySample
from styled.messages import Progress
from styled.root import Root
from styled.store.reader import StoreReader
from styled.store.status import OVERDUE_S, STALE_S, DaemonStatus, Incomplete
from styled.tui.model.snapshot import UNKNOWN_PULSE, Compared, Focus, Happening, HotFolder, Pulse, Snapshot, View
from styled.tui.panes.status_lines import happening
from styled.tui.reading.queue_reader import QueueReader

if TYPE_CHECKING:
    from styled.planning.forecast import Forecast, Forecaster
    from styled.tui.reading.job_reader import JobReader

MEMORY_S = 2.0
"""Seconds between two looks at the memory: NVML takes longer than everything else together."""

HISTORY = 30
"""Samples of the memory that are kept: a minute."""

ASK_S = 1.0
"""Seconds that a daemon which does not report is given to answer."""

_EVENTS_KEPT = 200
_READERS_KEPT = 8
"""Running jobs followed at once; twice as many stay in memory, so that moving about does not read them again."""


class Poller(threading.Thread):
    """Builds snapshots until it is stopped.

    Args:
        root: what to look at.
        publish: takes each snapshot; called on this thread.
        interval: seconds between two looks.
        clock: Unix seconds.
        measure: returns the memory.
        pulse: returns whether the daemon answers.
    """

    def __init__(
        self,
        root: Root,
        publish: Callable[[Snapshot], None],
        *,
        interval: float = 0.5,
        clock: Callable[[], float] = time.time,
        measure: Callable[[], MemorySample | None] = memory.sample,
        pulse: Callable[[], Pulse] = lambda: UNKNOWN_PULSE,
    ) -> None:
        super().__init__(name="styled-poller", daemon=True)
        self._publish = publish
        self._interval = interval
        self._clock = clock
        self._maker = SnapshotMaker(root, clock=clock, measure=measure, pulse=pulse)
        self._view = View()
        self._wake = threading.Event()
        self._ended = threading.Event()

    def look(self, view: View) -> None:
        """Ask for another view; the answer comes as soon as it is read."""
        if view != self._view:
            self._view = view
            self._wake.set()

    def hurry(self) -> None:
        """Look again now, because something was just asked of the daemon."""
        self._wake.set()

    def set_interval(self, seconds: float) -> None:
        """Look less often, or more often again."""
        self._interval = seconds

    def stop(self) -> None:
        """End the thread after the look it is at; does not wait for it."""
        self._ended.set()
        self._wake.set()

    def run(self) -> None:
        """Look until stopped."""
        # First the queue alone: a job's files need NumPy and Pillow, whose import takes longer than all the rest.
        queue_only = True
        while not self._ended.is_set():
            self._wake.clear()
            snapshot = self._look(queue_only=queue_only)
            if self._ended.is_set():
                break
            self._publish(snapshot)
            if not queue_only:
                self._wake.wait(self._interval)
            queue_only = False
        self._maker.close()

    def _look(self, *, queue_only: bool) -> Snapshot:
        view = self._view
        try:
            return self._maker.make(view, queue_only=queue_only)
        except Exception as error:  # noqa: BLE001  # a mistake of ours must be seen on the screen, not end the thread unseen
            return Snapshot(view=view, taken_at=self._clock(), trouble=_unforeseen(error))


class SnapshotMaker:
    """Reads the store, the focused job's files and the memory, keeping what did not change."""

    def __init__(
        self,
        root: Root,
        *,
        clock: Callable[[], float],
        measure: Callable[[], MemorySample | None],
        pulse: Callable[[], Pulse],
    ) -> None:
        self._root = root
        self._clock = clock
        self._measure = measure
        self._pulse = pulse
        self._reader = StoreReader.open(root)
        self._client = Client(root, timeout=ASK_S)
        self._queue_reader = QueueReader(root, self._reader)
        self._happenings: list[Happening] = []
        self._last_event = 0
        self._memory: MemorySample | None = None
        self._memory_history: tuple[MemorySample, ...] = ()
        self._memory_due = -1e9
        self._jobs: dict[str, JobReader] = {}
        self._forecaster: Forecaster | None = None

    def close(self) -> None:
        """Let go of the store."""
        self._reader.close()

    def make(self, view: View, *, queue_only: bool = False) -> Snapshot:
        """Look once. Never raises one of styled's own errors: they become words on the screen."""
        trouble = ""
        status = None
        pulse = self._pulse()
        try:
            status = self._fresh(self._reader.status(), pulse)
            if self._queue_reader.read(view):
                self._read_events()
        except StyledError as error:
            trouble = str(error)
        focus, progress = (None, {}) if queue_only else self._read_jobs(view)
        now = time.monotonic()
        if now >= self._memory_due:
            self._memory, self._memory_due = self._measure(), now + MEMORY_S
            if self._memory is not None:
                self._memory_history = (*self._memory_history, self._memory)[-HISTORY:]
        queue = self._queue_reader.queue
        forecast = None
        if not queue_only:
            try:
                forecast = self._foreseen(status, pulse)
            except Exception as error:  # noqa: BLE001  # of one odd job, say: it is shown, and so is all the rest
                trouble = trouble or _unforeseen(error)
        return Snapshot(
            view=view,
            taken_at=self._clock(),
            daemon=status,
            pulse=pulse,
            trouble=trouble,
            counts=queue.counts,
            index=queue.index,
            rows=tuple(queue.rows),
            progress=progress,
            foreseen=forecast.left if forecast is not None else {},
            all_done=forecast.all_done if forecast is not None else None,
            incomplete=tuple(self._with_age(entry) for entry in status.incomplete) if status is not None else (),
            ignored=tuple(status.ignored) if status is not None else (),
            rejected=tuple(status.rejected) if status is not None else (),
            hot_folders=tuple(map(HotFolder, status.hot_folders)) if status is not None else (),
            nodes=tuple(status.nodes) if status is not None else (),
            focus=focus,
            compared=() if queue_only else self._compare(view),
            memory=self._memory,
            memory_history=self._memory_history,
            happenings=tuple(self._happenings),
        )

    def _fresh(self, status: DaemonStatus | None, pulse: Pulse) -> DaemonStatus | None:
        """Return the daemon's last report, or its answer where it cannot write one: its disk is full, say."""
        is_there = pulse.state in ("up", "unknown")
        if status is None or not is_there or status.state == "stopping" or self._clock() - status.beat_at <= STALE_S:
            return status
        try:
            return status_from(self._client.request("status"))
        except StyledError:
            return status

    def _read_jobs(self, view: View) -> tuple[Focus | None, dict[str, Progress]]:
        """Read the files of the job under the cursor, and the newest losses of those that run."""
        job = self._queue_reader.focused(view)
        focus = None
        if job is not None:
            focus = replace(self._job_reader(job.id).read(job, view), took=self._queue_reader.took(job))
        running = self._queue_reader.queue.index.running[:_READERS_KEPT]
        found = {job_id: self._job_reader(job_id).progress() for job_id in running}
        return focus, {job_id: progress for job_id, progress in found.items() if progress is not None}

    def _foreseen(self, status: DaemonStatus | None, pulse: Pulse) -> Forecast | None:
        """Estimate when the waiting jobs end; nothing while no daemon works on them."""
        if status is None or status.state == "paused" or pulse.state in ("silent", "gone"):
            return None
        if self._clock() - status.beat_at > STALE_S:
            return None
        if self._forecaster is None:
            from styled.planning.forecast import Forecaster  # loads NumPy, which the first screen must not wait for

            self._forecaster = Forecaster(self._root, self._reader, clock=self._clock)
        try:
            return self._forecaster.forecast(status.slots)
        except StyledError:
            return None  # what is wrong with the store was said by those who read it first

    def _compare(self, view: View) -> tuple[Compared, ...]:
        """Read the jobs to compare; one that is gone is left out."""
        found = []
        for job_id in view.compared:
            try:
                job = self._reader.get(job_id)
            except StyledError:
                continue
            found.append(self._job_reader(job_id).compared(job, view.sides))
        return tuple(found)

    def _read_events(self) -> None:
        if not self._last_event:
            self._last_event = max(0, self._reader.last_event() - _EVENTS_KEPT)
        events = self._reader.events(self._last_event)
        if events:
            self._last_event = events[-1].seq
            self._happenings = [*self._happenings, *(happening(event) for event in events)][-_EVENTS_KEPT:]

    def _with_age(self, entry: Incomplete) -> Incomplete:
        """Return what waits in the inbox with for how long it has, once that is long."""
        age = self._clock() - entry.since
        return entry if age < OVERDUE_S else msgspec.structs.replace(entry, missing=f"{entry.missing} ({age_of(age)})")

    def _job_reader(self, job_id: str) -> JobReader:
        from styled.tui.reading.job_reader import JobReader

        reader = self._jobs.pop(job_id, None) or JobReader(self._root, job_id)
        self._jobs[job_id] = reader  # the newest last
        while len(self._jobs) > 2 * _READERS_KEPT:
            del self._jobs[next(iter(self._jobs))]
        return reader


def _unforeseen(error: Exception) -> str:
    return f"unexpected {type(error).__name__}: {error}"
