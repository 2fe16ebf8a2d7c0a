"""A dispatcher with a real store, real job folders and real (synthetic) workers, turned by hand."""

from __future__ import annotations

import selectors
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from styled.backend.local import LocalRunner
from styled.backend.orphans import Process
from styled.config import QueueConfig
from styled.daemon.dispatch import Dispatcher
from styled.daemon.job_commands import JobCommands
from styled.daemon.upkeep.trash import Trash
from styled.evolution import JobFile, JobFolder, digest, write_job_file
from styled.job import Job, JobState
from styled.root import Root
from styled.settings import settings_from
from styled.store.store import Store
from tests.deadlines import patience

FAULTS = Path(__file__).parent.parent / "faults"


def add_job(root: Root, store: Store, name: str, *, names: dict[str, str] | None = None, **values: Any) -> Job:
    """Add a waiting job with a folder as a claim leaves it."""
    number = store.next_number()
    folder = JobFolder(root.evolution / f"20261122-2015{number:02d}-{name}")
    folder.create()
    for role, level in (("content", 40), ("style", 200)):
        Image.fromarray(np.full((24, 32, 3), level, np.uint8)).save(folder.input / f"{role}.png")
    settings = {"size": 32, "steps": 20, "checkpoint_s": 1.0, "frame_every": 5, **values}
    paths = ("input/content.png", "input/style.png")
    file = JobFile(
        id=folder.id,
        number=number,
        name=name,
        content=paths[0],
        styles=paths[1:],
        settings=settings_from(settings),
        digests={path: digest(folder.path / path) for path in paths},
        names=names or {},
        created_at=time.time(),
    )
    write_job_file(folder, file)
    return store.add(
        number=number, id=folder.id, name=name, content=paths[0], styles=paths[1:], settings=settings, names=names or {}
    )


class Workshop:
    """Turns the dispatcher until something is so."""

    def __init__(self, root: Root, config: QueueConfig) -> None:
        self.root = root
        self.shift = 0.0
        self.store = Store.open(root, clock=self.clock)
        self.selector = selectors.DefaultSelector()
        self.runner = LocalRunner(self.selector, config, module="synthetic_worker")
        self.ended: list[Job] = []
        self.full: list[str] = []
        self.may_start = True
        self.dispatcher = Dispatcher(
            root,
            self.store,
            self.runner,
            config,
            may_start=lambda: self.may_start,
            ended=self.ended.append,
            disk_full=self._disk_full,
            clock=self.clock,
        )
        self.trash = Trash(root)
        self.job_commands = JobCommands(root, self.store, self.dispatcher, self.runner, self.trash)

    def reconfigure(self, config: QueueConfig) -> None:
        """Go on by another configuration, as the daemon does at a reload."""
        self.runner.reconfigure(config)
        self.dispatcher.reconfigure(config)

    def pid(self, job: Job) -> int:
        """Return the process that paints a job."""
        process = Process.of(self.store.get(job.id).handle)
        assert process is not None
        return process.pid

    def clock(self) -> float:
        """Unix time, moved by ``shift``."""
        return time.time() + self.shift

    def _disk_full(self, reason: str) -> bool:
        self.full.append(reason)
        self.may_start = False
        return False

    def add(self, name: str, *, names: dict[str, str] | None = None, **values: Any) -> Job:
        """Add a waiting job."""
        job = add_job(self.root, self.store, name, names=names, **values)
        self.dispatcher.changed()
        return job

    def state(self, job: Job) -> JobState:
        """Return the state of a job now."""
        return self.store.get(job.id).state

    def turn_until(self, condition: Callable[[], object], seconds: float = 30.0) -> None:
        """Turn until something is so."""
        until = time.monotonic() + patience(seconds)
        while not condition():
            assert time.monotonic() < until, f"still {self.store.jobs()}"
            self.selector.select(0.02)
            self.dispatcher.turn()

    def until(self, job: Job, state: JobState) -> Job:
        """Turn until a job is in a state; return it."""
        self.turn_until(lambda: self.state(job) is state)
        return self.store.get(job.id)

    def until_step(self, job: Job, step: int) -> None:
        """Turn until a running job has done so many steps."""
        self.turn_until(lambda: (progress := self.runner.progress(job.id)) is not None and progress.step >= step)

    def close(self) -> None:
        """End everything."""
        self.dispatcher.stop_running(0.0)
        self.may_start = False
        self.turn_until(lambda: not self.dispatcher.busy())
        self.dispatcher.close()
        self.trash.__exit__()
        self.store.close()
        self.selector.close()
