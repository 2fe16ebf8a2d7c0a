"""What many commands share: the option ``--root``, ranges of numbers, and how a shell completes the JOB argument. Loads nothing heavy."""

from __future__ import annotations

import math
import os
from collections import Counter
from collections.abc import Callable
from typing import Any, TypeVar

import click

from styled.errors import StyledError
from styled.root import Root

_F = TypeVar("_F", bound=Callable[..., Any])

_OFFERED = 100
"""Ids at most: more, and a shell asks whether to show them."""


def root_option(command: _F) -> _F:
    """Add ``--root DIR``, passed as ``root_path``; :meth:`styled.root.Root.at` applies without it."""
    return click.option(
        "--root",
        "root_path",
        type=click.Path(),
        metavar="DIR",
        help="The folder with inbox/ and evolution/  [default: $STYLED_ROOT, else the current folder]",
    )(command)


class FiniteRange(click.FloatRange):
    """A range of numbers without NaN, which click finds in every range, and infinity, which it finds in those without an end."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the number; a usage error where it is none."""
        number = super().convert(value, param, ctx)
        if not math.isfinite(number):
            end = f" to {self.max:.15g}" if self.max is not None else ""
            self.fail(f"{value} is no finite number: give one from {self.min:.15g}{end}.", param, ctx)
        return number


def job_ids(ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[str]:
    """Return the numbers and ids that begin so, newest first, and the names of one job only.

    Ids and names are taken from the names of the folders: a shell waits for this at each Tab. Numbers are looked up where
    one is begun.
    """
    root = Root.at(ctx.params.get("root_path"))
    try:
        names = os.listdir(root.evolution)  # noqa: PTH208  # names, not paths
    except OSError:
        return []  # no root here: nothing to offer, and nowhere to print an error
    ids = [name for name in names if _is_id(name)]
    called = Counter(job.split("-", 2)[-1] for job in ids)
    words = _numbers(root, incomplete) if incomplete.isascii() and incomplete.isdigit() else []
    words += sorted((job for job in ids if job.startswith(incomplete)), reverse=True)
    words += sorted(name for name, count in called.items() if count == 1 and incomplete and name.startswith(incomplete))
    return words[:_OFFERED]


def _numbers(root: Root, incomplete: str) -> list[str]:
    """Return the numbers of jobs that begin so, the newest first: ``42``, or ``0042`` where a zero is typed."""
    from styled.store.reader import StoreReader

    digits = 4 if incomplete.startswith("0") else 1
    try:
        with StoreReader.open(root) as reader:
            found = sorted((row.number for row in reader.rows()), reverse=True)
    except StyledError:
        return []  # as above
    return [word for number in found if (word := f"{number:0{digits}d}").startswith(incomplete)]


def _is_id(name: str) -> bool:
    """Return whether a name is that of a job's folder, as :func:`styled.evolution.job_id` makes them."""
    return name[:8].isdigit() and name[8:9] == "-" and name.isprintable() and not any(map(str.isspace, name))
