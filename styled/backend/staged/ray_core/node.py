"""On a node of Ray: the actor that holds one attempt. Ray sends this module's code to the node, whatever styled is there.

So it needs nothing but Python. The bridge puts the attempt's files into a folder that the actor makes, has a module of
styled run in it, and takes what comes to be there, piece by piece. When the actor ends, in whatever way, the folder
is removed by a process that waits for just that; the module sees it and ends too.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

PIECE = 2**20
"""Bytes of one piece at most."""

PIECES = 4
"""That go over at once."""

GROWING = ("losses.jsonl", "log.txt")
"""Files of the job's folder that only grow; those that are written at once, and replaced: ``WHOLE``."""

WHOLE = ("regions.png", "frames/*.jpg", "checkpoint/?.npz", "result.*", "evolution.webp")

LAST = ("end.json", "report.json")
"""Written when all is over."""

# The read end of a pipe whose other end only the actor has. Nothing in the script is a path or a name.
_REMOVER = 'exec 3<&0; (trap "" TERM HUP INT; cat <&3; for n in 1 2 3 4 5; do rm -rf -- "$1" && exit; sleep 1; done) >/dev/null 2>&1 &'
_STARTER = 'log=$1; shift; "$@" </dev/null >>"$log" 2>&1 & echo $!'


Piece = tuple[str, int, int, int, bytes]
"""Some bytes of a file, in plain values, which need no class on either side.

Its path in the attempt's folder; the size of the whole file (of one that grows: up to the end of the piece); when it
was written, ns (0 for one that grows); where the piece begins; the bytes.
"""


class Node:
    """Holds one attempt.

    Args:
        name: of the attempt.
    """

    def __init__(self, name: str) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix=f"{name}-"))
        read, self._life = os.pipe()
        remover = ["/bin/sh", "-c", _REMOVER, "sh", str(self._folder)]
        subprocess.run(remover, stdin=read, check=True, start_new_session=True)
        os.close(read)
        self._pid = self._since = 0
        self._job = ""
        self._round: Iterator[Piece] = iter(())
        self._alive = False

    def begin(self) -> tuple[str, str, bool]:
        """Return the id of the node, the name of its host, and whether the module was started."""
        import ray

        return str(ray.get_runtime_context().get_node_id()), socket.gethostname(), self._pid > 0

    def put(self, pieces: list[Piece]) -> None:
        """Write pieces of files; the last one of each gives it its time. Done twice it changes nothing."""
        for name, size, mtime_ns, offset, data in pieces:
            path = self._folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("r+b" if offset else "wb") as file:
                file.seek(offset)
                file.write(data)
            if offset + len(data) >= size:
                os.utime(path, ns=(mtime_ns, mtime_ns))

    def start(self, python: str, module: str, job: str) -> None:
        """Have ``python -m module FOLDER`` run; ``job`` is the folder in it where a picture comes to be, if any."""
        if self._pid:
            return
        self._job = job
        for name in ("input", "frames", "checkpoint") if job else ():
            (self._folder / job / name).mkdir(parents=True, exist_ok=True)
        command = [python or sys.executable, "-P", "-m", module, str(self._folder)]
        # Ray's own variables, a token among them, are no business of a program that decodes what people drop.
        environment = {name: value for name, value in os.environ.items() if not name.upper().startswith("RAY_")}
        environment["TF_FORCE_GPU_ALLOW_GROWTH"] = "true"
        # Ray sets the first to the processors that the attempt has; TensorFlow's own threads follow the second.
        environment["TF_NUM_INTRAOP_THREADS"] = environment.get("OMP_NUM_THREADS", "0")
        starter = ["/bin/sh", "-c", _STARTER, "sh", str(self._folder / "engine.log"), *command]
        started = subprocess.run(
            starter,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            env=environment,
            cwd="/",
            check=True,
            start_new_session=True,
        )
        self._pid = int(started.stdout)
        self._since = _started_at(self._pid)

    def ask(self) -> None:
        """Send the module SIGTERM."""
        if self._lives():
            os.kill(self._pid, signal.SIGTERM)

    def take(self, have: dict[str, tuple[int, int]] | None) -> tuple[list[Piece], bool, bool]:
        """Return the next pieces of what is new.

        Args:
            have: size and time of the files that are there already, which begins a round; None to go on with it.

        Returns:
            the pieces; whether they were the last of the round; whether the module ran when the round began.
        """
        if have is not None:
            self._alive = self._lives()
            self._round = self._news(have)
        pieces: list[Piece] = []
        for piece in self._round:
            pieces.append(piece)
            if len(pieces) == PIECES:
                return pieces, False, self._alive
        return pieces, True, self._alive

    def _lives(self) -> bool:
        return self._pid > 0 and self._since > 0 and _started_at(self._pid) == self._since

    def _news(self, have: dict[str, tuple[int, int]]) -> Iterator[Piece]:
        """Give what is new: files before the messages that tell of them, and the end when all else went over."""
        over = [name for name in LAST if (self._folder / name).is_file()]
        said = _size_of(self._folder / "messages.jsonl")
        base = self._folder / self._job
        for pattern in WHOLE if self._job else ():
            for path in sorted(base.glob(pattern)):
                yield from self._file(str(path.relative_to(self._folder)), have)
        for name in (*(f"{self._job}/{name}" for name in GROWING if self._job), "engine.log"):
            yield from self._tail(name, have, _size_of(self._folder / name))
        yield from self._tail("messages.jsonl", have, said)
        for name in ("heartbeat.json", *over):
            yield from self._file(name, have)

    def _file(self, name: str, have: dict[str, tuple[int, int]]) -> Iterator[Piece]:
        with contextlib.suppress(FileNotFoundError), _opened(self._folder / name) as descriptor:
            found = os.fstat(descriptor)
            if not stat.S_ISREG(found.st_mode) or have.get(name) == (found.st_size, found.st_mtime_ns):
                return
            offset = 0
            while offset < found.st_size or offset == 0:
                data = os.pread(descriptor, min(PIECE, found.st_size - offset), offset)
                yield name, found.st_size, found.st_mtime_ns, offset, data
                if not data:
                    return
                offset += len(data)

    def _tail(self, name: str, have: dict[str, tuple[int, int]], end: int) -> Iterator[Piece]:
        offset = have.get(name, (0, 0))[0]
        with contextlib.suppress(FileNotFoundError), _opened(self._folder / name) as descriptor:
            while offset < end and (data := os.pread(descriptor, min(PIECE, end - offset), offset)):
                yield name, offset + len(data), 0, offset, data
                offset += len(data)


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[int]:
    """Open a file for as long as a round takes: one that is replaced meanwhile goes over as it was."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _size_of(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def _started_at(pid: int) -> int:
    """Return when a process began, in clock ticks of the machine; 0 if it has ended, though nobody has collected it."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b") ")[2].split()
    except OSError:
        return 0
    return 0 if fields[0] in (b"Z", b"X") else int(fields[19])
