"""Paints the pairs by three presets and by the peer, scores them, and draws contact sheets; see README.md beside this."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click

from tests.bench.quality.fetch import fetch
from tests.bench.quality.painting import paint, run
from tests.bench.quality.pairs import PAIRS
from tests.bench.quality.sheets import inputs_sheet, pair_sheet

PRESETS = ("draft", "balanced", "fine")


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
    images = fetch(out / "images", extra=extra, pip=pip.split(), pairs=chosen)
    inputs_sheet(chosen, images).save(out / "inputs.png")
    if inputs_only:
        return
    (out / "sheets").mkdir(exist_ok=True)
    for pair in chosen:
        pictures, scores = {"content": images[pair.content], "style": images[pair.style]}, {}
        for who in (*PRESETS, *(["peer"] if peer else [])):
            pictures[who] = out / f"{pair.name}.{who}.png"
            paint(pair, who, images, pictures[who], size=size, peer=peer, steps=steps)
            said = run(
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
