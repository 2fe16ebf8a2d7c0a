"""When to look at the inbox, and what is found: hints and quiet times make them come sooner, nothing replaces them.

A look at 20,000 files takes a good part of a second, in which the daemon's loop must go on answering. So each look
is made in a thread, from the listing to what it means; only the result comes back.
"""

from __future__ import annotations

import heapq
import time
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import Future
from functools import partial
from typing import NamedTuple

import structlog

from styled.config import InboxConfig
from styled.files.filesystem import mounts_in
from styled.files.printable import escaped
from styled.inbox.claiming.abandoned import is_hidden_copy
from styled.inbox.claiming.rejection import rejected
from styled.inbox.claiming.taken import Taken
from styled.inbox.classify import InboxState, classify
from styled.inbox.group import Ignored, Kind
from styled.inbox.listing import Look, look_into
from styled.inbox.names import REJECTED_FOLDER
from styled.inbox.pairs import Pairing, pair_up
from styled.inbox.tracker import NETWORK_SETTLE_S, Tracker
from styled.inbox.watcher import POLL_S, Watcher
from styled.lasting_thread import LastingThread
from styled.root import Root

_HINT_DELAY_S = 0.1
"""From a hint to the look: files rarely come alone."""

_SHARE = 0.1
"""Of the time at most is spent with looking, however much goes on in the inbox."""

_HANGS_S = 30.0
"""After which a look that has not come back is trouble."""

_REPORTED_AT_ONCE = 10
"""Entries that are left alone are logged singly, of one look."""

HANGS = "inbox/ does not answer; is its file server there?"

_BACKOFF_S = (1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 60.0)
"""Between looks at an inbox that cannot be read; the last one repeats."""


class _Result(NamedTuple):
    look: Look
    pairing: Pairing
    found: InboxState
    is_final: bool
    """Nothing comes of it until something in the inbox changes."""
    rejected_trouble: str
    """Why ``rejected/`` cannot be used; empty if it can."""
    seconds: float
    """That it took."""
    left_alone: frozenset[Ignored]
    new_left_alone: list[Ignored]
    """The first of those that were not reported yet, :data:`_REPORTED_AT_ONCE` at most."""
    new_left_alone_count: int


class InboxScanner:
    """Looks at an inbox when it is time to.

    Args:
        root: whose inbox.
        config: times, and how to notice changes.
        wake: called from another thread when there is a hint or a result; must return at once.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        root: Root,
        config: InboxConfig,
        *,
        wake: Callable[[], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._root = root
        self._config = config
        self._wake = wake
        self._clock = clock
        self._thread = LastingThread("styled-scanner")
        self._running: Future[_Result] | None = None
        self._watching: Future[None] | None = None
        self._log = structlog.get_logger("inbox")
        self._watcher = Watcher(root.inbox, config.watch, wake=wake, clock=clock)
        self.tracker = Tracker(settle_s=self._settle_s(), clock=clock)
        self._due_at = self._earliest = clock()
        self._hinted = self._again = False
        self._look_was_hinted = True
        self._failures = 0
        self._identity: tuple[int, int] | None = None
        self._is_another = False
        """It is another folder than the one that is watched."""
        self._result: _Result | None = None
        self._reported: frozenset[Ignored] = frozenset()
        """What is left alone and was reported; of the thread."""
        self.begun = 0
        """How many looks were begun."""
        self._begun_at = 0.0
        self._failure = ""
        self._rejected_trouble = ""
        self.missed_events = 0
        """How many entries a look found without any event having hinted at them: events that were lost."""

    @property
    def trouble(self) -> str:
        """Why the inbox cannot be looked at; empty if it can."""
        if self._running is not None and self._clock() - self._begun_at > _HANGS_S:
            return HANGS
        return self._failure

    @property
    def warning(self) -> str:
        """Why ``rejected/`` cannot be used, or looks come later than they could: no events, though there should be."""
        return self._rejected_trouble or self._watcher.problem

    @property
    def restarts(self) -> int:
        """How often a dead observer was replaced."""
        return self._watcher.restarts

    def due_in(self) -> float:
        """Return the seconds until the next look is due; 0 if it is, or if a result can be fetched."""
        if self._running is not None:
            return 0.0 if self._running.done() else self._config.rescan_s
        return max(self._due_at - self._clock(), 0.0)

    def look_soon(self) -> None:
        """Look again as soon as possible, because something was changed here."""
        self._again = True
        self._due_at = max(min(self._due_at, self._clock()), self._earliest)

    def check_now(self, paths: Collection[str]) -> None:
        """Look again, and hold these files back no longer than their quiet time."""
        for path in paths:
            self.tracker.postpone(path, 0.0)
        self.look_soon()

    def look(
        self, *, busy: Collection[str], taken: Mapping[str, Taken], notes: Mapping[str, str], wall: float
    ) -> InboxState | None:
        """Return the result of a look that is finished; begin one if it is time to. None if nothing is finished.

        The arguments are for the look that begins: see :func:`styled.inbox.classify.classify`.
        """
        if self._watching is not None and self._watching.done():
            # Forgotten first: what it raises is raised once, and not at each look from now on.
            watching, self._watching = self._watching, None
            watching.result()
        found = self._fetch()
        if self._watching is None and self._is_another:
            self._is_another = False
            self._in_thread(self._watch_another)
        elif self._watcher.needs_a_start():
            self._in_thread(self._watcher.keep_alive)
        now = self._clock()
        if self._watcher.take_hint():
            self._hinted = True
            self._due_at = max(min(self._due_at, now + _HINT_DELAY_S), self._earliest)
        if self._running is None and now >= self._due_at:
            self.begun += 1
            self._look_was_hinted, self._hinted, self._again = self._hinted, False, False
            self._begun_at = now
            make = partial(
                self._make_look,
                busy=frozenset(busy),
                taken=dict(taken),
                notes=dict(notes),
                wall=wall,
                reported=self._reported,
            )
            self._running = self._thread.submit(make)
            self._running.add_done_callback(lambda _: self._wake())
        return found

    def close(self, until: float) -> None:
        """End the watching, after the look that is being made, unless that lasts beyond ``until``, monotonic seconds."""
        self._watcher.stop()
        self._thread.close(until)

    def _in_thread(self, watch: Callable[[], None]) -> None:
        """Start or replace the observer in the thread of the looks: that too may meet a dead file server."""
        if self._watching is None:
            self._watching = self._thread.submit(watch)
            self._watching.add_done_callback(lambda _: self._wake())

    def _watch_another(self) -> None:
        """Watch the folder that is there now, in the thread: it may lie on another filesystem."""
        self._watcher.restart(self._root.inbox)
        self.tracker.settle_s = self._settle_s()

    def _settle_s(self) -> float:
        return max(self._config.settle_s, NETWORK_SETTLE_S) if self._watcher.on_network else self._config.settle_s

    def _make_look(
        self,
        *,
        busy: Collection[str],
        taken: Mapping[str, Taken],
        notes: Mapping[str, str],
        wall: float,
        reported: frozenset[Ignored],
    ) -> _Result:
        """Make a look, in the thread."""
        started = self._clock()
        look = look_into(self._root.inbox, mounts=mounts_in(self._root.inbox))
        self.tracker.observe(look.signatures)
        before = self._result
        if before is None or before.look.kinds != look.kinds:
            pairing = pair_up(look.kinds)
        elif before.is_final and not (busy or notes) and before.look.signatures == look.signatures:
            # Thousands of halves that wait for months: only the listing costs anything.
            return before._replace(
                look=look, seconds=self._clock() - started, new_left_alone=[], new_left_alone_count=0
            )
        else:
            pairing = before.pairing
        found = classify(look, pairing, self.tracker, busy=busy, taken=taken, notes=notes, wall=wall)
        trouble = self._list_rejected(look, found, before)
        is_final = not (trouble or busy or notes or found.ready or found.misfits) and found.next_s is None
        is_final = is_final and not any(map(is_hidden_copy, look.kinds))  # time makes them abandoned
        new = [entry for entry in found.left_alone if entry not in reported]
        first = heapq.nsmallest(_REPORTED_AT_ONCE, new)
        took = self._clock() - started
        return _Result(look, pairing, found, is_final, trouble, took, frozenset(found.left_alone), first, len(new))

    def _list_rejected(self, look: Look, found: InboxState, before: _Result | None) -> str:
        """Note in ``found`` what was rejected; return why that cannot be known. The rest of the inbox is well then."""
        folder = look.signatures.get(REJECTED_FOLDER)
        is_same = before is not None and folder is not None and folder == before.look.signatures.get(REJECTED_FOLDER)
        if before is not None and is_same and not before.rejected_trouble:
            found.rejected, found.rejected_count = before.found.rejected, before.found.rejected_count
            return ""
        try:
            found.rejected, found.rejected_count = rejected(self._root)
        except OSError as error:
            return _why_unusable(look.kinds.get(REJECTED_FOLDER), error)
        return ""

    def _fetch(self) -> InboxState | None:
        if self._running is None or not self._running.done():
            return None
        running, self._running = self._running, None
        try:
            result = running.result()
        except OSError as error:
            self._note_failure(error)
            return None
        self._note_success(result.look)
        self._result = result
        self._tell_ignored(result)
        if result.rejected_trouble not in ("", self._rejected_trouble):
            self._log.error("inbox/rejected/ cannot be used", reason=result.rejected_trouble)
        self._rejected_trouble = result.rejected_trouble
        self._plan_next(result.found, took=result.seconds)
        return result.found

    def _plan_next(self, found: InboxState, *, took: float) -> None:
        now = self._clock()
        self._earliest = now + took / _SHARE
        wait = self._config.rescan_s if self._watcher.is_native() else min(self._config.rescan_s, POLL_S)
        if found.next_s is not None:
            wait = min(wait, found.next_s)
        # What came up during the look may be about what it did not see any more.
        if self._again:
            wait = 0.0
        elif self._hinted:
            wait = min(wait, _HINT_DELAY_S)
        self._due_at = max(now + wait, self._earliest)

    def _note_success(self, look: Look) -> None:
        is_late = self._identity is None and self._failure != ""
        if self._failure:
            self._log.info("the inbox can be read again")
            self._failure = ""
        self._failures = 0
        if self._identity not in (None, look.identity):
            # Deleted and made again, mounted or unmounted. What lay in the other one is not "removed": it is not here.
            self._log.warning("the inbox is another folder now; watching that")
            self._is_another = True
        elif is_late:  # where it lies was asked when it was not there
            self._is_another = True
        elif not (self._look_was_hinted or self._hinted) and self._result is not None and self._watcher.is_native():
            lost = len(look.kinds.keys() - self._result.look.kinds.keys())
            if lost:
                self.missed_events += lost
                self._log.info("a look found what no event had reported", entries=lost)
        self._identity = look.identity

    def _note_failure(self, error: OSError) -> None:
        reason = f"inbox/ cannot be read: {error.strerror or error}"
        if nowhere := self._root.link_to_nothing("inbox"):
            reason = f"inbox/ is a link to {escaped(nowhere)}, which is not there: is its disk mounted?"
        elif self._root.strangers_link("inbox"):
            reason = "inbox/ is a link that another user has made; it is not followed"
        if reason != self._failure:
            self._log.error("the inbox cannot be read; trying again", reason=reason)
        self._failure = reason
        self._due_at = self._clock() + _BACKOFF_S[min(self._failures, len(_BACKOFF_S) - 1)]
        self._failures += 1

    def _tell_ignored(self, result: _Result) -> None:
        """Log each ignored entry once, for as long as it is there; of many the first ones, and how many they are."""
        for entry in result.new_left_alone:
            self._log.warning("left alone in the inbox", path=escaped(entry.path), reason=entry.reason)
        more = result.new_left_alone_count - len(result.new_left_alone)
        if more:
            self._log.warning("left alone in the inbox, and more", more=more)
        self._reported = result.left_alone


def _why_unusable(kind: Kind | None, error: OSError) -> str:
    """Return what is wrong with ``inbox/rejected``, and what to do: one line."""
    stays = "what cannot be used stays in inbox/"
    if kind not in (None, Kind.FOLDER):
        return f"inbox/rejected is no folder but a {kind}: {stays}. Move it out of inbox/"
    why = escaped(error.strerror or str(error))
    return f"inbox/rejected/ cannot be read ({why}): {stays}. Let the daemon's user read and write it, or move it out of inbox/"
