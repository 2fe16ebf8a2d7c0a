"""The duties of a container's first process: it collects orphans, and nothing ends it that it does not listen to."""

from __future__ import annotations

import contextlib
import os
import signal
from types import FrameType

_PASSED_ON = (
    signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2,
)  # fmt: skip


def go_on_below_init() -> None:
    """Where this is the first process of its container (pid 1), return in a child, and do init's duties in this one.

    A process that a hook started and that lost its parent becomes a child of the first process, and lies there as a zombie
    until it is collected. Elsewhere nothing is done.
    """
    if os.getpid() == 1:
        fork_below_init()


def fork_below_init() -> None:
    """Return in a child; this process passes signals on to it, collects all other children, and ends as it ends."""
    # What comes before the child is known waits.
    signal.pthread_sigmask(signal.SIG_BLOCK, _PASSED_ON)
    child = os.fork()
    if child == 0:
        # A session of its own: Ctrl-C in a terminal would reach both, and so come twice.
        os.setsid()
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _PASSED_ON)
        return

    def pass_on(number: int, _frame: FrameType | None) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(child, number)

    for number in _PASSED_ON:
        signal.signal(number, pass_on)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _PASSED_ON)
    while True:
        pid, status = os.waitpid(-1, 0)
        if pid == child:
            code = os.waitstatus_to_exitcode(status)
            os._exit(code if code >= 0 else 128 - code)
