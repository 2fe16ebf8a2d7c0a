"""On a node: runs the worker of one attempt and writes down how it lives and ends.

``python -m styled.backend.staged.attempt FOLDER``. It is started by a scheduler, talks to nobody, and outlives the daemon.
SIGTERM (the scheduler's, before a time limit, or the daemon's) is passed on to the worker, which writes a checkpoint.
When its folder is gone nobody wants its picture any more, and it ends.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from types import FrameType

import psutil

from styled import signals
from styled.backend import launch
from styled.backend.staged.place import HEARTBEAT_S, End, Heartbeat, Order, Place, foreign_versions, is_missing
from styled.children import clean_search_path, kill_group
from styled.errors import InstallationBroken
from styled.files import durable
from styled.files.decoding import read_json
from styled.files.reserve import Reserve
from styled.memory import oom_kills
from styled.messages import Failure, encode
from styled.version import versions

_LOOK_S = 0.2
"""Between two looks at the worker."""

_GRACE_S = 110.0
"""Of a worker that was asked to stop; a scheduler's own patience is longer only where its administrator chose so."""


class _Signals:
    """Whether SIGTERM came."""

    def __init__(self) -> None:
        self.received = False
        signals.handle((signal.SIGTERM, signal.SIGINT, signal.SIGHUP), self._note)

    def _note(self, _number: int, _frame: FrameType | None) -> None:
        self.received = True


def main() -> int:
    """Run the attempt whose folder is named on the command line; return the worker's exit code."""
    stop = _Signals()
    path = Path(sys.argv[1])
    order = read_json(path / "order.json", Order)
    place = Place(path, order.job)
    end = Reserve(place.end)  # a spool that becomes full is the first thing to be told
    before = oom_kills()
    why = foreign_versions(order, versions())
    if why:
        broken = InstallationBroken(
            f"node {socket.gethostname()} is not fit: {why}", "Install the same version on all nodes."
        )
        with place.messages.open("ab") as messages:
            messages.write(encode(Failure(kind=broken.kind, message=broken.message, advice=broken.advice)))
        returncode = broken.exit_code
    else:
        returncode = _run(place, order, stop)
    end.write_json(
        End(
            returncode=returncode,
            signalled=stop.received,
            killed_by_kernel=returncode == -signal.SIGKILL and oom_kills() > before,
            host=socket.gethostname(),
            unfit=why,
        )
    )
    return returncode if returncode >= 0 else 128 - returncode


def _run(place: Place, order: Order, stop: _Signals) -> int:
    """Run the worker to its end; return its exit code as ``subprocess`` has it."""
    log = place.folder.open_log()
    try:
        with place.messages.open("ab") as messages:
            worker = subprocess.Popen(
                launch.command(order.worker, str(place.folder.path)),
                stdin=subprocess.PIPE,
                stdout=messages,
                stderr=log,
                cwd=place.folder.path,
                env=clean_search_path(os.environ),
                start_new_session=True,
            )
    finally:
        os.close(log)
    assert worker.stdin is not None  # noqa: S101  # asked for above
    beats, beat_due, kill_at, cpu = 0, 0.0, float("inf"), 0.0
    while True:
        with contextlib.suppress(subprocess.TimeoutExpired):
            returncode = worker.wait(_LOOK_S)
            kill_group(worker.pid)  # whatever it has started and left behind
            return returncode
        now = time.monotonic()
        if stop.received and kill_at == float("inf"):
            kill_at = now + _GRACE_S
            worker.send_signal(signal.SIGTERM)
            worker.stdin.close()
        if now >= kill_at or is_missing(place.order):
            kill_group(worker.pid)
        elif now >= beat_due:
            beats, beat_due = beats + 1, now + HEARTBEAT_S
            with contextlib.suppress(psutil.Error):
                cpu = sum(psutil.Process(worker.pid).cpu_times()[:2])
            _beat(place, Heartbeat(beats=beats, cpu_seconds=cpu))


def _beat(place: Place, heartbeat: Heartbeat) -> None:
    try:
        durable.write_json(place.heartbeat, heartbeat)
    except OSError as error:  # a full spool is the worker's to report; one that is away may come back
        print(f"no heartbeat could be written: {error}", file=sys.stderr)  # noqa: T201  # stderr is the scheduler's log


if __name__ == "__main__":
    sys.exit(main())
