"""Frames while painting goes on: when they are written, what is told of them, and that none is lost."""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import numpy as np
import pytest
from PIL import Image

from styled import evolution, images
from styled.evolution import JobFolder
from styled.painting import frames
from styled.painting.paint_job import paint_job
from tests.deadlines import patience
from tests.evolution.gate import Gate, threads_left
from tests.painting.test_checkpoints import Studio
from tests.painting.test_paint_job import SAMPLES, make_job, never

pytestmark = pytest.mark.tensorflow

NEVER_S = 86_400.0
"""Seconds between checkpoints: none is due in a job of six steps."""


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> Iterator[Gate]:
    """Holds pictures in the middle of being written, until it is opened."""
    gate = Gate(images.save)
    monkeypatch.setattr(images, "save", gate.write)
    yield gate
    gate.open()


def painting(folder: JobFolder, at: Callable[[int], None] = lambda step: None, **settings: Any) -> Studio:
    """Paint a job of six steps, a frame every two, without a checkpoint."""
    return Studio(folder, at, steps=6, **{"frame_every": 2, "checkpoint_s": NEVER_S, **settings})


def steps(folder: JobFolder) -> list[int]:
    return [step for step, _ in evolution.frames(folder)]


def test_painting_goes_on_while_one_is_written_and_the_next_waits_for_it(job: JobFolder, gate: Gate) -> None:
    seen: list[list[int]] = []

    def at(step: int) -> None:
        if step == 4:
            assert gate.reached.wait(patience(10))
            seen.append(steps(job))
            gate.open()

    studio = painting(job, at)
    studio.work()
    assert seen == [[]]
    assert studio.story[:3] == ["painted 1", "painted 2", "painted 3"]
    assert [said for said in studio.story if said.startswith("frame")] == ["frame 2", "frame 4", "frame 6"]
    assert studio.story[-2:] == ["frame 6", "done 6"], "the timelapse is made of all of them"
    assert (steps(job), gate.most_at_once, threads_left()) == ([2, 4, 6], 1, [])


def test_a_stop_waits_for_it(job: JobFolder, gate: Gate) -> None:
    def stop_at_step_3() -> bool:
        if studio.story[-1:] != ["painted 3"]:
            return False
        gate.open()
        return True

    studio = painting(job)
    studio.work(stop_at_step_3)
    assert studio.story[-4:] == ["painted 3", "saved 3", "frame 2", "stopped 3"]
    assert (steps(job), threads_left()) == ([2], [])


@pytest.mark.parametrize("why", ["it is large", "memory ran out before"])
def test_painting_waits_where_there_may_be_no_memory_to_go_on_with(
    job: JobFolder, monkeypatch: pytest.MonkeyPatch, why: str
) -> None:
    studio = painting(job)
    if why == "it is large":
        monkeypatch.setattr(frames, "MOST_HELD", 64 * 43 * 3 * 4 - 1)
    else:
        evolution.step_down(job)
    studio.work()
    assert studio.story[:6] == ["painted 1", "painted 2", "frame 2", "painted 3", "painted 4", "frame 4"]


def test_no_more_is_held_than_the_frame(job: JobFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    """A large picture is made small first."""
    monkeypatch.setattr(frames, "MOST_HELD", 32 * 22 * 3 - 1)
    studio = painting(job, frame_size=32)
    studio.work()
    assert studio.story[:3] == ["painted 1", "painted 2", "frame 2"]
    monkeypatch.setattr(frames, "MOST_HELD", 32 * 22 * 3)
    gate = Gate(images.save)
    monkeypatch.setattr(images, "save", gate.write)
    studio = painting(job, lambda step: gate.open() if step == 3 else None, frame_size=32)
    studio.work()
    assert studio.story[:3] == ["painted 1", "painted 2", "painted 3"]


def test_a_full_disk_is_raised_at_a_later_step(job: JobFolder, gate: Gate) -> None:
    gate.failure = OSError(errno.ENOSPC, "No space left on device")
    gate.open()
    studio = painting(job)
    with pytest.raises(OSError, match="No space left"):
        studio.work()
    assert studio.story[-1] in {"painted 2", "painted 3", "painted 4"}
    assert (steps(job), threads_left()) == ([], [])


def test_what_fails_in_painting_is_raised_after_it_is_told(job: JobFolder, gate: Gate) -> None:
    studio = painting(job, gate.opens_and_memory_runs_out_at(4))
    with pytest.raises(MemoryError, match="step 4"):
        studio.work()
    assert studio.story == ["painted 1", "painted 2", "painted 3", "frame 2"]
    assert (steps(job), threads_left()) == ([2], [])


def test_transparency_is_kept(job: JobFolder) -> None:
    """The content's alpha, resized, is the result's; a frame has none, and is laid on white."""
    make_job(job, steps=1, frame_every=1)
    photo = Image.open(SAMPLES / "rocket.jpg").convert("RGBA")
    photo.putalpha(Image.linear_gradient("L").resize(photo.size))
    (job.input / "content.jpg").unlink()
    photo.save(job.input / "content.png")
    file = evolution.read_job_file(job)
    evolution.write_job_file(job, msgspec.structs.replace(file, content="input/content.png"))
    list(paint_job(job, never))
    result = images.load(job.result)
    alpha = result.alpha
    assert alpha is not None
    [(_, frame)] = evolution.frames(job)
    shown, wanted = (
        each.astype(float) for each in (images.load(frame).pixels, images.on_level(result.pixels, alpha, 255))
    )
    assert np.abs(shown - wanted).mean() < 4.0, "it is a JPEG"
    assert alpha.shape == (43, 64)
    assert alpha[0].mean() < 20
    assert alpha[-1].mean() > 235
