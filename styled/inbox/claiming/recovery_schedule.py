"""Bringing files and store together again: at the start, and a little later whenever a claim failed half-way."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import NamedTuple

import structlog

from styled.files.printable import escaped
from styled.inbox.claiming.recovery import FilesMended, mend_queue
from styled.root import Root
from styled.store.store import Store

_MEND_S = 1.0
"""Between two tries after something failed."""

_UNFINISHED_S = 60.0
"""Between two tries of a claim or a rejection whose files are safe, but which can be neither finished nor undone now."""


class Recovery(NamedTuple):
    """A recovery whose half in the files is to be done now, by :func:`styled.inbox.claiming.recovery.mend_files`."""

    known: frozenset[str]
    only_folders: bool


class RecoverySchedule:
    """Schedules recoveries, and does their half in the store; the first one is due at once.

    Args:
        root: whose inbox.
        store: the queue's record.
        clock: monotonic seconds.
    """

    def __init__(self, root: Root, store: Store, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._root = root
        self._store = store
        self._clock = clock
        self._only_folders: bool | None = False
        """Of the one that is planned; None if none is."""
        self._at = clock()
        self._blocks = True
        self._under_way = False
        self._was_inbox_there = True
        self._unfinished: list[str] = []
        """What the last one could not finish, and was logged."""
        self.trouble = ""
        """Why it did not succeed the last time; one line, printable."""
        self._log = structlog.get_logger("inbox")

    @property
    def planned(self) -> bool:
        """Whether something is to be mended, or is being mended."""
        return self._only_folders is not None or self._under_way

    @property
    def blocks(self) -> bool:
        """Whether nothing may be claimed before it is mended: a folder that is claimed meanwhile would be added twice."""
        return self._under_way or (self.planned and self._blocks)

    def due_in(self) -> float | None:
        """Return the seconds until :meth:`begin` has something to do; None if nothing is planned."""
        if self._only_folders is None or self._under_way:
            return None
        return max(self._at - self._clock(), 0.0)

    def plan_recovery(self) -> None:
        """Have files and store brought together soon."""
        self._plan(only_folders=False)

    def plan_adoption(self) -> None:
        """Have folders that the store does not know added to it soon."""
        self._plan(only_folders=True)

    def begin(self, *, is_inbox_there: bool = True) -> Recovery | None:
        """Return what is planned and due; :meth:`finish` or :meth:`fail` is to follow.

        Args:
            is_inbox_there: whether it can be read. When it is back, what could not be done without it is due at once.
        """
        if is_inbox_there and not self._was_inbox_there:
            self._at = self._clock()
        self._was_inbox_there = is_inbox_there
        if self.due_in() != 0.0:
            return None
        recovery = Recovery(frozenset(self._store.ids()), bool(self._only_folders))
        self._only_folders, self._under_way = None, True
        return recovery

    def finish(self, recovery: Recovery, mended: FilesMended) -> None:
        """Do the half in the store.

        Raises:
            StoreError, DiskFull, OSError: it could not be done; :meth:`fail` is to follow.
        """
        notes = mend_queue(self._root, self._store, mended, only_folders=recovery.only_folders)
        self._under_way = False
        self.trouble = ""
        if mended.recovered.unfinished:
            # Safe where they are, and no reason to keep other pairs waiting.
            self._plan(only_folders=False, seconds=_UNFINISHED_S, blocks=False)
        # Tried each minute, for months maybe: logged once.
        new = [note for note in mended.recovered.unfinished if note not in self._unfinished]
        if not recovery.only_folders:
            self._unfinished = mended.recovered.unfinished
        for note in mended.recovered.notes + notes + new:
            self._log.warning("put in order", note=escaped(note))

    def fail(self, recovery: Recovery, error: Exception) -> None:
        """Note why a recovery did not succeed, and have it tried again."""
        self._under_way = False
        trouble = f"the inbox cannot be put in order: {escaped(str(error))}"
        if trouble != self.trouble:
            self._log.error("the inbox cannot be put in order; trying again", reason=str(error))
        self.trouble = trouble
        self._plan(only_folders=recovery.only_folders)

    def _plan(self, *, only_folders: bool, seconds: float = _MEND_S, blocks: bool = True) -> None:
        # A recovery that is planned already does more than adopt folders, and does that too.
        if self._only_folders is not None and not self._only_folders:
            only_folders = False
        self._only_folders, self._at, self._blocks = only_folders, self._clock() + seconds, blocks
