"""What users ask of jobs: durable at once, and right also against a worker that is just ending."""

from __future__ import annotations

import re
import shutil

import psutil
import pytest

from styled.backend.runner import Ended
from styled.daemon.job_commands import JobCommands
from styled.daemon.upkeep.trash import Trash
from styled.errors import ControlError, DiskFull, IllegalMove, NoSuchJob
from styled.evolution import JobFolder, read_job_file, read_losses
from styled.job import JobState
from styled.store.adoption import adopt_folders
from tests.daemon.conftest import Desk
from tests.daemon.workshop import Workshop

pytestmark = pytest.mark.processes


def test_pausing_a_running_job_frees_its_process_and_resuming_goes_on(workshop: Workshop) -> None:
    job = workshop.add("slow", steps=24)
    workshop.until_step(job, 5)
    pid, handle = workshop.pid(job), workshop.store.get(job.id).handle
    paused = workshop.job_commands.pause(job.number, by="ada")
    assert (paused.state, paused.reason, paused.handle) == (JobState.PAUSED, "paused by ada", handle)
    workshop.turn_until(lambda: not workshop.dispatcher.busy())
    assert not psutil.pid_exists(pid)
    assert workshop.store.get(job.id).handle == ""
    assert workshop.state(job) is JobState.PAUSED
    workshop.job_commands.resume(job.number)
    workshop.until(job, JobState.DONE)
    steps = [line.step for line in read_losses(JobFolder(workshop.root.evolution / job.id)).losses]
    assert steps == list(range(1, 25))


def test_resuming_before_the_worker_has_ended_does_not_start_a_second_one(workshop: Workshop) -> None:
    job = workshop.add("slow", steps=24)
    workshop.until_step(job, 2)
    workshop.job_commands.pause(job.id, by="ada")
    workshop.job_commands.resume(job.id)
    workshop.until(job, JobState.DONE)
    folder = JobFolder(workshop.root.evolution / job.id)
    assert [line.step for line in read_losses(folder).losses] == list(range(1, 25))
    assert workshop.ended[0].attempts == 0


def test_a_resumed_job_whose_worker_cannot_be_ended_waits_for_that_and_the_next_one_runs(desk: Desk) -> None:
    desk.puppet.parallel, desk.puppet.outlives = 2, True
    job = desk.add("held")
    assert desk.turn() is None
    desk.store.update_progress(job.id, handle="local:7:8.000", attempts=0)
    with Trash(desk.root) as trash:
        orders = JobCommands(desk.root, desk.store, desk.dispatcher, desk.puppet, trash)
        orders.pause(job.number, by="ada")
        assert desk.turn() is None
        resumed = orders.resume(job.number)
    assert (resumed.state, resumed.handle) == (JobState.WAITING, "local:7:8.000")
    other = desk.add("other")
    assert desk.turn() is None
    before = desk.store.last_event()
    for _ in range(5):
        desk.clock.pass_by(1.0)
        assert desk.turn() is None
    assert desk.store.last_event() == before
    assert desk.now(other).state is JobState.RUNNING
    assert desk.now(job) == resumed
    # Also the next daemon knows that it has a worker.
    desk.dispatcher.recover()
    assert desk.turn() is None
    assert desk.now(job) == resumed
    desk.puppet.end(job.id, Ended(-9, asked_to_stop=True))
    assert desk.turn() is None
    assert (desk.now(job).state, desk.now(job).attempts) == (JobState.RUNNING, 1)


def test_a_waiting_job_can_be_paused_and_cancelled(workshop: Workshop) -> None:
    workshop.may_start = False
    job = workshop.add("harbour")
    assert workshop.job_commands.pause(job.id, by="ada").state is JobState.PAUSED
    assert workshop.job_commands.cancel(job.id, by="ada").state is JobState.CANCELLED
    assert read_job_file(JobFolder(workshop.root.evolution / job.id)).state is JobState.CANCELLED


def test_cancelling_a_running_job_stops_its_worker(workshop: Workshop) -> None:
    job = workshop.add("slow", steps=400)
    workshop.until_step(job, 2)
    workshop.job_commands.cancel(job.id, by="ada")
    workshop.turn_until(lambda: not workshop.dispatcher.busy())
    assert workshop.state(job) is JobState.CANCELLED
    assert workshop.ended == []


def test_a_stubborn_worker_is_killed_after_its_grace(workshop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("styled.daemon.job_commands.CANCEL_GRACE_S", 0.2)
    job = workshop.add("stubborn-slow", steps=400)
    workshop.until_step(job, 2)
    workshop.job_commands.cancel(job.id, by="ada")
    workshop.turn_until(lambda: not workshop.dispatcher.busy(), seconds=5)


def test_retry_goes_on_from_the_checkpoint(workshop: Workshop) -> None:
    job = workshop.add("slow", steps=24)
    workshop.until_step(job, 6)
    workshop.job_commands.cancel(job.id, by="ada")
    with pytest.raises(IllegalMove, match="has not ended yet"):
        workshop.job_commands.retry(job.id)
    workshop.turn_until(lambda: not workshop.dispatcher.busy())
    workshop.job_commands.retry(job.id)
    workshop.turn_until(lambda: workshop.store.get(job.id).step >= 6)
    workshop.until(job, JobState.DONE)
    starts = re.findall(r"after_step=(\d+)", JobFolder(workshop.root.evolution / job.id).log.read_text())
    assert int(starts[0]) == 0
    assert int(starts[1]) >= 6


def test_retry_from_start_forgets_the_painting_but_no_input(workshop: Workshop) -> None:
    job = workshop.add("slow", steps=24)
    workshop.until_step(job, 6)
    workshop.job_commands.cancel(job.id, by="ada")
    workshop.turn_until(lambda: not workshop.dispatcher.busy())
    workshop.may_start = False
    workshop.job_commands.retry(job.id, from_start=True)
    folder = JobFolder(workshop.root.evolution / job.id)
    assert [list(folder.checkpoint.iterdir()), list(folder.frames.iterdir())] == [[], []]
    assert sorted(path.name for path in folder.input.iterdir()) == ["content.png", "style.png"]
    workshop.may_start = True
    workshop.until(job, JobState.DONE)


def test_a_done_job_is_painted_again_from_the_start_and_keeps_its_result_meanwhile(workshop: Workshop) -> None:
    job = workshop.add("harbour")
    workshop.until(job, JobState.DONE)
    workshop.may_start = False
    frames = JobFolder(workshop.root.evolution / job.id).frames
    with pytest.raises(IllegalMove, match=f"is done. Paint it again as a new job: styled again {job.number}"):
        workshop.job_commands.retry(job.id)
    assert list(frames.iterdir())
    waiting = workshop.job_commands.retry(job.id, from_start=True)
    assert (waiting.state, waiting.step, waiting.loss) == (JobState.WAITING, 0, None)
    assert JobFolder(workshop.root.evolution / job.id).result.is_file()
    workshop.may_start = True
    workshop.until(job, JobState.DONE)


def test_removing_takes_the_folder_and_the_row_of_an_ended_job_only(workshop: Workshop) -> None:
    job = workshop.add("slow", steps=400)
    workshop.until_step(job, 1)
    with pytest.raises(IllegalMove, match="has not ended yet"):
        workshop.job_commands.remove(job.id)
    workshop.job_commands.cancel(job.id, by="ada")
    workshop.turn_until(lambda: not workshop.dispatcher.busy())
    workshop.job_commands.remove(job.id)
    workshop.turn_until(lambda: list(workshop.root.evolution.iterdir()) == [])
    with pytest.raises(NoSuchJob):
        workshop.store.get(job.id)


def test_what_another_job_is_to_start_from_is_not_removed(workshop: Workshop) -> None:
    workshop.may_start = False
    first = workshop.add("harbour")
    workshop.job_commands.cancel(first.id, by="ada")
    second = workshop.add("town", init=f"job:{first.id}")
    with pytest.raises(IllegalMove, match=f"job {second.number:04d} starts from the picture of job {first.number:04d}"):
        workshop.job_commands.remove(first.id)
    assert (workshop.root.evolution / first.id).is_dir()
    workshop.job_commands.cancel(second.id, by="ada")
    workshop.job_commands.remove(first.id)


def test_a_removal_that_the_store_refuses_changes_nothing(workshop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    """Found by chaos: on a full disk the order failed, and the job's folder was gone nevertheless."""
    workshop.may_start = False
    job = workshop.add("harbour")
    workshop.job_commands.cancel(job.id, by="ada")

    def full(_: str) -> None:
        raise DiskFull("queue.db cannot grow: the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(workshop.store, "remove", full)
        with pytest.raises(DiskFull):
            workshop.job_commands.remove(job.id)
    assert (workshop.root.evolution / job.id / "input" / "content.png").is_file()
    workshop.job_commands.remove(job.id)
    assert not (workshop.root.evolution / job.id).exists()


def test_removing_a_job_whose_folder_became_a_link_leaves_the_target(workshop: Workshop) -> None:
    workshop.may_start = False
    job = workshop.add("harbour")
    workshop.job_commands.cancel(job.id, by="ada")
    folder = workshop.root.evolution / job.id
    target = workshop.root.path / "elsewhere"
    folder.rename(target)
    folder.symlink_to(target)
    workshop.job_commands.remove(job.id)
    assert (target / "input" / "content.png").is_file()


@pytest.mark.parametrize("order", ["pause", "cancel", "resume", "retry", "remove"])
def test_an_order_for_no_job_is_refused(workshop: Workshop, order: str) -> None:
    by = {"by": "ada"} if order in ("pause", "cancel") else {}
    with pytest.raises(NoSuchJob):
        getattr(workshop.job_commands, order)("7", **by)


@pytest.mark.parametrize(("order", "state"), [("resume", "waiting"), ("retry", "waiting"), ("remove", "waiting")])
def test_an_order_against_the_state_is_refused_with_what_it_is(workshop: Workshop, order: str, state: str) -> None:
    workshop.may_start = False
    job = workshop.add("harbour")
    with pytest.raises(IllegalMove, match=f"is {state}"):
        getattr(workshop.job_commands, order)(job.id)


def test_a_priority_out_of_range_is_refused(workshop: Workshop) -> None:
    workshop.may_start = False
    job = workshop.add("harbour")
    with pytest.raises(ControlError, match="-1000 to 1000"):
        workshop.job_commands.prioritise(job.id, 1001)
    assert workshop.job_commands.prioritise(job.id, -1000).priority == -1000
    assert read_job_file(JobFolder(workshop.root.evolution / job.id)).priority == -1000


def test_steps_of_priority_add_up_and_the_top_is_above_all_that_wait(workshop: Workshop) -> None:
    workshop.may_start = False
    first, second = workshop.add("a"), workshop.add("b")
    for _ in range(5):
        raised = workshop.job_commands.prioritise_by(second.id, 1)
    assert raised.priority == 5
    assert workshop.job_commands.to_top(first.id).priority == 6
    assert workshop.job_commands.to_top(first.id).priority == 6
    with pytest.raises(ControlError, match="out of range"):
        workshop.job_commands.prioritise_by(second.id, 10_000_000)


def test_a_job_whose_folder_is_called_like_a_number_is_ordered_by_its_own(workshop: Workshop) -> None:
    workshop.may_start = False
    first = workshop.add("harbour")
    shutil.copytree(workshop.root.evolution / first.id, workshop.root.evolution / str(first.number))
    (renamed,), _ = adopt_folders(workshop.store, workshop.root.evolution)
    orders = workshop.job_commands
    assert renamed.id == str(first.number)
    assert orders.pause(renamed.number, by="ada").id == renamed.id
    assert orders.resume(renamed.number).id == renamed.id
    assert orders.prioritise_by(renamed.number, 2).id == renamed.id
    assert orders.to_top(renamed.number).id == renamed.id
    assert orders.cancel(renamed.number, by="ada").id == renamed.id
    assert orders.retry(renamed.number, from_start=True).id == renamed.id
    assert orders.edit(renamed.number, {"seed": 5}).id == renamed.id
    orders.cancel(renamed.number, by="ada")
    assert orders.remove(renamed.number).id == renamed.id
    assert workshop.store.jobs() == [first]
    assert (workshop.root.evolution / first.id).is_dir()
    assert orders.cancel(f"#{first.number}", by="ada").id == first.id
