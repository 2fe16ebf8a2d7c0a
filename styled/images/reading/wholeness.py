"""Whether the whole of an image file is there: uploads whose space was reserved first have their full size at once.

Decoders take zeros for pixels: half a JPEG, WebP, AVIF or PNG of the right size decodes, half of it grey or black. What is
missing for certain is refused here, for every way in. What only may be missing is a doubt: the inbox waits a while for it.
"""

from __future__ import annotations

import hashlib
import io
import os
import re
import struct
import zlib
from typing import BinaryIO

from PIL import Image

from styled.images.reading.isobmff import boxes_of

_BLOCK = 2**20

_FEW_ZEROS = 16
"""Zero bytes at the end of compressed pixels that can be no accident."""

_MANY_ZEROS = 4096
"""Zero bytes at the end of a file that are told of: a page, which is what is reserved and written at once."""

_NEXT_MARKER = re.compile(rb"\xff[\x01-\xcf\xd8-\xfe]")
"""In the entropy-coded data of a JPEG: no stuffed byte, no restart (ITU-T T.81, B.1.1.2)."""

_JPEG = b"\xff\xd8\xff"
"""A JPEG's first bytes."""

_EOI = b"\xff\xd9"


def with_end_mark(file: BinaryIO, head: bytes) -> BinaryIO:
    """Return the file itself, or for a JPEG without an end mark a copy that has one; at its start.

    Whether its rows are all there is not looked at: that is what :func:`check_pixels` is for.

    Args:
        file: an image.
        head: its first bytes.
    """
    data = _without_end(file) if head.startswith(_JPEG) else None
    file.seek(0)
    return file if data is None else io.BytesIO(data + _EOI)


def check_pixels(file: BinaryIO) -> None:
    """Check that compressed pixels reach to their end. A JPEG without an end mark is decoded for that, twice.

    Args:
        file: an image; left where it was, for a reader that has it open.

    Raises:
        EOFError: rows of it are missing.
    """
    before = file.tell()
    file.seek(0)
    head = file.read(12)
    if head.startswith(_JPEG):
        _check_jpeg(file)
    elif head.startswith(b"\x89PNG"):
        _check_png(file)
    elif head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        _check_end(file, _webp_pixels(file))
    elif head[4:8] == b"ftyp":
        _check_end(file, _boxes_end(file))
    file.seek(before)


def doubt(file: BinaryIO, image_format: str) -> str:
    """Return why an image that can be decoded may not be all there yet, in words; empty if nothing speaks for it.

    Args:
        file: a real file; left anywhere.
        image_format: as Pillow names it.
    """
    file.seek(0)
    is_jpeg = file.read(len(_JPEG)) == _JPEG  # of a JPEG inside a JPEG XL the format is the same
    size = file.seek(0, io.SEEK_END)
    if is_jpeg and not _ends_in_eoi(file) and jpeg_end(file) is None:
        return "it has no end mark"
    if image_format == "PNG" and _png_end(file) is None:
        return "it has no end mark"
    zeros = _zeros_before(file, size)
    if zeros >= _MANY_ZEROS:
        return f"its last {zeros:,} bytes are zeros"
    try:
        hole = os.lseek(file.fileno(), 0, os.SEEK_HOLE)
    except OSError:
        return ""  # this filesystem does not know
    return f"parts of it were never written, from byte {hole:,} on" if hole < size else ""


def jpeg_end(file: BinaryIO) -> int | None:
    """Return where the first picture of a JPEG ends, behind its end mark; None if it has none."""
    at = 2
    while True:
        file.seek(at)
        segment = file.read(4)
        if len(segment) < 2 or segment[0] != 0xFF:
            return None
        marker = segment[1]
        if marker == 0xD9:
            return at + 2
        if marker == 0xFF:  # a fill byte
            at += 1
        elif marker == 0x01 or 0xD0 <= marker <= 0xD7:
            at += 2
        elif len(segment) < 4:
            return None
        else:
            at += 2 + int(struct.unpack(">H", segment[2:])[0])
            if marker == 0xDA:
                found = _next_marker(file, at)
                if found is None:
                    return None
                at = found


def _next_marker(file: BinaryIO, at: int) -> int | None:
    carry = b""
    file.seek(at)
    while block := file.read(_BLOCK):
        found = _NEXT_MARKER.search(carry + block)
        if found:
            return at - len(carry) + found.start()
        at += len(block)
        carry = block[-1:]
    return None


def _ends_in_eoi(file: BinaryIO) -> bool:
    file.seek(-2, io.SEEK_END)
    return file.read(2) == _EOI


def _without_end(file: BinaryIO) -> bytes | None:
    """Return a JPEG that has no end mark, without the zeros behind it; None if it has one."""
    if _ends_in_eoi(file) or jpeg_end(file) is not None:
        return None
    end = file.seek(0, io.SEEK_END)
    end -= _zeros_before(file, end)
    file.seek(0)
    return file.read(end)


def _check_jpeg(file: BinaryIO) -> None:
    """Check the pixels of a JPEG without an end mark: rows are missing if what follows changes the picture.

    Raises:
        EOFError: they are.
    """
    data = _without_end(file)
    if data is not None and _decoded(data + _EOI) != _decoded(data + b"\x55" * 64 + _EOI):
        raise EOFError("truncated")


def _decoded(data: bytes) -> bytes:
    """Return a digest of a JPEG's pixels, all of them: of a progressive one an eighth of the size is there early."""
    with Image.open(io.BytesIO(data), formats=["JPEG"]) as image:
        return hashlib.sha256(image.tobytes()).digest()


def _check_png(file: BinaryIO) -> None:
    """Check the pixels of a PNG whose end mark is not where it belongs.

    Raises:
        EOFError: they do not reach to their end.
    """
    if _png_end(file) is not None:
        return
    inflating = zlib.decompressobj()
    for at, length, kind in _png_chunks(file):
        if kind != b"IDAT":
            continue
        file.seek(at + 8)
        left = length
        while left > 0 and (block := file.read(min(_BLOCK, left))):
            left -= len(block)
            try:
                while block and not inflating.eof:
                    inflating.decompress(block, _BLOCK)  # its end alone is of interest
                    block = inflating.unconsumed_tail
            except zlib.error as error:
                raise EOFError("truncated") from error
    if not inflating.eof:
        raise EOFError("truncated")


def _png_end(file: BinaryIO) -> int | None:
    """Return where a PNG ends, behind its end mark; None if it has none."""
    for at, length, kind in _png_chunks(file):
        if kind == b"IEND":
            return at + 12 + length
    return None


def _png_chunks(file: BinaryIO) -> list[tuple[int, int, bytes]]:
    """Return place, length and type of each chunk, as far as there are any."""
    size = file.seek(0, io.SEEK_END)
    chunks, at = [], 8
    while at + 8 <= size:
        file.seek(at)
        length, kind = struct.unpack(">I4s", file.read(8))
        if not kind.isalpha():
            break
        chunks.append((at, length, kind))
        if kind == b"IEND":
            break
        at += 12 + length
    return chunks


def _webp_pixels(file: BinaryIO) -> int | None:
    """Return where the last chunk of pixels of a WebP ends; None if there is none."""
    size = file.seek(0, io.SEEK_END)
    at, end = 12, None
    while at + 8 <= size:
        file.seek(at)
        kind, length = struct.unpack("<4sI", file.read(8))
        if kind in {b"VP8 ", b"VP8L", b"ANMF"}:
            end = min(size, at + 8 + length)
        elif not kind.strip().isalnum():
            break
        at += 8 + length + length % 2
    return end


def _boxes_end(file: BinaryIO) -> int | None:
    """Return where the last box of an AVIF or HEIF file ends; None if that is not said, or behind the file's end."""
    size = file.seek(0, io.SEEK_END)
    ends = [box.end for box in boxes_of(file, size)]
    return ends[-1] if ends and ends[-1] <= size else None


def _check_end(file: BinaryIO, end: int | None) -> None:
    """Check that compressed pixels do not end in zeros.

    Raises:
        EOFError: they do.
    """
    if end is not None and _zeros_before(file, end, at_most=_FEW_ZEROS) >= _FEW_ZEROS:
        raise EOFError("truncated")


def _zeros_before(file: BinaryIO, end: int, *, at_most: int | None = None) -> int:
    """Return how many zero bytes stand before a place."""
    zeros = 0
    while zeros < end and (at_most is None or zeros < at_most):
        length = min(_BLOCK if at_most is None else at_most, end - zeros)
        file.seek(end - zeros - length)
        block = file.read(length)
        kept = len(block.rstrip(b"\0"))
        zeros += length - kept
        if kept:
            break
    return zeros
