from __future__ import annotations

import shutil

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from styled.errors import DiskFull
from styled.evolution import JobFolder, frames, write_frame

Picture = npt.NDArray[np.float32]


def test_a_frame_is_named_by_its_step_and_shows_the_picture(job: JobFolder, picture: Picture) -> None:
    path = write_frame(job, 120, picture, 1024)
    assert path == job.frames / "000120.jpg"
    with Image.open(path) as image:
        assert image.size == (64, 48)
        assert np.abs(np.asarray(image).astype(float) - picture).mean() < 4


def test_a_frame_is_no_larger_than_asked(job: JobFolder, picture: Picture) -> None:
    with Image.open(write_frame(job, 1, picture, 32)) as image:
        assert image.size == (32, 24)


def test_frames_are_listed_by_step_and_nothing_else_is(job: JobFolder, picture: Picture) -> None:
    for step in (1_000_000, 20, 3):
        write_frame(job, step, picture, 16)
    (job.frames / ".styled-00000000.tmp").touch()
    (job.frames / "cover.jpg").touch()
    assert frames(job) == [
        (3, job.frames / "000003.jpg"),
        (20, job.frames / "000020.jpg"),
        (1_000_000, job.frames / "1000000.jpg"),
    ]


def test_before_the_first_frame_the_list_is_empty(job: JobFolder) -> None:
    job.frames.rmdir()
    assert frames(job) == []


def test_writing_makes_the_folder(job: JobFolder, picture: Picture) -> None:
    job.frames.rmdir()
    write_frame(job, 1, picture, 16)
    assert len(frames(job)) == 1


def test_without_room_no_frame_is_begun(job: JobFolder, picture: Picture, monkeypatch: pytest.MonkeyPatch) -> None:
    full = shutil.disk_usage(job.path)._replace(free=100)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: full)
    with pytest.raises(DiskFull, match="0 MB free"):
        write_frame(job, 1, picture, 16)
    assert list(job.frames.iterdir()) == []
