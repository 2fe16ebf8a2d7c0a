"""``styled init``: a folder becomes a root. And how the other commands make sure that theirs is one."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from styled.cli.options import root_option
from styled.errors import NoRoot, OutputUnusable
from styled.files import durable
from styled.files.printable import escaped
from styled.root import Root

_READMES = Path(__file__).parent.parent / "data" / "root"


@click.command()
@click.argument("folder", metavar="[DIR]", required=False, type=click.Path())
@root_option
def init(folder: str | None, root_path: str | None) -> None:
    """Make DIR a root: the folder with inbox/ and evolution/, each with a README.

    Without DIR, or --root DIR as other commands have it, it is $STYLED_ROOT, else the current folder. What is there
    already stays as it is.
    """
    if folder and root_path:
        raise click.UsageError("give the folder once: DIR, or --root DIR")
    root = Root.at(folder or root_path)
    was_made = root.is_made
    make_root(root)
    now = "was a root already" if was_made else "is a root now"
    click.echo(escaped(f"{root.path} {now}. Drop pairs into {root.inbox}"))
    click.echo("Paint what is dropped there with: styled daemon")


def make_root(root: Root) -> None:
    """Make the folders of a root, and the READMEs in them, as far as they are not there.

    Raises:
        OutputUnusable: a folder cannot be made there.
        DiskFull: no space.
    """
    for folder, text in ((root.inbox, "inbox.md"), (root.evolution, "evolution.md")):
        try:
            with durable.disk_full_at(root.path):
                folder.mkdir(parents=True, exist_ok=True)
                if not (folder / "README.md").exists():
                    (folder / "README.md").write_bytes((_READMES / text).read_bytes())
        except OSError as error:
            raise OutputUnusable(f"{folder} cannot be made: {error.strerror}", "Choose another folder.") from error


def require_root(root: Root) -> None:
    """Make sure that a folder is a root before something is made in it: where it is none, ask, if there is somebody to ask.

    Raises:
        NoRoot: it is none, and nobody wants it to be.
    """
    if root.is_made:
        return
    if sys.stdin.isatty() and sys.stderr.isatty():
        question = f"{escaped(str(root.path))} is no root yet. Make inbox/ and evolution/ in it?"
        if click.confirm(question, err=True):
            make_root(root)
            return
    raise NoRoot(
        f"{escaped(str(root.path))} is no root: it has no inbox/ and no evolution/",
        f"Give the right one with --root or $STYLED_ROOT, or make this one with: {escaped(root.command_to_make_it)}",
    )
