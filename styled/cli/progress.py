"""Progress on a terminal and without one, from a worker's messages."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from typing import Protocol, TextIO

import click

from styled import figures, messages
from styled.messages import Failure, Noted, Progress, Started, WorkerMessage

PLAIN_EVERY_S = 5.0
"""Seconds between two lines where there is no terminal: a log is read later."""

_BAR_CELLS = 20


class Display(Protocol):
    """Shows a worker's messages."""

    def show(self, message: WorkerMessage) -> None:
        """Show one message."""

    def note(self, text: str) -> None:
        """Show a line of text."""

    def close(self) -> None:
        """Leave the terminal as it was."""


class JsonLines:
    """Every message as a JSON line, for programs."""

    def show(self, message: WorkerMessage) -> None:
        """Print the message."""
        click.echo(messages.encode(message), nl=False)

    def note(self, text: str) -> None:
        """Print a note for people on standard error."""
        click.echo(text, err=True)

    def close(self) -> None:
        """Nothing to undo."""


class TextLines:
    """One line that changes on a terminal; else a line every few seconds.

    Args:
        stream: where to write; standard error by default, so that standard output holds the result's path only.
        clock: monotonic seconds.
    """

    def __init__(self, stream: TextIO, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._stream, self._clock = stream, clock
        self._interactive = stream.isatty()
        self._shown_at = -PLAIN_EVERY_S
        self._scale = 0
        self._open = False

    def show(self, message: WorkerMessage) -> None:
        """Show start, progress, notes and failure; frames and checkpoints are not worth a line."""
        match message:
            case Started():
                size = f"{message.width}x{message.height} px on {message.device}"
                self.note(f"painting {size}" + (f", going on after step {message.step}" if message.step else ""))
                for remark in message.remarks:
                    self.note(f"note: {remark}")
            case Progress():
                self._show_progress(message)
            case Noted():
                self.note(message.note)
            case Failure():
                self.close()

    def note(self, text: str) -> None:
        """Write a line of its own."""
        self.close()
        self._stream.write(text + "\n")
        self._stream.flush()

    def close(self) -> None:
        """End the changing line."""
        if self._open:
            self._stream.write("\n")
            self._stream.flush()
            self._open = False

    def _show_progress(self, progress: Progress) -> None:
        if self._interactive:
            columns = shutil.get_terminal_size().columns
            self._stream.write(f"\r{progress_line(progress, columns - 1)}\x1b[K")
            self._stream.flush()
            self._open = True
            return
        now, ended = self._clock(), progress.step == progress.steps
        if ended or progress.scale != self._scale or now - self._shown_at >= PLAIN_EVERY_S:
            self._shown_at, self._scale = now, progress.scale
            self.note(progress_line(progress, 100))


def progress_line(progress: Progress, columns: int) -> str:
    """Return one line of at most ``columns`` ASCII characters; what matters less goes first when there is no room."""
    share = progress.step / progress.steps
    full = round(share * _BAR_CELLS)
    parts = [
        f"{share * 100:3.0f}%",
        f"step {progress.step}/{progress.steps}",
        f"loss {figures.loss(progress.loss)}",
        f"{figures.duration(progress.left_seconds)} left",
        f"[{'#' * full}{'.' * (_BAR_CELLS - full)}]",
        figures.speed(progress.step_seconds),
        f"{progress.width}x{progress.height}",
        figures.size_of(progress.memory_bytes),
    ]
    while len(parts) > 1 and len("  ".join(parts)) > columns:
        parts.pop()
    return "  ".join(parts)[:columns]
