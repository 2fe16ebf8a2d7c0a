"""What the tests on clusters look at: a job's folder, its worker, what happened to it."""

from __future__ import annotations

import numpy as np
import psutil
from PIL import Image

from styled.evolution import JobFolder
from styled.job import Job, JobState
from styled.store.reader import StoreReader
from tests.faults.daemon_process import DaemonProcess


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


def moves_back(daemon: DaemonProcess) -> list[str]:
    """Return why jobs went back to waiting."""
    with StoreReader.open(daemon.root) as reader:
        events = reader.events(0, limit=100_000)
    return [event.note for event in events if event.after == JobState.WAITING and event.kind == "moved"]
