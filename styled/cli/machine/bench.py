"""``styled bench``: how fast this machine paints."""

from __future__ import annotations

import re
from typing import Any

import click
import msgspec

from styled.planning.bench import SIZES, bench, markdown


def _read_sizes(_context: click.Context, _option: click.Parameter, value: str | None) -> list[tuple[int, int]]:
    """Read ``512x384,1920x1080``."""
    if value is None:
        return list(SIZES)
    found = [re.fullmatch(r"(\d+)x(\d+)", part.strip()) for part in value.split(",")]
    sizes = [(int(match[1]), int(match[2])) for match in found if match]
    if len(sizes) < len(found) or any(min(size) < 32 for size in sizes):
        raise click.BadParameter(f"{value!r} is not a list of sizes such as 512x384,1920x1080, of 32 px and more")
    return sizes


@click.command(name="bench")
@click.option("--sizes", callback=_read_sizes, metavar="WxH,…", help="Pictures to measure, px. [default: four]")
@click.option(
    "--precision",
    "precisions",
    type=click.Choice(["float32", "bfloat16"]),
    multiple=True,
    help="Number format of the convolutions; may be given twice. [default: the faster one here]",
)
@click.option("--steps", type=click.IntRange(min=1), default=3, help="Steps of each, after a first one.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(sizes: list[tuple[int, int]], precisions: tuple[Any, ...], steps: int, as_json: bool) -> None:
    """Measure how fast this machine paints: a table to paste into an issue.

    Each size runs untiled, in a process of its own. What is found makes the predictions of `styled plan` better.
    Let nothing else run meanwhile.
    """
    result = bench(
        sizes,
        precisions,
        on_trial=lambda trial: click.echo(f"measuring {trial.width}x{trial.height}", err=True),
        steps=steps,
    )
    click.echo(msgspec.json.encode(result) if as_json else markdown(result))
