"""What a start mends beyond the claims' own steps, which test_claim crashes at."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from styled.evolution import JobFile, JobFolder, read_job_file, write_job_file
from styled.inbox.claiming.recovery import recover
from styled.job import JobState
from styled.root import Root
from styled.settings import Settings
from styled.store.store import Store


def write_folder(root: Root, name: str, number: int, **fields: object) -> JobFolder:
    folder = JobFolder(root.evolution / name)
    folder.create()
    values: dict[str, object] = {
        "id": name,
        "number": number,
        "name": "harbour",
        "content": "input/content.png",
        "styles": ("input/style.png",),
        "settings": Settings(seed=7, steps=300),
        "digests": {"input/content.png": "c", "input/style.png": "s"},
        "created_at": 5.0,
        "priority": 2,
    }
    write_job_file(folder, JobFile(**{**values, **fields}))  # type: ignore[arg-type]
    return folder


def test_a_folder_without_a_row_becomes_the_job_that_it_tells(root: Root, store: Store):
    write_folder(root, "20261122-201500-harbour", 7, state=JobState.PAUSED, reason="later")
    notes = recover(root, store).notes
    (job,) = store.jobs()
    assert (job.number, job.id, job.state, job.priority, job.reason) == (
        7,
        "20261122-201500-harbour",
        JobState.PAUSED,
        2,
        "later",
    )
    assert job.settings == {"seed": 7}
    assert (job.content_digest, job.style_digests) == ("c", ("s",))
    assert "0007 (harbour)" in notes[0]
    assert recover(root, store) == ([], [])


def test_a_copied_folder_becomes_a_job_of_its_own(root: Root, store: Store):
    first = write_folder(root, "20261122-201500-harbour", 1)
    shutil.copytree(first.path, root.evolution / "copy of it")
    recover(root, store)
    assert [(job.number, job.id) for job in store.jobs()] == [(1, "20261122-201500-harbour"), (2, "copy of it")]
    assert read_job_file(JobFolder(root.evolution / "copy of it")).number == 2


def test_a_running_job_without_its_daemon_is_queued(root: Root, store: Store):
    write_folder(root, "a", 1, state=JobState.RUNNING)
    recover(root, store)
    assert store.get("a").state is JobState.WAITING
    assert read_job_file(JobFolder(root.evolution / "a")).state is JobState.WAITING


@pytest.mark.parametrize("text", [b"", b"{", b"[]", b'{"version": 99}', b"\xff"])
def test_a_damaged_job_json_is_told_and_left_alone(root: Root, store: Store, text: bytes):
    folder = write_folder(root, "a", 1)
    folder.job_json.write_bytes(text)
    (note,) = recover(root, store).notes
    assert "job.json" in note
    assert store.jobs() == []
    assert folder.job_json.read_bytes() == text


def test_what_is_no_job_folder_is_not_taken_for_one(root: Root, store: Store, tmp_path: Path):
    (root.evolution / "README.md").write_text("hello")
    (root.evolution / "empty").mkdir()
    (root.evolution / ".trash-a").mkdir()
    write_folder(root, "real", 1).path.rename(tmp_path / "elsewhere")
    (root.evolution / "link").symlink_to(tmp_path / "elsewhere")
    assert recover(root, store) == ([], [])
    assert store.jobs() == []


def test_a_waiting_job_without_its_folder_fails_and_an_ended_one_stays(root: Root, store: Store):
    for name in ("a", "b"):
        store.add(id=name, name=name, content="c", styles=("s",))
    store.move("b", JobState.CANCELLED)
    recover(root, store)
    lost = store.get("a")
    assert (lost.state, lost.reason) == (JobState.FAILED, "its folder in evolution/ is gone")
    assert store.get("b").state is JobState.CANCELLED


def test_files_in_a_claim_without_a_plan_are_kept_for_the_user(root: Root, store: Store):
    work = root.evolution / ".claim-20261122-201500-harbour"
    (work / "input").mkdir(parents=True)
    (work / "input" / "content.png").write_bytes(b"mine")
    recover(root, store)
    assert not work.exists()
    (place,) = root.rejected.iterdir()
    assert (place / "content.png").read_bytes() == b"mine"


def test_ten_thousand_known_folders_are_not_read_again(root: Root, store: Store, monkeypatch: pytest.MonkeyPatch):
    for number in range(1, 4):
        write_folder(root, f"j{number}", number)
    recover(root, store)

    def read(_: object) -> None:
        raise AssertionError("a known job's file was read")

    monkeypatch.setattr("styled.store.adoption.read_job_file", read)
    recover(root, store)
    assert len(store.jobs()) == 3


def test_a_claim_that_can_be_neither_finished_nor_undone_holds_up_no_other(root: Root, store: Store):
    write_folder(root, "a", 1)
    work = root.evolution / ".claim-b"
    (work / "input").mkdir(parents=True)
    (work / "input" / "content.png").write_bytes(b"mine")
    elsewhere = root.inbox.rename(root.path / "elsewhere")
    recovered = recover(root, store)
    assert [job.id for job in store.jobs()] == ["a"]
    assert ".claim-b" in recovered.unfinished[0]
    assert (work / "input" / "content.png").read_bytes() == b"mine"
    elsewhere.rename(root.inbox)
    assert recover(root, store).unfinished == []
    assert not work.exists()
