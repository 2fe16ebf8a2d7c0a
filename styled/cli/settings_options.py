"""The options that set a job's settings, shared by the commands that paint one, add it to the queue or estimate it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import click

from styled.cli.machine import completing
from styled.config import load_config
from styled.presets import layered, presets
from styled.root import Root
from styled.settings import parse_assignment

SHORTCUTS = ("preset", "size", "steps", "optimizer", "seed", "memory_limit")
"""Settings with an option of their own."""

preset_option = click.option(
    "--preset",
    metavar="NAME",
    shell_complete=completing.presets,
    help="Settings to start from: " + "; ".join(f"{each.name}, {each.description}" for each in presets()) + ".",
)

_OPTIONS = (
    preset_option,
    click.option("--size", type=int, help="Long side of the result, px."),
    click.option("--steps", type=int, help="Optimiser steps."),
    click.option("--optimizer", type=click.Choice(["lbfgs", "adam"]), help="Optimiser."),
    click.option("--seed", type=int, help="Random seed."),
    click.option(
        "--memory-limit",
        metavar="LIMIT",
        shell_complete=completing.auto,
        help="Memory it may use: auto, or for example 2GiB; a number alone is in GiB.",
    ),
    click.option(
        "--set",
        "assignments",
        metavar="KEY=VALUE",
        multiple=True,
        shell_complete=completing.settings,
        help="Any setting; repeat for more.",
    ),
)


def settings_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options to a command, in this order."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def own_settings(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings that the options ask for.

    Raises:
        SettingsError: a ``--set`` is no ``key=value``.
    """
    # The options are read as assignments too: 4 is a number in both, and auto a word.
    given = [f"{name}={options[name]}" for name in SHORTCUTS if options[name] is not None]
    return dict(parse_assignment(text) for text in (*options["assignments"], *given))


def settings_values(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings that the options ask for, over those of the current root's styled.toml.

    Raises:
        SettingsError: a ``--set`` is no ``key=value``, or styled.toml is wrong.
    """
    return layered(load_config(Root.at().config).job, own_settings(options))
