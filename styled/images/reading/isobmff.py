"""The boxes of a file (ISO/IEC 14496-12, 4.2), and the colours of a HEIF or AVIF picture (23008-12, 6.5.5; 14496-12, 12.1.5)."""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

_MOST_META = 4 * 2**20
"""Bytes of the box ``meta``: it has some thousand."""
_MOST_BOXES = 10_000


class Box(NamedTuple):
    """A box, as places in its file."""

    kind: bytes
    start: int
    """Of its content."""
    end: int
    """It may be behind the file's: then the file is cut."""


def boxes_of(file: BinaryIO, size: int) -> Iterator[Box]:
    """Yield the outermost boxes of a file, as far as they are some.

    Args:
        file: left anywhere.
        size: of the file, bytes.
    """
    at = 0
    for _ in range(_MOST_BOXES):
        if at >= size:  # the last box claims more than there is
            return
        file.seek(at)
        head = file.read(16)
        box = _box(head, at, size)
        if box is None:
            return
        yield box
        at = box.end


def _box(head: bytes, at: int, size: int) -> Box | None:
    """Read the head of a box at a place; None if there is none."""
    if len(head) < 8:
        return None
    length, kind = struct.unpack(">I4s", head[:8])
    start = 8
    if length == 1 and len(head) >= 16:
        length, start = struct.unpack(">Q", head[8:16])[0], 16
    elif length == 0:  # to the end
        length = size - at
    if length < start or not kind.strip().isalnum():
        return None  # 2 to 7 too: a box has at least its head
    return Box(kind, at + start, at + length)


def nclx_of(file: BinaryIO) -> tuple[int, int] | None:
    """Return primaries and transfer function of the primary picture, numbers of ITU-T H.273; None if it has none.

    Args:
        file: read from its start, and left anywhere.
    """
    try:
        meta = _meta(file)
        return None if meta is None else _nclx(meta)
    except (struct.error, IndexError):
        return None  # damaged: decoding it raises the error


def _meta(file: BinaryIO) -> bytes | None:
    """Return the content of the first box ``meta``, without its version and flags."""
    for kind, start, end in boxes_of(file, file.seek(0, io.SEEK_END)):
        if kind == b"meta" and end - start <= _MOST_META:
            file.seek(start)
            return file.read(end - start)[4:]
    return None


def _nclx(meta: bytes) -> tuple[int, int] | None:
    boxes = dict(boxes_in(meta))
    properties = dict(boxes_in(boxes.get(b"iprp", b"")))
    described = [*boxes_in(properties.get(b"ipco", b""))]
    primary = boxes.get(b"pitm", b"")
    item = struct.unpack(">H" if primary[0] == 0 else ">I", primary[4 : 6 if primary[0] == 0 else 8])[0]
    for index in _associated(properties.get(b"ipma", b""), item):
        kind, data = described[index - 1]
        if kind == b"colr" and data[:4] == b"nclx":
            primaries, transfer = struct.unpack(">HH", data[4:8])
            return primaries, transfer
    return None


def _associated(ipma: bytes, wanted: int) -> Iterator[int]:
    """Yield the numbers of the properties of an item, from 1."""
    if not ipma:
        return
    version, wide = ipma[0], ipma[3] & 1
    reading = io.BytesIO(ipma[4:])
    (count,) = struct.unpack(">I", reading.read(4))
    for _ in range(min(count, _MOST_BOXES)):
        item = struct.unpack(">H", reading.read(2))[0] if version < 1 else struct.unpack(">I", reading.read(4))[0]
        for _ in range(reading.read(1)[0]):
            index = struct.unpack(">H", reading.read(2))[0] & 0x7FFF if wide else reading.read(1)[0] & 0x7F
            if item == wanted and index:
                yield index


def boxes_in(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield kind and content of the boxes inside another."""
    for kind, start, end in boxes_of(io.BytesIO(data), len(data)):
        yield kind, data[start:end]
