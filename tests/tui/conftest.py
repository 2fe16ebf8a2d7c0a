"""A real root on disk with jobs in every state, as a daemon leaves it, and an app to look at it."""

from __future__ import annotations

import asyncio
import math
import os
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from PIL import Image
from textual.pilot import Pilot

from styled import evolution
from styled.evolution import JobFolder, LossLog
from styled.gpus import Gpu
from styled.job import Job, JobState
from styled.memory import MemorySample
from styled.messages import Progress
from styled.root import Root
from styled.store.status import DaemonStatus, Incomplete, Rejected
from styled.store.store import Store
from styled.tui.app import StyledApp
from styled.tui.model.snapshot import UNKNOWN_PULSE
from styled.tui.options import Options
from styled.tui.reading import poller
from tests.deadlines import patience

NOW = 1_790_000_000.0
"""The frozen time of the tests, Unix seconds."""

GIB = 1024**3
HOST = MemorySample(host_used=3 * GIB, host_total=16 * GIB, host_available=13 * GIB)
FOUR_GPUS = MemorySample(
    host_used=3 * GIB,
    host_total=16 * GIB,
    gpus=tuple(
        Gpu(
            index=index, name="H100", used=(20 * index + 1) * GIB, total=80 * GIB, utilisation=7 * index, temperature=50
        )
        for index in range(4)
    ),
)


@pytest.fixture(autouse=True)
def _same_everywhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """Hide the developer's terminal, colours, time zone and measured speeds."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for name in ("NO_COLOR", "FORCE_COLOR", "COLUMNS", "LINES", "TEXTUAL_THEME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLORTERM", "truecolor")
    monkeypatch.setenv("TZ", "UTC")
    monkeypatch.setattr(poller, "HISTORY", 1)  # else the screens would show for how long a test has run
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.fixture
def root(tmp_path: Path) -> Root:
    """An empty root."""
    return empty_root(tmp_path)


def empty_root(path: Path) -> Root:
    root = Root(path)
    for folder in (root.inbox, root.evolution, root.state):
        folder.mkdir()
    return root


def _files(folder: Path) -> dict[Path, bytes]:
    """Return what is in each file below ``folder``, by its path there."""
    return {path.relative_to(folder): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def picture(width: int, height: int) -> np.ndarray:
    """A smooth picture: float32 (height, width, 3), 0..255."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    planes = [x / width, y / height, 0.5 + 0.5 * np.sin(x / 4.0) * np.cos(y / 3.0)]
    return (np.stack(planes, axis=-1) * 255.0).astype(np.float32)


def flat_picture() -> np.ndarray:
    """Four flat fields on the borders of JPEG's blocks: every decoder gives the same pixels. (40, 64, 3), 0..255."""
    fields = np.zeros((40, 64, 3), np.float32)
    fields[:16, :32] = (40, 40, 90)
    fields[:16, 32:] = (200, 180, 60)
    fields[16:, :32] = (90, 120, 90)
    fields[16:, 32:] = (240, 240, 240)
    return fields


def progress(step: int, steps: int, **changes: Any) -> Progress:
    """One line of losses.jsonl: three scales, each falling from a peak."""
    scale = 1 + (step > steps // 2) + (step > steps * 5 // 6)
    start = (0, steps // 2, steps * 5 // 6)[scale - 1]
    style = 2e6 * math.exp(-(step - start) / 8.0) + 2e4 * scale
    content = 1e4 * scale
    values: dict[str, Any] = {
        "scale": scale,
        "scales": 3,
        "width": 32 * 2**scale,
        "height": 20 * 2**scale,
        "step": step,
        "steps": steps,
        "loss": style + content + 100.0,
        "content_loss": content,
        "style_loss": style,
        "tv_loss": 100.0,
        "seconds": step * 0.5,
        "step_seconds": 0.5,
        "left_seconds": (steps - step) * 0.5,
        "memory_bytes": int(3.2 * GIB),
        "layers": {
            "content.block4_conv2": content,
            "style.block1_conv1": 0.7 * style,
            "style.block3_conv1": 0.3 * style,
        },
    }
    return Progress(**(values | changes))


SETTINGS = {"size": 1024, "content_weight": 1.0, "style_weight": 1000.0, "tv_weight": 0.0}
"""What jobs are given unless a test says otherwise, so that screens do not change with the defaults."""


INPUT_NAMES = {
    "portrait": {"input/content.png": "portrait.content.png", "input/style.png": "portrait.style.png"},
    "alps-lake": {"input/content.png": "starry_night/alps-lake.png", "input/style.png": "starry_night/style.png"},
    "cat": {"input/content.png": "IMG_0042.png", "input/style.png": "the_scream.jpg"},
}
"""Of jobs of :meth:`Desk.usual`, what their images were called; those of the others are not known."""


class Desk:
    """Writes what a daemon and its workers write; the store is the real one."""

    _usual: ClassVar[tuple[list[Job], dict[Path, bytes]] | None] = None
    """The jobs of :meth:`usual`, and the files of their root."""

    def __init__(self, root: Root) -> None:
        self.root = root
        self.store = Store.open(root, clock=lambda: NOW)

    def add(self, name: str, *, job_id: str = "", **fields: Any) -> Job:
        """Add a waiting job with real input images."""
        fields.setdefault("settings", SETTINGS)
        job_id = job_id or f"20260101-000000-{evolution.safe_name(name)}"
        folder = JobFolder(self.root.evolution / job_id)
        folder.create()
        for file in ("content.png", "style.png"):
            Image.fromarray(picture(48, 30).astype(np.uint8)).save(folder.input / file)
        return self.store.add(id=job_id, name=name, content="input/content.png", styles=("input/style.png",), **fields)

    def run(self, job: Job, steps: int = 60, *, upto: int | None = None, frames: bool = True) -> Job:
        """Run a job for some steps: losses, a frame every ten, progress in the store."""
        if job.state is JobState.WAITING:
            job = self.store.move(job.id, JobState.RUNNING)
        folder = JobFolder(self.root.evolution / job.id)
        last = steps if upto is None else upto
        with LossLog(folder) as log:
            for step in range(1, last + 1):
                log.append(progress(step, steps))
                if frames and step % 10 == 0:
                    evolution.write_frame(folder, step, flat_picture(), 256)
        self.store.update_progress(job.id, step=last, steps=steps, loss=progress(last, steps).loss)
        folder.log.write_text("".join(f"line {number} of the log\n" for number in range(1, 41)))
        return self.store.get(job.id)

    def end(self, job: Job, state: JobState, reason: str = "") -> Job:
        """End a running job."""
        if state is JobState.DONE:
            Image.fromarray(flat_picture().astype(np.uint8)).save(self.root.evolution / job.id / "result.png")
        return self.store.move(job.id, state, reason=reason)

    def summer(self) -> list[Job]:
        """Leave a folder's three jobs, the first of them done, and one that belongs to no folder."""
        jobs = [
            self.add(name, names={"input/content.png": f"summer/{name}.png", "input/style.png": "summer/style.png"})
            for name in ("beach", "boat", "cliff")
        ]
        self.add("alone")
        self.end(self.run(jobs[0], 20), JobState.DONE)
        self.publish()
        return jobs

    def publish(self, *, beat_at: float = NOW, state: Any = "running", **fields: Any) -> None:
        """Leave the daemon's status."""
        self.store.publish(
            DaemonStatus(pid=4711, version="0.1.0", started_at=NOW - 60.0, beat_at=beat_at, state=state, **fields)
        )

    def usual(self) -> list[Job]:
        """Leave a queue with a job in each state, and something in the inbox.

        It is written once, and copied: that takes a fifth of the time.
        """
        if not Desk._usual:
            with tempfile.TemporaryDirectory() as folder:
                first = Desk(empty_root(Path(folder)))
                jobs = first._write_usual()
                first.store.close()
                Desk._usual = jobs, _files(first.root.path)
        jobs, files = Desk._usual
        self.store.close()
        for name, content in files.items():
            path = self.root.path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        self.store = Store.open(self.root, clock=lambda: NOW)
        return list(jobs)

    def _write_usual(self) -> list[Job]:
        names = ("portrait", "alps-lake", "harbour", "cat", "bridge", "pano", "coffee")
        jobs = [self.add(name, names=INPUT_NAMES.get(name, {})) for name in names]
        for index, end in ((4, JobState.DONE), (5, JobState.FAILED), (6, JobState.CANCELLED)):
            jobs[index] = self.run(jobs[index], upto=60 if end is JobState.DONE else 20)
            reason = {JobState.DONE: "", JobState.FAILED: "out of GPU memory at 2048 px; try size = 1448"}
            jobs[index] = self.end(jobs[index], end, reason.get(end, "cancelled by a user"))
        jobs[3] = self.store.move(jobs[3].id, JobState.PAUSED, reason="paused by a user")
        jobs[0] = self.run(jobs[0], upto=40)
        self.publish(
            incomplete=[Incomplete(name="harbour-2", missing="a style", since=NOW)],
            incomplete_count=1,
            rejected=[Rejected(name="notes", reason="content.txt is not an image", at=NOW)],
            rejected_count=1,
        )
        return jobs


@pytest.fixture
def desk(root: Root) -> Iterator[Desk]:
    """The daemon's side of the root."""
    desk = Desk(root)
    yield desk
    desk.store.close()


def make_app(root: Root, memory: MemorySample | None = HOST, *, now: float = NOW, **options: Any) -> StyledApp:
    """An app on ``root`` with a frozen clock and a known memory; it starts no daemon."""
    options.setdefault("refresh_s", 0.1)
    return StyledApp(
        root,
        Options(**options),
        start_daemon=False,
        clock=lambda: now,
        measure=lambda: memory,
        pulse=lambda: UNKNOWN_PULSE,
    )


def screen_text(app: StyledApp) -> str:
    """What is on the screen, as text."""
    strips = app.screen._compositor.render_strips()
    return "\n".join(strip.text.rstrip() for strip in strips) + "\n"


async def until(pilot: Pilot[None], condition: Callable[[], object], *, seconds: float = 20.0) -> None:
    """Wait until ``condition`` holds; fail with the screen as it is."""
    end = time.monotonic() + patience(seconds)
    while not condition():
        if time.monotonic() > end:
            pytest.fail(f"it did not happen; the screen:\n{screen_text(pilot.app)}")  # type: ignore[arg-type]
        await asyncio.sleep(0.05)  # most conditions draw the whole screen, which takes milliseconds
    await pilot.pause()


async def settled(pilot: Pilot[None]) -> StyledApp:
    """Wait until the screen shows what its own view asks for."""
    app = pilot.app
    assert isinstance(app, StyledApp)

    def is_settled() -> bool:
        screen = app.job_screen
        return app.snapshot is not None and screen is not None and app.snapshot.view == screen.wanted_view()

    await until(pilot, is_settled)
    return app


SIZES = ((160, 50), (60, 16), (80, 24))
"""A large terminal, the smallest, and the usual one."""


async def check_sizes(pilot: Pilot[None], name: str, sizes: Sequence[tuple[int, int]] = SIZES) -> None:
    """Compare the screen with the golden one of each size. One app is resized: starting one costs more than all of them."""
    for width, height in sizes:
        await pilot.resize_terminal(width, height)
        # Textual lays out anew by a timer: on a busy machine later than its pilot waits.
        await until(pilot, lambda size=(width, height): pilot.app.screen._compositor.size == size)
        await check_golden(f"{name}-{width}x{height}", await settled(pilot))


GOLDEN = Path(__file__).parents[1] / "golden"


async def check_golden(name: str, app: StyledApp) -> None:
    """Wait for the screen kept under ``tests/golden``, which is there at once, but for a busy machine.

    STYLED_GOLDEN=write keeps the new one.
    """
    path = GOLDEN / f"{name}.txt"
    if os.environ.get("STYLED_GOLDEN") == "write":
        path.write_text(screen_text(app))
    expected, end = path.read_text(), time.monotonic() + patience(3.0)
    while (text := screen_text(app)) != expected and time.monotonic() < end:
        await asyncio.sleep(0.05)
    assert text == expected, f"the screen differs from {path.name}; if that is meant: STYLED_GOLDEN=write"
