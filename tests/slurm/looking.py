"""What the tests on Slurm look at: a job's folder, what is left elsewhere, what happened to it."""

from __future__ import annotations

import numpy as np
import psutil
from PIL import Image

from styled.evolution import JobFolder, frames, read_losses
from styled.job import Job, JobState
from styled.store.reader import StoreReader
from tests.deadlines import wait_until
from tests.faults.daemon_process import DaemonProcess
from tests.slurm.conftest import ClusterDaemon


def folder_of(daemon: DaemonProcess, job: Job) -> JobFolder:
    return JobFolder(daemon.root.evolution / job.id)


def pixels(folder: JobFolder) -> np.ndarray:
    with Image.open(folder.result) as picture:
        return np.asarray(picture.convert("RGB"), np.float32)


def psnr(first: np.ndarray, second: np.ndarray) -> float:
    error = float(np.mean((first - second) ** 2))
    return float("inf") if error == 0 else 10 * float(np.log10(255.0**2 / error))


def workers_of(job: Job) -> list[psutil.Process]:
    """Return the workers that paint a job's attempt, on whatever node."""
    processes = [(process, " ".join(process.info["cmdline"] or [])) for process in psutil.process_iter(["cmdline"])]
    return [process for process, line in processes if job.attempt in line and "styled.backend.launch" in line]


def check_whole(daemon: ClusterDaemon, job: Job, steps: int = 20) -> None:
    """Check that a job's folder has all that a local one has, and that nothing of it is left elsewhere."""
    folder = folder_of(daemon, job)
    assert [line.step for line in read_losses(folder).losses] == list(range(1, steps + 1))
    assert [step for step, _ in frames(folder)] == list(range(5, steps + 1, 5))
    assert folder.timelapse.is_file()
    wait_until(lambda: daemon.left() == [], f"left in the spool: {daemon.left()}")
    wait_until(lambda: daemon.names() == [], "left in Slurm")


def moves_back(daemon: DaemonProcess) -> list[str]:
    """Return why jobs went back to waiting."""
    with StoreReader.open(daemon.root) as reader:
        events = reader.events(0, limit=100_000)
    return [event.note for event in events if event.after == JobState.WAITING and event.kind == "moved"]
