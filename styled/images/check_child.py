"""The child that decodes untrusted images: one request a packet on standard input, with the open file beside it.

Run as ``python -m styled.images.check_child PARENT MEMORY_BYTES`` by :class:`styled.images.Checker`.
"""

from __future__ import annotations

import os
import resource
import socket
import sys
from typing import BinaryIO

import msgspec
from PIL import Image

from styled.children import end_with_parent
from styled.errors import ImageError, SettingsError
from styled.files.decoding import from_json
from styled.images.opening import DRAFTED, ImageInfo, info, open_image
from styled.images.reading.transparency import is_invisible, refuse_blank
from styled.images.reading.wholeness import check_pixels, doubt

REQUEST_BYTES = 65536
"""Largest packet either way."""

READY = b"ready"
"""First packet: the child has started, so what goes wrong from now on is the image's doing."""


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """Decode the file that comes with this."""

    name: str
    """For the error."""
    max_pixels: int
    seconds: float
    """CPU time it may take."""
    mask_styles: int = 0
    """How many styles it is the mask of, which is read then; 0: it is none."""


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """Either ``info``, or an error."""

    info: ImageInfo | None = None
    kind: str = ""
    """Class of the error, of the tree in :mod:`styled.errors`."""
    message: str = ""
    advice: str = ""
    errno: int | None = None
    """Of a real input error: the disk, not the image."""


def main() -> None:
    """Limit this process, then answer requests until the parent closes the socket."""
    end_with_parent(int(sys.argv[1]))
    # NumPy comes with the first TIFF, below the limit on memory: a thread for each core would reserve gigabytes of it.
    os.environ["OPENBLAS_NUM_THREADS"] = "1"
    Image.init()  # all decoders now: their libraries count as what the process has at its start
    _limit(int(sys.argv[2]))
    connection = socket.socket(fileno=sys.stdin.fileno())
    connection.sendall(READY)
    while True:
        data, descriptors, _, _ = socket.recv_fds(connection, REQUEST_BYTES, 1)
        if not data:
            return
        request = from_json(data, Request)
        reply = _decode(request, descriptors[0])
        connection.sendall(msgspec.json.encode(reply))


def _limit(memory_bytes: int) -> None:
    with open("/proc/self/statm") as file:  # noqa: PTH123  # nothing else here needs pathlib
        now = int(file.read().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    most, _ = _allowed(resource.RLIMIT_AS, now + memory_bytes)
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))  # it has nothing to write


def _allowed(limit: int, wanted: int) -> tuple[int, int]:
    """Return what a limit may be set to, and the user's own hard limit, which only root may raise."""
    _, hard = resource.getrlimit(limit)
    return wanted if hard == resource.RLIM_INFINITY else min(wanted, hard), hard


def _decode(request: Request, descriptor: int) -> Reply:
    used = resource.getrusage(resource.RUSAGE_SELF)
    cpu_limit = int(used.ru_utime + used.ru_stime + request.seconds) + 1
    resource.setrlimit(resource.RLIMIT_CPU, _allowed(resource.RLIMIT_CPU, cpu_limit))
    try:
        with (
            os.fdopen(descriptor, "rb") as file,
            open_image(file, request.name, max_pixels=request.max_pixels) as image,
        ):
            header = info(image)
            remarks: tuple[str, ...] = ()
            if request.mask_styles:
                remarks = _read_mask(file, request)
            else:
                if image.format in DRAFTED:
                    # An eighth of the size reads every byte and costs a fraction of the time and memory.
                    image.draft(None, (1, 1))
                check_pixels(file)
                image.load()
                if image.has_transparency_data and is_invisible(image):
                    refuse_blank(image, request.name)
            odd = doubt(file, header.format)
    except (ImageError, SettingsError) as error:
        return Reply(kind=type(error).__name__, message=error.message, advice=error.advice)
    except OSError as error:
        return Reply(message=str(error), errno=error.errno)
    return Reply(info=msgspec.structs.replace(header, remarks=remarks, doubt=odd))


def _read_mask(file: BinaryIO, request: Request) -> tuple[str, ...]:
    """Decode a mask, once, at its full size; return what its reading remarks."""
    from styled.images import decoding, mask  # NumPy, only when there is a mask

    with os.fdopen(os.dup(file.fileno()), "rb") as again:  # whoever decodes may close it
        again.seek(0)
        loaded = decoding.load(again, name=request.name, max_pixels=request.max_pixels, is_mask=True)
    return mask.find_regions(loaded.pixels, loaded.alpha, request.mask_styles).remarks


if __name__ == "__main__":
    main()
