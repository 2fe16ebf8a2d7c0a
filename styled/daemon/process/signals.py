"""Signals, and other threads' news, as events of the main loop's selector."""

from __future__ import annotations

import contextlib
import faulthandler
import os
import select
import selectors
import signal
from types import FrameType, TracebackType


class Signals:
    """Turns signals into something the selector wakes for. Handlers do no more than take a note.

    A context manager; only for the main thread. SIGCHLD wakes the loop, SIGUSR1 prints all threads' stacks.

    Args:
        selector: the main loop's.
    """

    STOP = frozenset({signal.SIGTERM, signal.SIGINT})
    RELOAD = frozenset({signal.SIGHUP})

    def __init__(self, selector: selectors.BaseSelector) -> None:
        self._selector = selector
        self._received: list[signal.Signals] = []
        self._before: dict[signal.Signals, object] = {}
        self._reader, self._writer = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)

    def received(self) -> list[signal.Signals]:
        """Return the signals since the last call, in order."""
        signals, self._received = self._received, []
        return signals

    def wait(self, seconds: float) -> None:
        """Sleep, but not over a signal."""
        select.select([self._reader], [], [], seconds)
        self._drain()

    def wake(self) -> None:
        """Wake the loop; from any thread."""
        # A full pipe wakes it as well.
        with contextlib.suppress(BlockingIOError):
            os.write(self._writer, b"\0")

    def __enter__(self) -> Signals:
        for number in (*self.STOP, *self.RELOAD, signal.SIGCHLD):
            self._before[number] = signal.signal(number, self._note)
        faulthandler.register(signal.SIGUSR1, all_threads=True)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, self.RELOAD)  # blocked until there was a handler
        # Python runs a handler only when the main thread is back from select(): this brings it back.
        signal.set_wakeup_fd(self._writer, warn_on_full_buffer=False)
        self._selector.register(self._reader, selectors.EVENT_READ, self._drain)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        signal.set_wakeup_fd(-1)
        faulthandler.unregister(signal.SIGUSR1)
        for number, handler in self._before.items():
            signal.signal(number, handler)  # type: ignore[arg-type]  # it came from signal.signal
        self._selector.unregister(self._reader)
        os.close(self._reader)
        os.close(self._writer)

    def _note(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002  # a handler's signature
        if number != signal.SIGCHLD:
            self._received.append(signal.Signals(number))

    def _drain(self) -> None:
        with contextlib.suppress(BlockingIOError):
            while os.read(self._reader, 4096):
                pass
