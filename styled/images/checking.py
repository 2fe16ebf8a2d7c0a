"""Checking an untrusted image: it is decoded once, wholly, in a child process with limits on memory and time.

A decoder that crashes, hangs or eats memory on a hostile file then costs one child, never the daemon. The child
gets the open file, not its name: what was checked is what lies there, and the child needs no other file.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
from pathlib import Path
from types import TracebackType

import msgspec

from styled.children import clean_search_path, python_command
from styled.errors import (
    DataDamaged,
    DecoderKilled,
    ImageError,
    ImageTooLarge,
    SettingsError,
    SlowImage,
    StyledError,
    UnreadableImage,
)
from styled.files.decoding import from_json
from styled.images.check_child import READY, REQUEST_BYTES, Reply, Request
from styled.images.opening import MAX_BYTES, MAX_PIXELS, ImageInfo, check_size, open_file, shown

MEMORY_BYTES = 4 * 1024**3
"""Address space the child may add: enough for a progressive JPEG or a WebP at the pixel limit."""

SECONDS = 120.0
"""Time for one image, on the clock; CPU time has the same limit. A 250 Mpx PNG takes about ten."""

_START_SECONDS = 60.0

_ITS_OWN = frozenset({
    signal.SIGSEGV, signal.SIGBUS, signal.SIGABRT, signal.SIGFPE, signal.SIGILL, signal.SIGSYS, signal.SIGTRAP,
})  # fmt: skip
"""Signals that a decoder brings upon itself; others are somebody's."""

_CHECKS_PER_CHILD = 1000
"""A fresh child now and then: what a decoder leaks stays small."""


class Checker:
    """Checks many images, one after another, in one child that is started when needed and replaced when it dies.

    A context manager; not for use from two threads at once.

    Args:
        max_bytes: limit on a file.
        max_pixels: limit on width x height, checked before decoding.
        memory_bytes: address space the child may add to what it has after its start.
        seconds: time for one image.
    """

    def __init__(
        self,
        *,
        max_bytes: int = MAX_BYTES,
        max_pixels: int = MAX_PIXELS,
        memory_bytes: int = MEMORY_BYTES,
        seconds: float = SECONDS,
    ) -> None:
        self._max_bytes = max_bytes
        self._max_pixels = max_pixels
        self._memory_bytes = memory_bytes
        self._seconds = seconds
        self._child: subprocess.Popen[bytes] | None = None
        self._socket: socket.socket | None = None
        self._checks = 0

    def check(self, path: Path, *, mask_styles: int = 0) -> ImageInfo:
        """Decode the image at ``path`` as :meth:`check_open` does; a symbolic link in its last part is refused.

        Raises:
            UnreadableImage: no regular file too.
        """
        with open_file(path, max_bytes=self._max_bytes, follow_symlinks=False) as file:
            return self.check_open(file.fileno(), path.name, mask_styles=mask_styles)

    def check_open(self, descriptor: int, name: str, *, mask_styles: int = 0) -> ImageInfo:
        """Decode one open image in the child; where reading goes on in the file afterwards is anywhere.

        A file that is still being written looks truncated: the caller decides how long to wait for the rest.

        Args:
            descriptor: of the file.
            name: for the errors.
            mask_styles: how many styles it is the mask of, whose regions are then read; 0: it is none.

        Raises:
            UnreadableImage: empty, not an image, truncated, damaged, or its decoder crashed.
            SlowImage: its decoder took too long.
            ImageTooLarge: above a limit, memory included.
            DecoderKilled: its decoder was killed, twice.
            SettingsError: its colours do not fit the styles.
            OSError: the disk, or this machine (no process could be started), failed; the image may be well.
        """
        shown_name = shown(name)
        check_size(descriptor, shown_name, self._max_bytes)
        os.lseek(descriptor, 0, os.SEEK_SET)
        try:
            reply = self._ask(descriptor, shown_name, mask_styles)
        except DecoderKilled:  # by somebody who may not have meant this image: once more
            os.lseek(descriptor, 0, os.SEEK_SET)  # the child's reading moved it
            reply = self._ask(descriptor, shown_name, mask_styles)
        if reply.info is not None:
            return reply.info
        if reply.errno is not None:
            raise OSError(reply.errno, os.strerror(reply.errno), name)
        # The child is not trusted either: only an image's errors, and printable.
        allowed: tuple[type[StyledError], ...] = (ImageTooLarge, *((SettingsError,) if mask_styles else ()))
        kind = next((each for each in allowed if reply.kind == each.__name__), UnreadableImage)
        raise kind(shown(reply.message), shown(reply.advice))

    def close(self) -> None:
        """End the child, if there is one."""
        child, connection = self._child, self._socket
        self._child = self._socket = None
        if connection is not None:
            connection.close()
        if child is not None:
            child.kill()
            child.wait()

    def __enter__(self) -> Checker:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _ask(self, descriptor: int, name: str, mask_styles: int) -> Reply:
        if self._checks >= _CHECKS_PER_CHILD or (self._child is not None and self._child.poll() is not None):
            self.close()
        connection = self._socket or self._start()
        wanted = Request(name=name, max_pixels=self._max_pixels, seconds=self._seconds, mask_styles=mask_styles)
        request = msgspec.json.encode(wanted)
        try:
            socket.send_fds(connection, [request], [descriptor])
            self._checks += 1
            data = connection.recv(REQUEST_BYTES)
            if data:
                return from_json(data, Reply)
        except TimeoutError:
            self.close()
            raise SlowImage(f"{name} could not be decoded within {self._seconds:g} s") from None
        except (ConnectionError, DataDamaged):
            pass  # reported below, by how the child ended
        except BaseException:
            self.close()  # an answer may still come, and would be taken for the next image's
            raise
        raise self._end(name)

    def _start(self) -> socket.socket:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._child = subprocess.Popen(
                python_command("styled.images.check_child", str(os.getpid()), str(self._memory_bytes)),
                stdin=theirs.fileno(),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                # What Pillow finds odd about an image is no news here. Each of OpenBLAS' threads takes address space.
                env=clean_search_path(os.environ) | {"PYTHONWARNINGS": "ignore", "OPENBLAS_NUM_THREADS": "1"},
                start_new_session=True,
            )
        self._socket, self._checks = ours, 0
        ours.settimeout(_START_SECONDS)
        if not self._is_ready(ours):
            code = self._exit_code()
            self.close()
            raise ChildProcessError(f"the checking process did not start ({_words(code)})")
        ours.settimeout(self._seconds)
        return ours

    def _is_ready(self, connection: socket.socket) -> bool:
        try:
            return connection.recv(REQUEST_BYTES) == READY
        except (TimeoutError, ConnectionError):
            return False

    def _end(self, name: str) -> ImageError:
        """Clear a dead child away, and return why it died."""
        code = self._exit_code()
        self.close()
        if code == -signal.SIGXCPU:
            return SlowImage(f"{name} could not be decoded within {self._seconds:g} s of CPU time")
        if code == -signal.SIGKILL:
            return DecoderKilled(
                f"the decoder was killed on {name}, probably because memory ran out",
                "Export it smaller, or drop it again when less is running.",
            )
        if code < 0 and -code not in _ITS_OWN:
            return DecoderKilled(f"the decoder was ended on {name} by {_words(code)}", "Drop it again.")
        return UnreadableImage(f"the decoder crashed on {name} ({_words(code)})")

    def _exit_code(self) -> int:
        """Return how the child ended; 0 when it closed its socket and lives on, which only an invaded one does."""
        if self._child is None:
            return 0
        try:
            return self._child.wait(timeout=5.0)
        except subprocess.TimeoutExpired:
            return 0


def check(path: Path, *, max_bytes: int = MAX_BYTES, max_pixels: int = MAX_PIXELS) -> ImageInfo:
    """Decode one untrusted image in a child of its own; for many, keep a :class:`Checker`.

    Raises:
        UnreadableImage: no regular file, not an image, truncated, damaged, or its decoder crashed or hung.
        ImageTooLarge: above a limit, memory included.
    """
    with Checker(max_bytes=max_bytes, max_pixels=max_pixels) as checker:
        return checker.check(path)


def _words(code: int) -> str:
    return signal.Signals(-code).name if code < 0 else f"exit code {code}"
