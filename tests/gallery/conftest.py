"""Job folders with real small pictures, as the worker leaves them."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from styled import images
from styled.evolution import JobFile, JobFolder, LossLog, write_frame, write_job_file, write_timelapse
from styled.job import JobState
from styled.messages import Progress
from styled.settings import settings_from

MakeJob = Callable[..., JobFolder]

HOSTILE = (
    """<img src=x onerror="document.title='owned'">&'"</template></script><script>document.title='owned'</script>"""
)
"""A name that means to be markup wherever it is not escaped."""


def progress(step: int, loss: float = 1000.0, **fields: Any) -> Progress:
    known = {
        "scale": 1, "scales": 1, "width": 64, "height": 48, "step": step, "steps": 40, "loss": loss,
        "content_loss": loss * 0.2, "style_loss": loss * 0.8, "tv_loss": 0.0, "seconds": step * 2.0, "step_seconds": 2.0,
        "left_seconds": None, "memory_bytes": 2**30,
    }  # fmt: skip
    return Progress(**{**known, **fields})


def picture(level: int, width: int = 64, height: int = 48) -> np.ndarray:
    """Return a picture whose left half is ``level`` red: uint8, shape (height, width, 3)."""
    pixels = np.full((height, width, 3), 90, np.uint8)
    pixels[:, : width // 2, 0] = level
    return pixels


def write_job(
    evolution: Path,
    name: str,
    *,
    number: int = 1,
    job_id: str = "",
    at: float = 1_790_000_000.0,
    content: str = "content.jpg",
    frame_steps: tuple[int, ...] = (10, 20, 30, 40),
    styles: int = 1,
    result: bool = True,
    width: int = 64,
    height: int = 48,
    settings: dict[str, Any] | None = None,
) -> JobFolder:
    """Write a job's folder with everything in it."""
    folder = JobFolder(evolution / (job_id or f"20261122-2015{number:02d}-{name}"))
    folder.create()
    images.save(picture(200, 2 * width, 2 * height), folder.input / content)
    names = ["style.png", *(f"style-{index}.png" for index in range(2, styles + 1))]
    for each in names:
        images.save(picture(20, 50, 70), folder.input / each)
    with LossLog(folder) as log:
        for step in range(1, max(frame_steps, default=40) + 1):
            log.append(progress(step, 1e6 / step))
    for step in frame_steps:
        write_frame(folder, step, picture(5 * step % 256, width, height), 1024)
    if result:
        images.save(picture(250, width, height), folder.result)
        write_timelapse(folder)
    folder.log.write_text("painted\n")
    write_job_file(
        folder,
        JobFile(
            id=folder.id,
            number=number,
            name=name,
            content=f"input/{content}",
            styles=tuple(f"input/{each}" for each in names),
            settings=settings_from({"size": 64, "steps": 40, **(settings or {})}),
            created_at=at - 60,
            state=JobState.DONE if result else JobState.RUNNING,
            finished_at=at if result else None,
        ),
    )
    return folder


@pytest.fixture
def evolution(tmp_path: Path) -> Path:
    """An empty ``evolution/``."""
    folder = tmp_path / "evolution"
    folder.mkdir()
    return folder


@pytest.fixture
def make_job(evolution: Path) -> MakeJob:
    """Writes a job's folder into ``evolution``; each later than the one before."""
    count = 0

    def make(name: str = "harbour", **fields: Any) -> JobFolder:
        nonlocal count
        count += 1
        return write_job(evolution, name, **{"number": count, "at": 1_790_000_000.0 + count, **fields})

    return make


def touch_later(path: Path) -> None:
    """Make a file look as if it had been written a second later than it was."""
    found = path.stat()
    os.utime(path, ns=(found.st_atime_ns, found.st_mtime_ns + 10**9))


def is_red(path: Path) -> float:
    """Return the red of a picture's left half, 0..255."""
    with Image.open(path) as image:
        return float(np.asarray(image.convert("RGB"))[:, : image.width // 2 - 4, 0].mean())
