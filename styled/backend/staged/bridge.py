"""The daemon's child that waits for schedulers and file servers in its place: ``python -m styled.backend.staged.bridge``.

Orders come on standard input, notices go to standard output (:mod:`styled.backend.staged.protocol`). At the end of its
input it ends too, and all jobs run on: who is started next takes them over.
"""

from __future__ import annotations

import os
import select
import signal
import sys
import time
import traceback
from collections.abc import Iterator
from typing import Any, BinaryIO

import msgspec

from styled.backend.runner import Ended, Placed, Queued, Runner
from styled.backend.staged import engines
from styled.backend.staged.protocol import Acknowledge, Notice, Open, Order, Stop, Submit
from styled.backend.staged.staged import StagedRunner
from styled.files.decoding import from_json

_TURN_S = 0.5
"""Between two looks at all attempts."""

_BEAT_S = 10.0
"""Between two notices that tell nothing but that this process lives."""

_AnyOrder: Any = Order  # a union is a type to msgspec, and to mypy none that can be handed over


def main() -> int:
    """Serve until the input ends."""
    # The daemon's signals are the daemon's: it closes the input when it wants this process to end.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Notices have a descriptor of their own: what a library prints is no notice.
    notices = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    try:
        serve(0, notices)
    except BrokenPipeError:
        return 0
    except Exception as error:  # noqa: BLE001  # the edge of the process: the daemon is told of every error
        traceback.print_exc()
        _send(notices, Notice(crash=f"{type(error).__name__}: {str(error).partition(chr(10))[0][:300]}"))
        return 1
    return 0


def serve(source: int, notices: BinaryIO) -> None:
    """Do what is ordered, and tell what happens, until the orders end.

    Args:
        source: descriptor that orders come from.
        notices: where notices go.
    """
    orders = _Orders(source)
    runner: StagedRunner | None = None
    sent: str | None = None
    beat_due = 0.0
    try:
        while True:
            for order in orders.within(_TURN_S):
                match order:
                    case Open():
                        runner = _opened(order)
                    case Submit() if runner is not None:
                        runner.submit(order.attempt.taken().task)
                    case Stop() if runner is not None:
                        runner.stop(order.job, order.grace_s)
                    case Acknowledge() if runner is not None:
                        runner.acknowledge(order.attempt.taken().task)
            if orders.ended:  # nobody hears any more what would be found now
                return
            if runner is not None:
                _tell(runner, notices)
                if runner.trouble != sent:
                    sent = runner.trouble
                    _send(notices, Notice(trouble=sent))
                elif time.monotonic() >= beat_due:
                    beat_due = time.monotonic() + _BEAT_S
                    _send(notices, Notice())
    finally:
        if runner is not None:
            runner.close()


def _opened(order: Open) -> StagedRunner:
    runner = StagedRunner(
        engines.engine_for(order.config, order.prefix),
        order.config,
        order.prefix,
        worker=order.worker,
        stall_s=order.stall_s,
    )
    runner.attach([handed.taken() for handed in order.attempts])
    for handed in order.ended:
        runner.keep(handed.taken().task)
    return runner


def _tell(runner: Runner, notices: BinaryIO) -> None:
    before = {job: runner.progress(job) for job in runner.running()}
    for report in runner.poll():
        match report.what:
            case Ended() as ended:
                _send(notices, Notice(job=report.id, ended=ended))
            case Queued() as queued:
                _send(notices, Notice(job=report.id, queued=queued))
            case Placed() as placed:
                _send(notices, Notice(job=report.id, placed=placed))
            case message:
                _send(notices, Notice(job=report.id, message=message))
    for job in runner.running():
        progress = runner.progress(job)
        if progress is not None and progress is not before.get(job):
            _send(notices, Notice(job=job, progress=progress))


def _send(notices: BinaryIO, notice: Notice) -> None:
    notices.write(msgspec.json.encode(notice) + b"\n")
    notices.flush()


class _Orders:
    """Orders as they come."""

    def __init__(self, source: int) -> None:
        self._source = source
        self._received = b""
        self.ended = False

    def within(self, seconds: float) -> Iterator[Order]:
        """Wait so long for orders at most; give those that came."""
        if not select.select([self._source], [], [], seconds)[0]:
            return
        data = os.read(self._source, 1024 * 1024)
        self.ended = not data
        *lines, self._received = (self._received + data).split(b"\n")
        for line in lines:
            yield from_json(line, _AnyOrder)


if __name__ == "__main__":
    sys.exit(main())
