"""Bringing files and store together again: at the start, and a little later whenever a claim failed half-way."""

from __future__ import annotations

import time
from collections.abc import Callable

import structlog

from styled.errors import StyledError
from styled.files.printable import escaped
from styled.inbox.claiming.recovery import adopt, recover
from styled.root import Root
from styled.store.store import Store

_MEND_S = 1.0
"""Between two tries after something failed."""

_UNFINISHED_S = 60.0
"""Between two tries of a claim whose files are safe, but which can be neither finished nor undone now."""


class RecoverySchedule:
    """Plans and does the recovery of an inbox; the first one is due at once.

    Args:
        root: whose inbox.
        store: the queue's record.
        clock: monotonic seconds.
    """

    def __init__(self, root: Root, store: Store, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._root = root
        self._store = store
        self._clock = clock
        self._how: Callable[[], list[str]] | None = self._recover
        self._at = clock()
        self._blocks = True
        self.trouble = ""
        """Why it did not succeed the last time; one line, printable."""
        self._log = structlog.get_logger("inbox")

    @property
    def planned(self) -> bool:
        """Whether something is to be mended."""
        return self._how is not None

    @property
    def blocks(self) -> bool:
        """Whether nothing may be claimed before it is mended."""
        return self._how is not None and self._blocks

    def due_in(self) -> float | None:
        """Return the seconds until :meth:`turn` has something to do; None if nothing is planned."""
        return None if self._how is None else max(self._at - self._clock(), 0.0)

    def plan_recovery(self) -> None:
        """Have files and store brought together soon."""
        self._plan(self._recover)

    def plan_adoption(self) -> None:
        """Have folders that the store does not know added to it soon."""
        self._plan(self._adopt)

    def turn(self) -> bool:
        """Mend what is planned and due; return whether that was done."""
        if self._how is None or self._clock() < self._at:
            return False
        how, self._how = self._how, None
        try:
            notes = how()
        except (OSError, StyledError) as error:
            trouble = f"the inbox cannot be put in order: {escaped(str(error))}"
            if trouble != self.trouble:
                self._log.error("the inbox cannot be put in order; trying again", reason=str(error))
            self.trouble = trouble
            self._plan(how)
            return False
        self.trouble = ""
        for note in notes:
            self._log.warning("put in order", note=escaped(note))
        return True

    def _plan(self, how: Callable[[], list[str]], *, seconds: float = _MEND_S, blocks: bool = True) -> None:
        self._how, self._at, self._blocks = how, self._clock() + seconds, blocks

    def _recover(self) -> list[str]:
        recovered = recover(self._root, self._store)
        if recovered.unfinished:
            # Safe where they are, and no reason to keep other pairs waiting.
            self._plan(self._recover, seconds=_UNFINISHED_S, blocks=False)
        return recovered.notes + recovered.unfinished

    def _adopt(self) -> list[str]:
        return adopt(self._root, self._store)[1]
