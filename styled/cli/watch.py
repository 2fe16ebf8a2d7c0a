"""Text that is printed again and again: in place on a terminal, and elsewhere whenever it has changed."""

from __future__ import annotations

import os
import select
import shutil
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TextIO

import click

from styled import signals

_ENTER = "\x1b[?1049h\x1b[?25l"
"""The alternate screen, without a cursor: what was on the terminal comes back at the end."""

_LEAVE = "\x1b[?25h\x1b[?1049l"


class _Left(BaseException):
    """The user or the system ends the watching; not an error, so no ``except Exception`` may take it."""


def watch(look: Callable[[int | None], tuple[list[str], object]], every_s: float, *, in_place: bool) -> None:
    """Print the lines of ``look(columns)`` until Ctrl-C, a signal to end, or the terminal is gone.

    Args:
        look: returns lines of at most so many columns, None: of any length, and what they are printed again for when it
            is another; called each time.
        every_s: seconds between two looks.
        in_place: rewrite the screen if there is one.
    """
    in_place = in_place and sys.stdout.isatty() and os.environ.get("TERM", "dumb") != "dumb"
    try:
        with _ended_by_signals(), _screen() if in_place else _plain():
            shown: object = None
            while True:
                size = shutil.get_terminal_size()
                lines, content = look(size.columns if sys.stdout.isatty() else None)
                if in_place:
                    _draw(lines, size.lines)
                elif content != shown:
                    shown = content
                    click.echo("\n".join(lines))
                if _is_closed(sys.stdout):
                    return
                time.sleep(every_s)
    except _Left:
        return


def _is_closed(stream: TextIO) -> bool:
    """Return whether a stream is a pipe that nobody reads any more: while nothing changes, nothing is written to it."""
    poll = select.poll()
    poll.register(stream.fileno(), 0)
    return any(events & select.POLLERR for _, events in poll.poll(0))


def _draw(lines: list[str], rows: int) -> None:
    """Write over what is there: nothing flickers, and what is longer than the terminal is cut."""
    if len(lines) > rows:
        lines = [*lines[: rows - 1], f"… {len(lines) - rows + 1} more lines"]
    sys.stdout.write("\x1b[H" + "\x1b[K\r\n".join(lines) + "\x1b[K\x1b[J")
    sys.stdout.flush()


@contextmanager
def _screen() -> Iterator[None]:
    sys.stdout.write(_ENTER)
    try:
        yield
    finally:
        sys.stdout.write(_LEAVE)
        sys.stdout.flush()


@contextmanager
def _plain() -> Iterator[None]:
    yield


@contextmanager
def _ended_by_signals() -> Iterator[None]:
    """Have the signals that end a program end the block in order, so that the terminal is left as it was."""

    def leave(_number: int, _frame: FrameType | None) -> None:
        raise _Left

    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = [signal.getsignal(number) for number in numbers]
    signals.handle(numbers, leave)
    try:
        yield
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)
