"""The thread that looks at the disk for the screen: every half second it builds one Snapshot and hands it over.

It is a daemon thread of our own and not a worker of the toolkit's: those end with the event loop, which
waits for them, so a read that hangs on a dead network disk would make ``q`` hang too.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import msgspec

from styled import memory
from styled.daemon.control.protocol import Client, status_from
from styled.errors import StyledError
from styled.figures import age as age_of
from styled.job import Job, JobState
from styled.memory import MemorySample
from styled.messages import Progress
from styled.root import Root
from styled.store.reader import StoreReader
from styled.store.status import OVERDUE_S, STALE_S, DaemonStatus, Incomplete
from styled.tui.model.snapshot import UNKNOWN_PULSE, Compared, Focus, Happening, Pulse, Snapshot, View
from styled.tui.panes.status_lines import happening

if TYPE_CHECKING:
    from styled.planning.forecast import Forecast, Forecaster
    from styled.tui.reading.job_reader import JobReader

MEMORY_S = 2.0
"""Seconds between two looks at the memory: NVML takes longer than everything else together."""

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
            return Snapshot(view=view, taken_at=self._clock(), trouble=f"unexpected {type(error).__name__}: {error}")


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
        self._queue = _Queue()
        self._queue_key: tuple[object, ...] = ()
        self._happenings: list[Happening] = []
        self._last_event = 0
        self._memory: MemorySample | None = None
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
            self._read_queue(view)
        except StyledError as error:
            trouble = str(error)
        focus, progress = (None, {}) if queue_only else self._read_jobs(view)
        now = time.monotonic()
        if now >= self._memory_due:
            self._memory, self._memory_due = self._measure(), now + MEMORY_S
        queue = self._queue
        forecast = None if queue_only else self._foreseen(status, pulse)
        return Snapshot(
            view=view,
            taken_at=self._clock(),
            daemon=status,
            pulse=pulse,
            trouble=trouble,
            counts=queue.counts,
            total=queue.total,
            top_priority=queue.top_priority,
            jobs=tuple(queue.jobs),
            progress=progress,
            foreseen=forecast.left if forecast is not None else {},
            all_done=forecast.all_done if forecast is not None else None,
            incomplete=tuple(self._with_age(entry) for entry in status.incomplete) if status is not None else (),
            ignored=tuple(status.ignored) if status is not None else (),
            rejected=tuple(status.rejected) if status is not None else (),
            focus=focus,
            compared=() if queue_only else self._compare(view),
            memory=self._memory,
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
        job = self._focused(view)
        focus = self._job_reader(job.id).read(job, view) if job is not None else None
        running = [job.id for job in self._queue.jobs if job.state is JobState.RUNNING][:_READERS_KEPT]
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

    def _read_queue(self, view: View) -> None:
        """Read the rows on the screen, if the store or the wish changed."""
        version = self._reader.version()
        key = (version, view.offset, view.limit, view.filter, view.order)
        if key == self._queue_key:
            return
        states, search = parse_filter(view.filter)
        counts = self._reader.counts()
        filtered = search is not None or states is not None
        total = self._reader.count(states, search=search) if filtered else sum(counts.values())
        jobs = self._reader.jobs(states, limit=view.limit, offset=view.offset, search=search, order=view.order)
        first = self._reader.jobs([JobState.WAITING], limit=1, order="queue")
        jobs = [self._short(job) for job in jobs]
        self._queue = _Queue(counts, total, jobs, max((job.priority for job in first), default=0))
        self._queue_key = key
        self._read_events()

    def _read_events(self) -> None:
        if not self._last_event:
            self._last_event = max(0, self._reader.last_event() - _EVENTS_KEPT)
        events = self._reader.events(self._last_event)
        if events:
            self._last_event = events[-1].seq
            self._happenings = [*self._happenings, *(happening(event) for event in events)][-_EVENTS_KEPT:]

    def _focused(self, view: View) -> Job | None:
        """Return the job under the cursor: by its id, on the screen or off it, else the first row."""
        jobs = self._queue.jobs
        if view.job is None:
            return jobs[0] if jobs and not view.offset else None
        for job in jobs:
            if job.id == view.job:
                return job
        try:
            return self._short(self._reader.get(view.job))
        except StyledError:
            return None  # removed meanwhile; the next view names another

    def _short(self, job: Job) -> Job:
        """Return the job with paths in its reason relative to the root: rows are short."""
        reason = job.reason.replace(f"{self._root.path}/", "")
        return job if reason == job.reason else msgspec.structs.replace(job, reason=reason)

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


@dataclass(frozen=True)
class _Queue:
    """What was read of the queue last."""

    counts: dict[JobState, int] = field(default_factory=dict)
    total: int = 0
    jobs: Sequence[Job] = ()
    top_priority: int = 0


def parse_filter(text: str) -> tuple[list[JobState] | None, str | None]:
    """Split a filter into states and a text: words that begin a state's name (3 letters or more) choose it.

    ``fail`` shows the failed jobs, ``harb`` those with "harb" in their name, ``done harb`` both together.
    """
    states: list[JobState] = []
    words: list[str] = []
    for word in text.split():
        found = [state for state in JobState if len(word) >= 3 and state.startswith(word.lower())]
        if found:
            states += found
        else:
            words.append(word)
    return states or None, " ".join(words) or None
