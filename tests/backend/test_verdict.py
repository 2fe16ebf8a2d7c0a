"""Every way a worker can end means one thing for its job."""

from __future__ import annotations

import signal

import pytest

from styled.backend.runner import Ended
from styled.backend.verdict import Verdict, judge
from styled.errors import DiskFull, Diverged, OutOfMemory, StyledError, UnreadableImage, WeightsUnavailable
from styled.messages import Failure, Result

RESULT = Result(path="result.png", step=9, loss=1.0, seconds=1.0)


def failed(error: StyledError, returncode: int | None = None) -> Ended:
    failure = Failure(kind=error.kind, message=error.message, advice=error.advice)
    return Ended(returncode=error.exit_code if returncode is None else returncode, failure=failure)


@pytest.mark.parametrize(
    ("ended", "verdict", "words"),
    [
        (Ended(0, result=RESULT), Verdict.DONE, ""),
        (Ended(0, result=RESULT, asked_to_stop=True), Verdict.DONE, ""),
        (Ended(0), Verdict.CRASHED, "ended without a result"),
        (Ended(1, result=RESULT), Verdict.CRASHED, "exit code 1"),
        (Ended(75, asked_to_stop=True), Verdict.STOPPED, ""),
        (Ended(75), Verdict.STOPPED, "somebody stopped"),
        (Ended(-signal.SIGTERM, asked_to_stop=True), Verdict.STOPPED, ""),
        (Ended(-signal.SIGKILL, asked_to_stop=True), Verdict.STOPPED, ""),
        (Ended(75, asked_to_stop=True, stalled=True), Verdict.CRASHED, "no sign of life"),
        (Ended(-signal.SIGKILL, stalled=True), Verdict.CRASHED, "no sign of life"),
        (Ended(-signal.SIGKILL), Verdict.CRASHED, "killed by SIGKILL"),
        (Ended(-signal.SIGSEGV), Verdict.CRASHED, "killed by SIGSEGV"),
        (Ended(-250), Verdict.CRASHED, "killed by signal 250"),
        (Ended(-signal.SIGKILL, killed_by_kernel=True), Verdict.OUT_OF_MEMORY, "Lower size"),
        (Ended(137), Verdict.OUT_OF_MEMORY, "memory ran out. Lower size"),
        (Ended(65), Verdict.HOPELESS, "input cannot be used"),
        (Ended(74), Verdict.DISK_FULL, "disk is full"),
        (failed(UnreadableImage("input/style.jpg is truncated")), Verdict.HOPELESS, "style.jpg is truncated. Open it"),
        (failed(Diverged("the loss is NaN")), Verdict.HOPELESS, "the loss is NaN. Lower"),
        (failed(OutOfMemory("no memory for 12 GB")), Verdict.OUT_OF_MEMORY, "no memory for 12 GB. Lower size"),
        (failed(DiskFull("no room for the checkpoint"), 1), Verdict.DISK_FULL, "no room for the checkpoint"),
        (failed(WeightsUnavailable("no network")), Verdict.CRASHED, "no network"),
        (failed(StyledError("an accident"), 1), Verdict.CRASHED, "an accident"),
    ],
)
def test_the_end_of_a_worker_has_one_meaning(ended: Ended, verdict: Verdict, words: str) -> None:
    found, reason = judge(ended)
    assert found is verdict
    assert words in reason
    assert bool(reason) == bool(words)
