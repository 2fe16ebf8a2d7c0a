"""Between an attempt's folder here and its twin on a node of Ray: what goes there, and what may come back.

What comes back is looked at before it is written: whether a node may send such a file, and whether it is too large.
Its content is looked at where it leaves this folder for ``evolution/`` (:mod:`styled.backend.staged.mirror`).
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from styled.backend.staged.limits import MOST_LOG, most_bytes
from styled.backend.staged.place import Place
from styled.backend.staged.ray_core.node import GROWING, LAST, PIECE, Piece
from styled.errors import DataDamaged
from styled.evolution import read_job_file
from styled.files import durable
from styled.settings import Settings

_MOST_SAID = 2**30
"""Bytes of messages, or of losses, of one attempt."""

_SMALL_FILE = 64 * 1024

_OWN = frozenset({"taken", "run.sh", "engine.log"})
"""Files that are for this side only."""

Have = dict[str, tuple[int, int]]


class Carrier:
    """Carries the files of one attempt.

    Args:
        place: its folder here, in which nobody else writes.
    """

    def __init__(self, place: Place) -> None:
        self._place = place
        self._settings = read_job_file(place.folder).settings if place.job else Settings()
        self._open: BinaryIO | None = None
        self._coming = ("", 0, 0)
        """The file that comes over now: name, size, time."""
        self.has_end = (place.path / LAST[0]).is_file() or (place.path / LAST[1]).is_file()

    def outgoing(self) -> Iterator[Piece]:
        """Give all files of the attempt, the order last: what a node begins with."""
        paths = [path for path in sorted(self._place.path.rglob("*")) if path.is_file() and path.name not in _OWN]
        for path in sorted(paths, key=lambda path: path == self._place.order):
            name = str(path.relative_to(self._place.path))
            with path.open("rb") as file:
                found = os.fstat(file.fileno())
                offset = 0
                while offset < found.st_size or offset == 0:
                    data = file.read(PIECE)
                    yield name, found.st_size, found.st_mtime_ns, offset, data
                    if not data:
                        break
                    offset += len(data)

    def have(self) -> Have:
        """Return size and time, ns, of all files that are here."""
        found = {}
        for path in self._place.path.rglob("*"):
            if path.is_file():
                status = path.stat()
                found[str(path.relative_to(self._place.path))] = (status.st_size, status.st_mtime_ns)
        return found

    def take(self, piece: Piece) -> None:
        """Write what came; a file is there under its name when its last piece came.

        Raises:
            DataDamaged: no node may send that.
            StorageRefuses: the disk does not take it.
        """
        name, size, mtime_ns, offset, data = piece
        most = self._most(name)
        if most is None or max(size, offset + len(data)) > most:
            raise DataDamaged(f"a node sent {name[:80]!r} of {size} bytes; {most or 0} are allowed")
        path = self._place.path / name
        with durable.waiting_for(path):
            if self._grows(name):
                if offset != (path.stat().st_size if path.exists() else 0):
                    raise DataDamaged(f"a node sent {name} from byte {offset} on, which is not where it ended")
                with path.open("ab") as file:
                    file.write(data)
                return
            self._write(path, (name, size, mtime_ns), offset, data)

    def close(self) -> None:
        """Let go of a file that has half come."""
        if self._open is not None:
            self._open.close()
            self._open = None

    def _write(self, path: Path, what: tuple[str, int, int], offset: int, data: bytes) -> None:
        part = self._place.path / "coming"
        if offset == 0:
            self.close()
            durable.require_space(self._place.path, what[1])
            self._open, self._coming = part.open("wb"), what
        if self._open is None or self._coming != what or self._open.tell() != offset:
            raise DataDamaged(f"a node sent {what[0]} in pieces that do not fit together")
        self._open.write(data)
        if offset + len(data) < what[1]:
            return
        self.close()
        os.utime(part, ns=(what[2], what[2]))
        part.replace(path)
        self.has_end = self.has_end or what[0] in LAST

    def _most(self, name: str) -> int | None:
        """Return how large a file may be in bytes, None for one that is nothing of a node's."""
        job, slash, rest = name.partition("/")
        if slash:
            if job != self._place.job:
                return None
            if rest in GROWING:
                return MOST_LOG if rest == "log.txt" else _MOST_SAID
            return most_bytes(rest, self._settings)
        if name == "messages.jsonl":
            return _MOST_SAID
        return _SMALL_FILE if name in ("heartbeat.json", *LAST) else MOST_LOG if name == "engine.log" else None

    def _grows(self, name: str) -> bool:
        return name in ("messages.jsonl", "engine.log") or name.partition("/")[2] in GROWING
