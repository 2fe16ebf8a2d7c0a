"""Measures this machine in child processes: TensorFlow's memory is back when they end."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Sequence

import msgspec

from styled.backend import launch
from styled.children import clean_search_path
from styled.errors import DataDamaged, EngineError
from styled.files.decoding import from_json
from styled.planning.speeds import Speed, Speeds, machine
from styled.sizing.memory_use import Precision

CHILD_SECONDS = 3600.0
"""A child that takes longer is ended."""


class Trial(msgspec.Struct, frozen=True, kw_only=True):
    """One size to measure."""

    width: int
    """Of the picture, px."""
    height: int
    blocks: int = 0
    """Of the network that run in tiles; 0 untiled."""
    tile: tuple[int, int] = (0, 0)
    """Width and height, px."""
    steps: int = 3
    """After a first one."""
    settings: dict[str, str | int | float] = {}
    """That differ from the defaults."""


class Trials(msgspec.Struct, frozen=True, kw_only=True):
    """What a child is asked."""

    trials: tuple[Trial, ...]
    started_at: float
    """Unix seconds at which the child was started."""
    matmul: bool = False
    """Measure the matrix product too, in each trial's precision."""


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """Result of a child: one for all trials."""

    measured: tuple[Speed, ...]
    default_precision: Precision
    device: str


PROBE = (
    Trial(width=128, height=128, steps=5),
    Trial(width=384, height=384, steps=2),
)
"""The short probe: two sizes far enough apart to separate the cost of a step from the cost of a pixel.

The larger one takes 1.6 GiB of memory; with 1024 px it took 4.3 GiB, and for a pixel the same time within a third.
"""


def ask(trials: Sequence[Trial], *, matmul: bool = False) -> Answer:
    """Measure in one child, in order; its peak memory belongs to a trial only if it is alone.

    Raises:
        EngineError: the child failed, with what it said last.
    """
    request = msgspec.json.encode(Trials(trials=tuple(trials), started_at=time.time(), matmul=matmul))
    command = launch.command("styled.planning.measuring_child")
    try:
        done = subprocess.run(
            command,
            input=request,
            capture_output=True,
            check=False,
            timeout=CHILD_SECONDS,
            env=clean_search_path(os.environ) | {"PYTHONWARNINGS": "ignore"},
        )
    except subprocess.TimeoutExpired as error:
        raise EngineError("measuring this machine took longer than an hour", "Give smaller sizes.") from error
    if done.returncode != 0:
        said = done.stderr.decode(errors="replace").strip().rpartition("\n")[2]
        ended = f"signal {-done.returncode}" if done.returncode < 0 else f"exit code {done.returncode}"
        raise EngineError(
            f"measuring this machine failed with {ended}: {said or 'it said nothing'}",
            "Look whether memory ran out, or try a smaller size.",
        )
    try:
        return from_json(done.stdout, Answer)
    except DataDamaged as error:
        raise EngineError(f"measuring this machine failed: its answer is no answer ({error.message})") from error


def probe(precision: str) -> Speeds:
    """Measure this machine in some ten seconds.

    Args:
        precision: the setting of that name.

    Raises:
        EngineError: it failed.
    """
    return speeds_of(ask([msgspec.structs.replace(trial, settings={"precision": precision}) for trial in PROBE]))


def speeds_of(answer: Answer) -> Speeds:
    """Return what a child found as measurements of this machine."""
    return Speeds(
        machine=machine(),
        measured=answer.measured,
        default_precision=answer.default_precision,
        device=answer.device,
    )
