"""What the acts of a run of chaos act on: the root, its daemon, what was dropped, and what is to be undone."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import psutil

from styled.errors import StyledError
from styled.inbox.add import add_pair
from styled.job import Job, JobState
from styled.root import Root
from styled.store.reader import StoreReader
from tests.faults.chaos.ledger import Ledger, Pair
from tests.faults.daemon_process import DaemonProcess


class Act(NamedTuple):
    """One kind of act."""

    do: Callable[[World, random.Random], str]
    """Does it; returns what it was, for the log."""
    weight: int
    """How often, beside the others."""
    needs_disk: bool = False
    needs_clock: bool = False


MOST_WAITING = 25
BEHAVIOURS = ("", "", "", "", "slow", "once", "hungry", "few")
"""Of synthetic workers; all of these end with a picture."""


class World:
    """What the acts act on."""

    def __init__(
        self, root: Root, daemon: DaemonProcess, ledger: Ledger, place: Path, *, disk: bool, clock: bool
    ) -> None:
        self.root, self.daemon, self.ledger, self.place = root, daemon, ledger, place
        self.has_disk, self.has_clock = disk, clock
        self.unfinished: list[Callable[[], object]] = []
        """Uploads and pairs of which the rest is to follow."""
        self.restores: list[Callable[[], object]] = []
        """What gives permissions back, and processes their time."""
        self.clients: list[socket.socket] = []
        self.odd: list[Path] = []
        self.made = 0
        """Pairs."""
        self.reals = 0
        self.forget_events: Callable[[], None] = lambda: None

    def can(self, act: Act) -> bool:
        """Return whether this machine has what an act needs."""
        return (not act.needs_disk or self.has_disk) and (not act.needs_clock or self.has_clock)

    # -- pairs -----------------------------------------------------------------------------------------------

    def new(self, dice: random.Random, *, name: str = "") -> Pair:
        """Make a pair, which lies nowhere yet."""
        behaviour = "" if name else dice.choice(BEHAVIOURS)
        self.made += 1
        name = name or f"n{self.made:04d}{behaviour}"
        return self.ledger.new(
            name, dice.getrandbits(30), level=dice.choice((0, 90, 200, 255)), steps=dice.randrange(4, 25)
        )

    def drop(self, dice: random.Random, *, name: str = "", priority: int = 0) -> Pair:
        """Drop a pair as ``styled add`` does."""
        pair = self.new(dice, name=name)
        settings = {"steps": pair.steps}
        with self.not_dropped(pair):
            add_pair(
                self.root, pair.content, [self.ledger.style(pair)], name=pair.name, settings=settings, priority=priority
            )
        return pair

    @contextlib.contextmanager
    def not_dropped(self, pair: Pair) -> Iterator[None]:
        """Take a pair out of the ledger that could not be dropped."""
        try:
            yield
        except (OSError, StyledError):
            if not self.ledger.places(self.root, pair):
                self.ledger.pairs.remove(pair)
            raise

    def jobs(self) -> list[Job]:
        """Return all jobs."""
        with StoreReader.open(self.root) as reader:
            return reader.jobs()

    def is_full(self) -> bool:
        """Return whether enough waits already."""
        return sum(job.state is JobState.WAITING for job in self.jobs()) >= MOST_WAITING

    def in_inbox(self) -> list[Pair]:
        """Return the pairs whose folder, made by ``styled add``, still lies in the inbox."""
        return [pair for pair in self.ledger.pairs if (self.root.inbox / pair.name / "content.png").is_file()]

    # -- the end of trouble ----------------------------------------------------------------------------------

    def end_trouble(self) -> None:
        """Undo all that keeps honest pairs from being painted; the daemon runs afterwards."""
        (self.root.path.parent / "filler").unlink(missing_ok=True)
        for restore in reversed(self.restores):
            with contextlib.suppress(OSError, psutil.Error):
                restore()
        self.restores.clear()
        for client in self.clients:
            client.close()
        self.clients.clear()
        self.return_inbox()
        for finish in self.unfinished:
            finish()
        self.unfinished.clear()
        self.root.config.unlink(missing_ok=True)
        if self.daemon.process.poll() is None:
            self.daemon.client.request("reload")
            self.daemon.client.request("resume")
            for job in self.jobs():
                if job.state is JobState.PAUSED:
                    with contextlib.suppress(StyledError):
                        self.daemon.client.request("resume", job=job.id)

    def return_inbox(self) -> None:
        """Put the inbox back where it was."""
        away = self.root.path / "inbox-away"
        if not away.exists():
            return
        if self.root.inbox.is_symlink() or self.root.inbox.is_file():
            self.root.inbox.unlink()
        if self.root.inbox.exists():  # the daemon has made a new one, and somebody used it
            for path in list(self.root.inbox.iterdir()):
                target = away / path.name
                if not os.path.lexists(target):
                    path.rename(target)
                elif path.is_dir() and path.name in {"rejected", "content", "style"}:
                    for below in list(path.iterdir()):
                        below.rename(target / below.name)
                    path.rmdir()
            self.root.inbox.rmdir()
        away.rename(self.root.inbox)

    def sweep(self, dice: random.Random) -> None:
        """Remove the older half of the odd entries: nobody has thousands."""
        while len(self.odd) > 30:
            path = self.odd.pop(0)
            with contextlib.suppress(OSError):
                shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()

    @contextlib.contextmanager
    def daemon_ends(self) -> Iterator[None]:
        """Kill the daemon at the end of a block if it still runs."""
        try:
            yield
        finally:
            if self.daemon.process.poll() is None:
                self.daemon.process.kill()
                self.daemon.process.wait()

    def restart(self) -> None:
        """Start the daemon again; with a wrong configuration it would refuse."""
        self.root.config.unlink(missing_ok=True)
        self.return_inbox()
        (self.root.path.parent / "filler").unlink(missing_ok=True)
        self.daemon.start()
