"""``styled gallery``: every result on one page."""

from __future__ import annotations

import sys

import click

from styled.cli.init import require_root
from styled.cli.options import root_option
from styled.files.printable import escaped
from styled.root import Root

_PROGRESS_FROM = 20
"""Jobs from which on progress is shown."""


@click.command()
@root_option
def gallery(root_path: str | None) -> None:
    """Write evolution/index.html: all results, each beside its content, with its frames, losses and settings.

    The page needs no server and no network, and may be copied together with evolution/. Small copies of the pictures
    are kept in each job's views/, so the next time is faster.
    """
    from styled.gallery import write_gallery

    def show_progress(done: int, every: int) -> None:
        if every >= _PROGRESS_FROM and sys.stderr.isatty():
            click.echo(f"\r{done}/{every} jobs" + ("\n" if done == every else ""), nl=False, err=True)

    root = Root.at(root_path)
    require_root(root)
    written = write_gallery(root.evolution, on_job=show_progress)
    for note in written.notes:
        click.echo(escaped(note), err=True)
    click.echo(f"{escaped(str(written.path))}: {written.shown} result{'' if written.shown == 1 else 's'}")
