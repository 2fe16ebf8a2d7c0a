"""How many jobs the real dispatcher and store keep going on a cluster: ``python -m tests.tools.simulate_cluster``.

The runner is a script: so many nodes, each attempt ends after a few turns, some are lost with their node. Everything
above the seam is real: the database, ``job.json`` of each job, events, moves. Results are decoded in the checking thread,
but not in a child of their own. Prints decisions per second of processor time, the memory of the process, and whether
every job was done exactly once. Nothing is asserted about times: they are the machine's.
"""

from __future__ import annotations

import argparse
import cProfile
import heapq
import logging
import pstats
import random
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import click
import numpy as np
import psutil
import structlog
from PIL import Image

from styled.backend.runner import Attempt, Ended, Placed, Report, Task
from styled.config import QueueConfig
from styled.daemon import dispatch
from styled.daemon.dispatch import Dispatcher
from styled.evolution import JobFile, JobFolder, digest, write_job_file
from styled.job import JobState
from styled.messages import Checkpointed, Progress, Result, Started
from styled.root import Root
from styled.settings import Settings
from styled.store.store import Store

MOST_TURNS = 20
"""That an attempt takes, at least one."""


class Script:
    """A runner whose nodes take a few turns for each attempt, and are lost now and then."""

    trouble = ""

    def __init__(self, nodes: int, lost: float) -> None:
        self._nodes, self._lost = nodes, lost
        self._random = random.Random(1)
        self._turn = 0
        self._ends: list[tuple[int, str]] = []
        self._running: set[str] = set()
        self._begun: list[Report] = []
        self.attempts = 0
        self.most = 0
        self.tokens: set[str] = set()

    def capacity(self) -> int:
        return self._nodes

    def attach(self, attempts: Sequence[Attempt]) -> frozenset[str]:
        return frozenset()

    def submit(self, task: Task) -> str:
        assert task.id not in self._running, "two workers for one job"
        assert task.attempt not in self.tokens, "one name for two attempts"
        self.tokens.add(task.attempt)
        self.attempts += 1
        self._running.add(task.id)
        self.most = max(self.most, len(self._running))
        heapq.heappush(self._ends, (self._turn + self._random.randint(1, MOST_TURNS), task.id))
        started = Started(step=0, steps=20, width=8, height=8, device="cpu")
        self._begun += [Report(task.id, Placed(f"node{self.attempts % self._nodes}")), Report(task.id, started)]
        return f"script:{task.attempt}"

    def poll(self) -> list[Report]:
        self._turn += 1
        reports, self._begun = self._begun, []
        while self._ends and self._ends[0][0] <= self._turn:
            _, job = heapq.heappop(self._ends)
            self._running.discard(job)
            if self._random.random() < self._lost:
                reports.append(Report(job, Ended(-1, lost="a node", elsewhere=True)))
                continue
            result = Result(path="result.png", step=20, loss=1.0, seconds=1.0)
            ended = Ended(0, result=result, progressed=True, elsewhere=True)
            reports += [Report(job, Checkpointed(step=9)), Report(job, result), Report(job, ended)]
        return reports

    def stop(self, job: str, grace_s: float) -> None:
        """Nobody asks."""

    def detach(self, grace_s: float, /) -> None:
        """Nothing runs on."""

    def progress(self, job: str) -> Progress | None:
        return None

    def running(self) -> frozenset[str]:
        return frozenset(self._running | {report.id for report in self._begun})

    def held(self) -> frozenset[str]:
        return frozenset()

    def wake_after(self) -> float | None:
        return 0.0

    def close(self) -> None:
        """Nothing to let go of."""


def fill(root: Root, store: Store, jobs: int) -> None:
    """Add jobs whose images are the same two files."""
    source = root.path / "picture.png"
    Image.fromarray(np.zeros((8, 8, 3), np.uint8)).save(source)
    paths = ("input/content.png", "input/style.png")
    settings = Settings(size=32, steps=20)
    digests = dict.fromkeys(paths, digest(source))
    for first in range(0, jobs, 1000):
        with store.batch():
            for number in range(first + 1, min(first + 1000, jobs) + 1):
                folder = JobFolder(root.evolution / f"20261122-{number:06d}-job")
                folder.input.mkdir(parents=True)
                for path in (*paths, "result.png"):
                    (folder.path / path).symlink_to(source)
                file = JobFile(
                    id=folder.id, number=number, name="job", content=paths[0], styles=paths[1:], settings=settings,
                    digests=digests, created_at=time.time(),
                )  # fmt: skip
                write_job_file(folder, file)
                store.add(number=number, id=folder.id, name="job", content=paths[0], styles=paths[1:])


def main() -> None:
    """Run the simulation and print the figures."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=100_000)
    parser.add_argument("--nodes", type=int, default=1000)
    parser.add_argument("--lost", type=float, default=0.05, help="share of attempts")
    parser.add_argument("--folder", type=Path, help="where the root is made; /dev/shm leaves out the disk")
    parser.add_argument("--profile", action="store_true", help="print where the processor time goes")
    given = parser.parse_args()
    place = Path(tempfile.mkdtemp(prefix="simulation-", dir=given.folder))
    root = Root.at(place)
    root.evolution.mkdir()
    # A child for each of so many tiny pictures would be all that is measured; the thread decodes them itself.
    dispatch.images.check = lambda path, **_: Image.open(path).load()  # type: ignore[assignment]
    try:
        with Store.open(root) as store:
            fill(root, store, given.jobs)
            script = Script(given.nodes, given.lost)
            # A node that is lost again and again puts off, by some seconds at least: here they are milliseconds.
            config = QueueConfig(parallel=64, backoff_s=(0.0,))
            done: Counter[str] = Counter()
            dispatcher = Dispatcher(
                root,
                store,
                script,
                config,
                ended=lambda job: done.update([job.id]),
                clock=lambda: 1000.0 * time.monotonic(),
            )
            dispatcher.recover()
            dispatcher.changed()
            profile = cProfile.Profile()
            if given.profile:
                profile.enable()
            began, cpu = time.monotonic(), time.process_time()
            reported = began
            while store.counts()[JobState.DONE] < given.jobs:
                dispatcher.turn()
                if time.monotonic() - reported > 10.0:
                    reported = time.monotonic()
                    click.echo(f"  {store.counts()[JobState.DONE]} done after {reported - began:.0f} s")
            wall, used = time.monotonic() - began, time.process_time() - cpu
            profile.disable()
            dispatcher.close()
            counts = store.counts()
        decisions = script.attempts * 2  # each is started and ended
        click.echo(
            f"{given.jobs} jobs on {given.nodes} nodes, {script.attempts} attempts, at most {script.most} at once"
        )
        click.echo(
            f"{decisions / used:.0f} decisions a second of processor ({used:.0f} s), {decisions / wall:.0f} by the clock"
        )
        click.echo(f"{psutil.Process().memory_info().rss / 2**20:.0f} MiB of memory now")
        doubled = sum(count > 1 for count in done.values())
        click.echo(f"done {counts[JobState.DONE]}, lost {given.jobs - len(done)}, done twice {doubled}")
        if given.profile:
            pstats.Stats(profile, stream=sys.stdout).sort_stats("tottime").print_stats(25)
    finally:
        shutil.rmtree(place)


if __name__ == "__main__":
    main()
