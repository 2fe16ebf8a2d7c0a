"""A worker that is told to stop from all sides at once stops."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time

import pytest

from tests.deadlines import patience

pytestmark = pytest.mark.processes

SCRIPT = """
import os, time
from styled.painting.worker import StopRequest
stop = StopRequest()
stop.listen()
print("up", flush=True)
until = time.monotonic() + 2.0
while time.monotonic() < until:
    stop.made()
print("stopped" if stop.made() else "deaf", flush=True)
os._exit(0)
"""


def test_a_storm_of_signals_stops_a_worker_and_does_not_lock_it_up() -> None:
    """The kernel sends one for each thread of a dying daemon: the next comes inside the handler of the last."""
    command = [sys.executable, "-c", textwrap.dedent(SCRIPT)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as worker:
        assert worker.stdout is not None
        assert worker.stdout.readline() == b"up\n"
        try:
            until = time.monotonic() + 1.5
            while time.monotonic() < until:
                os.kill(worker.pid, signal.SIGTERM)
            output, _ = worker.communicate(timeout=patience(20))
        except subprocess.TimeoutExpired:
            worker.kill()
            raise
    assert (output, worker.returncode) == (b"stopped\n", 0)
