"""What one job alone has no room for, or cannot read, keeps no other job waiting."""

from __future__ import annotations

import errno
import os
from itertools import pairwise
from pathlib import Path

import pytest

from styled.backend.runner import Ended
from styled.config import QueueConfig
from styled.daemon.moves import MOST_WITHOUT_ROOM
from styled.daemon.setbacks import LEAST_S
from styled.errors import DiskFull, InputOutOfReach, StorageRefuses, StyledError
from styled.job import Job, JobState
from styled.messages import Failure, Result
from tests.daemon.conftest import Desk
from tests.daemon.test_queue_machine import Later
from tests.daemon.test_starting import Unseen

pytestmark = pytest.mark.processes

UNREAD = InputOutOfReach("input/content.png cannot be read: Input/output error")
NO_ROOM = DiskFull("evolution/big/checkpoint has 2000 MB free, 3000 MB are needed")


def ended(error: StyledError, *, progressed: bool = False, elsewhere: bool = False) -> Ended:
    """Return how a worker ends with an error."""
    failure = Failure(kind=error.kind, message=error.message, advice=error.advice, step=0)
    return Ended(error.exit_code, failure=failure, progressed=progressed, elsewhere=elsewhere)


def run(desk: Desk, job: Job, how: Ended, seconds: int) -> list[float]:
    """Have a job's worker end so each time it is started; return when that was, seconds after the beginning."""
    times = []
    for second in range(seconds):
        assert desk.turn() is None
        if job.id in desk.puppet.live:
            desk.puppet.end(job.id, how)
            times.append(float(second))
            assert desk.turn() is None
        desk.clock.pass_by(1.0)
    return times


def test_a_job_that_gets_no_room_lets_others_run_and_fails_with_what_it_needs(desk: Desk) -> None:
    big, other = desk.add("big"), desk.add("wave")
    assert len(run(desk, big, ended(NO_ROOM), 30)) == 1
    assert desk.puppet.live.keys() == {other.id}
    assert (desk.now(big).state, desk.now(big).attempts) == (JobState.WAITING, 0)
    assert "3000 MB are needed" in desk.now(big).reason
    desk.puppet.end(other.id, Ended(75, asked_to_stop=True))
    desk.store.move(other.id, JobState.PAUSED)
    times = run(desk, big, ended(NO_ROOM), 400)
    assert len(times) == MOST_WITHOUT_ROOM - 1
    assert times[1] - times[0] >= 60.0
    failed = desk.now(big)
    assert failed.state is JobState.FAILED
    assert "2000 MB free, 3000 MB are needed" in failed.reason
    assert f"styled retry {big.number}" in failed.reason
    desk.store.move(big.id, JobState.WAITING)
    assert len(run(desk, big, ended(NO_ROOM), 20)) == 1
    assert desk.now(big).state is JobState.WAITING


@pytest.mark.parametrize("full", ["takes nothing", "is nearly full"])
def test_a_disk_that_is_full_itself_is_no_job_s_fault(desk: Desk, full: str) -> None:
    job = desk.add("harbour")
    for _ in range(3 * MOST_WITHOUT_ROOM):
        assert desk.turn() is None
        assert desk.puppet.live.keys() == {job.id}
        if full == "takes nothing":
            desk.refusal = errno.ENOSPC
        else:
            desk.free = 10**6
        desk.puppet.end(job.id, ended(NO_ROOM))
        assert desk.turn() is None
        assert desk.puppet.live.keys() == set()
        assert (desk.now(job).state, desk.now(job).not_before) == (JobState.WAITING, 0.0)
        desk.refusal, desk.free = 0, 50 * 10**9
        desk.clock.pass_by(1.0)


def test_progress_between_two_lacks_of_room_counts(desk: Desk) -> None:
    job = desk.add("harbour")
    assert len(run(desk, job, ended(NO_ROOM, progressed=True), 20 * 20)) > 2 * MOST_WITHOUT_ROOM
    assert desk.now(job).state is not JobState.FAILED


def test_a_node_without_room_is_tried_later_each_time_and_fails_nobody(desk: Desk) -> None:
    job = desk.add("harbour")
    times = run(desk, job, ended(NO_ROOM, elsewhere=True), 500)
    assert [after - before for before, after in pairwise(times)][:3] == [10.0, 60.0, 60.0]
    assert desk.now(job).state is JobState.WAITING
    assert desk.disk.note == ""


def test_a_job_whose_input_cannot_be_read_waits_and_the_queue_goes_on(desk: Desk) -> None:
    job, other = desk.add("harbour"), desk.add("wave")
    assert len(run(desk, job, ended(UNREAD), 1)) == 1
    assert desk.disk.note == ""
    assert desk.puppet.live.keys() == {other.id}
    waiting = desk.now(job)
    assert (waiting.state, waiting.attempts) == (JobState.WAITING, 0)
    assert waiting.reason.startswith("input/content.png cannot be read")
    desk.puppet.parallel = 2
    times = run(desk, job, ended(UNREAD), 300)
    assert [after - before for before, after in pairwise(times)][:2] == [60.0, 60.0]
    desk.clock.pass_by(60.0)
    assert desk.turn() is None
    desk.away, desk.free = True, 0
    desk.puppet.end(job.id, ended(UNREAD))
    assert desk.turn() is None
    assert desk.now(job).reason == "evolution/ is away"


@pytest.mark.parametrize(
    "how",
    [
        pytest.param(ended(UNREAD), id="input"),
        pytest.param(ended(NO_ROOM, elsewhere=True), id="room elsewhere"),
        pytest.param(Ended(-1, lost="node1"), id="lost"),
        pytest.param(Ended(75), id="stopped by a stranger"),
    ],
)
def test_what_is_never_given_up_is_put_off_a_little_also_where_jobs_are_tried_again_at_once(
    desk: Desk, how: Ended
) -> None:
    desk.dispatcher.reconfigure(QueueConfig(max_attempts=2, backoff_s=(0.0,)))
    job, other = desk.add("harbour"), desk.add("wave")
    for _ in range(2):  # the first time a job may be tried again at once
        assert desk.turn() is None
        if job.id in desk.puppet.live:
            desk.puppet.end(job.id, how)
            assert desk.turn() is None
    assert desk.puppet.live.keys() == {other.id}
    assert (desk.now(job).state, desk.now(job).not_before) == (JobState.WAITING, desk.clock() + LEAST_S)


def test_an_input_that_cannot_be_looked_at_keeps_no_other_waiting_where_jobs_are_tried_again_at_once(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.dispatcher.reconfigure(QueueConfig(max_attempts=2, backoff_s=(0.0,)))
    job, other = desk.add("harbour"), desk.add("wave")
    Unseen(monkeypatch, desk.root.evolution / job.id / job.content).number = errno.EIO
    assert desk.turn() is None
    assert desk.puppet.live.keys() == {other.id}
    assert (desk.now(job).state, desk.now(job).not_before) == (JobState.WAITING, desk.clock() + LEAST_S)


def test_a_job_whose_result_cannot_be_read_keeps_no_other_waiting_and_is_given_up(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    checks = Later()
    desk.dispatcher._checker.close(0.0)
    desk.dispatcher._checker = checks

    def check(path: Path, **_: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO), str(path))

    monkeypatch.setattr("styled.daemon.dispatch.images.check", check)
    job, other = desk.add("harbour"), desk.add("wave")
    done = Ended(0, result=Result(path="result.png", step=9, loss=1.0, seconds=1.0))
    ends = 0
    for _ in range(500):
        if job.id in desk.puppet.live:
            desk.puppet.end(job.id, done)
            ends += 1
        assert desk.turn() is None
        checks.run()
        desk.clock.pass_by(1.0)
        if desk.puppet.parallel == 1 and other.id in desk.puppet.live:
            assert desk.now(job).state is JobState.WAITING
            assert f"the result of {job.id} cannot be read: Input/output error" in desk.now(job).reason
            desk.puppet.parallel = 2
    assert other.id in desk.puppet.live
    assert ends == MOST_WITHOUT_ROOM
    assert (desk.now(job).state, desk.now(job).attempts) == (JobState.FAILED, 1)


def test_a_disk_that_refuses_what_a_job_writes_holds_the_queue_for_a_moment(desk: Desk) -> None:
    job, other = desk.add("harbour"), desk.add("wave")
    assert desk.turn() is None
    desk.puppet.end(job.id, ended(StorageRefuses("cannot use losses.jsonl: Input/output error")))
    assert desk.turn() is None
    assert desk.puppet.live.keys() == set()
    desk.clock.pass_by(16.0)
    assert desk.turn() is None
    assert desk.puppet.live.keys() == {other.id}
