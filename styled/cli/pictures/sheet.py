"""``styled sheet``: jobs as one picture."""

from __future__ import annotations

import os
from pathlib import Path

import click

from styled.cli.folder_of import folder_of
from styled.cli.options import job_ids, root_option
from styled.root import Root


@click.command()
@root_option
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="The PNG file  [default: NAME-sheet.png]",
)
@click.option("--overwrite", is_flag=True, help="Replace the file if it exists.")
@click.argument("jobs", metavar="JOB…", nargs=-1, required=True, shell_complete=job_ids)
def sheet(root_path: str | None, output: Path | None, overwrite: bool, jobs: tuple[str, ...]) -> None:
    """Draw a contact sheet of each JOB: content, styles, frames, result and losses, as one PNG."""
    from styled import images
    from styled.errors import OutputUnusable
    from styled.gallery import draw_sheet
    from styled.gallery.entry import read_entry

    root = Root.at(root_path)
    entries = [read_entry(folder_of(root, job)) for job in jobs]
    target = output or Path(f"{entries[0].name}-sheet.png" if len(entries) == 1 else "sheet.png")
    if target.suffix.lower() != ".png":
        raise OutputUnusable(f"{target} is not a PNG file", "Give a name that ends with .png.")
    if target.exists() and not overwrite:
        raise OutputUnusable(f"{target} exists", "Choose another name, or add --overwrite.")
    if not target.absolute().parent.is_dir():
        raise OutputUnusable(f"{target.absolute().parent} is not a folder", "Create it, or choose another.")
    import numpy as np

    images.save(np.asarray(draw_sheet(entries)), target)
    click.echo(os.fsencode(target))  # a name is bytes, whatever the character set
