"""The whole house at once: files in the inbox, a real daemon, a real worker with the real VGG19, a picture."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from styled import evolution, images
from styled.evolution import JobFolder
from styled.job import Job, JobState
from styled.root import Root
from styled.store.reader import StoreReader
from tests.deadlines import patience, wait_until

pytestmark = pytest.mark.painting

SAMPLES = Path(__file__).parent.parent / "styled" / "data" / "samples"
CONFIG = """
[inbox]
settle_s = 0.1
rescan_s = 1.0

[job]
size = 64
steps = 20
frame_every = 10
checkpoint_s = 1.0
"""


@pytest.fixture
def root(tmp_path: Path) -> Root:
    root = Root.at(tmp_path / "root")
    root.inbox.mkdir(parents=True)
    root.config.write_text(CONFIG)
    return root


@contextmanager
def daemon(root: Root) -> Iterator[subprocess.Popen[bytes]]:
    """Run ``styled daemon`` in the foreground; whatever is left of it is killed at the end."""
    command = [sys.executable, "-m", "styled", "daemon", "--root", str(root.path), "--quiet"]
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def styled(root: Root, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "styled", *arguments, "--root", str(root.path)],
        capture_output=True, text=True, check=False, timeout=patience(60),
    )  # fmt: skip


def job_called(root: Root, name: str, *states: JobState) -> Job | None:
    with StoreReader.open(root) as reader:
        return next((job for job in reader.jobs() if job.name == name and job.state in states), None)


def test_a_pair_dropped_into_the_inbox_becomes_a_painting(root: Root) -> None:
    """Its loss falls to a tenth, the picture is neither of its inputs, and the inbox is empty again."""
    with daemon(root) as process:
        shutil.copy(SAMPLES / "rocket.jpg", root.inbox / "harbour.content.jpg")
        shutil.copy(SAMPLES / "starry_night.jpg", root.inbox / "harbour.style.jpg")
        job = wait_until(lambda: job_called(root, "harbour", JobState.DONE, JobState.FAILED), seconds=60)
        assert job.state is JobState.DONE, job.reason
        report = json.loads(styled(root, "status", "--json").stdout)
        process.send_signal(signal.SIGTERM)
        assert process.wait(patience(60)) == 0
    folder = JobFolder(root.evolution / job.id)
    losses = evolution.read_losses(folder).losses
    assert [each.step for each in losses] == list(range(1, 21))
    assert losses[-1].loss < 0.1 * losses[0].loss
    result = images.load(folder.result).pixels.astype(float)
    content = images.load(folder.input / "content.jpg", long_side=64).pixels.astype(float)
    assert result.shape == (43, 64, 3)
    assert np.abs(result - content).mean() > 10
    assert [step for step, _ in evolution.frames(folder)] == [10, 20]
    assert folder.timelapse.exists()
    assert evolution.read_job_file(folder).state is JobState.DONE
    assert [entry.name for entry in root.inbox.iterdir() if entry.suffix == ".jpg"] == []
    assert report["jobs"][0]["name"] == "harbour"


def test_a_job_survives_a_stop_and_a_kill(root: Root) -> None:
    """SIGTERM and kill -9 each cost no more than the steps since the last checkpoint.

    That a daemon goes on after SIGTERM is in ``daemon/test_daemon.py``, with a worker that starts at once.
    """
    drop = root.inbox / "long"
    drop.mkdir()
    shutil.copy(SAMPLES / "rocket.jpg", drop / "content.jpg")
    shutil.copy(SAMPLES / "starry_night.jpg", drop / "style.jpg")
    (drop / "job.toml").write_text("steps = 10000\nframe_every = 0\nsize = 64\n")
    reached = []
    for number in (signal.SIGKILL, signal.SIGTERM):
        with daemon(root) as process:
            job = wait_until(lambda: job_called(root, "long", JobState.RUNNING), seconds=60)
            folder = JobFolder(root.evolution / job.id)
            saved = wait_until(
                lambda folder=folder: checkpoint_after(folder, reached[-1] if reached else 0), seconds=60
            )
            os.kill(process.pid, number)
            process.wait(patience(60))
        wait_until(lambda job=job: not is_worker_alive(job), seconds=60)
        assert saved > (reached[-1] if reached else 0)
        reached.append(saved)
    steps = [each.step for each in evolution.read_losses(folder).losses]
    assert steps == list(range(1, len(steps) + 1)), "each step once, in order"
    assert not folder.result.exists()


def checkpoint_after(folder: JobFolder, step: int) -> int:
    """Return the step of the job's checkpoint if it is beyond ``step``, else 0."""
    checkpoint = evolution.load_checkpoint(folder) if folder.checkpoint.is_dir() else None
    found = checkpoint.meta["step"] if checkpoint else 0
    return found if found > step else 0


def is_worker_alive(job: Job) -> bool:
    """Return whether some process still paints this job."""
    for command in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if job.id.encode() in command.read_bytes():
                return True
        except OSError:
            continue  # it ended while we looked
    return False
