"""From waiting to ended with real workers: what each way of ending does to the job and to the queue."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable

import msgspec
import psutil
import pytest
import structlog
from PIL import Image

from styled.backend.orphans import Process
from styled.config import QueueConfig
from styled.control_groups.cores import cores
from styled.daemon import moves
from styled.daemon.dispatch import Dispatcher
from styled.daemon.setbacks import LEAST_S
from styled.errors import DiskFull
from styled.evolution import JobFolder, load_checkpoint, read_job_file, read_losses
from styled.job import Job, JobState
from styled.root import Root
from styled.store.store import Store
from tests.daemon.test_queue_machine import Puppet
from tests.daemon.workshop import Workshop, add_job
from tests.deadlines import patience

pytestmark = pytest.mark.processes


def test_a_waiting_job_becomes_a_result(workshop: Workshop) -> None:
    job = workshop.add("harbour")
    done = workshop.until(job, JobState.DONE)
    folder = JobFolder(workshop.root.evolution / job.id)
    with Image.open(folder.result) as result:
        assert result.size == (32, 24)
    assert (done.step, done.attempts, done.handle) == (20, 0, "")
    assert done.loss == pytest.approx(read_losses(folder).losses[-1].loss)
    assert [read_job_file(folder).state, workshop.ended] == [JobState.DONE, [done]]
    assert not folder.checkpoint.exists()


def test_jobs_run_by_priority_then_by_order_one_at_a_time(workshop: Workshop) -> None:
    jobs = [workshop.add(name) for name in ("first", "second", "urgent")]
    workshop.job_commands.prioritise(jobs[2].number, 5)
    seen = 0

    def all_done() -> bool:
        nonlocal seen
        seen = max(seen, len(workshop.runner.running()))
        return workshop.store.counts()[JobState.DONE] == 3

    workshop.turn_until(all_done)
    assert [job.name for job in workshop.ended] == ["urgent", "first", "second"]
    assert seen == 1


def test_parallel_slots_share_the_processors(workshop: Workshop) -> None:
    workshop.reconfigure(QueueConfig(parallel=2))
    jobs = [workshop.add("a-slow"), workshop.add("b-slow")]
    workshop.turn_until(lambda: len(workshop.runner.running()) == 2)
    workers = [psutil.Process(workshop.pid(job)) for job in jobs]

    def shown() -> set[str | None]:
        return {worker.environ().get("OMP_NUM_THREADS") for worker in workers}

    workshop.turn_until(lambda: None not in shown())  # a process that has just begun may have nothing to show yet
    assert shown() == {str(max(1, cores() // 2))}


def test_a_crash_is_tried_again_and_goes_on(workshop: Workshop) -> None:
    job = workshop.add("once")
    assert workshop.until(job, JobState.DONE).step == 20
    moves = [event.note for event in workshop.store.events(0) if event.after == "waiting" and event.kind == "moved"]
    assert moves == ["the worker was killed by SIGSEGV"]


def test_a_poison_job_fails_and_the_next_one_runs(workshop: Workshop) -> None:
    poison, good = workshop.add("poison"), workshop.add("good")
    workshop.turn_until(lambda: workshop.state(poison) is JobState.FAILED and workshop.state(good) is JobState.DONE)
    failed = workshop.store.get(poison.id)
    assert failed.reason == "the worker was killed by SIGSEGV. It was tried 2 times without progress"
    assert failed.attempts == 2
    assert read_job_file(JobFolder(workshop.root.evolution / poison.id)).reason == failed.reason


def test_an_attempt_that_reached_a_checkpoint_does_not_count(workshop: Workshop) -> None:
    # Each attempt dies at its fifth step, after a checkpoint or two: more attempts than two, and yet done.
    job = workshop.add("crash-slow", steps=14)
    workshop.until(job, JobState.DONE)
    moves = [event for event in workshop.store.events(0) if event.after == "waiting" and event.kind == "moved"]
    assert len(moves) >= 3


def test_the_back_off_grows_and_is_waited_for(workshop: Workshop) -> None:
    workshop.dispatcher.reconfigure(QueueConfig(max_attempts=4, backoff_s=(100.0, 1000.0)))
    job = workshop.add("poison")
    for delay in (100.0, 1000.0, 1000.0):
        workshop.turn_until(lambda: workshop.store.get(job.id).not_before > workshop.clock())
        waiting = workshop.store.get(job.id)
        assert waiting.not_before - workshop.clock() == pytest.approx(delay, abs=10.0)
        assert 0 < workshop.dispatcher.wake_after() <= delay  # type: ignore[operator]
        workshop.dispatcher.turn()
        assert workshop.state(job) is JobState.WAITING
        workshop.shift += delay
        workshop.turn_until(lambda: workshop.state(job) is not JobState.WAITING)
    workshop.until(job, JobState.FAILED)


@pytest.mark.parametrize(
    ("name", "words", "times"),
    [("oom", "there is not enough memory. Lower size", 1), ("killed", "memory ran out. Lower size", 3)],
)
def test_a_lack_of_memory_that_stays_fails_with_advice(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch, name: str, words: str, times: int
) -> None:
    monkeypatch.setattr(moves, "MAX_STEP_DOWNS", times)
    job = workshop.add(name, checkpoint_s=1000.0)
    failed = workshop.until(job, JobState.FAILED)
    assert words in failed.reason
    assert failed.reason.endswith(f"It was tried {times} times with less memory, without progress")
    assert (starts(workshop), lessened(workshop, job)) == (times + 1, times)


def lessened(workshop: Workshop, job: Job) -> int:
    """Return how often a job was given less memory."""
    return read_job_file(JobFolder(workshop.root.evolution / job.id)).step_down


def test_after_a_lack_of_memory_a_job_goes_on_with_less_and_says_so(workshop: Workshop) -> None:
    job = workshop.add("hungry", checkpoint_s=1000.0)
    done = workshop.until(job, JobState.DONE)
    assert (starts(workshop), lessened(workshop, job), done.attempts) == (3, 2, 0)
    moves = [event.note for event in workshop.store.events(0) if event.after == "waiting" and event.kind == "moved"]
    assert moves == ["the kernel ended the worker because memory ran out; it goes on with less memory"] * 2
    assert "memory ran out, it is painted with less" in done.remarks
    assert read_job_file(JobFolder(workshop.root.evolution / job.id)).remarks == done.remarks


def test_what_a_worker_notes_is_in_its_log_and_in_the_daemons(workshop: Workshop) -> None:
    job = workshop.add("few")
    with structlog.testing.capture_logs() as logs:
        workshop.until(job, JobState.DONE)
    [note] = [line["note"] for line in logs if line["event"] == "a worker notes"]
    assert note == "scale 1 of 1 (32x24): tiled 2 blocks, 3 of 5 pairs of L-BFGS, for 1.0 GiB"
    log = JobFolder(workshop.root.evolution / job.id).log.read_text()
    assert log.count(f'level=warning event="{note}" step=1') == 1


def test_progress_between_two_lacks_of_memory_counts(workshop: Workshop) -> None:
    job = workshop.add("greedy-slow", steps=20)
    workshop.until(job, JobState.DONE)
    assert lessened(workshop, job) > 3


def test_less_memory_is_waited_for_a_little_longer_each_time(workshop: Workshop) -> None:
    workshop.dispatcher.reconfigure(QueueConfig(max_attempts=1, backoff_s=(100.0, 1000.0)))
    job = workshop.add("killed", checkpoint_s=1000.0)
    for delay in (100.0, 1000.0):
        workshop.turn_until(lambda: workshop.store.get(job.id).not_before > workshop.clock())
        waiting = workshop.store.get(job.id)
        assert waiting.not_before - workshop.clock() == pytest.approx(delay, abs=10.0)
        workshop.shift += delay
        workshop.turn_until(lambda: workshop.state(job) is JobState.RUNNING)


def test_what_fits_into_no_limit_fails_at_once(workshop: Workshop) -> None:
    failed = workshop.until(workshop.add("unfit"), JobState.FAILED)
    assert "the limit is 1.0 GiB. Lower size" in failed.reason
    assert starts(workshop) == 1


def test_a_job_painted_again_from_the_start_has_all_memory_again(workshop: Workshop) -> None:
    job = workshop.add("hungry", checkpoint_s=1000.0)
    workshop.until(job, JobState.DONE)
    workshop.may_start = False
    workshop.job_commands.retry(job.id, from_start=True)
    assert lessened(workshop, job) == 0


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("silent", "the worker ended without a result"),
        ("broken", "its result cannot be read"),
        ("poison", "the worker was killed by SIGSEGV"),
    ],
)
def test_done_is_only_what_ended_well_said_so_and_decodes(workshop: Workshop, name: str, reason: str) -> None:
    assert workshop.until(workshop.add(name), JobState.FAILED).reason.startswith(reason)


def test_unusable_input_fails_without_another_try(workshop: Workshop) -> None:
    job = workshop.add("truncated")
    path = workshop.root.evolution / job.id / "input" / "style.png"
    path.write_bytes(path.read_bytes()[:40])
    workshop.until(job, JobState.FAILED)
    assert starts(workshop) == 1


def starts(workshop: Workshop) -> int:
    """Return how many workers were started."""
    return sum(event.after == "running" for event in workshop.store.events(0))


def test_an_input_that_is_gone_is_said(workshop: Workshop) -> None:
    job = workshop.add("harbour")
    (workshop.root.evolution / job.id / "input" / "content.png").unlink()
    assert workshop.until(job, JobState.FAILED).reason.startswith("its input is gone")


def test_a_hanging_worker_is_ended_and_its_job_tried_again(workshop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("styled.backend.local._KILL_AFTER_S", 0.1)
    job = workshop.add("hang")
    workshop.until_step(job, 1)
    workshop.runner.reconfigure(QueueConfig(stall_s=0.3))
    failed = workshop.until(job, JobState.FAILED)
    assert "no sign of life" in failed.reason


def test_a_full_disk_uses_no_attempt_and_is_told(workshop: Workshop) -> None:
    (workshop.root.path / "FULL").touch()
    job = workshop.add("full")
    workshop.turn_until(lambda: workshop.full)
    waiting = workshop.store.get(job.id)
    assert (waiting.state, waiting.attempts) == (JobState.WAITING, 0)
    assert "No space left" in waiting.reason or "no space left" in waiting.reason
    (workshop.root.path / "FULL").unlink()
    workshop.may_start = True
    workshop.until(job, JobState.DONE)


def test_a_store_without_room_forgets_nothing(workshop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    job = workshop.add("harbour")
    real, tries = Store.move, 0

    def full(self: Store, *args: object, **changes: object) -> object:
        nonlocal tries
        tries += 1
        if tries <= 3:
            raise DiskFull("no room for the database")
        return real(self, *args, **changes)  # type: ignore[arg-type]

    workshop.until_step(job, 1)
    monkeypatch.setattr(Store, "move", full)
    refused = 0
    while workshop.state(job) is not JobState.DONE:
        workshop.selector.select(0.02)
        try:
            workshop.dispatcher.turn()
        except DiskFull:
            refused += 1
            assert workshop.dispatcher.busy() == {job.id}
    assert refused == 3


def test_a_stopped_job_waits_with_its_checkpoint_and_goes_on_from_it(workshop: Workshop) -> None:
    job = workshop.add("slow", steps=24)
    workshop.until_step(job, 5)
    workshop.may_start = False
    workshop.dispatcher.stop_running(20.0)
    waiting = workshop.until(job, JobState.WAITING)
    checkpoint = load_checkpoint(JobFolder(workshop.root.evolution / job.id))
    assert checkpoint is not None
    assert checkpoint.meta["step"] >= 5
    assert (waiting.attempts, waiting.handle) == (0, "")
    workshop.may_start = True
    workshop.dispatcher.changed()
    workshop.until(job, JobState.DONE)
    steps = [line.step for line in read_losses(JobFolder(workshop.root.evolution / job.id)).losses]
    assert steps == list(range(1, 25))


def test_a_worker_stopped_by_a_stranger_is_started_again(workshop: Workshop) -> None:
    job = workshop.add("slow", steps=24)
    workshop.until_step(job, 2)
    os.kill(workshop.pid(job), signal.SIGTERM)
    assert workshop.until(job, JobState.WAITING).not_before > workshop.clock()
    workshop.shift += LEAST_S
    workshop.until(job, JobState.DONE)


def test_recovery_ends_orphans_and_queues_their_jobs(workshop: Workshop) -> None:
    jobs = [workshop.add(name) for name in ("running", "paused")]
    orphans = [stranger() for _ in jobs]
    for job, orphan in zip(jobs, orphans, strict=True):
        workshop.store.claim_next()
        workshop.store.update_progress(job.id, handle=Process(orphan.pid, orphan.create_time()).handle)
    workshop.store.move(jobs[1].id, JobState.PAUSED, handle=workshop.store.get(jobs[1].id).handle)
    workshop.dispatcher.recover()
    found = [workshop.store.get(job.id) for job in jobs]
    assert [(job.state, job.handle) for job in found] == [(JobState.WAITING, ""), (JobState.PAUSED, "")]
    assert psutil.wait_procs(orphans, timeout=patience(5))[1] == []
    workshop.until(jobs[0], JobState.DONE)


def test_a_job_whose_orphan_cannot_be_ended_waits_for_that_and_the_others_are_painted(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (("kill_group", lambda _pid: None), ("_PATIENCE_S", 0.0), ("_KILLED_S", 0.0)):
        monkeypatch.setattr(f"styled.backend.orphans.{name}", value)
    monkeypatch.setattr(psutil.Process, "terminate", lambda _process: None)
    held, other, orphan = workshop.add("held"), workshop.add("other"), stranger()
    workshop.store.claim_next()
    workshop.store.update_progress(held.id, handle=Process(orphan.pid, orphan.create_time()).handle)
    workshop.dispatcher.recover()
    workshop.until(other, JobState.DONE)
    found = workshop.store.get(held.id)
    assert (found.state, found.reason) == (
        JobState.RUNNING,
        f"process {orphan.pid} of an earlier daemon cannot be ended",
    )
    assert held.id in workshop.dispatcher.trouble
    assert (workshop.dispatcher.busy(), workshop.dispatcher.awaited()) == ({held.id}, set())
    orphan.kill()
    workshop.until(held, JobState.DONE)
    assert workshop.dispatcher.trouble == ""


def stranger() -> psutil.Process:
    """Start a process that is not our child: its parent has ended."""
    command = ["sh", "-c", "sleep 100 >/dev/null & echo $!"]
    return psutil.Process(int(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout))


def test_a_job_that_took_the_machine_down_each_time_is_given_up(workshop: Workshop) -> None:
    job = workshop.add("harbour")
    for _ in range(2):
        assert workshop.store.claim_next() is not None
        workshop.dispatcher.recover()
    workshop.dispatcher.changed()
    assert "started 2 times and never reached a checkpoint" in workshop.until(job, JobState.FAILED).reason


@pytest.mark.parametrize("damage", [lambda text: "{", lambda text: text.replace('"seed"', '"sead"')])
def test_a_damaged_job_file_is_written_again(workshop: Workshop, damage: Callable[[str], str]) -> None:
    job = workshop.add("harbour")
    folder = JobFolder(workshop.root.evolution / job.id)
    before = msgspec.structs.replace(read_job_file(folder), versions={})
    folder.job_json.write_text(damage(folder.job_json.read_text()))
    workshop.until(job, JobState.DONE)
    after = read_job_file(folder)
    assert (after.settings, after.styles, after.state) == (before.settings, before.styles, JobState.DONE)


def test_a_back_off_from_before_the_clock_was_set_back_is_no_longer_than_any(workshop: Workshop) -> None:
    job = workshop.add("harbour")
    workshop.store.change(job.id, not_before=workshop.clock() + 7200.0)
    workshop.dispatcher.recover()
    workshop.until(job, JobState.DONE)


def test_many_jobs_are_started_over_several_turns(root: Root) -> None:
    """A cluster takes a thousand at once: clients wait for no more than a few of them."""
    puppet = Puppet(40, outlives=True)
    with Store.open(root) as store:
        for number in range(40):
            add_job(root, store, f"job{number}")
        dispatcher = Dispatcher(root, store, puppet, QueueConfig())
        started = []
        while len(puppet.live) < 40:
            assert dispatcher.wake_after() == 0.0
            dispatcher.turn()
            started.append(len(puppet.live))
        dispatcher.close()
    assert started == [16, 32, 40]
