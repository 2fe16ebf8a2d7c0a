"""Brings what a node has painted from an attempt's folder into ``evolution/<job>/``, after a look at each file.

A node is not trusted more than whoever drops a file into the inbox: names, sizes and kinds are checked, pictures are
decoded in a child process, checkpoints are read to their end. A file is renamed into place when it has passed, and
only then is the message passed on that tells of it. Doing all of it again, from the start, changes nothing.
"""

from __future__ import annotations

import errno
import os
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

from styled.backend.staged.limits import FRAME, MOST_LOG, RESULTS, SLOTS, most_bytes
from styled.backend.staged.place import Place
from styled.errors import ControlError, DataDamaged, ImageError
from styled.evolution import JobFolder, LossLog, check_slot, frames
from styled.files import durable
from styled.files.decoding import from_json, read_file
from styled.files.untrusted import NOT_A_FILE, folder_at, open_regular, parent_of
from styled.messages import Checkpointed, Frame, Progress, Result, Started, WorkerMessage, decode
from styled.settings import Settings

_AT_ONCE = 1024 * 1024
"""Bytes of messages, losses or log that are taken in one turn."""

_COPIED_AT_ONCE = 1024 * 1024

_MOST_LINE = 64 * 1024


class Mirror:
    """Follows one attempt.

    Args:
        place: the attempt's folder.
        folder: the job's folder in ``evolution/``, to which nobody else writes meanwhile.
        settings: the job's.
        check: decodes an open image, or raises ImageError.
    """

    def __init__(
        self, place: Place, folder: JobFolder, settings: Settings, check: Callable[[int, str], object]
    ) -> None:
        self._place, self._folder, self._settings, self._check = place, folder, settings, check
        self._read = _Tail(place.path, "messages.jsonl")
        self._losses = _Tail(place.path, f"{place.job}/losses.jsonl")
        self._log = _Tail(place.path, f"{place.job}/log.txt")
        self._log.offset = self._logged = _number_in(place.taken)
        self._unlogged = b""
        """Of the log: read, and not yet written."""
        self._unwritten: deque[bytes] = deque()
        """Lines of losses: the same."""
        self._loss_log: LossLog | None = None
        self._last_step = 0
        self._waiting: list[WorkerMessage] = []
        """Read, and their files not yet brought over."""
        self.garbled = ""
        """What the worker wrote that is no message, the first of it."""

    def turn(self) -> Iterator[WorkerMessage]:
        """Bring over what is new, as far as it can be read at once; yield each message when its files are there.

        What raises is done again by the next call.

        Raises:
            StorageRefuses: a disk does not take it, or the spool is away.
            OSError: the spool does not give it.
            DataDamaged: the node sent what it may not.
        """
        with durable.waiting_for(self._place.path):
            self._take_log()
            if not self._waiting:
                self._waiting = [message for line in self._read.lines() if (message := self._decoded(line)) is not None]
            while self._waiting:
                message = self._waiting[0]
                # The steps first: a checkpoint from which others are left out would be gone on from.
                self._take_all_losses()
                self._bring(message)
                self._waiting.pop(0)
                yield message
            self._take_losses()

    @property
    def is_behind(self) -> bool:
        """Whether more was written than has been brought over."""
        unwritten = self._waiting or self._unwritten or self._unlogged
        return bool(unwritten) or self._read.is_behind or self._losses.is_behind or self._log.is_behind

    def close(self) -> None:
        """Let go of the log of losses."""
        if self._loss_log is not None:
            self._loss_log.close()
            self._loss_log = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _decoded(self, line: bytes) -> WorkerMessage | None:
        try:
            return decode(line)
        except ControlError as error:
            self.garbled = self.garbled or error.message
            return None

    def _bring(self, message: WorkerMessage) -> None:
        match message:
            case Started():
                self._begin(message)
            case Frame(path=path):
                if not FRAME.fullmatch(path):
                    raise DataDamaged(f"a node sent a frame named {path[:80]!r}")
                self._picture(path)
            case Checkpointed(step=step):
                self._checkpoint(step)
            case Result(path=path):
                if path not in RESULTS:
                    raise DataDamaged(f"a node sent a result named {path[:80]!r}")
                self._picture(path)
                self._folder.keep_result(Path(path).suffix)
                if self._has("evolution.webp"):
                    self._picture("evolution.webp")

    def _begin(self, started: Started) -> None:
        if self._loss_log is None:
            for step, path in frames(self._folder):
                if step > started.step:  # painted again
                    path.unlink()
            self._loss_log = LossLog(self._folder, step=started.step)
            self._last_step = started.step
        if self._has("regions.png"):
            self._picture("regions.png")

    def _take_all_losses(self) -> None:
        self._take_losses()
        while self._loss_log is not None and self._losses.is_behind:
            self._take_losses()

    def _take_losses(self) -> None:
        if self._loss_log is None:
            return
        self._write_losses(self._loss_log)  # those that a full disk did not take
        self._unwritten.extend(self._losses.lines())
        self._write_losses(self._loss_log)

    def _write_losses(self, log: LossLog) -> None:
        while self._unwritten:
            try:
                progress = from_json(self._unwritten[0], Progress)
            except DataDamaged:
                progress = None  # passed over, as a reader of the file does
            if progress is not None and progress.step > self._last_step:
                log.append(progress)
                self._last_step = progress.step
            self._unwritten.popleft()

    def _take_log(self) -> None:
        if self._logged >= MOST_LOG:
            self._unlogged, self._log.is_behind = b"", False
            return
        self._unlogged = self._unlogged or self._log.take()
        if not self._unlogged:
            return
        descriptor = self._folder.open_log()
        try:
            written = os.write(descriptor, self._unlogged)
        finally:
            os.close(descriptor)
        self._unlogged = self._unlogged[written:]
        self._logged += written
        # All else is the same when it is done again; a log would have it twice.
        self._place.taken.write_text(str(self._logged))

    def _checkpoint(self, step: int) -> None:
        """Bring over the slot of that step; one of a later step has a message of its own, after that step's frames."""
        self._folder.checkpoint.mkdir(exist_ok=True)
        for slot in SLOTS:
            name = f"checkpoint/{slot}"
            if not self._has(name):
                continue
            with self._opened(name) as (source, size):
                there = check_slot(source, slot)
                target = self._folder.checkpoint / slot
                if there.step != step or (target.is_file() and _same_slot(target, there.serial)):
                    continue
                source.seek(0)
                with _copied(source, size, name, target) as copy:
                    check_slot(copy, slot)  # what was copied is what was checked

    def _picture(self, name: str) -> None:
        target = self._folder.path / name
        target.parent.mkdir(exist_ok=True)
        with self._opened(name) as (source, size), _copied(source, size, name, target) as copy:
            try:
                self._check(copy.fileno(), name)
            except ImageError as error:
                raise DataDamaged(f"a node sent {name}, which cannot be used: {error.message}") from error

    def _has(self, name: str) -> bool:
        try:
            with _written(self._place.path, f"{self._place.job}/{name}"):
                return True
        except FileNotFoundError:
            return False

    @contextmanager
    def _opened(self, name: str) -> Iterator[tuple[BinaryIO, int]]:
        """Open a file that the worker wrote, and give its size in bytes; no link on the way is followed."""
        with _written(self._place.path, f"{self._place.job}/{name}") as file:
            size, most = os.fstat(file.fileno()).st_size, most_bytes(name, self._settings)
            if most is None or size > most:
                raise DataDamaged(f"a node sent {name} of {size} bytes; {most} are allowed")
            yield file, size


@contextmanager
def _copied(source: BinaryIO, size: int, name: str, target: Path) -> Iterator[BinaryIO]:
    """Copy an open file of the spool; leaving the block, in which the copy can be read, makes it ``target``.

    Args:
        source: at its start.
        size: its bytes, as they were checked.
        name: for the error.
        target: is replaced, durably.

    Raises:
        DataDamaged: there is more than ``size`` by now.
        DiskFull: no space, or the quota is used up.
    """
    durable.require_space(target.parent, size)
    with durable.replacing(target) as copy:
        left = size
        while left and (data := source.read(min(left, _COPIED_AT_ONCE))):
            copy.write(data)
            left -= len(data)
        if source.read(1):
            raise DataDamaged(f"a node sent {name}, which had {size} bytes and grew")
        copy.flush()
        with open(f"/proc/self/fd/{copy.fileno()}", "rb") as again:  # noqa: PTH123  # a descriptor, no path
            yield again


@contextmanager
def _written(base: Path, name: str) -> Iterator[BinaryIO]:
    """Open a file that a node has written, by its path in an attempt's folder.

    Raises:
        DataDamaged: it is no regular file, or a link is on the way to it.
        OSError: it is not there, or cannot be read.
    """
    with ExitStack() as stack:
        try:
            top = stack.enter_context(folder_at(base))
            folder, last = stack.enter_context(parent_of(name, base=top))
            file = stack.enter_context(os.fdopen(open_regular(last, inside=folder), "rb"))
        except OSError as error:
            if error.errno in NOT_A_FILE | {errno.ELOOP, errno.ENOTDIR}:
                raise DataDamaged(f"a node sent {name[:80]!r}, which is no file: {error.strerror}") from error
            raise
        yield file


def _number_in(path: Path) -> int:
    try:
        return max(0, int(read_file(path, most=20)))
    except (FileNotFoundError, DataDamaged, ValueError):
        return 0


def _same_slot(path: Path, serial: int) -> bool:
    try:
        with os.fdopen(open_regular(path), "rb") as file:
            return check_slot(file, path.name).serial == serial
    except DataDamaged:
        return False


class _Tail:
    """A file of the spool that grows."""

    def __init__(self, base: Path, name: str) -> None:
        self._base, self._name = base, name
        self.offset = 0
        self._rest = b""
        self.is_behind = False

    def take(self) -> bytes:
        """Return what is new, a bounded part at once; nothing if there is no file yet."""
        self.is_behind = False
        try:
            with _written(self._base, self._name) as file:
                file.seek(self.offset)
                data = file.read(_AT_ONCE)
        except FileNotFoundError:
            return b""
        self.offset += len(data)
        self.is_behind = len(data) == _AT_ONCE
        return data

    def lines(self) -> list[bytes]:
        """Return the lines that are whole now; one that is far too long is dropped."""
        *lines, self._rest = (self._rest + self.take()).split(b"\n")
        if len(self._rest) > _MOST_LINE:
            self._rest = b""
        return lines
