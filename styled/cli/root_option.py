"""The ``--root`` option that the commands about a root share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

_F = TypeVar("_F", bound=Callable[..., Any])


def root_option(command: _F) -> _F:
    """Add ``--root DIR``, passed as ``root_path``; :meth:`styled.root.Root.at` knows what to do without it."""
    return click.option(
        "--root",
        "root_path",
        type=click.Path(),
        metavar="DIR",
        help="The folder with inbox/ and evolution/  [default: $STYLED_ROOT, else the current folder]",
    )(command)
