"""Notices that the terminal is gone and ends the program then.

Textual 8.2 has no handler for SIGHUP, and where SIGHUP is ignored (nohup, some tmux set-ups) its input
thread spins on a dead terminal: 100 % of a core, for ever. Its writer may also block the event loop on a
link that takes no bytes, so neither the loop nor a signal handler run by it can be relied on: this is a
thread of its own that waits for the terminal's hang-up.
"""

from __future__ import annotations

import os
import select
import threading
import time
from collections.abc import Callable

LOOK_S = 2.0
"""Seconds between two looks at the terminal, in case the hang-up itself is not reported."""

GRACE_S = 2.0
"""Seconds the program gets to end by itself; after that there is nothing left to save."""

EXIT_CODE = 129
"""128 + SIGHUP, as a shell reports a program that died of it."""


class HangupWatch(threading.Thread):
    """Watches a terminal.

    Args:
        descriptor: of the terminal, open for reading.
        lost: called once, on this thread, when the terminal is gone; should end the event loop.
    """

    def __init__(self, descriptor: int, lost: Callable[[], None]) -> None:
        super().__init__(name="styled-tether", daemon=True)
        self._descriptor = descriptor
        self._lost = lost
        self._ended = threading.Event()

    def release(self) -> None:
        """Stop watching: the program ends by itself."""
        self._ended.set()

    def run(self) -> None:
        """Wait for the hang-up; then end the loop, and, if it does not end, the process."""
        poll = select.poll()
        poll.register(self._descriptor, 0)  # no events asked for: only hang-up and error are reported
        while not self._ended.is_set():
            events = poll.poll(LOOK_S * 1000)
            if not events and os.isatty(self._descriptor):
                continue
            if self._ended.is_set():
                return
            self._lost()
            # Whatever the loop does: Textual may be stuck in writing to the dead link, also after all was unmounted.
            # A program that ends by itself takes this thread with it. All state is the daemon's: nothing is lost.
            time.sleep(GRACE_S)
            os._exit(EXIT_CODE)
