from __future__ import annotations

import hashlib
import json

import msgspec
import pytest

from styled.errors import JobFileDamaged
from styled.evolution import JobFile, JobFolder, digest, read_job_file, write_job_file
from styled.job import JobState
from styled.settings import Settings
from styled.version import versions


def example() -> JobFile:
    return JobFile(
        id="20261122-201500-harbour",
        number=42,
        name="harbour",
        content="input/content.jpg",
        styles=("input/style.jpg",),
        settings=Settings(),
        digests={"input/content.jpg": "00"},
        versions=versions(),
        created_at=1.5,
        state=JobState.RUNNING,
    )


def test_what_is_written_is_read(job: JobFolder) -> None:
    write_job_file(job, example())
    assert read_job_file(job) == example()


def test_people_can_read_it_too(job: JobFolder) -> None:
    write_job_file(job, example())
    assert json.loads(job.job_json.read_text())["state"] == "running"
    assert len(job.job_json.read_text().splitlines()) > 20


def test_a_field_of_a_later_styled_with_the_same_layout_is_passed_over(job: JobFolder) -> None:
    write_job_file(job, example())
    content = json.loads(job.job_json.read_text())
    job.job_json.write_text(json.dumps({**content, "mood": "calm"}))
    assert read_job_file(job) == example()


def test_a_setting_that_an_earlier_styled_did_not_have_takes_its_default(job: JobFolder) -> None:
    write_job_file(job, example())
    content = json.loads(job.job_json.read_text())
    del content["settings"]["pooling"]
    job.job_json.write_text(json.dumps(content))
    assert read_job_file(job) == example()


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ({"sead": 7}, "sead"),
        ({"style_weight": -1}, "style_weight"),
        ({"scales": [64, 32]}, "must grow"),
        ({"format": "jpeg", "bits": 16}, "bits"),
    ],
)
def test_settings_that_are_not_allowed_are_damage_with_the_reason(
    job: JobFolder, wrong: dict[str, object], reason: str
) -> None:
    write_job_file(job, example())
    content = json.loads(job.job_json.read_text())
    job.job_json.write_text(json.dumps(content | {"settings": content["settings"] | wrong}))
    with pytest.raises(JobFileDamaged, match=reason):
        read_job_file(job)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "damaged"),
        (b"{", "damaged"),
        (b"\xff\xfe", "damaged"),
        (b'{"version": 1}', "id"),
        (b'{"version": 99}', "layout 99"),
        (b"[]", "damaged"),
    ],
)
def test_a_damaged_or_newer_file_is_refused_with_the_reason(job: JobFolder, content: bytes, reason: str) -> None:
    job.job_json.write_bytes(content)
    with pytest.raises(JobFileDamaged, match=reason):
        read_job_file(job)


def test_a_missing_file_is_refused(job: JobFolder) -> None:
    with pytest.raises(JobFileDamaged, match="No such file"):
        read_job_file(job)


def test_digest_is_the_sha256_of_the_bytes(job: JobFolder) -> None:
    path = job.input / "content.jpg"
    path.write_bytes(b"photo")
    assert digest(path) == hashlib.sha256(b"photo").hexdigest()


@pytest.mark.parametrize("path", ["../other/input/content.jpg", "/etc/passwd", "input/../../x", "", "input//x", "."])
@pytest.mark.parametrize("field", ["content", "mask", "styles"])
def test_a_path_that_leads_out_of_the_folder_is_damage(job: JobFolder, field: str, path: str) -> None:
    write_job_file(job, msgspec.structs.replace(example(), **{field: (path,) if field == "styles" else path}))
    with pytest.raises(JobFileDamaged, match="leads out"):
        read_job_file(job)


@pytest.mark.parametrize("when", [1e300, -1e300, 1e12])
def test_a_time_that_no_calendar_has_is_damage(job: JobFolder, when: float) -> None:
    write_job_file(job, msgspec.structs.replace(example(), finished_at=when))
    with pytest.raises(JobFileDamaged):
        read_job_file(job)
