"""``styled service``: the systemd unit of a root's daemon."""

from __future__ import annotations

import getpass
from pathlib import Path

import click

from styled.cli.init import require_root
from styled.cli.machine import completing
from styled.cli.options import root_option
from styled.errors import StyledError
from styled.files.printable import escaped
from styled.root import Root


@click.group()
def service() -> None:
    """Run the daemon as a systemd service: show or install its unit."""


def _unit(root: Root, *, system: bool, user: str | None) -> str:
    from styled.config import load_config
    from styled.daemon.process.unit import unit_text

    if escaped(str(root.path)) != str(root.path):
        raise StyledError(
            f"{escaped(str(root.path))} has characters that a unit cannot name",
            "Give the root a name that systemd takes.",
        )
    return unit_text(root, load_config(root.config), system=system, user=user or getpass.getuser())


@service.command()
@root_option
@click.option("--system", is_flag=True, help="For the whole machine instead of your own user.")
@click.option(
    "--user", metavar="NAME", shell_complete=completing.users, help="Who runs a --system service  [default: you]"
)
def show(root_path: str | None, *, system: bool, user: str | None) -> None:
    """Print the unit file."""
    click.echo(_unit(Root.at(root_path), system=system, user=user), nl=False)


@service.command()
@root_option
@click.option("--system", is_flag=True, help="For the whole machine (as root) instead of your own user.")
@click.option(
    "--user", metavar="NAME", shell_complete=completing.users, help="Who runs a --system service  [default: you]"
)
@click.option("--name", default="styled", show_default=True, help="Of the unit; one for each root.")
@click.option("--force", is_flag=True, help="Replace another unit of that name.")
def install(root_path: str | None, *, system: bool, user: str | None, name: str, force: bool) -> None:
    """Write the unit file where systemd finds it, and print how to start it.

    What it allows is what styled.toml asks for now: install again with `--force` after a change of weights, hooks or backend.
    """
    from styled.daemon.process.unit import unit_path

    path = unit_path(name, system=system)
    root = Root.at(root_path)
    require_root(root)
    text = _unit(root, system=system, user=user)
    _write(path, text, force=force)
    manager = "systemctl" if system else "systemctl --user"
    click.echo(f"Wrote {path}. Start it, now and at each boot, with:")
    click.echo(f"  {manager} daemon-reload && {manager} enable --now {name}")
    if not system:
        click.echo("  loginctl enable-linger    # so that it runs while you are logged out")


def _write(path: Path, text: str, *, force: bool) -> None:
    try:
        if not force and path.exists() and path.read_bytes() != text.encode():
            raise StyledError(f"{path} is there and differs", "Choose another --name, or replace it with --force.")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    except OSError as error:
        raise StyledError(
            f"{path} cannot be written: {error.strerror}", "A --system unit needs root: use sudo."
        ) from error
