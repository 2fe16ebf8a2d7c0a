"""One run of chaos: acts, and what must hold after each."""

from __future__ import annotations

import json
import random
import sys
import time
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from styled import images
from styled.errors import StyledError
from styled.evolution import JobFolder
from styled.job import Job, JobState
from styled.root import Root
from styled.store.reader import StoreReader
from tests.deadlines import patience
from tests.faults.chaos.acts import ACTS
from tests.faults.chaos.ledger import Ledger, Pair
from tests.faults.chaos.world import World
from tests.faults.daemon_process import FAULTS, DaemonProcess, workers_of

DISK_BYTES = 256 * 2**20
BURST = 12
"""Acts between two looks at everything."""

PAINTED_WITHIN_S = 30.0
ANSWERS_WITHIN_S = 2.0

MOST = {"rss_mb": 160.0, "fds": 90.0, "threads": 40.0, "wal_mb": 70.0}
"""Of the daemon, after each burst."""


class Broken(Exception):
    """An invariant does not hold."""


class Chaos:
    """One run.

    Args:
        seed: of all dice.
        place: an empty folder; ``root`` in it is the daemon's, the rest must stay as it is.
        disk: whether ``place/disk`` is a filesystem of its own, which may be filled.
        clock: whether the daemon's clock may jump.
        left_out: names of acts that are not done.
    """

    def __init__(
        self, seed: int, place: Path, *, disk: bool, clock: bool, left_out: Collection[str] = frozenset()
    ) -> None:
        self.seed = seed
        self.left_out = left_out
        root = Root.at((place / "disk" if disk else place) / "root")
        root.path.mkdir()
        environment = {
            "STYLED_QUEUE__PARALLEL": "2",
            "STYLED_QUEUE__MAX_ATTEMPTS": "100",
            "STYLED_INBOX__TRUNCATED_GRACE_S": "60",
            "STYLED_LOG__MAX_MB": "1",
            "STYLED_GALLERY__AUTO": "false",
        }
        through: Sequence[str] = ()
        if clock:
            (place / "clock").write_text("0")
            through = (sys.executable, str(FAULTS / "chaos" / "jumping_clock.py"), str(place / "clock"))
        daemon = DaemonProcess(root, "--quiet", through=through, **environment)
        self.world = World(root, daemon, Ledger(place, root), place, disk=disk, clock=clock)
        self.world.forget_events = self.forget_events
        self.done: dict[str, set[float]] = {}
        """When each job became done: by the event's time, since a database that is mended has them again."""
        self.wished: dict[str, set[float]] = {}
        """When a done one was ordered to be painted again."""
        self.seen_event = 0
        self.checked: set[tuple[str, float]] = set()
        self.slowest_answer = 0.0
        self.figures: list[dict[str, float]] = []
        self.counts: Counter[str] = Counter()
        self.began = time.monotonic()

    # -- the run ---------------------------------------------------------------------------------------------

    def run(self, seconds: float, acts: Sequence[tuple[int, str, float]] = ()) -> None:
        """Act for so many seconds, or do the given acts; then let everything end and look at all of it.

        Raises:
            Broken: an invariant does not hold.
        """
        world = self.world
        world.root.inbox.mkdir()
        world.daemon.start()
        number = 0
        for number, name, pause in self._planned(seconds, acts):
            time.sleep(pause)
            self.act(number, name)
            self.check_quickly()
            if number % BURST == 0:
                self.calm(number, wait_for_all=number % (4 * BURST) == 0)
        self.calm(number + 1, wait_for_all=True)
        code = world.daemon.end()
        if code != 0:
            raise Broken(f"asked to stop, the daemon ended with {code}")
        if left := workers_of(world.root):
            raise Broken(f"workers outlive their daemon: {left}")

    def _planned(self, seconds: float, acts: Sequence[tuple[int, str, float]]) -> Iterator[tuple[int, str, float]]:
        if acts:
            yield from acts
            return
        number = 0
        names = [name for name, act in ACTS.items() if self.world.can(act) and name not in self.left_out]
        weights = [ACTS[name].weight for name in names]
        while time.monotonic() - self.began < seconds:
            number += 1
            dice = random.Random(f"{self.seed}/{number}/which")
            yield number, dice.choices(names, weights)[0], dice.choice((0.0, 0.0, 0.05, 0.2, 0.6))

    def act(self, number: int, name: str) -> None:
        """Do one act; what it could not do (a full disk, a folder that is away) is not its fault."""
        dice = random.Random(f"{self.seed}/{number}")
        at = time.monotonic() - self.began
        try:
            what = ACTS[name].do(self.world, dice)
        except (OSError, StyledError) as error:
            what = f"not possible: {error}"
        self.counts[name] += 1
        self.say(f"{number:5d} {at:7.1f} {name:20s} {what or ''}")

    def say(self, line: str) -> None:
        """Print one line of the log."""
        sys.stdout.write(line.encode("ascii", "backslashreplace").decode().replace("\n", "\\n") + "\n")
        sys.stdout.flush()

    # -- what must hold --------------------------------------------------------------------------------------

    def check_quickly(self) -> None:
        """After each act: the daemon lives, answers, and nothing outside was touched."""
        world = self.world
        if world.daemon.process.poll() is not None:
            tail = world.daemon.output.read_text(errors="replace")[-3000:]
            raise Broken(f"the daemon ended by itself with {world.daemon.process.poll()}: {tail}")
        began = time.monotonic()
        try:
            world.daemon.client.request("status")
        except StyledError as error:
            raise Broken(f"status is not answered: {error}") from error
        took = time.monotonic() - began
        self.slowest_answer = max(self.slowest_answer, took)
        if took > patience(ANSWERS_WITHIN_S):
            raise Broken(f"status took {took:.1f} s")
        if change := world.ledger.outside.changed():
            raise Broken(f"outside the root: {change}")

    def calm(self, number: int, *, wait_for_all: bool) -> None:
        """End all trouble; then an honest pair is painted soon, and each pair is in one place, painted right or to be painted."""
        world = self.world
        world.end_trouble()
        self.check_quickly()
        honest = world.drop(random.Random(f"{self.seed}/{number}/calm"), name=f"calm{number:05d}", priority=100)
        began = time.monotonic()
        self._until(
            lambda: self._state(honest) is JobState.DONE,
            lambda: f"{honest.name} was not painted: {self._why(honest)}",
            PAINTED_WITHIN_S,
        )
        took = time.monotonic() - began
        if wait_for_all:
            self._until(
                lambda: not self._open_pairs(), lambda: f"the queue never ran empty: {self._open_pairs()}", 120.0
            )
        self._until(lambda: not self._misplaced(), lambda: "; ".join(self._misplaced()[:5]), 20.0)
        self._look_at_events()
        self._look_at_jobs()
        self._measure()
        world.sweep(random.Random(f"{self.seed}/{number}/sweep"))
        jobs = Counter(str(job.state) for job in self.jobs())
        self.say(
            f"{number:5d} calm: {honest.name} painted in {took:.1f} s; {len(world.ledger.pairs)} pairs, {dict(jobs)}, {self.figures[-1]}"
        )

    def _until(self, condition: Any, failure: Any, seconds: float) -> None:
        until = time.monotonic() + patience(seconds)
        while not condition():
            self.check_quickly()
            if time.monotonic() > until:
                raise Broken(failure())
            time.sleep(0.2)

    def jobs(self) -> list[Job]:
        """Return all jobs."""
        with StoreReader.open(self.world.root) as reader:
            return reader.jobs()

    def _job_of(self, pair: Pair, jobs: Sequence[Job] | None = None) -> Job | None:
        for job in self.jobs() if jobs is None else jobs:
            if self.world.ledger.digest_of(self.world.root.evolution / job.id / job.content) == pair.digest:
                return job
        return None

    def _state(self, pair: Pair) -> JobState | None:
        job = self._job_of(pair)
        return None if job is None else job.state

    def _why(self, pair: Pair) -> str:
        status = self.world.daemon.client.request("status")
        return (
            f"{self.world.ledger.places(self.world.root, pair)}, job {self._job_of(pair)}, {json.dumps(status)[:1500]}"
        )

    def _open_pairs(self) -> list[str]:
        """Return the jobs that are still to be painted, and honest pairs that still lie in the inbox."""
        jobs = [job.name for job in self.jobs() if job.state in {JobState.WAITING, JobState.RUNNING}]
        places = self.world.ledger.all_places(self.world.root)
        return jobs + [
            f"{pair.name} in {places[pair.digest]}"
            for pair in self.world.ledger.pairs
            if pair.is_honest and pair.is_whole and any(place.startswith("inbox/") for place in places[pair.digest])
        ]

    def _misplaced(self) -> list[str]:
        """Return the pairs that are not in exactly one place."""
        ledger, found = self.world.ledger, []
        places = ledger.all_places(self.world.root)
        for pair in ledger.pairs:
            where = places[pair.digest]
            wanted = 0 if pair.is_removed else 1
            if len(where) != wanted:
                found.append(f"{pair.name} is in {len(where)} places and not {wanted}: {where}")
            elif pair.is_honest and where and where[0].startswith("inbox/rejected"):
                reason = (self.world.root.path / where[0]).parent / "REASON.txt"
                found.append(
                    f"{pair.name}, an honest pair, was rejected: {reason.read_text(errors='replace') if reason.exists() else where}"
                )
        return found

    def _look_at_events(self) -> None:
        """No job is done twice, unless that was asked for."""
        with StoreReader.open(self.world.root) as reader:
            events = reader.events(self.seen_event, limit=100_000)
        for event in events:
            self.seen_event = max(self.seen_event, event.seq)
            if event.kind == "moved":
                if event.after == JobState.DONE:
                    self.done.setdefault(event.id, set()).add(event.at)
                if event.before == JobState.DONE:
                    self.wished.setdefault(event.id, set()).add(event.at)
        twice = [job for job, times in self.done.items() if len(times) > 1 + len(self.wished.get(job, ()))]
        if twice:
            raise Broken(f"done twice: {twice}")

    def forget_events(self) -> None:
        """Begin to count again: the database that has them is removed."""
        self._look_at_events()
        self.seen_event = 0

    def _look_at_jobs(self) -> None:
        """Each result is the one of a calm run, bit for bit; an honest job has not failed."""
        by_digest = {pair.digest: pair for pair in self.world.ledger.pairs}
        for job in self.jobs():
            folder = JobFolder(self.world.root.evolution / job.id)
            pair = by_digest.get(self.world.ledger.digest_of(folder.path / job.content))
            if pair is None:
                if job.state is JobState.DONE and folder.path.is_dir():
                    raise Broken(f"{job.id} is no pair that was dropped")
                continue
            if job.state is JobState.FAILED and pair.is_honest:
                raise Broken(f"{job.id} failed: {job.reason}")
            if job.state is not JobState.DONE:
                continue
            key = job.id, folder.result.stat().st_mtime
            if key in self.checked:
                continue
            self.checked.add(key)
            wanted = self.world.ledger.expected(pair)
            found = images.load(folder.result).pixels
            if wanted is not None and not np.array_equal(found, wanted):
                raise Broken(
                    f"{job.id} is not the picture of a calm run: {np.abs(found.astype(int) - wanted).max()} levels apart"
                )

    def _measure(self) -> None:
        world = self.world
        process = psutil.Process(world.daemon.process.pid)
        wal = Path(f"{world.root.database}-wal")
        figures = {
            "rss_mb": round(process.memory_info().rss / 1e6, 1),
            "fds": float(process.num_fds()),
            "threads": float(process.num_threads()),
            "wal_mb": round(wal.stat().st_size / 1e6, 1) if wal.exists() else 0.0,
        }
        self.figures.append(figures)
        for name, most in MOST.items():
            if figures[name] > most:
                raise Broken(f"{name} is {figures[name]}, more than {most}")

    def summary(self) -> str:
        """Return what was done, in one line."""
        world = self.world
        kills = {name: self.counts[name] for name in ("kill_daemon", "kill_worker", "restart_daemon", "lose_database")}
        spread = (
            {name: [min(f[name] for f in self.figures), max(f[name] for f in self.figures)] for name in MOST}
            if self.figures
            else {}
        )
        return json.dumps({
            "seed": self.seed, "seconds": round(time.monotonic() - self.began), "acts": dict(self.counts.most_common()),
            "pairs": len(world.ledger.pairs), "results_compared": len(self.checked), "kills": kills,
            "slowest_status_s": round(self.slowest_answer, 2), "least_and_most": spread,
        })  # fmt: skip


def read_acts(path: Path) -> list[tuple[int, str, float]]:
    """Return number, name and pause before each act of a log."""
    acts: list[tuple[int, str, float]] = []
    before = 0.0
    for line in path.read_text().splitlines():
        words = line.split()
        if len(words) >= 3 and words[0].isdigit() and words[2] in ACTS:
            at = float(words[1])
            acts.append((int(words[0]), words[2], max(0.0, at - before) if acts else 0.0))
            before = at
    return acts
