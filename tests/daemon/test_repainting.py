"""Painting a job's images again touches nothing of the first job; settings change only of what has not begun."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import msgspec
import pytest

from styled.errors import ControlError, IllegalMove, SettingsError
from styled.evolution import JobFolder, read_job_file, write_job_file
from styled.job import Job, JobState
from tests.daemon.workshop import Workshop

pytestmark = pytest.mark.processes


def tree(folder: Path) -> dict[str, tuple[int, bytes]]:
    """Return every file of a folder with its inode and bytes."""
    return {
        str(path.relative_to(folder)): (path.stat().st_ino, path.read_bytes())
        for path in folder.rglob("*")
        if path.is_file()
    }


@pytest.fixture
def job(workshop: Workshop) -> Job:
    """A job; none begins. It need not be painted: a job is painted again in any state."""
    workshop.may_start = False
    return workshop.add("harbour", names={"input/style.png": "starry_night.png"})


@pytest.fixture
def done(workshop: Workshop, job: Job) -> Job:
    """A job that has a result; no other begins."""
    workshop.may_start = True
    job = workshop.until(job, JobState.DONE)
    workshop.may_start = False
    return job


def test_a_job_is_painted_again_as_a_new_one_and_the_first_stays(workshop: Workshop, done: Job) -> None:
    first = JobFolder(workshop.root.evolution / done.id)
    before = tree(first.path)
    new = workshop.job_commands.again(done.number, {"steps": 12, "style_weight": 50.0})
    assert (new.state, new.name, new.step, new.names) == (JobState.WAITING, done.name, 0, done.names)
    assert new.settings == {**done.settings, "steps": 12, "style_weight": 50.0}
    assert tree(first.path) == before
    folder = JobFolder(workshop.root.evolution / new.id)
    assert [(folder.input / name).read_bytes() for name in ("content.png", "style.png")] == [
        (first.input / name).read_bytes() for name in ("content.png", "style.png")
    ]
    recorded = read_job_file(folder)
    assert (recorded.number, recorded.state, recorded.settings.steps) == (new.number, JobState.WAITING, 12)
    workshop.may_start = True
    assert workshop.until(new, JobState.DONE).step == 12
    assert tree(first.path) == before


def test_what_a_job_painted_again_was_made_from_is_what_it_has(workshop: Workshop, job: Job) -> None:
    """A digest of the first one's ``job.toml`` could not be found again if the file was to be written once more."""
    first = JobFolder(workshop.root.evolution / job.id)
    file = read_job_file(first)
    write_job_file(first, msgspec.structs.replace(file, digests={**file.digests, "input/job.toml": "0" * 64}))
    new = JobFolder(workshop.root.evolution / workshop.job_commands.again(job.id, {}).id)
    assert read_job_file(new).digests == file.digests


def test_on_a_file_system_without_links_the_images_are_copied(
    workshop: Workshop, job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise OSError(errno.EPERM, "no links here")

    monkeypatch.setattr(os, "link", refuse)
    new = JobFolder(workshop.root.evolution / workshop.job_commands.again(job.id, {}).id)
    assert (new.input / "content.png").stat().st_nlink == 1
    assert (new.input / "content.png").read_bytes() == (workshop.root.evolution / job.id / job.content).read_bytes()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"sise": 64}, "Did you mean 'size'"),
        ({"size": 3}, "from 32"),
        ({"init": "/etc/passwd"}, "not allowed"),
        ({"weights": "/root/x.h5"}, "not allowed"),
        ({"names": {}}, "names"),
    ],
)
def test_a_setting_that_is_not_allowed_adds_nothing(
    workshop: Workshop, job: Job, changes: dict[str, Any], words: str
) -> None:
    with pytest.raises(SettingsError, match=words):
        workshop.job_commands.again(job.id, changes)
    assert [each.id for each in workshop.store.jobs()] == [job.id]
    assert [path.name for path in workshop.root.evolution.iterdir()] == [job.id]


def test_what_is_gone_is_said_and_leaves_nothing(workshop: Workshop, job: Job) -> None:
    (workshop.root.evolution / job.id / "input" / "style.png").unlink()
    with pytest.raises(ControlError, match=r"style\.png is gone"):
        workshop.job_commands.again(job.id, {})
    assert [path.name for path in workshop.root.evolution.iterdir()] == [job.id]
    (workshop.root.evolution / job.id / "job.json").unlink()
    with pytest.raises(ControlError, match=r"job\.json"):
        workshop.job_commands.again(job.id, {})


def test_what_a_killed_daemon_left_half_made_is_removed(workshop: Workshop, job: Job) -> None:
    left = workshop.root.evolution / ".again-20260101-000000-x" / "input"
    left.mkdir(parents=True)
    new = workshop.job_commands.again(job.id, {})
    assert sorted(path.name for path in workshop.root.evolution.iterdir()) == sorted([job.id, new.id])


def test_settings_of_a_waiting_job_are_changed_and_painted(workshop: Workshop) -> None:
    workshop.may_start = False
    job = workshop.add("harbour")
    edited = workshop.job_commands.edit(job.id, {"steps": 7, "preset": "draft"})
    assert (edited.state, edited.settings["steps"]) == (JobState.WAITING, 7)
    assert read_job_file(JobFolder(workshop.root.evolution / job.id)).settings.steps == 7
    workshop.may_start = True
    assert workshop.until(job, JobState.DONE).step == 7


def test_settings_of_what_is_painted_in_part_or_has_ended_stay(workshop: Workshop, done: Job) -> None:
    with pytest.raises(
        IllegalMove, match=f"is done: its settings stay. Paint it again with others: styled again {done.number}"
    ):
        workshop.job_commands.edit(done.id, {"steps": 7})
    workshop.may_start = True
    job = workshop.add("slow", steps=100)
    workshop.until_step(job, 2)
    with pytest.raises(IllegalMove, match="has not ended"):
        workshop.job_commands.edit(job.id, {"steps": 7})
    workshop.job_commands.pause(job.id, by="ada")
    workshop.turn_until(lambda: not workshop.dispatcher.busy())
    with pytest.raises(IllegalMove, match="painted up to step"):
        workshop.job_commands.edit(job.id, {"steps": 7})


def test_other_settings_may_start_from_a_job_by_its_name(workshop: Workshop, job: Job) -> None:
    with pytest.raises(SettingsError, match=r"job 0001 .harbour. has no result; it is waiting"):
        workshop.job_commands.edit(job.number, {"init": "job:1"})
    (workshop.root.evolution / job.id / "result.png").write_bytes(b"")
    assert workshop.job_commands.edit(job.number, {"init": "job:harbour"}).settings["init"] == f"job:{job.id}"
    assert workshop.job_commands.again(job.number, {"init": "job:1"}).settings["init"] == f"job:{job.id}"
