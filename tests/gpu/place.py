"""Where the tests of this folder run: on a GPU, or for trying the tests themselves on the processor."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from styled import gpus

DRY_RUN = "STYLED_GPU_TESTS"
"""Environment variable; ``cpu`` runs the tests where there is no GPU, on small pictures."""

SAMPLES = Path(__file__).parents[2] / "styled" / "data" / "samples"


class Place(NamedTuple):
    """What is tested."""

    device: str
    """As TensorFlow has it."""
    name: str
    """For people."""
    is_gpu: bool
    sizes: tuple[tuple[int, int], ...]
    """Pictures to measure, px."""
    cards: tuple[str, ...]
    """A value of ``CUDA_VISIBLE_DEVICES`` for each GPU."""


def find() -> Place | None:
    """Return the GPU, or the processor if that is asked for; None if there is nothing to test on."""
    found = gpus.devices()
    if found:
        best = gpus.freest(found)
        sizes = ((512, 384), (1024, 683), (1920, 1080), (3000, 2000))
        return Place("/GPU:0", (best and best.name) or "GPU", True, sizes, tuple(each.value for each in found))
    if os.environ.get(DRY_RUN) == "cpu":
        return Place("/CPU:0", "the processor, a dry run", False, ((96, 64), (128, 96)), ())
    return None


def styled(
    *arguments: str | Path, environment: Mapping[str, str] | None = None, seconds: float = 300.0
) -> subprocess.CompletedProcess[str]:
    """Run a command of ``styled`` to its end."""
    return subprocess.run(
        [sys.executable, "-m", "styled", *map(str, arguments)],
        capture_output=True, text=True, check=False, timeout=seconds, env={**os.environ, **(environment or {})},
    )  # fmt: skip


def python(code: str, *arguments: str, with_errors: bool = False) -> subprocess.Popen[str]:
    """Start a program whose standard input and output are pipes.

    Args:
        code: the program.
        arguments: its own.
        with_errors: what it writes to standard error comes with its output.
    """
    return subprocess.Popen(
        [sys.executable, "-c", code, *arguments],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT if with_errors else None, text=True,
    )  # fmt: skip


class Table:
    """What README quotes: lines of figures, printed when all tests are done."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, str]] = []

    def add(self, what: str, found: str) -> None:
        """Add a line."""
        self.lines.append((what, found))

    def markdown(self, place: Place) -> Sequence[str]:
        """Return the lines as a table."""
        return [f"| | {place.name} |", "|---|---|", *(f"| {what} | {found} |" for what, found in self.lines)]
