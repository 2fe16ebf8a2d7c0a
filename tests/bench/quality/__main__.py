"""Paints the pairs by three presets and by the peer, scores them, and draws contact sheets; see README.md beside this."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import click

from tests.bench.quality.fetch import fetch
from tests.bench.quality.pairs import PAIRS, Pair
from tests.bench.quality.sheets import inputs_sheet, pair_sheet

PRESETS = ("draft", "balanced", "fine")


def _run(command: Sequence[object]) -> str:
    done = subprocess.run(list(map(str, command)), check=False, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{' '.join(map(str, command))}\n{done.stderr[-2000:]}")
    return done.stdout


def paint(
    pair: Pair, who: str, images: dict[str, Path], output: Path, *, size: int, peer: str, steps: int | None
) -> None:
    """Paint a pair, unless that picture is there.

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
    _run(command)


@click.command()
@click.option("--out", type=click.Path(path_type=Path), required=True, help="For images, pictures and sheets.")
@click.option(
    "--extra", type=click.Path(path_type=Path, exists=True), required=True, help="Has the_scream.jpg, shipwreck.jpg."
)
@click.option("--peer", default="", help="Python of an environment with pastiche 1.6.0; without, ours only.")
@click.option("--pip", default="python3 -m pip", help="The command.")
@click.option("--size", type=int, default=480, help="Long side, px.")
@click.option("--steps", type=int, default=None, help="Of all, to try this. [default: each program's own]")
@click.option("--only", default="", help="Numbers of pairs, from 1, with commas. [default: all]")
@click.option("--inputs-only", is_flag=True, help="Fetch, draw inputs.png and end.")
def main(
    *, out: Path, extra: Path, peer: str, pip: str, size: int, steps: int | None, only: str, inputs_only: bool
) -> None:
    """Paint, score, draw."""
    chosen = [PAIRS[int(number) - 1] for number in only.split(",")] if only else list(PAIRS)
    names = list(dict.fromkeys(name for pair in chosen for name in (pair.content, pair.style)))
    images = fetch(out / "images", extra=extra, pip=pip.split(), names=names)
    inputs_sheet(chosen, images).save(out / "inputs.png")
    if inputs_only:
        return
    (out / "sheets").mkdir(exist_ok=True)
    for pair in chosen:
        pictures, scores = {"content": images[pair.content], "style": images[pair.style]}, {}
        for who in (*PRESETS, *(["peer"] if peer else [])):
            pictures[who] = out / f"{pair.name}.{who}.png"
            before = time.monotonic()
            paint(pair, who, images, pictures[who], size=size, peer=peer, steps=steps)
            click.echo(f"{pair.name} {who}: {time.monotonic() - before:.0f} s", err=True)
            said = _run(
                [
                    sys.executable,
                    "-m",
                    "styled",
                    "score",
                    pictures[who],
                    *list(pictures.values())[:2],
                    "--size",
                    size,
                    "--json",
                ]
            )
            scores[who] = json.loads(said)
        (out / f"{pair.name}.json").write_text(json.dumps(scores, indent=1))
        pair_sheet(pair, pictures, scores).save(out / "sheets" / f"{pair.name}.png")
    click.echo("| pair | " + " | ".join(f"{who} texture, SSIM, verdict" for who in scores) + " |")
    click.echo("|---" * (len(scores) + 1) + "|")
    for pair in chosen:
        found = json.loads((out / f"{pair.name}.json").read_text())
        cells = [f"{each['texture']:.2f}, {each['luminance_ssim']:.3f}, {each['verdict']}" for each in found.values()]
        click.echo(f"| {pair.name} | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()
