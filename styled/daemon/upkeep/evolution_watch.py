"""Whether ``evolution/`` is the folder that the queue's jobs lie in: its disk may be mounted late, or be gone.

An empty folder in its place is no reason to fail the jobs, to paint others into it, or to forget those that ended:
the daemon waits, and goes on when the folder is back.
"""

from __future__ import annotations

from collections.abc import Sequence

import structlog

from styled.files.printable import escaped
from styled.job import ENDED, Job, JobState
from styled.root import Root
from styled.store.store import Store

_ON_ROOT = "evolution_on_root_device"
"""Under which the store remembers whether ``evolution/`` is on the root's device. Numbers of devices may change at a boot."""

_MOST = 500
"""Folders looked for at most: one that is there is enough."""

_LIVE = tuple(state for state in JobState if state not in ENDED)


class EvolutionWatch:
    """Looks now and then whether ``evolution/`` is the right folder.

    Args:
        root: whose folder.
        store: knows the jobs, and remembers which device it was.
    """

    def __init__(self, root: Root, store: Store) -> None:
        self._root = root
        self._store = store
        self.trouble = ""
        """Why all waits, one line; empty if the folder is the right one."""
        self._log = structlog.get_logger("queue")

    def look(self) -> bool:
        """Look; return whether it has just come back."""
        before = self.trouble
        try:
            self.trouble = self._look()
        except OSError as error:
            self.trouble = f"evolution/ cannot be used: {error.strerror or error}"
        if self.trouble and self.trouble != before:
            self._log.error("evolution/ is not there; all waits for it", reason=self.trouble)
        elif before and not self.trouble:
            self._log.info("evolution/ is back; all goes on")
        return bool(before) and not self.trouble

    def _look(self) -> str:
        if nowhere := self._root.link_to_nothing("evolution"):
            return f"evolution/ is a link to {escaped(nowhere)}, which is not there: is its disk mounted?"
        on_root = str(self._root.evolution.stat().st_dev == self._root.path.stat().st_dev)
        remembered = self._store.meta(_ON_ROOT)
        moved = remembered not in (None, on_root)
        live = self._store.jobs(_LIVE, limit=_MOST)
        ended = self._store.jobs(ENDED, limit=_MOST) if moved or not self._has_any(live) else []
        if (live or (moved and ended)) and not (self._has_any(live) or self._has_any(ended)):
            which = "is on another disk than before, and holds" if moved else "holds"
            return (
                f"evolution/ {which} none of the folders of the queue's jobs: is its disk mounted? If they were deleted on"
                f" purpose, take the jobs out of the queue: styled {'cancel' if live else 'remove'}"
            )
        if remembered != on_root:
            self._store.set_meta(_ON_ROOT, on_root)
        return ""

    def _has_any(self, jobs: Sequence[Job]) -> bool:
        return any((self._root.evolution / job.id).is_dir() for job in jobs)
