"""Retention: a plan that touches ended jobs only, and a janitor that carries it out."""

from __future__ import annotations

import errno
import os
import time
from pathlib import Path

import pytest

from styled.config import RetentionConfig
from styled.daemon.upkeep.janitor import Janitor
from styled.daemon.upkeep.retention import DELETED, THIN, folder_bytes, plan, surplus_frames
from styled.daemon.upkeep.trash import PREFIX, Trash
from styled.errors import ControlError
from styled.evolution import JobFolder
from styled.job import Job, JobState
from styled.root import Root
from styled.store.adoption import adopt_folders
from tests.daemon.workshop import Workshop
from tests.deadlines import wait_until

DAY = 86400.0
NOW = 1_800_000_000.0


def ended(root: Root, number: int, days_ago: float, state: JobState = JobState.DONE, frames: int = 0) -> Job:
    folder = JobFolder(root.evolution / f"job-{number}")
    folder.create()
    folder.job_json.write_text("{}")
    for step in range(frames):
        (folder.frames / f"{step:06d}.jpg").write_bytes(b"x" * 10)
    finished = NOW - days_ago * DAY if state not in (JobState.WAITING, JobState.RUNNING, JobState.PAUSED) else None
    return Job(id=folder.id, number=number, name="n", state=state, content="c", styles=("s",), finished_at=finished)


def test_old_jobs_go_and_young_and_live_ones_stay(root: Root) -> None:
    jobs = [
        ended(root, 1, 40),
        ended(root, 2, 20),
        ended(root, 3, 50, JobState.FAILED),
        ended(root, 4, 60, JobState.CANCELLED),
        *(
            ended(root, 5 + n, 99, state)
            for n, state in enumerate((JobState.WAITING, JobState.RUNNING, JobState.PAUSED))
        ),
    ]
    steps = plan(root, jobs, RetentionConfig(days=30), NOW)
    assert [(step.job.number, step.action) for step in steps] == [(4, "remove"), (3, "remove"), (1, "remove")]


def test_what_another_job_is_to_start_from_stays(root: Root) -> None:
    jobs = [ended(root, number, days_ago=40 + number, frames=2) for number in (1, 2, 3)]
    config = RetentionConfig(days=30, max_gb=1.0, frames="none")
    steps = plan(root, jobs, config, NOW, needed={"job-2"}, size=lambda _: 10**9)
    assert [(step.job.number, step.action) for step in steps] == [(3, "remove"), (1, "remove")]


def test_the_oldest_go_until_the_rest_fits(root: Root) -> None:
    jobs = [ended(root, number, days_ago=number) for number in (1, 2, 3)]
    steps = plan(root, jobs, RetentionConfig(max_gb=2.0), NOW, size=lambda _: 10**9)
    assert [step.job.number for step in steps] == [3]


def test_what_ended_while_the_clock_was_ahead_counts_and_goes_before_what_ended_since(root: Root) -> None:
    before, ahead, since = ended(root, 1, 3), ended(root, 2, -365), ended(root, 3, 1)
    config = RetentionConfig(max_gb=1.0, frames="none")
    steps = plan(root, [since, before, ahead], config, NOW, size=lambda _: 10**9)
    assert [(step.job.number, step.action) for step in steps] == [(1, "remove"), (2, "remove")]


def test_while_the_clock_is_wrong_by_years_back_the_oldest_go_all_the_same(root: Root) -> None:
    jobs = [ended(root, number, days_ago=-9000 - number) for number in (1, 2, 3)]
    jobs.append(ended(root, 4, days_ago=1))
    steps = plan(root, jobs, RetentionConfig(days=30, max_gb=2.0), NOW, size=lambda _: 10**9)
    assert [step.job.number for step in steps] == [1, 2]


def test_what_just_ended_is_left_alone_if_the_clock_was_set_back_a_little(root: Root) -> None:
    jobs = [ended(root, 1, days_ago=-0.01), ended(root, 2, days_ago=0.01)]
    assert plan(root, jobs, RetentionConfig(max_gb=0.1, frames="none"), NOW, size=lambda _: 10**9) == []


def test_nothing_is_planned_by_default_or_for_what_just_ended(root: Root) -> None:
    assert plan(root, [ended(root, 1, 1000)], RetentionConfig(), NOW) == []
    assert plan(root, [ended(root, 2, 0.01)], RetentionConfig(days=0.001, frames="none"), NOW) == []


def test_a_folder_that_is_a_link_or_not_a_jobs_is_left_alone(root: Root, tmp_path: Path) -> None:
    linked, foreign = ended(root, 1, 100), ended(root, 2, 100)
    (root.evolution / linked.id).rename(tmp_path / "target")
    (root.evolution / linked.id).symlink_to(tmp_path / "target")
    JobFolder(root.evolution / foreign.id).job_json.unlink()
    assert plan(root, [linked, foreign], RetentionConfig(days=1), NOW) == []


@pytest.mark.parametrize("count", [0, 1, THIN, THIN + 1, 300])
def test_thinning_keeps_first_and_last_and_is_done_once(root: Root, count: int) -> None:
    folder = JobFolder(root.evolution / ended(root, 1, 5, frames=count).id)
    for path in surplus_frames(folder, "thin"):
        path.unlink()
    left = sorted(path.name for path in folder.frames.iterdir())
    assert len(left) == min(count, THIN)
    if count:
        assert (left[0], left[-1]) == ("000000.jpg", f"{count - 1:06d}.jpg")
    assert surplus_frames(folder, "thin") == []
    assert len(surplus_frames(folder, "none")) == len(left)


def test_a_folders_size_does_not_follow_links(tmp_path: Path) -> None:
    (tmp_path / "big").write_bytes(os.urandom(1_000_000))
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "small").write_bytes(b"x" * 5000)
    (folder / "link").symlink_to(tmp_path / "big")
    assert 5000 <= folder_bytes(folder) < 20_000


@pytest.mark.processes
def test_the_janitor_removes_and_thins_what_was_planned(workshop: Workshop) -> None:
    jobs = [workshop.add("old", frame_every=1, steps=40), workshop.add("young", frame_every=1, steps=40)]
    for job in jobs:
        workshop.until(job, JobState.DONE)
    workshop.store.change(jobs[0].id, finished_at=time.time() - 40 * DAY)
    workshop.store.change(jobs[1].id, finished_at=time.time() - 2 * DAY)
    config = RetentionConfig(days=30, frames="thin")
    with Janitor(workshop.root, workshop.store, workshop.job_commands, config) as janitor:
        wait_until(lambda: janitor.turn() or len(workshop.store.jobs()) == 1)
        assert janitor.wake_after() > 3000  # type: ignore[operator]
    young = JobFolder(workshop.root.evolution / jobs[1].id)
    assert len(list(young.frames.iterdir())) == THIN
    assert young.result.is_file()
    wait_until(lambda: [path.name for path in workshop.root.evolution.iterdir()] == [jobs[1].id])


@pytest.mark.processes
def test_a_job_that_was_retried_since_the_plan_is_not_removed(workshop: Workshop) -> None:
    job = workshop.add("harbour")
    workshop.until(job, JobState.DONE)
    workshop.store.change(job.id, finished_at=time.time() - 40 * DAY)
    workshop.may_start = False
    with Janitor(workshop.root, workshop.store, workshop.job_commands, RetentionConfig(days=30)) as janitor:
        janitor.turn()
        wait_until(lambda: janitor._plan is not None and janitor._plan.done())
        workshop.job_commands.retry(job.id, from_start=True)
        janitor.turn()
    assert workshop.state(job) is JobState.WAITING
    assert (workshop.root.evolution / job.id / "input" / "content.png").is_file()


def test_what_a_killed_daemon_did_not_delete_is_deleted_by_the_next(root: Root, tmp_path: Path) -> None:
    left = root.evolution / f"{PREFIX}0123abcd-job"
    (left / "frames").mkdir(parents=True)
    (tmp_path / "target").mkdir()
    (root.evolution / f"{PREFIX}link").symlink_to(tmp_path / "target")
    with Trash(root) as trash:
        trash.empty()
        wait_until(lambda: not left.exists())
    assert (tmp_path / "target").is_dir()


@pytest.mark.processes
def test_a_job_that_cannot_be_removed_costs_only_itself(workshop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    """An immutable folder, a mount within it: the rename fails, for the janitor and for a client."""
    jobs = [workshop.add("immutable"), workshop.add("old")]
    for job in jobs:
        workshop.until(job, JobState.DONE)
        workshop.store.change(job.id, finished_at=time.time() - 40 * DAY)
    rename = Path.rename

    def refuse(path: Path, target: Path) -> Path:
        if path.name == jobs[0].id:
            raise PermissionError(errno.EPERM, "Operation not permitted")
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", refuse)
    with pytest.raises(ControlError, match="cannot be removed: Operation not permitted"):
        workshop.job_commands.remove(jobs[0].id)
    with Janitor(workshop.root, workshop.store, workshop.job_commands, RetentionConfig(days=30)) as janitor:
        wait_until(lambda: janitor.turn() or len(workshop.store.jobs()) == 1)
    assert [job.name for job in workshop.store.jobs()] == ["immutable"]
    assert JobFolder(workshop.root.evolution / jobs[0].id).result.is_file()


@pytest.mark.processes
def test_a_folder_among_the_frames_costs_only_that_jobs_thinning(workshop: Workshop) -> None:
    jobs = [workshop.add(name, frame_every=1, steps=40) for name in ("odd", "even")]
    for job in jobs:
        workshop.until(job, JobState.DONE)
        workshop.store.change(job.id, finished_at=time.time() - 2 * DAY)
    odd, even = (JobFolder(workshop.root.evolution / job.id) for job in jobs)
    (odd.frames / "000002.jpg").unlink()
    (odd.frames / "000002.jpg").mkdir()
    config = RetentionConfig(frames="none")
    with Janitor(workshop.root, workshop.store, workshop.job_commands, config) as janitor:
        wait_until(lambda: janitor.turn() or not list(even.frames.iterdir()))
    assert odd.result.is_file()


def test_where_a_folder_cannot_be_renamed_it_is_removed_in_place(root: Root, monkeypatch: pytest.MonkeyPatch) -> None:
    """Overlayfs says EXDEV for a folder of its lower layer."""
    job = ended(root, 1, 100)
    (root.evolution / job.id / "job.json").write_text("{}")

    def refuse(_path: Path, _target: Path) -> Path:
        raise OSError(errno.EXDEV, "Invalid cross-device link")

    monkeypatch.setattr(Path, "rename", refuse)
    with Trash(root) as trash:
        trash.put(job.id)
        wait_until(lambda: not (root.evolution / job.id).exists())


def test_what_cannot_be_looked_at_is_not_planned_for(root: Root, monkeypatch: pytest.MonkeyPatch) -> None:
    closed, open_one = ended(root, 1, 100), ended(root, 2, 100)
    is_file = Path.is_file

    def refuse(path: Path) -> bool:
        if path.parent.name == closed.id:
            raise PermissionError(errno.EACCES, "Permission denied")
        return is_file(path)

    monkeypatch.setattr(Path, "is_file", refuse)
    assert [step.job.number for step in plan(root, [closed, open_one], RetentionConfig(days=30), NOW)] == [2]


def done_long_ago(workshop: Workshop, name: str) -> Job:
    """A job that ended 40 days ago, without painting it."""
    job = workshop.add(name)
    workshop.store.move(job.id, JobState.CANCELLED)
    return workshop.store.change(job.id, finished_at=time.time() - 40 * DAY)


def test_while_the_clock_is_in_doubt_nothing_goes_for_its_age_and_that_is_said(workshop: Workshop) -> None:
    done_long_ago(workshop, "old")
    doubt = ["the clock has gone ahead"]
    arguments = (workshop.root, workshop.store, workshop.job_commands, RetentionConfig(days=30))
    with Janitor(*arguments, doubt=lambda: doubt[0]) as janitor:
        janitor.turn()
        wait_until(lambda: janitor._plan is not None and janitor._plan.done())
        janitor.turn()
        assert (len(workshop.store.jobs()), janitor.trouble) == (1, doubt[0])
        janitor.clean(RetentionConfig(days=30))  # a user who asks for it is obeyed
        wait_until(lambda: janitor.turn() or not workshop.store.jobs())
        doubt[0] = ""
        janitor._due_at = 0.0
        janitor.turn()
        assert janitor.trouble == ""


def test_an_old_job_whose_folder_is_called_like_another_s_number_goes_and_the_other_stays(workshop: Workshop) -> None:
    other, old = done_long_ago(workshop, "other"), done_long_ago(workshop, "old")
    workshop.store.change(other.id, finished_at=time.time() - 2 * DAY)
    (workshop.root.evolution / old.id).rename(workshop.root.evolution / str(other.number))
    workshop.store.remove(old.id)
    (renamed,), _ = adopt_folders(workshop.store, workshop.root.evolution)
    assert renamed.id == str(other.number)
    workshop.store.move(renamed.id, JobState.CANCELLED, finished_at=time.time() - 40 * DAY)
    with Janitor(workshop.root, workshop.store, workshop.job_commands, RetentionConfig(days=30)) as janitor:
        wait_until(lambda: janitor.turn() or len(workshop.store.jobs()) == 1)
    assert [job.id for job in workshop.store.jobs()] == [other.id]
    assert (workshop.root.evolution / other.id / "input" / "content.png").is_file()


def test_a_job_whose_folder_was_deleted_is_told_and_goes_when_it_is_old(workshop: Workshop) -> None:
    old, young = done_long_ago(workshop, "old"), done_long_ago(workshop, "young")
    workshop.store.change(young.id, finished_at=time.time() - 2 * DAY)
    for job in (old, young):
        (workshop.root.evolution / job.id).rename(workshop.root.path / job.id)
    with Janitor(workshop.root, workshop.store, workshop.job_commands, RetentionConfig()) as janitor:
        wait_until(lambda: janitor.turn() or all(job.reason == DELETED for job in workshop.store.jobs()))
        (workshop.root.path / young.id).rename(workshop.root.evolution / young.id)
        janitor.clean(RetentionConfig(days=30))
        wait_until(lambda: janitor.turn() or [job.reason for job in workshop.store.jobs()] == [""])
    assert [job.name for job in workshop.store.jobs()] == ["young"]
