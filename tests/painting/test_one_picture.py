"""What a run takes, and what is kept of it in its ``job.json``."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import msgspec
import pytest
from PIL import Image

from styled import images
from styled.errors import ImageTooLarge, UnreadableImage
from styled.evolution import JobFolder, read_job_file
from styled.job import JobState
from styled.painting.one_picture import (
    OneShot,
    _checked,
    _from_record,
    _recorded,
    _with_paths,
    _write_job,
    prepare,
    record_remarks,
    record_state,
    reopen,
    settings_of,
)
from styled.settings import Settings, settings_from


@pytest.mark.parametrize("name", [b"out.png", "été %41.png".encode(), b"M\xfcller/o ut%20.png"])
def test_where_the_result_goes_is_kept_whatever_its_name(name: bytes) -> None:
    path = Path("/tmp") / os.fsdecode(name)  # only a name
    recorded = _recorded(path)
    recorded.encode()
    assert _from_record(recorded) == path


@pytest.mark.processes
def test_a_link_is_followed_and_errors_name_it_and_not_its_target(tmp_path: Path) -> None:
    """What was: one that leads to itself ended in a ``RuntimeError``."""
    (tmp_path / "target.png").write_bytes(b"\x89PNG and no more")
    (tmp_path / "mine.png").symlink_to("target.png")
    (tmp_path / "round.png").symlink_to("round.png")
    with images.Checker() as checker:
        with pytest.raises(UnreadableImage, match=r"^mine\.png "):
            _checked(tmp_path / "mine.png", checker)
        with pytest.raises(UnreadableImage, match=r"^round\.png cannot be opened"):
            _checked(tmp_path / "round.png", checker)


def test_the_limit_on_pixels_of_a_picture_to_start_from_is_that_of_the_settings(tmp_path: Path, job: JobFolder) -> None:
    """What was: the default one."""
    Image.new("RGB", (20, 10)).save(tmp_path / "start.png")
    start = Settings(init=str(tmp_path / "start.png"), max_pixels=200)
    assert _with_paths(job, start).init == "input/init.png"
    with pytest.raises(ImageTooLarge, match=r"start\.png"):
        _with_paths(job, msgspec.structs.replace(start, max_pixels=199))


def test_names_that_are_not_utf_8_are_escaped_in_the_record(tmp_path: Path) -> None:
    """The output's name is the folder's, and that was the job's id: the run ended in a traceback."""
    content, style = (tmp_path / os.fsdecode(name) for name in (b"caf\xe9.png", b"\xff.png"))
    for path in (content, style):
        Image.new("RGB", (20, 10)).save(path)
    folder = JobFolder(tmp_path / os.fsdecode(b"\xfe.png.styled"))
    folder.create()
    _write_job(
        OneShot(folder, tmp_path / os.fsdecode(b"\xfe.png"), overwrite=False), content, [style], None, Settings()
    )
    job = read_job_file(folder)
    assert list(job.names.values()) == ["caf\\xe9.png", "\\xff.png"]
    assert job.id.startswith("\\xfe.png")


@pytest.mark.parametrize(
    ("begun", "output", "resumed"),
    [
        ({"format": "tiff", "bits": 16}, "a.png", "png"),
        ({"format": "jpeg"}, "a.TIFF", "tiff"),
        ({"format": "png"}, "a.jpg", "jpeg"),
        ({"format": "png", "bits": 16}, "a.png", "png"),
        ({"format": "tiff", "bits": 16}, "a.jpg", "tiff"),  # a JPEG has no 16 bits: it is made of the TIFF
        ({"format": "jpeg"}, "a.webp", "png"),  # it is made of the job's result, as that of a run that begins so
        ({"format": "tiff"}, "a.webp", "png"),
    ],
)
def test_a_run_that_goes_on_to_another_output_has_its_format(
    tmp_path: Path, job: JobFolder, begun: dict[str, Any], output: str, resumed: str
) -> None:
    for name in ("content.png", "style.png"):
        Image.new("RGB", (20, 10)).save(tmp_path / name)
    settings = settings_from({**begun, "steps": 7})
    first = OneShot(job, tmp_path / "first", overwrite=False)
    _write_job(first, tmp_path / "content.png", [tmp_path / "style.png"], None, settings)
    of_format = f"quality has no effect with format = {settings.format!r}: it is a JPEG's"
    on_white = f"content: with format = {settings.format!r} its transparency is lost: the picture is laid on white"
    record_remarks(first, ["content: a guess", of_format, on_white])
    run = reopen(job.path, output=tmp_path / output)
    is_same = (settings.format, output) == ("png", "a.png")
    assert read_job_file(job).remarks == ("content: a guess", *([of_format, on_white] if is_same else []))
    assert settings_of(run) == msgspec.structs.replace(settings, format=resumed)


def test_a_run_that_goes_on_to_where_it_was_to_go_keeps_its_record(tmp_path: Path, job: JobFolder) -> None:
    for name in ("content.png", "style.png"):
        Image.new("RGB", (20, 10)).save(tmp_path / name)
    first = OneShot(job, tmp_path / "a.tif", overwrite=False)
    _write_job(
        first, tmp_path / "content.png", [tmp_path / "style.png"], None, settings_from({"format": "tiff", "bits": 16})
    )
    before = job.job_json.read_bytes()
    assert reopen(job.path).output == tmp_path / "a.tif"
    assert job.job_json.read_bytes() == before


@pytest.mark.processes
def test_a_webp_is_made_of_a_png_whatever_format_the_settings_name(tmp_path: Path) -> None:
    """What was: of a JPEG, decoded again."""
    for name in ("content.png", "style.png"):
        Image.linear_gradient("L").resize((60, 40)).save(tmp_path / name)
    content, style = tmp_path / "content.png", tmp_path / "style.png"
    for number, given in enumerate([{"format": "jpeg"}, {"format": "tiff", "bits": 16}, {}]):
        run = prepare(content, [style], {**given, "size": 60}, output=tmp_path / f"{number}.webp")
        assert settings_of(run) == settings_from({**given, "size": 60, "format": "png"})


def test_what_was_remarked_of_one_output_does_not_stay_with_another(tmp_path: Path, job: JobFolder) -> None:
    """Both are made of a PNG: a WebP has a quality, and 8 bits."""
    for name in ("content.png", "style.png"):
        Image.new("RGB", (20, 10)).save(tmp_path / name)
    first = OneShot(job, tmp_path / "a.png", overwrite=False)
    _write_job(first, tmp_path / "content.png", [tmp_path / "style.png"], None, settings_from({"bits": 16}))
    record_remarks(first, ["content: a guess", "quality has no effect with format = 'png': it is a JPEG's"])
    second = reopen(job.path, output=tmp_path / "a.webp")
    assert read_job_file(job).remarks == ("content: a guess",)
    record_state(second, JobState.RUNNING)
    record_remarks(second, ["bits has no effect in a WebP: it has 8 bits per channel"])
    reopen(job.path, output=tmp_path / "b.webp")
    assert len(read_job_file(job).remarks) == 2
    reopen(job.path, output=tmp_path / "a.png")
    assert read_job_file(job).remarks == ("content: a guess",)
