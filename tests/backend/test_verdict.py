"""Every way a worker can end means one thing for its job."""

from __future__ import annotations

import errno
import signal

import pytest

from styled.backend.runner import Ended
from styled.backend.verdict import Blame, Verdict, blame, of_the_machine, verdict_of
from styled.errors import (
    DiskFull,
    Diverged,
    InputOutOfReach,
    OutOfMemory,
    StyledError,
    UnreadableImage,
    WeightsUnavailable,
)
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
        (failed(InputOutOfReach("input/a.png cannot be read"), 74), Verdict.OUT_OF_REACH, "input/a.png cannot be read"),
        (failed(WeightsUnavailable("no network")), Verdict.CRASHED, "no network"),
        (failed(StyledError("an accident"), 1), Verdict.CRASHED, "an accident"),
    ],
)
def test_the_end_of_a_worker_has_one_meaning(ended: Ended, verdict: Verdict, words: str) -> None:
    found, reason = verdict_of(ended)
    assert found is verdict
    assert words in reason
    assert bool(reason) == bool(words)


@pytest.mark.parametrize(
    ("ended", "whose"),
    [
        (Ended(returncode=1, began=False), Blame.UNKNOWN),
        (Ended(returncode=-11, began=False), Blame.UNKNOWN),
        (Ended(returncode=-9, began=False, stalled=True), Blame.UNKNOWN),
        (Ended(returncode=-11, began=True), Blame.NOBODY),
        (Ended(returncode=75, began=False, asked_to_stop=True), Blame.NOBODY),
        (Ended(returncode=-9, began=False, killed_by_kernel=True), Blame.NOBODY),
        (Ended(returncode=65, began=False, failure=Failure(kind="unreadable-image", message="no")), Blame.NOBODY),
        (Ended(returncode=1, began=False, failure=Failure(kind="installation-broken", message="no")), Blame.MACHINE),
        (Ended(returncode=66, began=False, failure=Failure(kind="weights-damaged", message="no")), Blame.MACHINE),
        (Ended(returncode=1, began=False, failure=Failure(kind="styled-error", message="odd")), Blame.UNKNOWN),
    ],
)
def test_whose_fault_it_is_that_a_worker_did_not_begin(ended: Ended, whose: Blame) -> None:
    assert blame(ended) is whose


@pytest.mark.parametrize(
    ("error", "of_machine"),
    [
        (FileNotFoundError(errno.ENOENT, "No such file", "/usr/bin/python"), True),
        (BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable"), True),
        (OSError(errno.ENFILE, "Too many open files in system"), True),
        (FileNotFoundError(errno.ENOENT, "No such file", "/root/evolution/a"), False),
        (PermissionError(errno.EACCES, "Permission denied", "/root/evolution/a/log.txt"), False),
        (DiskFull("no room"), False),
    ],
)
def test_what_keeps_a_worker_from_being_started_is_the_machines_or_the_jobs(error: Exception, of_machine: bool) -> None:
    assert of_the_machine(error, "/usr/bin/python") is of_machine
