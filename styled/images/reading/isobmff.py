"""The colours of the primary picture of a HEIF or AVIF file (ISO/IEC 23008-12, section 6.5.5; 14496-12, 12.1.5)."""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator
from typing import BinaryIO

_MOST_META = 4 * 2**20
"""Bytes of the box ``meta``: it has some thousand."""
_MOST_BOXES = 10_000


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
    at = 0
    for _ in range(_MOST_BOXES):
        file.seek(at)
        head = file.read(16)
        if len(head) < 8:
            return None
        size, kind = struct.unpack(">I4s", head[:8])
        start = 8
        if size == 1:
            size, start = struct.unpack(">Q", head[8:16])[0], 16
        if kind == b"meta" and size <= _MOST_META:
            file.seek(at + start)
            return file.read(size - start)[4:]
        if size < start:
            return None
        at += size
    return None


def _nclx(meta: bytes) -> tuple[int, int] | None:
    boxes = dict(_boxes(meta))
    properties = dict(_boxes(boxes.get(b"iprp", b"")))
    described = [*_boxes(properties.get(b"ipco", b""))]
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


def _boxes(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = 0
    while at + 8 <= len(data):
        size, kind = struct.unpack(">I4s", data[at : at + 8])
        start = 8
        if size == 1:
            size, start = struct.unpack(">Q", data[at + 8 : at + 16])[0], 16
        elif size == 0:
            size = len(data) - at
        if size < start:
            return
        yield kind, data[at + start : at + size]
        at += size
