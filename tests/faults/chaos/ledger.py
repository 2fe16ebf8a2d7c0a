"""What was dropped in a run of chaos: where each pair may be, and which picture a calm run makes of it."""

from __future__ import annotations

import functools
import hashlib
import json
import os
import stat
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from styled import images
from styled.painting import one_picture
from styled.root import Root

Pixels = npt.NDArray[np.uint8]

THREADS = {"OMP_NUM_THREADS": "1", "TF_NUM_INTRAOP_THREADS": "1"}
"""Of a worker: sums are rounded otherwise with another number of threads, which follows from ``[queue] parallel``."""

LARGEST = 200_000
"""Bytes of a file that may be a content."""


@dataclass(eq=False)
class Pair:
    """One that was dropped."""

    name: str
    digest: str
    """SHA-256 of its content, by which it is found whatever it is called."""
    content: Path
    """A copy outside the root."""
    level: int
    """Of its style, which has one colour."""
    steps: int
    is_honest: bool = True
    """It can be painted."""
    is_whole: bool = True
    """All of it was dropped; else the rest follows."""
    is_removed: bool = False
    """Somebody removed its job, with what belongs to it."""

    @property
    def is_real(self) -> bool:
        """It is painted by the real engine."""
        return "real" in self.name


class Outside:
    """Files beside the root that somebody else owns: links lead there, and nothing may happen to them."""

    def __init__(self, place: Path) -> None:
        self.folder = place / "outside"
        (self.folder / "deeper").mkdir(parents=True)
        (self.folder / "secret.txt").write_text("secret")
        Image.fromarray(np.full((24, 32, 3), 99, np.uint8)).save(self.folder / "picture.png")
        Image.fromarray(np.full((24, 32, 3), 77, np.uint8)).save(self.folder / "deeper" / "content.png")
        Image.fromarray(np.full((24, 32, 3), 78, np.uint8)).save(self.folder / "deeper" / "style.png")
        self._before = self._look()

    def _look(self) -> dict[str, tuple[int, int, int, float, str]]:
        found = {}
        for path in sorted([self.folder, *self.folder.rglob("*")]):
            status = path.lstat()
            content = hashlib.sha256(path.read_bytes()).hexdigest() if stat.S_ISREG(status.st_mode) else ""
            size = status.st_size if content else 0
            found[str(path)] = status.st_mode, status.st_uid, size, status.st_mtime, content
        return found

    def changed(self) -> str:
        """Return what changed, empty if nothing did."""
        now = self._look()
        return "" if now == self._before else str(set(now.items()) ^ set(self._before.items()))


class Ledger:
    """All pairs of a run.

    Args:
        place: has the copies, and what must not be touched.
        root: of the daemon; on its filesystem lies what somebody takes out of the inbox.
    """

    def __init__(self, place: Path, root: Root) -> None:
        self.sources = place / "sources"
        self.sources.mkdir()
        self.withdrawn = root.path.parent / "withdrawn"
        self.withdrawn.mkdir()
        self.outside = Outside(place)
        self.pairs: list[Pair] = []
        self._real = place / "calm"
        self._digests: dict[tuple[int, int, int, int], str] = {}

    def new(self, name: str, seed: int, *, level: int, steps: int) -> Pair:
        """Make a content nobody else has, and its pair."""
        path = self.sources / f"{name}.png"
        noise = np.random.default_rng(seed).integers(0, 256, (24, 32, 3), np.uint8)
        Image.fromarray(noise).save(path)
        pair = Pair(name, hashlib.sha256(path.read_bytes()).hexdigest(), path, level, steps)
        self.pairs.append(pair)
        return pair

    def style(self, pair: Pair) -> Path:
        """Return the style of a pair."""
        path = self.sources / f"style{pair.level}.png"
        if not path.exists():
            Image.fromarray(np.full((24, 32, 3), pair.level, np.uint8)).save(path)
        return path

    # -- places ----------------------------------------------------------------------------------------------

    def digest_of(self, path: Path) -> str:
        """Return the SHA-256 of a regular file that may be a content; else nothing."""
        try:
            status = path.lstat()
            if not stat.S_ISREG(status.st_mode) or status.st_size > LARGEST:
                return ""
            key = status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns
            if key not in self._digests:
                self._digests[key] = hashlib.sha256(path.read_bytes()).hexdigest()
            return self._digests[key]
        except OSError:
            return ""

    def all_places(self, root: Root) -> Mapping[str, list[str]]:
        """Return where each pair's content lies: below the inbox, in a job, withdrawn."""
        found: dict[str, list[str]] = {pair.digest: [] for pair in self.pairs}
        for base in (root.inbox, root.evolution, root.path / "inbox-away", self.withdrawn):
            for folder, below, names in os.walk(base):
                below[:] = [name for name in below if name not in {"frames", "checkpoint"}]
                for name in names:
                    path = Path(folder, name)
                    if (digest := self.digest_of(path)) in found:
                        shown = path.relative_to(root.path) if path.is_relative_to(root.path) else path
                        found[digest].append(str(shown))
        return found

    def places(self, root: Root, pair: Pair) -> list[str]:
        """Return where a pair's content lies."""
        return self.all_places(root)[pair.digest]

    # -- results ---------------------------------------------------------------------------------------------

    def expected(self, pair: Pair) -> Pixels | None:
        """Return the picture of a calm run: the arithmetic of the synthetic worker, or the real one undisturbed."""
        if not pair.is_honest:
            return None
        if pair.is_real:
            return self._painted(pair.content, self.style(pair), pair.steps)
        picture = np.array(images.load(pair.content).pixels, np.float32)
        target = np.float32(np.full(3, pair.level, np.float64))
        for _ in range(pair.steps):
            picture += (target - picture) * np.float32(0.05)
        return np.rint(np.clip(picture, 0, 255)).astype(np.uint8)

    @functools.cache  # noqa: B019  # a ledger lives as long as its run
    def _painted(self, content: Path, style: Path, steps: int) -> Pixels:
        self._real.mkdir(exist_ok=True)
        values = {"size": 32, "steps": steps, "frame_every": 5, "checkpoint_s": 1.0}
        job = one_picture.prepare(content, [style], values, output=self._real / f"{content.stem}.png", overwrite=True)
        command = [sys.executable, "-P", "-m", "styled.painting.worker", str(job.folder.path)]
        environment = os.environ | THREADS
        subprocess.run(command, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, env=environment)
        return images.load(job.folder.result).pixels


def job_toml(pair: Pair, *, priority: int = 0) -> str:
    """Return the settings of a pair."""
    return "".join(
        f"{name} = {json.dumps(value)}\n" for name, value in (("steps", pair.steps), ("priority", priority)) if value
    )
