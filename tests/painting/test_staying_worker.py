"""A worker that paints job after job: each picture is the one of a worker that painted nothing before."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from styled import evolution, messages
from styled.evolution import JobFile, JobFolder
from styled.messages import Failure, Idle, Progress, Result
from styled.settings import settings_from
from tests.deadlines import patience

pytestmark = [pytest.mark.painting, pytest.mark.faults]

SAMPLES = Path(__file__).parents[2] / "styled" / "data" / "samples"
JOBS: list[dict[str, Any]] = [
    {"size": 64, "steps": 6},
    {"size": 48, "steps": 4, "optimizer": "adam", "init": "noise", "seed": 3},
    {"size": 64, "steps": 6},
    {"size": 64, "steps": 6, "precision": "float32", "style_layers": {"block1_conv1": 1.0, "block3_conv1": 0.5}},
    {"size": 96, "steps": 8, "seed": 5},
]


def make(evolution_folder: Path, number: int, settings: dict[str, Any]) -> JobFolder:
    folder = JobFolder(evolution_folder / f"20261122-2015{number:02d}-harbour")
    folder.create()
    shutil.copy(SAMPLES / "rocket.jpg", folder.input / "content.jpg")
    shutil.copy(SAMPLES / "starry_night.jpg", folder.input / "style.jpg")
    file = JobFile(
        id=folder.id, number=number, name="harbour", content="input/content.jpg", styles=("input/style.jpg",),
        settings=settings_from(settings), created_at=0.0,
    )  # fmt: skip
    evolution.write_job_file(folder, file)
    return folder


class Staying:
    """A worker with ``--stay``."""

    def __init__(self, folder: JobFolder) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "styled.painting.worker", str(folder.path), "--stay"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=folder.path,
        )

    def give(self, folder: JobFolder) -> None:
        """Name another job."""
        assert self.process.stdin is not None
        self.process.stdin.write(os.fsencode(folder.path) + b"\0")
        self.process.stdin.flush()

    def heard(self) -> list[Any]:
        """Return the messages until it is idle or has ended."""
        assert self.process.stdout is not None
        heard = []
        for line in self.process.stdout:
            heard.append(messages.decode(line))
            if isinstance(heard[-1], Idle):
                break
        return heard

    def end(self) -> int:
        """Close its input; return its exit code."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        return self.ended()

    def ended(self) -> int:
        """Wait for its end; return its exit code."""
        with self.process:
            return self.process.wait(patience(30))


def pixels(folder: JobFolder) -> npt.NDArray[np.uint8]:
    with Image.open(folder.result) as image:
        return np.asarray(image)


def alone(folder: JobFolder) -> None:
    """Paint a job in a process of its own."""
    command = [sys.executable, "-m", "styled.painting.worker", str(folder.path)]
    subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL, check=True)


def test_each_picture_is_the_same_to_the_bit_and_each_log_its_own_job_s(tmp_path: Path) -> None:
    kept = [make(tmp_path / "kept", number, settings) for number, settings in enumerate(JOBS, start=1)]
    worker = Staying(kept[0])
    peaks = []
    for number, folder in enumerate(kept):
        if number:
            worker.give(folder)
        heard = worker.heard()
        assert isinstance(heard[-2], Result)
        assert isinstance(heard[-1], Idle)
        peaks.append(max(message.memory_bytes for message in heard if isinstance(message, Progress)))
        assert folder.log.read_text().count("event=started") == 1
        assert "result written" in folder.log.read_text()
        targets = {os.path.realpath(link) for link in Path(f"/proc/{worker.process.pid}/fd").iterdir()}
        assert not [target for target in targets if target.startswith(str(tmp_path))]
        assert os.path.realpath(f"/proc/{worker.process.pid}/cwd") == "/"
    assert worker.end() == 0
    assert max(peaks) < 1.1 * peaks[0] + 200e6
    fresh = [make(tmp_path / "fresh", number, settings) for number, settings in enumerate(JOBS, start=1)]
    for folder, other in zip(fresh, kept, strict=True):
        alone(folder)
        np.testing.assert_array_equal(pixels(folder), pixels(other), folder.id)
        assert folder.losses.read_text().count("\n") == other.losses.read_text().count("\n")


def test_a_job_that_fails_ends_it_and_a_folder_that_is_gone_is_a_failure(tmp_path: Path) -> None:
    worker = Staying(make(tmp_path, 1, {"size": 48, "steps": 2}))
    assert isinstance(worker.heard()[-1], Idle)
    worker.give(JobFolder(tmp_path / "20261122-201502-gone"))
    (failure,) = worker.heard()
    assert isinstance(failure, Failure)
    assert worker.ended() == 1
