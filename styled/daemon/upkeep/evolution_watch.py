"""Whether ``evolution/`` is the folder that the queue's jobs lie in: its disk may be mounted late, or be gone.

An empty folder in its place is no reason to fail the jobs, to paint others into it, or to forget those that ended:
the daemon waits, and goes on when the folder is back.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import Future
from functools import partial
from itertools import islice
from typing import NamedTuple

import structlog

from styled.job import ENDED, JobState
from styled.lasting_thread import LastingThread
from styled.root import Root
from styled.store.older_copy import note_checked, take_ended
from styled.store.store import Store

_ON_ROOT = "evolution_on_root_device"
"""Under which the store remembers whether ``evolution/`` is on the root's device. Numbers of devices may change at a boot."""

_FEW = 5
"""Jobs whose folders are looked for each time; where none is there, all are."""

_MOST = 500
"""Folders looked for at most: one that is there is enough."""

EVERY_S = 0.9
"""Between two looks: each time the daemon looks at the disks, which is only safe where this has come back."""

HANGS_S = 5.0
"""After which a look that has not come back is trouble."""

_HANGS = "evolution/ does not answer; is its file server there?"

_LIVE = tuple(state for state in JobState if state not in ENDED)


class _Found(NamedTuple):
    trouble: str
    on_root: str | None
    """Whether it is on the root's device, as text for the store; None if it could not be asked."""


class EvolutionWatch:
    """Looks now and then whether ``evolution/`` is the right folder.

    Args:
        root: whose folder.
        store: knows the jobs, and remembers which device it was.
        clock: monotonic seconds.
    """

    def __init__(self, root: Root, store: Store, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._root = root
        self._store = store
        self._clock = clock
        self._thread = LastingThread("styled-evolution-watch")
        self._running: Future[_Found | None] | None = None
        self._due_at = 0.0
        self._with_all = False
        self._is_checked = False
        """The folder was there since the store was opened, and compared with it."""
        self.trouble = ""
        """Why all waits, one line; empty if the folder is the right one."""
        self._log = structlog.get_logger("queue")

    def look(self) -> bool:
        """Look now; return whether it has just come back. Hangs with its file server."""
        found = self._question(with_all=True)()
        self._due_at = self._clock() + EVERY_S
        assert found is not None  # noqa: S101  # it was told of all jobs
        return self._note(found)

    def turn(self) -> bool:
        """Have a thread look if it is time to; return whether the folder has just come back."""
        if self._running is None:
            if self._clock() >= self._due_at:
                self._due_at = self._clock() + EVERY_S
                self._running = self._thread.submit(self._question(with_all=self._with_all))
            return False
        if not self._running.done():
            hangs = self._thread.at_it_s > HANGS_S
            return self._note(_Found(_HANGS, None)) if hangs else False
        running, self._running = self._running, None
        found = running.result()
        if found is None:  # none of the few jobs it was told of: asked again, with all
            self._with_all, self._due_at = True, 0.0
            return False
        self._with_all = bool(found.trouble)
        return self._note(found)

    @property
    def answers(self) -> bool:
        """Whether the last look has come back: else whoever asks the folder's file server may wait for ever."""
        return self._running is None or self._running.done()

    def close(self) -> None:
        """End the thread, unless a dead file server holds it."""
        self._thread.close(time.monotonic() + 0.2)

    def _note(self, found: _Found) -> bool:
        before = self.trouble
        if found.on_root is not None and not found.trouble and found.on_root != self._store.meta(_ON_ROOT):
            self._store.set_meta(_ON_ROOT, found.on_root)
        if found.trouble:
            self.trouble = found.trouble
            if found.trouble != before:
                self._log.error("evolution/ is not there; all waits for it", reason=found.trouble)
            return False
        if before:
            notes = take_ended(self._store, self._root.evolution, is_first=not self._is_checked)
            self._log.info("evolution/ is back; all goes on")
            for note in notes:  # opening the queue could not look at it
                self._log.warning("the queue's database", note=note)
        if not self._is_checked:
            note_checked(self._store)
            self._is_checked = True
        self.trouble = ""  # last: what the store refuses is done again by the next look, and all waits until then
        return bool(before)

    def _question(self, *, with_all: bool) -> Callable[[], _Found | None]:
        """Return what is to be found out, with what the store knows: some jobs that have not ended, or all jobs."""
        live = [job.id for job in self._store.jobs(_LIVE, limit=_MOST if with_all else _FEW)]
        others = self._store.ids().difference(live) if with_all else None
        return partial(_ask, self._root, live, others, self._store.meta(_ON_ROOT))


def _ask(root: Root, live: Sequence[str], others: Collection[str] | None, remembered: str | None) -> _Found | None:
    """Look at the folder, and at nothing else; None if the ``others`` must be known to tell."""
    try:
        on_root = str(root.evolution.stat().st_dev == root.path.stat().st_dev)
        moved = remembered not in (None, on_root)
        if others is None:
            is_well = not moved and (not live or any((root.evolution / job).is_dir() for job in live))
            return _Found("", on_root) if is_well else None
        needed = live or (others if moved else [])
        if needed and not any((root.evolution / job).is_dir() for job in (*live, *islice(others, _MOST))):
            which = "is on another disk than before, and holds" if moved else "holds"
            return _Found(
                f"evolution/ {which} none of the folders of the queue's jobs: is its disk mounted? If they were deleted on"
                f" purpose, take the jobs out of the queue: styled {'cancel' if live else 'remove'}",
                on_root,
            )
    except OSError as error:
        return _Found(f"evolution/ cannot be used: {error.strerror or error}", None)
    return _Found("", on_root)
