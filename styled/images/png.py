"""A PNG writer that takes rows as they come: 8 or 16 bits, RGB or RGBA, a few MB of memory at any size.

Pillow writes 16-bit PNGs in grey only. Follows the PNG specification, third edition (W3C, 2025): sections 5
(chunks), 9 (filters) and 11 (chunk types).
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Iterable
from typing import BinaryIO, Literal

import numpy as np
import numpy.typing as npt

Rows = Callable[[int, int], npt.NDArray[np.uint8 | np.uint16]]
"""Given top and bottom, returns those rows: shape (rows, W, channels)."""

Chunk = tuple[bytes, bytes]
"""Type and data."""

_STRIP_BYTES = 2**20
_INCH_M = 0.0254


def write(
    file: BinaryIO,
    rows: Rows,
    *,
    width: int,
    height: int,
    alpha: bool,
    bits: Literal[8, 16],
    chunks: Iterable[Chunk] = (),
) -> None:
    """Write a PNG.

    Args:
        file: open for writing.
        rows: gives the picture, three channels or four, uint8 or uint16 as ``bits`` requires.
        width: px.
        height: px.
        alpha: whether there is a fourth channel.
        bits: per channel.
        chunks: to stand before the pixels.
    """
    file.write(b"\x89PNG\r\n\x1a\n")
    _write_chunk(file, b"IHDR", struct.pack(">IIBBBBB", width, height, bits, 6 if alpha else 2, 0, 0, 0))
    for kind, data in chunks:
        _write_chunk(file, kind, data)
    pixel_bytes = (4 if alpha else 3) * bits // 8
    compressor = zlib.compressobj(6, strategy=zlib.Z_FILTERED)
    above = np.zeros(width * pixel_bytes, np.uint8)
    step = max(1, _STRIP_BYTES // above.size)
    for top in range(0, height, step):
        strip = rows(top, min(height, top + step)).astype(">u2" if bits == 16 else np.uint8)
        raw = strip.reshape(len(strip), -1).view(np.uint8)
        if data := compressor.compress(_filtered(raw, above, pixel_bytes)):
            _write_chunk(file, b"IDAT", data)
        above = raw[-1]
    _write_chunk(file, b"IDAT", compressor.flush())
    _write_chunk(file, b"IEND", b"")


def icc_chunk(profile: bytes) -> Chunk:
    """Return the colour profile as a chunk (11.3.2.3)."""
    return b"iCCP", b"sRGB\0\0" + zlib.compress(profile)


def exif_chunk(exif: bytes) -> Chunk:
    """Return EXIF as a chunk (11.3.4.5), which has no ``Exif`` mark in front."""
    return b"eXIf", exif.removeprefix(b"Exif\0\0")


def dpi_chunk(dpi: float) -> Chunk:
    """Return pixels per inch as a chunk (11.3.4.3), which counts per metre."""
    per_metre = round(dpi / _INCH_M)
    return b"pHYs", struct.pack(">IIB", per_metre, per_metre, 1)


def text_chunk(keyword: str, text: str) -> Chunk:
    """Return a text as a chunk (11.3.3.4): UTF-8, not compressed."""
    return b"iTXt", keyword.encode("latin-1") + b"\0\0\0\0\0" + text.encode()


def _write_chunk(file: BinaryIO, kind: bytes, data: bytes) -> None:
    file.write(struct.pack(">I", len(data)) + kind)
    file.write(data)
    file.write(struct.pack(">I", zlib.crc32(data, zlib.crc32(kind))))


def _filtered(raw: npt.NDArray[np.uint8], above: npt.NDArray[np.uint8], pixel_bytes: int) -> bytes:
    """Filter rows, each with the one of Sub, Up and Paeth that leaves the least (12.7: minimum sum of differences).

    Args:
        raw: shape (rows, bytes a row).
        above: the row before the first; shape (bytes a row,).
        pixel_bytes: distance to the same channel's byte of the pixel on the left.
    """
    up = np.vstack([above, raw[:-1]])
    left, up_left = np.zeros_like(raw), np.zeros_like(raw)
    left[:, pixel_bytes:] = raw[:, :-pixel_bytes]
    up_left[:, pixel_bytes:] = up[:, :-pixel_bytes]
    # Modulo 256, as the specification requires; read as signed, the differences are small either way.
    candidates = np.stack([raw - left, raw - up, raw - _paeth(left, up, up_left)])
    cost = np.abs(candidates.view(np.int8).astype(np.int16)).sum(axis=2, dtype=np.int64)  # (3, rows)
    best = cost.argmin(axis=0)
    filtered = np.empty((len(raw), raw.shape[1] + 1), np.uint8)
    filtered[:, 0] = np.array([1, 2, 4], np.uint8)[best]
    filtered[:, 1:] = candidates[best, np.arange(len(raw))]
    return filtered.tobytes()


def _paeth(
    left: npt.NDArray[np.uint8], up: npt.NDArray[np.uint8], up_left: npt.NDArray[np.uint8]
) -> npt.NDArray[np.uint8]:
    """Return the neighbour nearest to left + up - up_left; ties go left, then up (9.4)."""
    a, b, c = (neighbour.astype(np.int16) for neighbour in (left, up, up_left))
    to_left, to_up, to_up_left = np.abs(b - c), np.abs(a - c), np.abs(a + b - 2 * c)
    nearest_up = np.where(to_up <= to_up_left, up, up_left)
    return np.where((to_left <= to_up) & (to_left <= to_up_left), left, nearest_up)
