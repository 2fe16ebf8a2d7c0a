from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from styled.evolution import JobFolder, timelapse, write_frame, write_timelapse


def paint(job: JobFolder, step: int, grey: int, size: tuple[int, int] = (24, 32)) -> None:
    write_frame(job, step, np.full((*size, 3), grey, np.uint8), 64)


def greys(job: JobFolder) -> list[int]:
    with Image.open(job.timelapse) as animation:
        found = []
        for index in range(animation.n_frames):
            animation.seek(index)
            found.append(int(np.asarray(animation.convert("L")).mean()))
        return found


def test_frames_play_in_order_and_the_last_rests(job: JobFolder) -> None:
    for step, grey in ((10, 40), (20, 120), (30, 200)):
        paint(job, step, grey)
    assert write_timelapse(job) == job.timelapse
    assert greys(job) == pytest.approx([40, 120, 200], abs=3)
    with Image.open(job.timelapse) as animation:
        assert animation.info["loop"] == 0
        durations = []
        for index in range(3):
            animation.seek(index)
            animation.load()
            durations.append(animation.info["duration"])
    assert durations[2] > 10 * durations[0]


def test_coarse_frames_are_enlarged_to_the_size_of_the_last(job: JobFolder) -> None:
    paint(job, 1, 40, (6, 8))
    paint(job, 2, 120)
    write_timelapse(job)
    with Image.open(job.timelapse) as animation:
        assert animation.size == (32, 24)
    assert greys(job) == pytest.approx([40, 120], abs=3)


def test_many_frames_are_thinned_evenly_and_keep_both_ends(job: JobFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timelapse, "FRAMES_MAX", 5)
    for step in range(21):
        paint(job, step, step * 10)
    write_timelapse(job)
    assert greys(job) == pytest.approx([0, 50, 100, 150, 200], abs=3)


def test_large_frames_are_shrunk(job: JobFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timelapse, "SIDE_MAX", 16)
    paint(job, 1, 40)
    write_timelapse(job)
    with Image.open(job.timelapse) as animation:
        assert animation.size == (16, 12)


def test_a_damaged_frame_is_left_out(job: JobFolder) -> None:
    paint(job, 1, 40)
    paint(job, 2, 120)
    paint(job, 3, 200)
    (job.frames / "000002.jpg").write_bytes(b"\xff\xd8\xff")
    write_timelapse(job)
    assert greys(job) == pytest.approx([40, 200], abs=3)


def test_without_frames_there_is_no_animation(job: JobFolder) -> None:
    assert write_timelapse(job) is None
    assert not job.timelapse.exists()
