"""``styled weights``: which VGG19 weights are in use, whether they are good, and where the cache is."""

from __future__ import annotations

import dataclasses
import sys

import click
import msgspec

from styled.cli.machine import completing
from styled.cli.options import root_option
from styled.config import load_config
from styled.errors import WeightsError
from styled.files.printable import escaped
from styled.root import Root


@click.command()
@click.argument("setting", metavar="[builtin|imagenet|PATH.h5]", required=False, shell_complete=completing.weights)
@root_option
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def weights(setting: str | None, root_path: str | None, as_json: bool) -> None:
    """Show which VGG19 weights are in use.

    Reads and checks the file, downloads nothing, and exits with 66 if the file cannot be used. Without an
    argument it shows the weights that jobs of this root get.
    """
    from styled.vgg19.weights import BUILTIN, describe

    spec = setting or load_config(Root.at(root_path).config).job.get("weights", BUILTIN)
    found = describe(spec)
    # Of files, whose names need not be UTF-8.
    info = dataclasses.replace(
        found,
        setting=escaped(found.setting),
        path=escaped(found.path),
        cache=escaped(found.cache),
        problem=escaped(found.problem),
    )
    if as_json:
        click.echo(msgspec.json.encode(info))
    else:
        click.echo(f"weights  {info.setting}")
        click.echo(f"file     {info.path}")
        click.echo(f"sha256   {info.digest or '-'}")
        click.echo(f"cache    {info.cache}")
        click.echo(f"state    {'good' if info.available else info.problem}")
    if not info.available:
        sys.exit(WeightsError.exit_code)
