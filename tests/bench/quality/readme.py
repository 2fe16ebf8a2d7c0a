"""Paints the six pairs that README shows and draws their sheet; see README.md beside this."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from tests.bench.quality.fetch import fetch
from tests.bench.quality.painting import paint
from tests.bench.quality.pairs import PAIRS
from tests.bench.quality.sheets import triptychs

SHOWN = ("portrait+oil", "cat+pencil", "astronaut+gold-leaf", "rocket+oil", "line-art+oil", "portrait+childs-drawing")
"""Of public domain, or made of such: photo and style alike. The last two are hard pairs."""

MOST_BYTES = 400_000
SIZE = 384


@click.command()
@click.option("--out", type=click.Path(path_type=Path), required=True, help="For images and pictures.")
@click.option("--extra", type=click.Path(path_type=Path, exists=True), required=True, help="As of the whole table.")
@click.option("--pip", default="python3 -m pip", help="The command.")
@click.option("--sheet", type=click.Path(path_type=Path), default=".github/six-pairs.jpg", show_default=True)
def main(*, out: Path, extra: Path, pip: str, sheet: Path) -> None:
    """Paint with the defaults, but smaller, and draw; a picture that is there is not painted again."""
    pairs = [pair for name in SHOWN for pair in PAIRS if pair.name == name]
    images = fetch(out / "images", extra=extra, pip=pip.split(), pairs=pairs)
    rows = []
    for pair in pairs:
        painted = out / f"{pair.name}.balanced-{SIZE}.png"
        paint(pair, "balanced", images, painted, size=SIZE)
        rows.append((images[pair.content], images[pair.style], painted))
    triptychs(rows).save(sheet, quality=85, optimize=True)
    if sheet.stat().st_size > MOST_BYTES:
        sys.exit(f"{sheet} has {sheet.stat().st_size} bytes; README's pictures have {MOST_BYTES} at most")


if __name__ == "__main__":
    main()
