"""The option ``--preset``, shared by the commands that start a job."""

from __future__ import annotations

import click

from styled.presets import presets

preset_option = click.option(
    "--preset",
    metavar="NAME",
    help="Settings to start from: " + "; ".join(f"{each.name}, {each.description}" for each in presets()) + ".",
)
