"""``styled score``: how good a result is, in figures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import msgspec

from styled.cli.settings_options import settings_options, settings_values
from styled.score.scoring import Score
from styled.score.scoring import score as scored
from styled.settings import settings_from


@click.command()
@click.argument("result", type=click.Path(path_type=Path))
@click.argument("content", type=click.Path(path_type=Path))
@click.argument("styles", metavar="STYLE...", type=click.Path(path_type=Path), nargs=-1, required=True)
@settings_options
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def score(result: Path, content: Path, styles: tuple[Path, ...], as_json: bool, **options: Any) -> None:
    """Measure a result against the photo and the paintings that it was made from.

    The objective is that of the settings, however the result was painted; `--size` is the long side to score at, at most.
    Figures depend on it: score all results that you compare at the size of the smallest.
    """
    found = scored(result, content, styles, settings_from(settings_values(options)))
    if as_json:
        click.echo(msgspec.json.encode(found))
        return
    for line in lines(found):
        click.echo(line)


def lines(found: Score) -> list[str]:
    """Return a score as a table of text."""
    rows = [(f"loss {name}", f"{value:.4g}", "") for name, value in found.objective.items()]
    rows += [
        (f"Gram distance {name}", f"{value:.4f}", "not optimised; 0 = the style")
        for name, value in found.held_out.items()
    ]
    damage = found.artefacts
    rows += [
        ("texture", f"{found.texture:.2f}", "levels away from the style"),
        ("colour", f"{found.colour:.2f}", "levels away from the style"),
        ("SSIM luminance", f"{found.luminance_ssim:.4f}", "1 = the photo"),
        ("SSIM edges", f"{found.gradient_ssim:.4f}", "1 = the photo"),
        ("grey haze", f"{damage.haze:.4f}", "share of the picture"),
        ("black specks", f"{damage.black_specks:.1f}", "per million pixels"),
        ("border bands", f"{damage.border_bands:.1f}", "levels"),
        ("border noise", f"{damage.border_noise:.2f}", "of the detail inside, more"),
        ("lattice", f"{damage.lattice:.1f}", "levels, where the photo is even"),
        ("foreign colours", f"{damage.foreign_colours:.4f}", "share of the picture"),
        ("shapes on even ground", f"{damage.objects:.1f}", "levels"),
    ]
    name, figure = (max(len(row[column]) for row in rows) for column in (0, 1))
    table = [f"{row[0]:<{name}}  {row[1]:>{figure}}  {row[2]}".rstrip() for row in rows]
    return [f"scored at {found.width}x{found.height} px", *found.remarks, *table, found.verdict]
