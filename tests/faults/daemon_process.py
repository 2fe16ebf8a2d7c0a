"""The real daemon as a process, with the synthetic worker, and the invariant that must hold whatever happened to it."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from PIL import Image

from styled.daemon.control.protocol import Client
from styled.errors import ControlError, DaemonNotRunning
from styled.evolution import JobFolder
from styled.job import Job, JobState
from styled.root import Root
from styled.store.reader import StoreReader
from tests.deadlines import patience, wait_until
from tests.faults.warm import Warm

FAULTS = Path(__file__).parent

QUICK = {
    "STYLED_INBOX__SETTLE_S": "0.1",
    "STYLED_INBOX__RESCAN_S": "2",
    "STYLED_INBOX__TRUNCATED_GRACE_S": "1",
    "STYLED_QUEUE__BACKOFF_S": "[0.1]",
    "STYLED_QUEUE__STOP_GRACE_S": "20",
    "STYLED_QUEUE__PAUSE_AFTER_CRASHES": "0",
    "STYLED_DISK__MIN_FREE_GB": "0",
    "STYLED_JOB__SIZE": "32",
    "STYLED_JOB__STEPS": "20",
    "STYLED_JOB__FRAME_EVERY": "5",
    "STYLED_JOB__CHECKPOINT_S": "1",
}
"""A daemon in a hurry, with tiny jobs."""


def picture(path: Path, level: int = 40, width: int = 32, height: int = 24) -> Path:
    """Write a small image."""
    Image.fromarray(np.full((height, width, 3), level, np.uint8)).save(path)
    return path


def synthetic() -> dict[str, str]:
    """Return the environment in which a daemon or ``styled run`` takes the synthetic worker."""
    paths = os.pathsep.join([str(FAULTS), *filter(None, [os.environ.get("PYTHONPATH")])])
    return {"PYTHONPATH": paths, "STYLED_TEST_WORKER": "synthetic_worker"}


class DaemonProcess:
    """``styled daemon`` on a root, for the length of a block; killed at its end if it still runs."""

    LOOK_S = 0.02
    """Seconds between two looks at the queue."""

    def __init__(self, root: Root, *flags: str, through: Sequence[str] = (), **environment: str) -> None:
        self.root = root
        self.client = Client(root)
        self._flags = flags
        self._through = through
        self._environment = environment
        self._process: subprocess.Popen[bytes] | Warm | None = None
        self.output = root.path.parent / "daemon-output.txt"

    def launch(self) -> subprocess.Popen[bytes] | Warm:
        """Start it without waiting for an answer; an empty folder becomes a root before."""
        if self.root.path.is_dir() and not self.root.is_made:
            self.root.make_state()
        environment = {**os.environ, **synthetic(), **QUICK, **self._environment}
        arguments = ["daemon", "--root", str(self.root.path), *self._flags]
        with self.output.open("ab") as output, Path(os.devnull).open() as nothing:
            if self._through:
                command = [*self._through, sys.executable, "-m", "styled", *arguments]
                self._process = subprocess.Popen(
                    command, env=environment, stdin=nothing, stdout=output, stderr=output, start_new_session=True
                )
            else:
                streams = {"stdin": nothing.fileno(), "stdout": output.fileno(), "stderr": output.fileno()}
                self._process = Warm(arguments, environment=environment, **streams)
        return self._process

    def start(self) -> DaemonProcess:
        """Start it and wait until it answers."""
        process = self.launch()
        wait_until(lambda: self.answers() or process.poll() is not None)
        assert process.poll() is None, self.output.read_text()
        return self

    def answers(self) -> bool:
        """Return whether somebody answers."""
        try:
            return bool(self.client.request("ping"))
        except (DaemonNotRunning, ControlError):
            return False

    @property
    def process(self) -> subprocess.Popen[bytes] | Warm:
        """The process."""
        assert self._process is not None
        return self._process

    def signal(self, number: int) -> None:
        """Send a signal to the daemon only."""
        os.kill(self.process.pid, number)

    def end(self, seconds: float = 40.0) -> int:
        """Stop it politely; return its exit code."""
        self.signal(signal.SIGTERM)
        return self.process.wait(patience(seconds))

    def kill(self) -> None:
        """Kill it as a power loss would, workers not included."""
        self.signal(signal.SIGKILL)
        self.process.wait()

    def __enter__(self) -> DaemonProcess:
        return self.start()

    def __exit__(self, *_: object) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        wait_until(lambda: not workers_of(self.root), "workers outlive their daemon")

    # -- the queue -----------------------------------------------------------------------------------------

    def drop(
        self, name: str, *, levels: tuple[int, int] = (40, 200), settings: Mapping[str, Any] | None = None
    ) -> None:
        """Put a pair into the inbox, whole."""
        from styled.inbox.add import add_pair

        sources = self.root.path.parent / "sources"
        sources.mkdir(exist_ok=True)
        content, style = (picture(sources / f"{level}.png", level) for level in levels)
        add_pair(self.root, content, [style], name=name, settings=settings)

    def jobs(self) -> list[Job]:
        """Return all jobs."""
        with StoreReader.open(self.root) as reader:
            return reader.jobs()

    def job(self, name: str) -> Job | None:
        """Return the job of that name."""
        return next((job for job in self.jobs() if job.name == name), None)

    def until(self, name: str, state: JobState, seconds: float = 40.0) -> Job:
        """Wait until the job of that name is in a state."""
        try:
            wait_until(
                lambda: (job := self.job(name)) is not None and job.state is state, seconds=seconds, every=self.LOOK_S
            )
        except AssertionError:
            raise AssertionError(f"{name} is not {state} but {self.job(name)}\n{self.output.read_text()}") from None
        found = self.job(name)
        assert found is not None
        return found

    def until_step(self, name: str, step: int) -> Job:
        """Wait until the job of that name has lines of losses up to a step."""

        def reached() -> bool:
            job = self.job(name)
            return job is not None and lines(JobFolder(self.root.evolution / job.id).losses) >= step

        wait_until(reached, f"{name} never reached step {step}", every=self.LOOK_S)
        found = self.job(name)
        assert found is not None
        return found


def lines(path: Path) -> int:
    """Return the number of whole lines of a file, 0 if it is not there."""
    return path.read_bytes().count(b"\n") if path.exists() else 0


def workers_of(root: Root) -> list[psutil.Process]:
    """Return the processes that paint jobs of a root."""
    found = []
    for process in psutil.process_iter(["cmdline", "status"]):
        command = process.info["cmdline"] or []
        if "styled.backend.launch" in command and str(root.evolution) in command[-1]:
            found.append(process)
    return [process for process in found if process.info["status"] != psutil.STATUS_ZOMBIE]


def check_invariant(root: Root, submitted: Collection[str]) -> None:
    """Check what must be true whatever happened: nothing lost, nothing doubled, every result decodes, no child left.

    Args:
        root: whose daemon has ended.
        submitted: names of the pairs that were put into the inbox.
    """
    with StoreReader.open(root) as reader:
        jobs = reader.jobs()
        events = [event for event in reader.events(0, limit=100_000) if event.kind == "moved"]
    in_queue = [job.name for job in jobs]
    in_inbox = [path.name for path in root.inbox.iterdir() if path.name != "rejected" and not path.name.startswith(".")]
    rejected = [path.name for path in root.rejected.iterdir()] if root.rejected.is_dir() else []
    assert sorted([*in_queue, *in_inbox, *rejected]) == sorted(submitted)
    done = Counter(event.id for event in events if event.after == JobState.DONE)
    wished_again = Counter(event.id for event in events if event.before == JobState.DONE)
    assert all(count <= 1 + wished_again[job] for job, count in done.items()), "a job was done twice"
    for job in jobs:
        folder = JobFolder(root.evolution / job.id)
        assert (folder.path / job.content).is_file()
        assert all((folder.path / style).is_file() for style in job.styles)
        if job.state is JobState.DONE:
            with Image.open(folder.result) as result:
                result.load()
    assert not list(root.evolution.glob(".claim-*")), "a claim was left half done"
    database = sqlite3.connect(root.database)
    assert database.execute("PRAGMA quick_check").fetchone() == ("ok",)
    database.close()
    assert workers_of(root) == []
