from __future__ import annotations

import unicodedata
from datetime import datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from styled.evolution import JobFolder, free_id, job_id, safe_name

NOW = datetime(2026, 11, 22, 20, 15, 0)


@given(st.text())
def test_a_safe_name_is_safe_whatever_was_dropped(name: str) -> None:
    safe = safe_name(name)
    assert safe
    assert safe[0] not in ".-"
    assert len(safe.encode()) <= 100
    assert all(character in "._-" or unicodedata.category(character)[0] in "LMN" for character in safe)
    assert safe_name(safe) == safe


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("harbour", "harbour"),
        ("my photo (2)", "my-photo-2"),
        ("../../etc/passwd", "etc-passwd"),
        ("Küste", "Küste"),
        ("ku\u0308ste", "küste"),
        ("a\x1b[31mb", "a-31mb"),
        ("\u202egnp.exe", "gnp.exe"),
        ("夜景", "夜景"),
        ("...", "job"),
        ("", "job"),
    ],
)
def test_safe_names_by_example(name: str, safe: str) -> None:
    assert safe_name(name) == safe


def test_an_id_is_time_and_name() -> None:
    assert job_id("harbour", NOW) == "20261122-201500-harbour"


def test_ids_of_one_second_and_name_differ(tmp_path: Path) -> None:
    ids = []
    for _ in range(3):
        ids.append(free_id(job_id("harbour", NOW), tmp_path))
        (tmp_path / ids[-1]).mkdir()
    assert ids == ["20261122-201500-harbour", "20261122-201500-harbour-2", "20261122-201500-harbour-3"]


def test_a_claim_in_progress_takes_its_id(tmp_path: Path) -> None:
    (tmp_path / ".claim-20261122-201500-harbour").mkdir()
    assert free_id(job_id("harbour", NOW), tmp_path) == "20261122-201500-harbour-2"


def test_the_longest_id_fits_a_file_name(tmp_path: Path) -> None:
    folder = tmp_path / f".claim-{job_id('夜' * 300, NOW)}-12345"
    folder.mkdir()
    assert folder.is_dir()


def test_paths_are_those_of_the_design() -> None:
    folder = JobFolder(Path("/r/evolution/20261122-201500-harbour"))
    assert folder.id == "20261122-201500-harbour"
    names = [
        folder.input,
        folder.job_json,
        folder.losses,
        folder.frames,
        folder.checkpoint,
        folder.result,
        folder.timelapse,
        folder.log,
    ]
    assert [path.name for path in names] == [
        "input",
        "job.json",
        "losses.jsonl",
        "frames",
        "checkpoint",
        "result.png",
        "evolution.webp",
        "log.txt",
    ]


def test_sweep_clears_what_a_killed_worker_left_in_each_folder(job: JobFolder) -> None:
    for folder in (job.path, job.frames, job.checkpoint):
        (folder / ".styled-00000000.tmp").touch()
    (job.input / "content.jpg").touch()
    job.sweep()
    assert [path.name for path in job.path.rglob("*") if path.is_file()] == ["content.jpg"]
