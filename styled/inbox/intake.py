"""The inbox at work: looks, waits until pairs are complete, has them prepared, and claims or rejects them.

The daemon calls :meth:`Inbox.turn` in its loop, as often as :meth:`Inbox.due_in` says or ``wake`` asks for.
Each turn is short: what takes long (decoding, digests) happens in the preparer's thread, and the rest is bounded
by a number and by time. Everything here may be killed at any moment; :func:`styled.inbox.claiming.recovery.recover`
mends it at the next start.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any, NamedTuple, Self

import structlog

from styled.config import InboxConfig
from styled.errors import DiskFull, PairChanged, SettingsError, StyledError
from styled.evolution.folder import JobFolder
from styled.files import durable
from styled.files.failpoint import crash_point
from styled.files.printable import escaped
from styled.files.signature import Signature
from styled.inbox.admission import Admission, admit
from styled.inbox.checking import Changed, CheckResult, NotYet, Prepared, Unusable
from styled.inbox.checking_thread import CheckingThread
from styled.inbox.claiming.claim import clear, forget_plan, take
from styled.inbox.claiming.recovery_schedule import RecoverySchedule
from styled.inbox.claiming.rejection import reject
from styled.inbox.classify import InboxState
from styled.inbox.overdue import Overdue
from styled.inbox.pairs import Misfit, Pair
from styled.inbox.scanner import InboxScanner
from styled.job import Job, JobState
from styled.root import Root
from styled.settings import default_values
from styled.store.adoption import job_fields
from styled.store.status import Incomplete, Rejected
from styled.store.store import Store

MAX_PER_TURN = 200
"""Pairs claimed in one turn at most."""

TURN_S = 0.1
"""Seconds that one turn claims for; the claim that is begun is finished."""

_PREPARED_AHEAD = 32
"""Pairs with the preparer at once: enough that it never waits, few enough that a restart repeats little."""

_BLOCKED_S = 60.0
"""Between two tries of what the filesystem refuses: no permission, an inbox that cannot be written."""


class _Note(NamedTuple):
    path: str
    signature: Signature | None
    missing: str


class Inbox:
    """Turns what is dropped into jobs. A context manager.

    Args:
        root: whose inbox.
        store: where the jobs go; used from the thread that calls :meth:`turn`.
        config: ``[inbox]``.
        defaults: ``[job]``: the root's settings, as plain values.
        wake: called from other threads when a turn is wanted; must return at once.
        clock: monotonic seconds.
        wall: Unix seconds.
    """

    def __init__(
        self,
        root: Root,
        store: Store,
        config: InboxConfig,
        *,
        defaults: Mapping[str, Any] | None = None,
        wake: Callable[[], None] = lambda: None,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._root = root
        self._store = store
        self._wake = wake
        self._clock = clock
        self._wall = wall
        self._log = structlog.get_logger("inbox")
        self._ready: deque[Pair] = deque()
        self._misfits: deque[Misfit] = deque()
        self._busy: set[str] = set()
        self._gone: set[str] = set()
        """Paths that were claimed or rejected since the look that is being made began."""
        self._begun = 0
        self._notes: dict[str, _Note] = {}
        self._found = InboxState()
        self._taken = store.taken()
        self._full: DiskFull | None = None
        self._recovery_schedule = RecoverySchedule(root, store, clock=clock)
        self._overdue = Overdue(store)
        self._trouble = ""
        self._queue_full = False
        self._start(config, defaults or {})

    def _start(self, config: InboxConfig, defaults: Mapping[str, Any]) -> None:
        self._config = config
        self._defaults = dict(defaults)
        self._scanner = InboxScanner(self._root, config, wake=self._wake, clock=self._clock)
        weights = str(defaults.get("weights", default_values()["weights"]))
        self._preparer = CheckingThread(self._root.inbox, config, weights=weights, wake=self._wake)

    def reload(self, config: InboxConfig, defaults: Mapping[str, Any]) -> None:
        """Go on with another configuration. Quiet times start again."""
        self.close()
        self._ready.clear()
        self._misfits.clear()
        self._busy.clear()
        self._start(config, defaults)

    def close(self) -> None:
        """End the threads. What was prepared and not claimed lies in the inbox as before."""
        self._scanner.close()
        self._preparer.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # -- what it says --------------------------------------------------------------------------------------

    def incomplete(self) -> tuple[list[Incomplete], int]:
        """Return the incomplete pairs (the oldest first, at most ``LISTED``) and how many there are."""
        return self._found.incomplete, self._found.incomplete_count

    def rejected(self) -> tuple[list[Rejected], int]:
        """Return the newest rejections (at most ``LISTED``) and how many there are."""
        return self._found.rejected, self._found.rejected_count

    @property
    def trouble(self) -> str:
        """Why pairs are not, or not wholly, taken out of the inbox; one line; empty if all is well."""
        stays = "inbox/ cannot be written: pairs are copied and stay there" if self._taken else ""
        return self._scanner.trouble or self._recovery_schedule.trouble or self._trouble or stays

    @property
    def warning(self) -> str:
        """Something less: events do not come, say. One line; empty if all is well."""
        if self._queue_full:
            return f"the queue is full ({self._config.max_queue} jobs wait): other pairs stay in inbox/ until there is room"
        return self._scanner.warning

    @property
    def missed_events(self) -> int:
        """How many entries were found without an event: events were lost, and nothing else."""
        return self._scanner.missed_events

    @property
    def observer_restarts(self) -> int:
        """How often a dead observer was replaced."""
        return self._scanner.restarts

    def waiting(self) -> int:
        """Return how many complete pairs wait to be claimed."""
        return len(self._ready) + len(self._busy)

    def due_in(self) -> float:
        """Return the seconds until :meth:`turn` wants to be called, if ``wake`` does not ask for it earlier."""
        if self._misfits:
            return 0.0
        mend_in = self._recovery_schedule.due_in()
        return min(self._scanner.due_in(), self._config.rescan_s if mend_in is None else mend_in)

    # -- what it does --------------------------------------------------------------------------------------

    def turn(self, *, may_take: bool = True, limit: int = MAX_PER_TURN, seconds: float = TURN_S) -> list[Job]:
        """Look if it is time to; claim and reject what is due, for a short while; return the new jobs.

        Args:
            may_take: False only looks: there is no room on the disk for another job.
            limit: claim at most so many pairs.
            seconds: and begin no further claim after so many, the look included.

        Raises:
            DiskFull: there is no room; nothing is lost, and the jobs claimed before are in the store.
            StoreError: the store refused the jobs; their folders are whole, and a later turn adds them.
        """
        deadline = self._clock() + seconds
        if self._recovery_schedule.turn():
            self._taken = self._store.taken()
        self._look()
        if not may_take or self._recovery_schedule.blocks:
            return []
        limit = self._within_queue(limit)
        jobs: list[Job] = []
        self._full = None
        verdict = self._next_verdict() if limit else None
        if verdict is None and not self._misfits:
            return jobs
        try:
            # One transaction and one flush for all; what is claimed and not in the store is found by the next turn.
            with self._store.batch():
                self._obey_all(verdict, jobs, limit=limit, deadline=deadline)
        except StyledError:
            self._recovery_schedule.plan_adoption()
            raise
        crash_point("claim.8")
        for job in jobs:
            forget_plan(JobFolder(self._root.evolution / job.id))
        if self._full is not None:
            raise self._full
        return jobs

    def _obey_all(self, verdict: CheckResult | None, jobs: list[Job], *, limit: int, deadline: float) -> None:
        while verdict is not None or self._misfits:
            if self._misfits:
                misfit = self._misfits.popleft()
                self._reject(misfit.name, misfit.reason, misfit.paths)
            if verdict is not None:
                self._obey(verdict, jobs)
            if len(jobs) >= limit or self._clock() >= deadline or self._full is not None:
                break
            verdict = self._next_verdict()
        if jobs:
            # The inbox may have been unmounted since: the jobs have their files.
            with suppress(FileNotFoundError, NotADirectoryError):
                durable.sync_folder(self._root.inbox)

    def _within_queue(self, limit: int) -> int:
        """Return how many pairs may be claimed now: no more than leave room in the queue."""
        if not (self._ready or self._busy):
            self._queue_full = False
            return limit
        room = max(0, self._config.max_queue - self._store.counts()[JobState.WAITING])
        self._queue_full = room == 0
        return min(limit, room)

    def _next_verdict(self) -> CheckResult | None:
        while self._ready and len(self._busy) < _PREPARED_AHEAD:
            pair = self._ready.popleft()
            self._busy.add(pair.content)
            self._preparer.submit(self._found.task(pair))
        verdict = self._preparer.verdict()
        if verdict is not None:
            self._busy.discard(verdict.task.pair.content)
        return verdict

    def _obey(self, verdict: CheckResult, jobs: list[Job]) -> None:
        match verdict:
            case Prepared():
                job = self._claim(verdict)
                jobs += [job] if job else []
            case NotYet():
                self._wait(verdict)
            case Unusable():
                self._reject_pair(verdict.task.pair, verdict.path, verdict.reason)
            case Changed():
                self._scanner.look_soon()

    def _look(self) -> None:
        tracker = self._scanner.tracker
        notes = {
            content: note.missing
            for content, note in self._notes.items()
            if note.signature is not None and tracker.signature(note.path) == note.signature
        }
        found = self._scanner.look(busy=self._busy, taken=self._taken, notes=notes, wall=self._wall())
        if found is not None:
            self._take_in(found, notes)
            self._overdue.tell(found.incomplete, self._wall())
        if self._begun != self._scanner.begun:
            self._begun = self._scanner.begun
            self._gone.clear()

    def _take_in(self, found: InboxState, notes: Mapping[str, str]) -> None:
        self._notes = {content: note for content, note in self._notes.items() if content in notes}
        self._found = found
        # The look began a while ago: what was begun or done with since then is not for it to say.
        self._ready = deque(
            pair
            for pair in found.ready
            if pair.content not in self._busy and pair.folder not in self._gone and self._gone.isdisjoint(pair.paths)
        )
        self._misfits = deque(misfit for misfit in found.misfits if self._gone.isdisjoint(misfit.paths))
        if not found.ready and not self._busy:
            self._trouble = ""

    def _claim(self, prepared: Prepared) -> Job | None:
        """Claim a pair and put the job into the store; None if it did not become one."""
        pair = prepared.task.pair
        try:
            now = datetime.fromtimestamp(self._wall()).astimezone()
            warn = self._config.duplicates == "warn"
            admission = admit(self._root, self._store, prepared, self._defaults, now, warn=warn)
            if admission.same_as and self._config.duplicates == "skip":
                reason = (
                    f"it has the same images and settings as {admission.same_as}. To paint it again, retry that job."
                )
                self._reject_pair(pair, pair.content, reason)
                return None
            folder = take(self._root, admission.claim)
            stuck = clear(self._root, folder, admission.claim)
        except SettingsError as error:
            self._reject_pair(pair, pair.settings or pair.content, str(error))
            return None
        except PairChanged as error:
            self._log.info("a pair changed while it was claimed; waiting for it", pair=pair.name, reason=error.message)
            self._scanner.look_soon()
            return None
        except DiskFull as error:
            self._full = error
            self._scanner.look_soon()
            return None
        except OSError as error:
            self._trouble = f"pairs cannot be claimed: {escaped(str(error))}"
            self._log.error("a pair could not be claimed; trying again", pair=pair.name, reason=str(error))
            self._recovery_schedule.plan_recovery()
            return None
        self._trouble = ""
        self._notes.pop(pair.content, None)
        self._gone.add(pair.content)
        return self._enter(admission, stuck)

    def _enter(self, admission: Admission, stuck: Mapping[str, Signature]) -> Job:
        file = admission.claim.job
        job = self._store.add(number=file.number, **job_fields(file))
        self._store.mark_seen(admission.digest, job)
        if admission.same_as and self._config.duplicates == "warn":
            self._store.note_event("duplicate", f"same images and settings as {admission.same_as}", job=job)
        for path, signature in stuck.items():
            self._store.set_taken(path, signature)
            self._taken[path] = signature.text
        self._log.info("claimed", job=job.number, id=job.id)
        for remark in file.remarks:
            self._log.warning("a remark on a job", job=job.number, remark=remark)
        return job

    def _wait(self, verdict: NotYet) -> None:
        """Hold a pair back: until its file grows, is closed, may be read, or has had its time."""
        tracker, pair = self._scanner.tracker, verdict.task.pair
        if verdict.reason:
            delay = self._config.truncated_grace_s - tracker.age(verdict.path)
            if delay <= 0:
                self._reject_pair(pair, verdict.path, verdict.reason)
                return
        else:
            delay = self._config.settle_s if verdict.in_use else _BLOCKED_S
        tracker.postpone(verdict.path, delay)
        self._notes[pair.content] = _Note(verdict.path, tracker.signature(verdict.path), verdict.missing)
        self._scanner.look_soon()

    def _reject_pair(self, pair: Pair, path: str, reason: str) -> None:
        """Reject a pair for the file at ``path``; of a hot folder only what is at fault: a picture, or all that stays."""
        if path in pair.kept:
            self._reject(path.partition("/")[0], reason, sorted(pair.kept))
        elif pair.folder:
            self._reject(pair.name, reason, [pair.folder, *([pair.ready] if pair.ready else [])])
        else:
            self._reject(pair.name, reason, [each for each in pair.paths if each not in pair.kept])

    def _reject(self, name: str, reason: str, paths: Sequence[str]) -> None:
        try:
            place = reject(self._root, name, reason, [f"inbox/{path}" for path in paths])
        except OSError as error:
            missing = f"{reason} (and it cannot be moved to inbox/rejected/: {error.strerror or error})"
            for path in paths:
                self._scanner.tracker.postpone(path, _BLOCKED_S)
            tracker = self._scanner.tracker
            self._notes[paths[0]] = _Note(paths[0], tracker.signature(paths[0]), missing)
        else:
            self._store.note_event("rejected", f"{escaped(name)}: {escaped(reason)}")
            self._gone.update(paths)
            self._log.warning("rejected", pair=escaped(name), reason=escaped(reason), to=place)
        self._scanner.look_soon()
