"""A program whose terminal is gone ends, whatever its event loop does."""

from __future__ import annotations

import os
import pty
import subprocess
import sys

import pytest

from styled.tui.hangup_watch import EXIT_CODE
from tests.deadlines import patience

PROGRAM = """
import threading
from styled.tui.hangup_watch import HangupWatch
tether = HangupWatch(0, lambda: tether.release())
tether.start()
print("up", flush=True)
threading.Event().wait()  # the loop has ended, but the program is stuck in leaving the dead terminal
"""


@pytest.mark.processes
def test_a_program_that_is_stuck_after_its_loop_has_ended_is_ended() -> None:
    master, slave = pty.openpty()
    with subprocess.Popen([sys.executable, "-c", PROGRAM], stdin=slave, stdout=subprocess.PIPE) as program:
        os.close(slave)
        assert program.stdout is not None
        assert program.stdout.readline() == b"up\n"
        os.close(master)
        try:
            assert program.wait(patience(10.0)) == EXIT_CODE
        finally:
            program.kill()
