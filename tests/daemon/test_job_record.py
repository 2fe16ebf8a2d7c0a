"""``job.json`` follows the store, and what keeps it from that is logged."""

from __future__ import annotations

import pytest
from structlog.testing import capture_logs

from styled.daemon.job_record import record
from styled.evolution import JobFile, JobFolder, digest, fingerprint, read_job_file, write_job_file
from styled.job import Job, JobState
from styled.root import Root
from styled.settings import settings_from
from styled.store.adoption import job_fields
from styled.store.store import Store


def test_a_damaged_file_of_a_job_with_settings_that_this_styled_does_not_have_stays_and_is_logged(root: Root) -> None:
    job = Job(
        id="a",
        number=1,
        name="a",
        state=JobState.WAITING,
        content="c",
        styles=("s",),
        settings={"of-a-later-styled": 1},
    )
    folder = JobFolder(root.evolution / job.id)
    folder.create()
    folder.job_json.write_text("{")
    with capture_logs() as logged:
        record(root, job)
    assert "of-a-later-styled" in logged[-1]["error"]
    assert folder.job_json.read_text() == "{"


@pytest.fixture
def claimed(root: Root) -> JobFile:
    """A job as a claim leaves it: with a mask, settings of its own and the file that said that it is ready."""
    folder = JobFolder(root.evolution / "20261122-201501-harbour")
    folder.create()
    names = ("content.png", "style.png", "style-2.png", "mask.png", "job.toml", "ready")
    for name in names:
        (folder.input / name).write_text(name)
    paths = [f"input/{name}" for name in names]
    file = JobFile(
        id=folder.id,
        number=1,
        name="harbour",
        content=paths[0],
        styles=(paths[1], paths[2]),
        mask=paths[3],
        settings=settings_from({"preset": "print", "size": 1024, "upscale": False, "weights": "imagenet"}),
        digests={path: digest(folder.path / path) for path in paths},
        may_download=False,
        created_at=1.0,
    )
    write_job_file(folder, file)
    return file


def test_a_file_written_again_is_the_same_picture(root: Root, claimed: JobFile) -> None:
    """A size put back to its default beside a preset, and all that the checkpoint was made from."""
    folder = JobFolder(root.evolution / claimed.id)
    (folder.input / "extra").mkdir()
    (folder.input / "thumbs.db").touch()
    with Store.open(root) as store:
        job = store.get(claimed.id)
    folder.job_json.write_text("{")
    assert record(root, job)
    again = read_job_file(folder)
    assert again.settings == claimed.settings
    assert again.digests == claimed.digests
    assert fingerprint(again.digests, again.settings, "w") == fingerprint(claimed.digests, claimed.settings, "w")
    assert again == claimed


def test_a_file_written_again_lets_nothing_be_downloaded(root: Root, claimed: JobFile) -> None:
    """Whether that was allowed is not known any more: ``[inbox] allow_download`` may have forbidden it."""
    job = Job(**job_fields(claimed), number=1)
    folder = JobFolder(root.evolution / claimed.id)
    folder.job_json.unlink()
    assert record(root, job)
    assert not read_job_file(folder).may_download


def test_a_mask_that_is_gone_does_not_keep_the_file_from_being_written(root: Root, claimed: JobFile) -> None:
    job = Job(**job_fields(claimed), number=1)
    folder = JobFolder(root.evolution / claimed.id)
    folder.job_json.write_text("{")
    (folder.input / "mask.png").unlink()
    assert record(root, job)
    assert "input/mask.png" not in read_job_file(folder).digests
