"""Ctrl-Z and ``fg``: the terminal is given back as it was, and drawn on again afterwards.

Textual does it for SIGTSTP. After a SIGSTOP (``kill -STOP``), which no program can catch, it would set up a terminal a second time
that it never gave back: two threads would read the keys, and the terminal would be left without echo at the end.
"""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from textual.drivers.linux_driver import LinuxDriver


def go_on_after_any_stop(driver: LinuxDriver) -> None:
    """Have SIGCONT set up the terminal once, whatever signal stopped the process. For the main thread."""

    def go_on(*_: object) -> None:
        if not driver._must_signal_resume:  # noqa: SLF001  # the driver's only word for "given back at SIGTSTP"
            driver.suspend_application_mode()
            driver._must_signal_resume = True  # noqa: SLF001  # else the app does not learn of it, and nothing is drawn
        driver.resume_application_mode()

    signal.signal(signal.SIGCONT, go_on)
