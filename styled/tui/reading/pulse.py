"""Whether the daemon answers: asked once a second, since its report in the store is fresh for seconds after it died."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable

from styled.daemon.control.protocol import Client
from styled.daemon.process.lock import read_holder
from styled.errors import DaemonNotRunning, StyledError
from styled.root import Root
from styled.tui.model.snapshot import UNKNOWN_PULSE, Pulse

EVERY_S = 0.8
"""Seconds between two questions."""
PATIENCE_S = 0.9
"""Seconds a daemon is given to answer: with those above, one that hangs is noticed within 2 s."""


class PulseTaker(threading.Thread):
    """Asks until it is stopped; on a thread of its own, because a daemon that hangs takes its time.

    Args:
        root: whose daemon.
        changed: called on this thread when the daemon begins or ceases to answer.
        clock: Unix seconds.
    """

    def __init__(self, root: Root, changed: Callable[[], None], *, clock: Callable[[], float] = time.time) -> None:
        super().__init__(name="styled-pulse", daemon=True)
        self._root, self._changed, self._clock = root, changed, clock
        self._client = Client(root, timeout=PATIENCE_S)
        self._interval = EVERY_S
        self._wake = threading.Event()
        self._ended = False
        self.pulse = UNKNOWN_PULSE
        """As last asked."""

    def set_interval(self, seconds: float) -> None:
        """Ask less often, or more often again."""
        self._interval = max(EVERY_S, seconds)

    def hurry(self) -> None:
        """Ask now."""
        self._wake.set()

    def stop(self) -> None:
        """End after the question that is out; does not wait for it."""
        self._ended = True
        self._wake.set()

    def run(self) -> None:
        """Ask until stopped."""
        while not self._ended:
            self._wake.clear()
            state = self._ask()
            if state != self.pulse.state:
                self.pulse = Pulse(state, self._clock())
                self._changed()
            self._wake.wait(self._interval)

    def _ask(self) -> Pulse.State:
        try:
            self._client.request("ping")
        except DaemonNotRunning:
            holder = read_holder(self._root.lock)
            # A socket on a file server reaches nobody on another machine.
            is_elsewhere = holder is not None and holder.host not in ("", socket.gethostname())
            return "unknown" if is_elsewhere else "gone"
        except StyledError as error:
            return "unknown" if isinstance(error.__cause__, PermissionError) else "silent"
        return "up"
