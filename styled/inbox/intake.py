"""The inbox at work: looks, waits until pairs are complete, has them prepared, and claims or rejects them.

The daemon calls :meth:`Inbox.turn` in its loop, as often as :meth:`Inbox.due_in` returns or ``wake`` asks for.
No turn makes a call on the inbox, whose file server may hang: the scanner's thread looks, the preparer's threads decode
and read, the mover's thread claims, rejects and mends. A turn gives them orders and stores what has come of earlier
ones. Everything here may be killed at any moment; :func:`styled.inbox.claiming.recovery.recover`
mends it at the next start.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Self

import structlog

from styled.config import InboxConfig
from styled.errors import ContentTooThin, DiskFull, PairChanged, SettingsError, StyledError
from styled.files.failpoint import crash_point
from styled.files.printable import escaped
from styled.inbox.admission import admit
from styled.inbox.awaited import Awaited
from styled.inbox.checking import Changed, CheckResult, NotYet, Prepared, Unusable
from styled.inbox.checking_thread import CheckingThreads
from styled.inbox.claiming.abandoned import Sweeps
from styled.inbox.claiming.claim import forget_plan
from styled.inbox.claiming.mover import (
    Claimed,
    ClaimOrder,
    Failed,
    Mended,
    Mover,
    Outcome,
    Rejected,
    RejectOrder,
    Removed,
    RemoveOrder,
    SweepOrder,
)
from styled.inbox.claiming.originals import Originals
from styled.inbox.claiming.recovery_schedule import Recovery, RecoverySchedule
from styled.inbox.classify import InboxState
from styled.inbox.group import Misfit, Pair
from styled.inbox.idle import IdleFolders
from styled.inbox.overdue import Overdue
from styled.inbox.scanner import HANGS, InboxScanner
from styled.job import Job, JobState
from styled.root import Root
from styled.settings import default_values
from styled.store.adoption import job_fields
from styled.store.store import Store

MAX_PER_TURN = 200
"""Pairs claimed in one turn at most."""

TURN_S = 0.1
"""Seconds that one turn claims for; the claim that is begun is finished."""

_PREPARED_AHEAD = 32
"""Pairs with the preparer at once: enough that it never waits, few enough that a restart repeats little."""

_MOVED_AHEAD = 200
"""Pairs that are being claimed, and paths that are being rejected, at once."""

_BLOCKED_S = 60.0
"""Between two tries of what the filesystem refuses: no permission, an inbox that cannot be written."""

_CLOSE_S = 1.0
"""That closing waits for the threads."""


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
        self._held: deque[Prepared] = deque()
        """Checked, and not claimed yet: a pair with the same images is being claimed, or there was no room."""
        self._checking: set[str] = set()
        """Contents of pairs that are with the preparer, or held."""
        self._claiming: set[str] = set()
        """Contents of pairs that are being claimed."""
        self._moving: set[str] = set()
        """Paths that are being rejected."""
        self._digests: set[str] = set()
        """Of the pairs that are being claimed."""
        self._gone: set[str] = set()
        """Paths that were claimed or rejected since the look that is being made began."""
        self._begun = 0
        self._awaited = Awaited()
        self._found = InboxState()
        self._originals = Originals(store, clock=clock)
        self._recovery_schedule = RecoverySchedule(root, store, clock=clock)
        self._overdue = Overdue(store)
        self._sweeps = Sweeps(clock)
        self._trouble = ""
        self._queue_full = False
        self._mover = Mover(root, wake=wake)
        self._start(config, defaults or {})

    def _start(self, config: InboxConfig, defaults: Mapping[str, Any]) -> None:
        self._config = config
        self._defaults = dict(defaults)
        self._scanner = InboxScanner(self._root, config, wake=self._wake, clock=self._clock)
        self._idle = IdleFolders(self._scanner.tracker.signature)
        weights = str(defaults.get("weights", default_values()["weights"]))
        self._preparer = CheckingThreads(self._root.inbox, config, weights=weights, wake=self._wake)

    def reconfigure(self, config: InboxConfig, defaults: Mapping[str, Any]) -> None:
        """Go on by another configuration. Quiet times start again; what is being claimed is claimed."""
        if (config, dict(defaults)) == (self._config, self._defaults):
            return
        until = time.monotonic() + _CLOSE_S
        self._scanner.close(until)
        self._preparer.close(until)
        self._checking.clear()
        self._ready.clear()
        self._misfits.clear()
        self._held.clear()
        self._start(config, defaults)

    def close(self) -> None:
        """End the threads. What was prepared and not claimed lies in the inbox as before.

        A thread that a dead file server holds is left behind: it ends with this process.
        """
        until = time.monotonic() + _CLOSE_S
        self._scanner.close(until)
        self._preparer.close(until)
        self._mover.close(until)
        try:
            self._settle()
        except StyledError as error:
            self._log.error("jobs could not be stored; the next start finds them in evolution/", reason=error.message)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # -- its state -----------------------------------------------------------------------------------------

    @property
    def found(self) -> InboxState:
        """What the last look has found: incomplete, left alone, rejected."""
        return self._found

    @property
    def trouble(self) -> str:
        """Why pairs are not, or not wholly, taken out of the inbox; one line; empty if all is well."""
        stays = "inbox/ cannot be written: pairs are copied and stay there" if self._originals.here else ""
        hangs = HANGS if self._mover.hangs or self._preparer.hangs else ""
        return self._scanner.trouble or hangs or self._recovery_schedule.trouble or self._trouble or stays

    @property
    def warning(self) -> str:
        """A lesser trouble, such as missing events. One line; empty if all is well."""
        if self._queue_full:
            return f"the queue is full ({self._config.max_queue} jobs wait): other pairs stay in inbox/ until there is room"
        return self._scanner.warning

    @property
    def watching(self) -> tuple[int, int]:
        """How many entries were found without an event, which was lost, and how often a dead observer was replaced."""
        return self._scanner.missed_events, self._scanner.restarts

    def waiting(self) -> int:
        """Return how many complete pairs wait to be claimed."""
        return len(self._ready) + len(self._checking) + len(self._claiming)

    def due_in(self) -> float:
        """Return the seconds until :meth:`turn` is due, if ``wake`` does not ask for it earlier."""
        mend_in = self._recovery_schedule.due_in()
        return min(self._scanner.due_in(), self._config.rescan_s if mend_in is None else mend_in)

    def look_again(self, paths: Sequence[str]) -> None:
        """Look now, and check anew what is held back at these paths."""
        self._awaited.drop(*paths)
        self._scanner.check_now(paths)

    # -- what it does --------------------------------------------------------------------------------------

    def turn(
        self, *, may_take: bool = True, may_mend: bool = True, limit: int = MAX_PER_TURN, seconds: float = TURN_S
    ) -> list[Job]:
        """Look if it is time to; have claimed and rejected what is due; return the jobs that have come of it.

        Never waits for the inbox: what is ordered here is done in threads, and stored by a later turn.

        Args:
            may_take: False only looks: there is no room on the disk for another job.
            may_mend: False while ``evolution/`` is away; files and store are brought together again afterwards.
            limit: have at most so many pairs claimed at once.
            seconds: and order no further claim after so many.

        Raises:
            DiskFull: there is no room; nothing is lost, and the jobs claimed before are in the store.
            StoreError: the store refused the jobs; their folders are whole, and a later turn adds them.
        """
        deadline = self._clock() + seconds
        jobs = self._settle()
        if not may_mend:
            self._recovery_schedule.plan_recovery()
        elif recovery := self._recovery_schedule.begin(is_inbox_there=not self._scanner.trouble):
            self._mover.submit(recovery)
        self._look()
        if may_take and not self._recovery_schedule.blocks:
            self._order(limit, deadline)
        return jobs

    # -- what was done -------------------------------------------------------------------------------------

    def _settle(self) -> list[Job]:
        """Take in what the mover has done since the last turn."""
        outcomes = self._mover.outcomes()
        for outcome in outcomes:
            self._release(outcome)
        stored = [outcome for outcome in outcomes if isinstance(outcome, Claimed | Rejected | Removed)]
        try:
            jobs = self._store_all(stored) if stored else []
        finally:  # after the claims, whose folders a recovery would take for unknown ones
            for outcome in outcomes:
                if isinstance(outcome.order, Recovery):
                    self._mend(outcome.order, outcome)
        for failed in (each for each in outcomes if isinstance(each, Failed)):
            if isinstance(failed.error, DiskFull) and not isinstance(failed.order, Recovery):  # tells of it itself
                raise failed.error
        return jobs

    def _store_all(self, outcomes: Sequence[Claimed | Rejected | Removed]) -> list[Job]:
        jobs = []
        try:
            # One transaction and one flush for all; what is claimed and not in the store is found by a recovery.
            with self._store.batch():
                for outcome in outcomes:
                    match outcome:
                        case Claimed():
                            jobs.append(self._enter(outcome))
                        case Rejected(order=order, place=place):
                            name, reason = escaped(order.name), escaped(order.reason)
                            self._store.note_event("rejected", f"{name}: {reason}")
                            self._log.warning("rejected", pair=name, reason=reason, to=place)
                        case Removed(gone=gone):
                            self._originals.forget(gone)
        except StyledError:
            self._recovery_schedule.plan_adoption()
            raise
        crash_point("claim.8")
        for outcome in outcomes:
            if isinstance(outcome, Claimed):
                forget_plan(outcome.folder)
        return jobs

    def _release(self, outcome: Outcome) -> None:
        """Let go of what was being moved; nothing here can fail."""
        order = outcome.order
        match order:
            case ClaimOrder():
                content = order.prepared.task.pair.content
                self._claiming.discard(content)
                self._digests.discard(order.admission.digest)
                if isinstance(outcome, Claimed):
                    self._trouble = ""
                    self._awaited.drop(content)
                    self._gone.add(content)
            case RejectOrder():
                self._moving -= set(order.paths)
                if isinstance(outcome, Rejected):
                    self._gone.update(order.paths)
            case SweepOrder():
                return  # the next look will do: what could not be removed would have them go on for ever
        if isinstance(outcome, Failed):
            self._note_failure(outcome)
        if not isinstance(outcome, Claimed):
            self._scanner.look_soon()

    def _note_failure(self, outcome: Failed) -> None:
        order, error = outcome.order, outcome.error
        match order:
            case ClaimOrder():
                self._not_claimed(order.prepared.task.pair, error, outcome.words)
            case RejectOrder() if not isinstance(error, DiskFull):
                why = f"and it cannot be moved to inbox/rejected/: {outcome.words}"
                for path in order.paths:
                    self._scanner.tracker.postpone(path, _BLOCKED_S)
                if self._keep_note(order.key, order.paths[0], f"{order.reason} ({why})"):
                    reason = escaped(outcome.words)
                    self._log.warning("cannot be rejected; it stays", pair=escaped(order.name), reason=reason)
            case _:
                pass  # what could not be removed stays and is reported, what had no room is tried again

    def _not_claimed(self, pair: Pair, error: Exception, words: str) -> None:
        if isinstance(error, PairChanged):
            self._log.info("a pair changed while it was claimed; waiting for it", pair=pair.name, reason=error.message)
        elif not isinstance(error, DiskFull):
            self._trouble = f"pairs cannot be claimed: {escaped(words)}"
            self._log.error("a pair could not be claimed; trying again", pair=pair.name, reason=str(error))
            self._recovery_schedule.plan_recovery()

    def _enter(self, outcome: Claimed) -> Job:
        file = outcome.claim.job
        job = self._store.add(number=file.number, **job_fields(file))
        self._store.mark_seen(outcome.order.admission.digest, job)
        admission = outcome.order.admission
        if admission.same_as and self._config.duplicates == "warn":
            self._store.note_event("duplicate", f"same images and settings as {admission.same_as}", job=job)
        self._originals.add(outcome.stuck)
        self._log.info("claimed", job=job.number, id=job.id)
        for remark in file.remarks:
            self._log.warning("a remark on a job", job=job.number, remark=remark)
        return job

    def _mend(self, recovery: Recovery, outcome: Outcome) -> None:
        """Do the half of a recovery that is in the store, or note that the other half failed."""
        try:
            if isinstance(outcome, Failed):
                raise outcome.error
            if isinstance(outcome, Mended):
                self._recovery_schedule.finish(recovery, outcome.files)
                self._originals.reload()
        except Exception as error:  # noqa: BLE001  # logged: a recovery that never ended would block all claims
            if not isinstance(error, OSError | StyledError):
                self._log.exception("a recovery failed")
            self._recovery_schedule.fail(recovery, error)

    # -- what is to be done --------------------------------------------------------------------------------

    def _order(self, limit: int, deadline: float) -> None:
        """Have rejected and claimed what is due, as far as that is bounded."""
        while self._misfits and len(self._moving) < _MOVED_AHEAD:
            misfit = self._misfits.popleft()
            self._reject(misfit.name, misfit.reason, misfit.paths, key=misfit.paths[0])
        abandoned, self._found.abandoned = self._found.abandoned, []
        if due := self._sweeps.due(abandoned):
            self._mover.submit(SweepOrder(due))
        if originals := self._originals.to_remove():
            self._mover.submit(RemoveOrder(originals))
        room = self._within_queue(min(limit, _MOVED_AHEAD)) - len(self._claiming)
        self._check_more()
        held, self._held = self._held, deque()
        try:
            while room > 0 and self._clock() < deadline:
                if (verdict := held.popleft() if held else self._preparer.verdict()) is None:
                    break
                room -= self._obey(verdict)
                self._check_more()
        finally:
            self._held.extendleft(reversed(held))

    def _within_queue(self, limit: int) -> int:
        """Return how many pairs may be claimed: no more than leave room in the queue."""
        if not (self._ready or self._checking or self._claiming):
            self._queue_full = False
            return limit
        room = max(0, self._config.max_queue - self._store.counts()[JobState.WAITING])
        self._queue_full = room == 0
        return min(limit, room)

    def _check_more(self) -> None:
        while len(self._checking) < _PREPARED_AHEAD:
            if (pair := self._ready.popleft() if self._ready else self._idle.next()) is None:
                return
            self._checking.add(pair.content)
            self._preparer.submit(self._found.task(pair))

    def _obey(self, verdict: CheckResult) -> int:
        """Have done what a verdict asks for; return how many claims that is."""
        pair = verdict.task.pair
        self._checking.discard(pair.content)
        if isinstance(verdict, NotYet) and self._scanner.tracker.age(verdict.path) >= self._config.truncated_grace_s:
            verdict = verdict.afterwards or verdict
        match verdict:
            case Prepared(task) if task.pair.is_idle:
                self._idle.found_usable(task)
            case Prepared():
                return self._have_claimed(verdict)
            case NotYet():
                self._wait(verdict)
            case Unusable():
                self._reject_pair(pair, verdict.path, verdict.reason)
            case Changed():
                self._scanner.look_soon()
        return 0

    def _look(self) -> None:
        notes = self._awaited.current(self._scanner.tracker.signature)
        busy = self._checking | self._claiming
        found = self._scanner.look(busy=busy, taken=self._originals.taken, notes=notes, wall=self._wall())
        if found is not None:
            self._take_in(found, notes)
            self._originals.see(found)
            self._overdue.tell(found.incomplete, found.ignored, self._wall())
        if self._begun != self._scanner.begun:
            self._begun = self._scanner.begun
            self._gone.clear()

    def _take_in(self, found: InboxState, notes: Mapping[str, str]) -> None:
        self._awaited.only(notes)
        self._found = found
        # The look began a while ago: it has no part in what was begun or done since then.
        busy, gone = self._checking | self._claiming, self._gone | self._moving
        new = (pair for pair in found.ready if pair.content not in busy and pair.folder not in gone)
        self._ready = deque(pair for pair in new if gone.isdisjoint(pair.paths))
        self._idle.see(found.idle, busy=busy)
        self._misfits = deque(misfit for misfit in found.misfits if gone.isdisjoint(misfit.paths))
        if not found.ready and not busy:
            self._trouble = ""

    def _have_claimed(self, prepared: Prepared) -> int:
        """Have a prepared pair claimed, if nothing is against it; return how many claims that is."""
        pair = prepared.task.pair
        if self._originals.knows(prepared):
            return 0
        try:
            now = datetime.fromtimestamp(self._wall()).astimezone()
            admission = admit(self._root, self._store, prepared, self._defaults, now, config=self._config)
        except SettingsError as error:
            at_fault = pair.content if isinstance(error, ContentTooThin) else pair.settings or pair.content
            self._reject_pair(pair, at_fault, pair.reason_for(at_fault, str(error)))
            return 0
        if admission.digest in self._digests:
            # The one that is being claimed has no id yet by which this one could be called its duplicate.
            self._hold(prepared)
            return 0
        if admission.same_as and self._config.duplicates == "skip":
            same = f"it has the same images and settings as {admission.same_as}"
            reason = f"{same}. To paint it again, retry that job, or remove it and drop this once more."
            self._reject_pair(pair, pair.content, reason)
            return 0
        try:
            admission = admission.numbered(self._store.next_number())
        except StyledError:
            self._hold(prepared)
            raise
        self._claiming.add(pair.content)
        self._digests.add(admission.digest)
        self._mover.submit(ClaimOrder(prepared, admission))
        return 1

    def _hold(self, prepared: Prepared) -> None:
        self._held.append(prepared)
        self._checking.add(prepared.task.pair.content)

    def _wait(self, verdict: NotYet) -> None:
        """Hold a pair back: until its file grows, is closed, may be read, or has had its time."""
        tracker, pair = self._scanner.tracker, verdict.task.pair
        if verdict.afterwards is not None:
            delay = self._config.truncated_grace_s - tracker.age(verdict.path)
        else:
            delay = self._config.settle_s if verdict.in_use else _BLOCKED_S
        tracker.postpone(verdict.path, delay)
        self._keep_note(pair.content, verdict.path, verdict.missing)
        self._scanner.look_soon()

    def _keep_note(self, key: str, path: str, missing: str) -> bool:
        """Remember what is awaited, for as long as the file at ``path`` stays as it is; return whether that is news."""
        return self._awaited.keep(key, path, self._scanner.tracker.signature(path), missing)

    def _reject_pair(self, pair: Pair, path: str, reason: str) -> None:
        """Reject a pair for the file at ``path``."""
        name = path.partition("/")[0] if path in pair.kept else pair.name
        self._reject(name, reason, pair.rejected_for(path), key=pair.content)

    def _reject(self, name: str, reason: str, paths: Sequence[str], *, key: str) -> None:
        self._moving.update(paths)
        self._mover.submit(RejectOrder(name, reason, tuple(paths), key))
