from __future__ import annotations

import gc
import tracemalloc
from pathlib import Path

import msgspec
import pytest

from styled.evolution import LossLog, read_job_file, write_job_file
from styled.gallery.entry import job_folders, read_entry
from styled.settings import Settings
from tests.gallery.conftest import MakeJob, progress


def test_a_job_is_read_in_full(make_job: MakeJob) -> None:
    folder = make_job("harbour", styles=2, settings={"optimizer": "adam"})
    entry = read_entry(folder)
    assert (entry.name, entry.has_result, entry.picture) == ("harbour", True, folder.result)
    assert [step for step, _ in entry.frames] == [10, 20, 30, 40]
    assert entry.last is not None
    assert entry.last.step == 40
    assert entry.inputs == [
        ("content", folder.input / "content.jpg"),
        ("style", folder.input / "style.png"),
        ("style 2", folder.input / "style-2.png"),
    ]


def test_what_is_kept_of_a_job_does_not_grow_with_its_steps(make_job: MakeJob) -> None:
    """The page of thousands of results is made of all their entries at once."""

    def kept_bytes(steps: int) -> int:
        folder = make_job(frame_steps=())
        folder.losses.unlink()
        with LossLog(folder) as log:
            for step in range(1, steps + 1):
                log.append(progress(step, 1e6 / step, layers={f"style.block{block}_conv1": 1.0 for block in range(9)}))
        read_entry(folder)  # what is read for the first time stays
        tracemalloc.start()
        try:
            entry = read_entry(folder)
            gc.collect()
            kept = tracemalloc.get_traced_memory()[0]
        finally:
            tracemalloc.stop()
        assert entry.last is not None
        assert entry.last.step == steps
        assert entry.plot is not None
        return kept

    assert kept_bytes(6000) < 1.5 * kept_bytes(600)


def test_settings_are_those_that_differ_from_the_defaults_and_the_rest(make_job: MakeJob) -> None:
    """A list in JSON is the tuple it was."""
    entry = read_entry(make_job(settings={"optimizer": "adam"}))
    assert entry.changed == {"size": 64, "steps": 40, "optimizer": "adam"}
    assert {*entry.changed, *entry.unchanged} == set(Settings.__struct_fields__)
    assert entry.unchanged["style_weights"] == []


def test_without_a_result_the_newest_frame_is_the_picture(make_job: MakeJob) -> None:
    folder = make_job(result=False)
    assert read_entry(folder).picture == folder.frames / "000040.jpg"
    assert read_entry(make_job(result=False, frame_steps=())).picture is None


@pytest.mark.parametrize("damage", ["", "{", '{"version": 99}'])
def test_a_damaged_job_file_leaves_the_picture(make_job: MakeJob, damage: str) -> None:
    folder = make_job()
    folder.job_json.write_text(damage)
    entry = read_entry(folder)
    assert (entry.job, entry.name, entry.inputs, entry.changed, entry.unchanged) == (None, folder.id, [], {}, {})
    assert entry.picture == folder.result


def test_a_job_file_cannot_show_what_lies_outside_its_folder(make_job: MakeJob, tmp_path: Path) -> None:
    """A folder that came from elsewhere names a private picture, by path and by link."""
    secret = tmp_path / "secret.png"
    secret.write_bytes(b"")
    folder = make_job()
    (folder.input / "link.png").symlink_to(secret)
    job = read_job_file(folder)
    write_job_file(
        folder, msgspec.structs.replace(job, content=str(secret), styles=("../../secret.png", "input/link.png"))
    )
    assert read_entry(folder).inputs == []


def test_only_folders_of_jobs_are_listed(make_job: MakeJob, evolution: Path) -> None:
    first, second = make_job("first"), make_job("second")
    (evolution / ".claim-third").mkdir()
    (evolution / ".claim-third" / "job.json").write_text("{}")
    (evolution / "holiday").mkdir()
    (evolution / "index.html").write_text("")
    second.job_json.unlink()  # its result is enough
    assert job_folders(evolution) == [first, second]
    assert job_folders(evolution / "missing") == []


def test_a_loop_of_links_and_what_may_not_be_read_are_no_jobs(
    make_job: MakeJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, closed = make_job("harbour"), make_job("closed")
    (folder.path.parent / "loop").symlink_to("loop")
    is_file = Path.is_file

    def refuse(path: Path) -> bool:
        if path.parent == closed.path:
            raise PermissionError(13, "Permission denied")
        return is_file(path)

    monkeypatch.setattr(Path, "is_file", refuse)
    assert [found.path for found in job_folders(folder.path.parent)] == [folder.path]
