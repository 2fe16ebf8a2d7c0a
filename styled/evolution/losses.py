"""``losses.jsonl``: one :class:`~styled.messages.Progress` a line, one line per step, appended while painting."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, NamedTuple

from styled import messages
from styled.errors import DataDamaged
from styled.files.decoding import from_json
from styled.files.durable import disk_full_at
from styled.files.untrusted import NOT_A_FILE, open_regular
from styled.job_folder import JobFolder, put_aside_what_is_no_file

_READ_BYTES = 8 * 2**20
"""Most that one call of read_losses reads: about 14,000 steps."""

_LINE_BYTES = 8192
"""No line is longer: VGG19 has 16 layers."""


class LossLog:
    """Appends to ``losses.jsonl``; the worker's side.

    Args:
        folder: the job's folder.
        step: painting goes on after this step; lines of later steps, and a torn last line, are dropped.
    """

    def __init__(self, folder: JobFolder, *, step: int = 0) -> None:
        self._path = folder.losses
        put_aside_what_is_no_file(self._path)
        with disk_full_at(self._path):
            self._descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o666)
            os.ftruncate(self._descriptor, _length_up_to(self._path, step))

    def append(self, progress: messages.Progress) -> None:
        """Append one step; a reader sees the whole line or nothing.

        Not synced: after a power loss the last lines may be gone, and the checkpoint is older than they were.

        Raises:
            DiskFull: no space; the file is as it was before.
        """
        line = messages.encode(progress)
        before = os.fstat(self._descriptor).st_size
        try:
            with disk_full_at(self._path):
                written = os.write(self._descriptor, line)
                if written < len(line):  # the disk is nearly full: writing the rest raises the error
                    os.write(self._descriptor, line[written:])
        except BaseException:
            os.ftruncate(self._descriptor, before)
            raise

    def close(self) -> None:
        """Close the file; the log cannot be used after."""
        os.close(self._descriptor)

    def __enter__(self) -> LossLog:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class LossPart(NamedTuple):
    """What one call of :func:`read_losses` found."""

    losses: list[messages.Progress]
    offset: int
    """Where to read on."""
    restarted: bool
    """The file was cut below the offset asked for (the job was resumed or retried): forget what was read before."""


def read_losses(folder: JobFolder, offset: int = 0) -> LossPart:
    """Read the steps written since ``offset``; the reader's side, safe while a worker writes.

    A last line without its end is left for the next call; a line that is no step is skipped.
    A step not above the one before it means that the job was resumed: the later lines are the true ones.
    At most the steps of 8 MiB at once: read on until no step comes.
    """
    file = _opened(folder.losses)
    if file is None:
        return LossPart([], 0, restarted=offset > 0)
    with file:
        restarted = not _is_line_start(file.fileno(), offset)
        start = 0 if restarted else offset
        while data := os.pread(file.fileno(), _READ_BYTES, start):
            end = data.rfind(b"\n") + 1 or _end_of_long_line(file.fileno(), start)
            losses = [progress for line in data[:end].splitlines() if (progress := _decoded(line)) is not None]
            start += end
            if losses or not end:
                return LossPart(losses, start, restarted)
    return LossPart([], start, restarted)


def all_losses(folder: JobFolder) -> list[messages.Progress]:
    """Read the steps written until now, however many; none if there is no file."""
    losses: list[messages.Progress] = []
    part = read_losses(folder)
    while part.losses:
        losses += part.losses
        part = read_losses(folder, part.offset)
    return losses


def last_loss(folder: JobFolder) -> messages.Progress | None:
    """Read the newest whole line only; None if there is none."""
    file = _opened(folder.losses)
    if file is None:
        return None
    with file:
        size = os.fstat(file.fileno()).st_size
        data = os.pread(file.fileno(), _LINE_BYTES, max(0, size - _LINE_BYTES))
    lines = data[: data.rfind(b"\n") + 1].splitlines()
    return _decoded(lines[-1]) if lines else None


def _opened(path: Path) -> BinaryIO | None:
    """Open the file; None if there is none, or something else in its place: then there are no losses to be had."""
    try:
        return os.fdopen(open_regular(path, follow_links=True), "rb")
    except OSError as error:
        if error.errno in NOT_A_FILE | {errno.ENOENT}:
            return None
        raise


def _end_of_long_line(descriptor: int, start: int) -> int:
    """Return the length of a line that is longer than what is read at once, its end included; 0 if that is to come."""
    at = start
    while data := os.pread(descriptor, _READ_BYTES, at):
        end = data.find(b"\n") + 1
        if end:
            return at + end - start
        at += len(data)
    return 0


def _is_line_start(descriptor: int, offset: int) -> bool:
    return offset == 0 or os.pread(descriptor, 1, offset - 1) == b"\n"


def _decoded(line: bytes) -> messages.Progress | None:
    try:
        return from_json(line, messages.Progress)
    except DataDamaged:
        return None


def _length_up_to(path: Path, step: int) -> int:
    """Return the length of the part of ``path`` up to the line of ``step``; a damaged line before that costs itself only."""
    length = read = 0
    with os.fdopen(open_regular(path, follow_links=True), "rb") as file:
        while line := file.readline(_LINE_BYTES):  # a longer one comes in pieces, none of which is a step
            read += len(line)
            progress = _decoded(line) if line.endswith(b"\n") else None
            if progress is None:
                continue
            if progress.step > step:
                break
            length = read
    return length
