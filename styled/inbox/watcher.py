"""Hints that something changed in the inbox. They only make the next look come sooner; the looks are the truth.

Events get lost: the kernel's queue overflows, folders move in unwatched, watches run out, network filesystems
have none, and an observer's thread can die unnoticed. So no event is ever taken for a fact here, nothing is
filtered or collected, and an observer that is not wholly alive is replaced.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from watchdog.events import FileClosedNoWriteEvent, FileOpenedEvent, FileSystemEvent, FileSystemEventHandler

from styled.files.filesystem import filesystem_type, is_network, mounts_in
from styled.files.printable import escaped

if TYPE_CHECKING:
    from watchdog.observers.api import BaseObserver

POLL_S = 5.0
"""Between looks where there are no events."""

_JOIN_S = 0.5
"""That an observer is waited for; one that looks into a folder whose file server hangs may never end."""

_RETRY_S = (1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 60.0)
"""Before each new try to start an observer; the last one repeats."""


class Watcher(FileSystemEventHandler):
    """Watches a folder, and the folders in it, for as long as it takes.

    Args:
        folder: what to watch.
        mode: ``native`` events, ``poll`` (no events: looks come every ``POLL_S``), or ``auto``: poll on network
            filesystems.
        wake: called from another thread when there is a hint; must return at once.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        folder: Path,
        mode: Literal["auto", "native", "poll"],
        *,
        wake: Callable[[], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        # It logs an error whenever an observer is stopped, and real trouble is in `problem`.
        logging.getLogger("watchdog").setLevel(logging.CRITICAL)
        self._folder = folder
        self._mode = mode
        self._wake = wake
        self._clock = clock
        self._hint = threading.Event()
        self._observer: BaseObserver | None = None
        self._failures = 0
        self._retry_at = 0.0
        self._stopped = False
        self.on_network = False
        self.polls = False
        """There are no events by choice."""
        self._see_where_it_lies()
        self.problem = ""
        """Why there are no events though there should be; empty if there are."""
        self.restarts = 0
        """How often a dead observer was replaced."""

    def needs_a_start(self) -> bool:
        """Return whether :meth:`keep_alive` has something to do now; looks at no file."""
        if self.polls or (self._observer is not None and self._is_alive(self._observer)):
            return False
        return self._observer is not None or self._clock() >= self._retry_at

    def keep_alive(self) -> None:
        """Start the observer if there is none, and replace it if any of its threads died.

        Takes for ever if the folder's file server hangs.
        """
        if not self.needs_a_start():
            return
        if self._observer is not None:
            self.restarts += 1
            self._observer_gone()
        if self._clock() >= self._retry_at:
            self._start()

    def restart(self, folder: Path | None = None) -> None:
        """Watch the folder again: it was replaced by another one of the same name, on another filesystem maybe.

        Args:
            folder: where it is now, if it is reached by a link; by default where it was.
        """
        self._observer_gone()
        self._folder = folder or self._folder
        self._retry_at = 0.0
        self._see_where_it_lies()
        if self.polls:
            self.problem = ""
        self.keep_alive()

    def stop(self) -> None:
        """End the observer and its threads. No other follows, though one may just be started in another thread."""
        self._stopped = True
        self._observer_gone()

    def is_native(self) -> bool:
        """Return whether events come."""
        return self._observer is not None

    def take_hint(self) -> bool:
        """Return whether there was a hint since the last call."""
        hinted = self._hint.is_set()
        self._hint.clear()
        return hinted

    def on_any_event(self, event: FileSystemEvent) -> None:
        """Note that something happened, in the observer's thread."""
        # Looking at files causes these itself.
        if not isinstance(event, FileOpenedEvent | FileClosedNoWriteEvent) and not self._hint.is_set():
            self._hint.set()
            self._wake()

    def _see_where_it_lies(self) -> None:
        self.on_network = is_network(filesystem_type(self._folder, ask=False))
        self.polls = self._mode == "poll" or (self._mode == "auto" and self.on_network)

    def _start(self) -> None:
        from watchdog.observers import Observer

        mounted = sorted(mounts_in(self._folder))
        if mounted:
            # An observer walks through all folders, and might never come back from this one.
            self._give_up_for_now(f"something is mounted in it ({escaped(mounted[0])})")
            return
        observer: BaseObserver | None = None
        try:
            observer = Observer()  # opens inotify: no instance may be left
            observer.schedule(self, str(self._folder), recursive=True)
            observer.start()
        except Exception as error:  # noqa: BLE001  # watchdog lets out whatever its system calls gave; looks go on without it
            if observer is not None:
                self._stop(observer)
            self._give_up_for_now(_reason(error))
            return
        self._observer, self.problem, self._failures = observer, "", 0
        if self._stopped:
            self._observer_gone()
        # What happened while nobody watched is found by a look now.
        self._hint.set()

    def _give_up_for_now(self, why: str) -> None:
        self.problem = f"no events from the inbox, looking every {POLL_S:g} s instead: {why}"
        self._retry_at = self._clock() + _RETRY_S[min(self._failures, len(_RETRY_S) - 1)]
        self._failures += 1

    def _observer_gone(self) -> None:
        observer, self._observer = self._observer, None
        if observer is not None:
            self._stop(observer)

    @staticmethod
    def _is_alive(observer: BaseObserver) -> bool:
        emitters = observer.emitters
        return observer.is_alive() and bool(emitters) and all(emitter.is_alive() for emitter in emitters)

    @staticmethod
    def _stop(observer: BaseObserver) -> None:
        observer.stop()
        if observer.is_alive():
            observer.join(timeout=_JOIN_S)
        else:
            observer.unschedule_all()


def _reason(error: Exception) -> str:
    reason = (isinstance(error, OSError) and error.strerror) or str(error) or type(error).__name__
    if isinstance(error, OSError) and error.errno in (24, 28):  # EMFILE, ENOSPC: the limits of inotify(7)
        return f"{reason}; raise fs.inotify.max_user_watches and max_user_instances with sysctl"
    return reason
