"""An evolution/ that is late, or gone, is waited for; one that was emptied on purpose is not, once no job needs it."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import structlog

from styled.daemon.upkeep import evolution_watch
from styled.daemon.upkeep.evolution_watch import EvolutionWatch
from styled.errors import DiskFull
from styled.evolution import JobFolder, read_job_file, write_job_file
from styled.inbox.intake import Inbox
from styled.job import Job, JobState
from styled.root import Root
from styled.store.status import DaemonStatus
from styled.store.store import Store
from tests.daemon.workshop import Workshop, add_job
from tests.deadlines import patience, wait_until


@pytest.fixture
def store(root: Root) -> Iterator[Store]:
    with Store.open(root) as opened:
        yield opened


@pytest.fixture
def watch(root: Root, store: Store) -> EvolutionWatch:
    return EvolutionWatch(root, store)


@pytest.fixture
def on_another_disk(root: Root, monkeypatch: pytest.MonkeyPatch) -> Callable[[bool], None]:
    """Let ``evolution/`` be on a device of its own, or on the root's."""
    state = {"own": False}
    real, evolution = Path.stat, root.evolution

    def stat(self: Path, **named: bool) -> os.stat_result:
        found = real(self, **named)
        if self != evolution or not state["own"]:
            return found
        values = list(found[:10])
        values[2] = found.st_dev + 1
        return os.stat_result(values)

    monkeypatch.setattr(Path, "stat", stat)
    return lambda own: state.update(own=own)


def beat(store: Store, at: float) -> None:
    """Report as the daemon does."""
    store.publish(DaemonStatus(pid=1, version="1", started_at=0.0, beat_at=at, state="running"))


def ended(root: Root, store: Store, name: str) -> Job:
    job = add_job(root, store, name)
    return store.move(job.id, JobState.CANCELLED)


def test_a_new_root_and_one_with_its_jobs_are_well(root: Root, store: Store, watch: EvolutionWatch) -> None:
    assert (watch.look(), watch.trouble) == (False, "")
    add_job(root, store, "a")
    assert (watch.look(), watch.trouble) == (False, "")


def test_an_empty_folder_beside_a_queue_with_jobs_is_waited_for(
    root: Root, store: Store, watch: EvolutionWatch
) -> None:
    add_job(root, store, "a")
    away = root.evolution.rename(root.path / "away")
    root.evolution.mkdir()
    assert not watch.look()
    assert "is its disk mounted?" in watch.trouble
    root.evolution.rmdir()
    assert not watch.look()
    assert "cannot be used: No such file" in watch.trouble
    away.rename(root.evolution)
    assert watch.look()
    assert watch.trouble == ""


def test_one_emptied_on_purpose_is_used_when_no_job_needs_it(root: Root, store: Store, watch: EvolutionWatch) -> None:
    ended(root, store, "done")
    root.evolution.rename(root.path / "away")
    root.evolution.mkdir()
    assert (watch.look(), watch.trouble) == (False, "")


def test_another_disk_than_before_is_waited_for_also_when_all_jobs_have_ended(
    root: Root, store: Store, watch: EvolutionWatch, on_another_disk: Callable[[bool], None]
) -> None:
    ended(root, store, "done")
    on_another_disk(True)
    watch.look()
    assert watch.trouble == ""
    away = root.evolution.rename(root.path / "away")
    root.evolution.mkdir()
    on_another_disk(False)
    again = EvolutionWatch(root, store)
    again.look()
    assert "another disk than before" in again.trouble
    root.evolution.rmdir()
    away.rename(root.evolution)  # moved to the root's disk, with its jobs
    assert again.look()
    assert EvolutionWatch(root, store).look() is False


def test_a_job_whose_folder_is_away_with_all_others_waits_and_costs_nothing(workshop: Workshop) -> None:
    jobs = [workshop.add("a"), workshop.add("b")]
    workshop.dispatcher._is_away = lambda: not (workshop.root.evolution / jobs[0].id).is_dir()
    away = workshop.root.evolution.rename(workshop.root.path / "away")
    workshop.root.evolution.mkdir()
    workshop.may_start = False
    workshop.store.claim_next()
    workshop.dispatcher._start(workshop.store.get(jobs[0].id))
    waiting = workshop.store.get(jobs[0].id)
    assert (waiting.state, waiting.attempts, waiting.reason) == (JobState.WAITING, 0, "evolution/ is away")
    workshop.root.evolution.rmdir()
    away.rename(workshop.root.evolution)


def test_a_folder_that_is_back_has_its_job_queued_again(root: Root, store: Store) -> None:
    from styled.inbox.claiming.recovery import LOST, recover

    lost, other = add_job(root, store, "lost"), add_job(root, store, "other")
    away = (root.evolution / lost.id).rename(root.path / "away")
    recover(root, store)
    assert (store.get(lost.id).state, store.get(lost.id).reason) == (JobState.FAILED, LOST)
    away.rename(root.evolution / lost.id)
    notes = recover(root, store).notes
    assert store.get(lost.id).state is JobState.WAITING
    assert any("has its folder again" in note for note in notes)
    assert store.get(other.id).state is JobState.WAITING


def test_nothing_is_mended_while_it_is_away(root: Root, store: Store) -> None:
    from styled.config import InboxConfig

    with Inbox(root, store, InboxConfig(watch="poll")) as inbox:
        for _ in range(3):
            inbox.turn(may_take=False, may_mend=False)
        assert inbox._recovery_schedule.planned
        assert inbox._mover.pending == 0


def test_a_folder_that_does_not_answer_keeps_nobody_and_is_said(
    root: Root, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = threading.Event()
    real = evolution_watch._ask

    def hang(*arguments: Any) -> Any:
        answer.wait(patience(60))
        return real(*arguments)

    monkeypatch.setattr(evolution_watch, "_ask", hang)
    monkeypatch.setattr(evolution_watch, "HANGS_S", 0.05)
    watch = EvolutionWatch(root, store)
    wait_until(lambda: not watch.turn() and watch.trouble)
    assert watch.trouble == "evolution/ does not answer; is its file server there?"
    answer.set()
    wait_until(watch.turn)
    assert watch.trouble == ""
    watch.close()


@pytest.mark.parametrize("meanwhile", ["nothing", "what was running is queued", "another daemon"])
def test_a_job_that_ended_in_a_folder_that_comes_back_is_not_painted_again(root: Root, meanwhile: str) -> None:
    """The queue is restored from a backup, and the disk of evolution/, which is newer, is mounted after the start."""
    with Store.open(root) as store:
        job = add_job(root, store, "a")
        store.move(job.id, JobState.RUNNING)
        beat(store, time.time() - 200.0)
    now = time.time()
    folder = JobFolder(root.evolution / job.id)
    done = msgspec.structs.replace(read_job_file(folder), state=JobState.DONE, finished_at=now + 10.0)
    write_job_file(folder, done)
    away = root.evolution.rename(root.path / "away")
    clock = lambda: now + 100.0  # noqa: E731
    if meanwhile == "another daemon":
        with Store.open(root, clock=clock) as store:
            assert not EvolutionWatch(root, store).look()
            store.requeue_running("the daemon has ended")
            beat(store, clock())
    with Store.open(root, clock=clock) as store:
        watch = EvolutionWatch(root, store)
        assert not watch.look()
        beat(store, clock())
        if meanwhile == "what was running is queued":
            store.requeue_running("the daemon has ended")
        away.rename(root.evolution)
        with structlog.testing.capture_logs() as logged:
            assert watch.look()
        assert store.get(job.id).state is JobState.DONE
        assert any("older copy" in line.get("note", "") for line in logged)
        watch.close()


def test_what_the_store_refuses_when_the_folder_comes_back_is_done_again(
    root: Root, store: Store, watch: EvolutionWatch, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_job(root, store, "a")
    away = root.evolution.rename(root.path / "away")
    assert not watch.look()
    away.rename(root.evolution)

    def refuse(*_: object, **__: object) -> list[str]:
        raise DiskFull("no room")

    with monkeypatch.context() as patched:
        patched.setattr(evolution_watch, "take_ended", refuse)
        with pytest.raises(DiskFull):
            watch.look()
    assert watch.trouble
    assert watch.look()
    assert watch.trouble == ""
