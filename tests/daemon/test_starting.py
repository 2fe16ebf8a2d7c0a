"""What goes wrong between a job's claim and its worker's start: it is never left running with nobody who paints it."""

from __future__ import annotations

import errno
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from styled.backend.runner import Task
from styled.daemon.moves import MOST_WITHOUT_ROOM
from styled.daemon.supervisor import RETRY_S
from styled.daemon.upkeep.disk import Room
from styled.errors import DiskFull, StorageRefuses
from styled.evolution import JobFolder
from styled.job import Job, JobState
from styled.store.store import Store
from tests.daemon.conftest import Desk
from tests.daemon.test_queue_machine import Puppet


class Unseen:
    """A file that the system refuses to look at, for as long as ``number`` is set."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, path: Path) -> None:
        self.number = 0
        real = Path.stat

        def stat(looked_at: Path, **how: Any) -> os.stat_result:
            if self.number and looked_at == path:
                raise OSError(self.number, os.strerror(self.number), str(path))
            return real(looked_at, **how)

        monkeypatch.setattr(Path, "stat", stat)


@pytest.mark.parametrize("number", [errno.EACCES, errno.EIO, errno.ENOTCONN, errno.ESTALE])
def test_a_job_whose_input_cannot_be_looked_at_waits_and_the_next_one_runs(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    job, other = desk.add("harbour"), desk.add("wave")
    unseen = Unseen(monkeypatch, desk.root.evolution / job.id / job.content)
    unseen.number = number
    assert desk.turn() is None
    waiting = desk.now(job)
    assert (waiting.state, waiting.attempts, waiting.not_before) == (JobState.WAITING, 0, desk.clock() + 10.0)
    assert "input/content.png cannot be looked at" in waiting.reason
    assert os.strerror(number) in waiting.reason
    assert desk.puppet.live.keys() == {other.id}
    desk.puppet.parallel = 2
    for delay in (10.0, 60.0, 60.0):
        assert desk.now(job).not_before == desk.clock() + delay
        desk.clock.pass_by(delay)
        assert desk.turn() is None
    assert (desk.now(job).state, desk.now(job).attempts) == (JobState.WAITING, 0)
    unseen.number = 0
    desk.clock.pass_by(60.0)
    assert desk.turn() is None
    assert desk.puppet.live.keys() == {job.id, other.id}


def test_an_input_on_a_disk_that_is_away_waits_for_the_disk(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    job = desk.add("harbour")
    Unseen(monkeypatch, desk.root.evolution / job.id / job.content).number = errno.ENOTCONN
    desk.away = True
    assert desk.turn() is None
    waiting = desk.now(job)
    assert (waiting.state, waiting.attempts, waiting.not_before) == (JobState.WAITING, 0, 0.0)
    assert waiting.reason == "evolution/ is away"


def refuse_log(
    monkeypatch: pytest.MonkeyPatch, desk: Desk, job: Job, number: int, *, whole_disk: bool = False
) -> list[float]:
    """Have a job's log not be opened, and the disk refuse all else from then on; return a list that gets the time of each try."""
    log = JobFolder(desk.root.evolution / job.id).log
    real = Puppet.submit
    tries: list[float] = []

    def submit(puppet: Puppet, task: Task) -> str:
        if task.id == job.id:
            tries.append(desk.clock())
            desk.refusal = number if whole_disk else 0
            raise OSError(number, os.strerror(number), str(log))
        return real(puppet, task)

    monkeypatch.setattr(Puppet, "submit", submit)
    return tries


@pytest.mark.parametrize("number", [errno.EIO, errno.EUCLEAN, errno.ESTALE, errno.EDQUOT])
def test_a_job_whose_own_log_is_refused_keeps_no_other_waiting_and_is_given_up(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    job, other = desk.add("harbour"), desk.add("wave")
    tries = refuse_log(monkeypatch, desk, job, number)
    for _ in range(20):
        assert desk.turn() is None
        desk.clock.pass_by(1.0)
    assert len(tries) == 1
    assert desk.puppet.live.keys() == {other.id}
    waiting = desk.now(job)
    assert (waiting.state, waiting.attempts) == (JobState.WAITING, 0)
    assert "log.txt" in waiting.reason
    assert os.strerror(number) in waiting.reason
    desk.puppet.parallel = 2
    for _ in range(400):
        assert desk.turn() is None
        desk.clock.pass_by(1.0)
    assert len(tries) == MOST_WITHOUT_ROOM
    assert desk.now(job).state is JobState.FAILED
    assert f"styled retry {job.number}" in desk.now(job).reason


def test_an_outage_of_the_disk_with_python_is_no_job_s_fault(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    job = desk.add("harbour")

    def submit(_puppet: Puppet, _task: Task) -> str:
        raise OSError(errno.ESTALE, os.strerror(errno.ESTALE), sys.executable)

    monkeypatch.setattr(Puppet, "submit", submit)
    for _ in range(2 * MOST_WITHOUT_ROOM):
        assert type(desk.turn()) is StorageRefuses
        assert (desk.now(job).state, desk.now(job).attempts) == (JobState.WAITING, 0)
        desk.clock.pass_by(RETRY_S)


def test_a_start_on_a_disk_that_takes_nothing_is_no_job_s_fault(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    job = desk.add("harbour")
    tries = refuse_log(monkeypatch, desk, job, errno.EIO, whole_disk=True)
    for _ in range(2 * MOST_WITHOUT_ROOM):
        assert type(desk.turn()) is StorageRefuses
        waiting = desk.now(job)
        assert (waiting.state, waiting.attempts) == (JobState.WAITING, 0)
        assert waiting.not_before == desk.clock() + RETRY_S
        assert desk.disk.look() is not Room.ENOUGH
        desk.refusal = 0
        desk.clock.pass_by(RETRY_S)
    assert len(tries) == 2 * MOST_WITHOUT_ROOM


def refuse(monkeypatch: pytest.MonkeyPatch, method: str, times: int) -> None:
    """Have the store refuse a change so many times."""
    real, left = getattr(Store, method), [times]

    def refusing(self: Store, *args: Any, **changes: Any) -> Any:
        if left[0]:
            left[0] -= 1
            raise DiskFull("no room for the database")
        return real(self, *args, **changes)

    monkeypatch.setattr(Store, method, refusing)


@pytest.mark.parametrize("spoilt", ["input is gone", "too many attempts", "input not seen"])
def test_a_move_that_the_store_refuses_is_made_up_for(desk: Desk, monkeypatch: pytest.MonkeyPatch, spoilt: str) -> None:
    job = desk.add("harbour")
    content = desk.root.evolution / job.id / job.content
    if spoilt == "input is gone":
        content.unlink()
    elif spoilt == "too many attempts":
        desk.store.change(job.id, attempts=2)
    else:
        Unseen(monkeypatch, content).number = errno.EIO
    refuse(monkeypatch, "move", 3)
    raised = [type(desk.turn()) for _ in range(3)]
    assert raised == [DiskFull] * 3
    assert desk.now(job).state is JobState.RUNNING
    assert desk.turn() is None
    assert desk.now(job).state is JobState.WAITING
    desk.clock.pass_by(10.0)
    assert desk.turn() is None
    assert desk.now(job).state is (JobState.WAITING if spoilt == "input not seen" else JobState.FAILED)
    assert desk.now(job).attempts <= 3


def test_a_job_that_was_paused_or_cancelled_meanwhile_stays_so(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    paused, other = desk.add("harbour"), desk.add("wave")
    (desk.root.evolution / paused.id / paused.content).unlink()
    refuse(monkeypatch, "move", 1)
    assert type(desk.turn()) is DiskFull
    desk.store.move(paused.id, JobState.PAUSED)
    assert desk.turn() is None
    assert desk.now(paused).state is JobState.PAUSED
    assert desk.puppet.live.keys() == {other.id}


def test_what_nobody_foresaw_at_a_start_is_tried_again_and_then_given_up(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    job, other = desk.add("harbour"), desk.add("wave")
    real = Puppet.submit

    def submit(puppet: Puppet, task: Task) -> str:
        if task.id == job.id:
            raise RuntimeError("nobody foresaw this")
        return real(puppet, task)

    monkeypatch.setattr(Puppet, "submit", submit)
    assert str(desk.turn()) == "nobody foresaw this"
    assert desk.turn() is None
    waiting = desk.now(job)
    assert (waiting.state, waiting.attempts, waiting.not_before) == (JobState.WAITING, 1, desk.clock() + 10.0)
    assert "nobody foresaw this" in waiting.reason
    assert desk.puppet.live.keys() == {other.id}
    desk.puppet.parallel = 2
    desk.clock.pass_by(10.0)
    assert str(desk.turn()) == "nobody foresaw this"
    assert desk.turn() is None
    assert desk.now(job).state is JobState.FAILED


def test_a_worker_whose_handle_could_not_be_noted_is_the_only_one(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    job = desk.add("harbour")
    monkeypatch.setattr(Puppet, "submit", lambda puppet, task: (puppet.live.update({task.id: False}), "local:1:2")[1])
    refuse(monkeypatch, "update_progress", 1)
    assert type(desk.turn()) is DiskFull
    assert desk.turn() is None
    assert desk.puppet.live.keys() == {job.id}
    assert desk.now(job).state is JobState.RUNNING


@pytest.mark.parametrize("store_works_again", [True, False])
def test_attempts_that_run_on_without_the_daemon_stay_running_though_a_start_was_cut_off(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, *, store_works_again: bool
) -> None:
    desk.puppet.parallel = 3
    job = desk.add("harbour")
    monkeypatch.setattr(Puppet, "submit", lambda puppet, task: (puppet.live.update({task.id: False}), "slurm:x")[1])
    assert desk.turn() is None
    cut_off, other = desk.add("wave"), desk.add("town")
    (desk.root.evolution / cut_off.id / cut_off.content).unlink()
    refuse(monkeypatch, "move", 1 if store_works_again else 10)
    assert type(desk.turn()) is DiskFull
    monkeypatch.setattr(Puppet, "detach", lambda puppet, _: puppet.live.clear())  # as on a cluster: they are let go of
    desk.dispatcher.detach(1.0)
    for _ in range(3):
        assert desk.turn() is None
    assert (desk.now(job).state, desk.now(job).handle) == (JobState.RUNNING, "slurm:x")
    assert desk.now(other).state is JobState.WAITING
    assert desk.puppet.live == {}
