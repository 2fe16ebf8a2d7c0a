"""Which files of ``evolution/`` are given away, and which never."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from styled.web.files import open_served
from tests.gallery.conftest import write_job


@pytest.fixture
def evolution(tmp_path: Path) -> Path:
    evolution = tmp_path / "evolution"
    folder = write_job(evolution, "harbour", job_id="20261122-201501-harbour")
    (evolution / "index.html").write_text("<p>gallery</p>")
    folder.views.mkdir()
    (folder.views / "thumbnail.webp").write_bytes(b"webp")
    (evolution / "README.md").write_text("not shown")
    (tmp_path / "styled.toml").write_text("not shown")
    return evolution


def read(evolution: Path, path: str) -> tuple[bytes, str]:
    served = open_served(evolution, path.split("/"))
    with os.fdopen(served.descriptor, "rb") as file:
        data = file.read()
    assert len(data) == served.size
    return data, served.media_type


JOB = "20261122-201501-harbour"


@pytest.mark.parametrize(
    ("path", "media_type"),
    [
        ("index.html", "text/html; charset=utf-8"),
        (f"{JOB}/result.png", "image/png"),
        (f"{JOB}/job.json", "text/plain; charset=utf-8"),
        (f"{JOB}/log.txt", "text/plain; charset=utf-8"),
        (f"{JOB}/evolution.webp", "image/webp"),
        (f"{JOB}/frames/000010.jpg", "image/jpeg"),
        (f"{JOB}/views/thumbnail.webp", "image/webp"),
    ],
)
def test_what_the_pages_show_is_given(evolution: Path, path: str, media_type: str) -> None:
    assert read(evolution, path) == ((evolution / path).read_bytes(), media_type)


@pytest.mark.parametrize(
    "path",
    [
        "", ".", "..", "/", "README.md", "../styled.toml", f"{JOB}", f"{JOB}/", f"{JOB}/input/content.jpg", f"{JOB}/losses.jsonl",
        f"{JOB}/checkpoint/a.npz", f"{JOB}/frames", f"{JOB}/frames/../result.png", f"{JOB}/./result.png", f"{JOB}//result.png",
        f"{JOB}/frames/x.jpg", f"{JOB}/views/thumbnail.html", f"../evolution/{JOB}/result.png", f"{JOB}/result.png\0", "nobody/result.png",
        f"{JOB}/frames/000010.jpg/x", f"{JOB}/frames/99999999.jpg",
    ],
)  # fmt: skip
def test_all_else_is_not_there(evolution: Path, path: str) -> None:
    with pytest.raises(OSError):  # noqa: PT011  # whatever the reason, the answer is the same
        open_served(evolution, path.split("/"))


@pytest.mark.parametrize("path", [f"{JOB}/result.png", f"{JOB}/frames", JOB, "index.html"])
def test_no_link_is_followed(evolution: Path, path: str) -> None:
    """Of a file or of a folder on the way, and not to a place inside either."""
    (evolution / path).rename(evolution / "moved")
    (evolution / path).symlink_to(evolution / "moved")
    wanted = {f"{JOB}/frames": f"{path}/000010.jpg", JOB: f"{JOB}/result.png"}.get(path, path)
    with pytest.raises(OSError):  # noqa: PT011
        open_served(evolution, wanted.split("/"))


def test_a_pipe_in_the_place_of_a_result_keeps_nobody_waiting(evolution: Path) -> None:
    (evolution / JOB / "result.png").unlink()
    os.mkfifo(evolution / JOB / "result.png")
    with pytest.raises(OSError, match="regular"):
        open_served(evolution, [JOB, "result.png"])


def test_another_file_has_another_mark(evolution: Path) -> None:
    marks = []
    for data in (b"one", b"two"):
        (evolution / JOB / "new").write_bytes(data)
        (evolution / JOB / "new").replace(evolution / JOB / "result.png")
        served = open_served(evolution, [JOB, "result.png"])
        os.close(served.descriptor)
        marks.append(served.mark)
    assert marks[0] != marks[1]
