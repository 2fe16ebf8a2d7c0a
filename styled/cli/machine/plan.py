"""``styled plan``: what a job will take, before it is begun."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import msgspec

from styled import figures, planning
from styled.cli.settings_options import settings_options, settings_values
from styled.errors import DoesNotFit
from styled.planning import Plan
from styled.settings import settings_from


@click.command()
@click.argument("content", type=click.Path(path_type=Path))
@click.argument("styles", metavar="STYLE...", type=click.Path(path_type=Path), nargs=-1, required=True)
@click.option("--mask", is_flag=True, help="As with a mask, which takes memory of its own.")
@settings_options
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def plan(content: Path, styles: tuple[Path, ...], mask: bool, as_json: bool, **options: Any) -> None:
    """Estimate how long a job will take, and how much memory.

    Nothing is painted, and only the headers of the images are read. The speed of this machine is what `styled
    bench` has measured; where it has not, a short probe measures it first. Settings that are not given come from
    styled.toml of the current root, if there is one. Exits with 137 if the job needs more memory than it may take.
    """
    estimated = planning.plan(content, styles, settings_from(settings_values(options)), has_mask=mask)
    if as_json:
        click.echo(msgspec.json.encode(estimated))
    else:
        click.echo("\n".join(lines(estimated)))
    if not estimated.fits:
        needed, limit = figures.size_of(estimated.peak_bytes), figures.size_of(estimated.limit_bytes)
        raise DoesNotFit(
            f"it needs {needed}, and has {limit} ({estimated.limit_source})", "Lower size, or give it more memory."
        )


def lines(estimated: Plan) -> list[str]:
    """Return a plan as a table of text."""
    rows = [("SCALE", "SIZE", "STEPS", "TILES", "PAIRS", "STEP", "TIME", "MEMORY")]
    for number, scale in enumerate(estimated.scales, start=1):
        rows.append((
            f"{number}/{len(estimated.scales)}",
            f"{scale.width}x{scale.height}",
            str(scale.steps),
            "untiled" if scale.scheme == "off" else f"{scale.scheme} {scale.tile_width}x{scale.tile_height}",
            str(scale.history or "-"),
            "-" if scale.step_seconds is None else f"{scale.step_seconds:.2f} s",
            figures.duration(scale.seconds),
            figures.size_of(scale.peak_bytes),
        ))  # fmt: skip
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    table = ["  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)) for row in rows]
    limit = "" if estimated.limit_bytes is None else f" of {figures.size_of(estimated.limit_bytes)}"
    return [
        *table,
        f"time    {figures.duration(estimated.seconds)}, convolutions in {estimated.precision}",
        f"memory  {figures.size_of(estimated.peak_bytes)}{limit} ({estimated.limit_source})",
        f"on      {estimated.machine}",
        *(f"note    {remark}" for remark in estimated.remarks),
    ]
