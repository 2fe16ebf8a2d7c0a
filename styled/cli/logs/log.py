"""``styled log``: what a job's worker, or the daemon, wrote."""

from __future__ import annotations

import os
import shutil
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import click

from styled.chatter_filter import is_chatter_in_log
from styled.cli.logs.lines import json_of, text_of
from styled.cli.options import job_ids, root_option
from styled.cli.wait import find
from styled.errors import NoSuchJob, StyledError
from styled.files.printable import escaped
from styled.files.untrusted import open_regular
from styled.job import ENDED
from styled.job_folder import JobFolder
from styled.root import Root
from styled.store.reader import StoreReader

POLL_S = 0.25
"""Between two looks at a growing log."""

_PIECE_BYTES = 64 * 1024
"""Of a line that are in memory at once: a log may hold one of gigabytes."""


@click.command()
@root_option
@click.argument("job", required=False, shell_complete=job_ids)
@click.option("-f", "--follow", is_flag=True, help="Go on as it grows, until the job has ended.")
@click.option("--json", "as_json", is_flag=True, help="A JSON object a line.")
def log(root_path: str | None, job: str | None, *, follow: bool, as_json: bool) -> None:
    """Print the log of JOB (a number, an id or a name), or without it the daemon's.

    On a terminal long lines are wrapped. Times are of this machine's zone; with --json as they were written.
    What TensorFlow prints on a healthy machine is left out, but for --json.
    """
    root = Root.at(root_path)
    columns = shutil.get_terminal_size().columns if sys.stdout.isatty() else None

    def shown(line: str) -> str | None:
        if as_json:
            return json_of(line)
        return None if is_chatter_in_log(line) else text_of(line, columns)

    if job is None:
        _print(root.log, lambda: follow, shown)
        return
    with StoreReader.open(root) as reader:
        found = find(reader, job)

        def goes_on() -> bool:
            try:
                return follow and reader.get(found.id).state not in ENDED
            except NoSuchJob:
                return False

        _print(JobFolder(root.evolution / found.id).log, goes_on, shown)


def _print(path: Path, goes_on: Callable[[], bool], shown: Callable[[str], str | None]) -> None:
    """Print a log, and what is added to it while ``goes_on``; control characters never reach the terminal."""
    position = 0
    while True:
        last_look = not goes_on()  # before reading: what was written before the end is then printed
        with suppress(FileNotFoundError):
            position = _print_from(path, position, to_the_end=last_look, shown=shown)
        if last_look:
            return
        time.sleep(POLL_S)


def _print_from(path: Path, position: int, *, to_the_end: bool, shown: Callable[[str], str | None]) -> int:
    """Print, as ``shown`` (None: not at all), the whole lines from ``position`` on; return where they end.

    With ``to_the_end`` a last half line is printed too.
    """
    try:
        descriptor = open_regular(path, follow_links=True)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise StyledError(f"{path} cannot be read: {error.strerror}") from error
    with os.fdopen(descriptor, "rb") as file:
        size = file.seek(0, os.SEEK_END)
        position = file.seek(position if size >= position else 0)  # a log that shrank was rotated
        is_whole = True
        while piece := file.readline(_PIECE_BYTES):
            has_end = piece.endswith(b"\n")
            is_cut = not has_end and len(piece) == _PIECE_BYTES
            if not has_end and not is_cut and not to_the_end:
                break
            position = file.tell()
            text = piece.rstrip(b"\n").decode("utf-8", "surrogateescape")
            # Of a line that is longer than any of ours the pieces are printed as they are.
            line = shown(text) if is_whole and not is_cut else escaped(text)
            if line is not None:
                click.echo(line, nl=not is_cut)
            is_whole = not is_cut
    return position
