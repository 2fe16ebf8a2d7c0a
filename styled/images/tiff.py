"""A TIFF writer that takes rows as they come: 8 or 16 bits, RGB or RGBA, tiled, deflate or LZW, BigTIFF when needed.

Pillow writes no 16-bit colour and needs the whole picture at once; its directory class does the tags here.
Follows TIFF 6.0 (1992), its supplement 2 (deflate), and the BigTIFF layout.
"""

from __future__ import annotations

import io
import struct
import zlib
from typing import Any, BinaryIO, Literal

import numpy as np
import numpy.typing as npt
from PIL import Image, TiffTags
from PIL.TiffImagePlugin import ImageFileDirectory_v2

from styled.images.png import Rows

TILE = 256
"""Side of a tile, px; a multiple of 16, as the specification requires."""

_BIG_BYTES = 2**32 - 2**26
"""Above this, raw, the offsets of classic TIFF may not reach; deflate can grow noise by a little, hence the room."""

_CODES = {"deflate": 8, "lzw": 5}


def write(
    file: BinaryIO,
    rows: Rows,
    *,
    width: int,
    height: int,
    alpha: bool,
    bits: Literal[8, 16],
    compression: Literal["deflate", "lzw"],
    dpi: float | None,
    icc: bytes,
    exif: Image.Exif,
    big: bool | None = None,
) -> None:
    """Write a TIFF, little-endian, in tiles of :data:`TILE` px, with horizontal differencing.

    Args:
        file: open for writing, seekable.
        rows: gives the picture, three channels or four, uint8 or uint16 as ``bits`` requires.
        width: px.
        height: px.
        alpha: whether there is a fourth channel, not multiplied into the colours.
        bits: per channel.
        compression: ``lzw`` where an old reader reads nothing else.
        dpi: pixels per inch; None leaves them out.
        icc: the colour profile.
        exif: its main directory joins the picture's own.
        big: write BigTIFF; None decides by size.
    """
    channels = 4 if alpha else 3
    if big is None:
        big = width * height * channels * bits // 8 > _BIG_BYTES
    header = b"II" + (struct.pack("<HHHQ", 43, 8, 0, 0) if big else struct.pack("<HI", 42, 0))
    file.write(header)
    offsets, counts = _write_tiles(file, rows, width, height, compression)
    directory = ImageFileDirectory_v2(header)
    for tag, value in exif.items():
        directory[tag] = value
    tags = _tags(width, height, channels, bits)
    pointer = TiffTags.LONG8 if big else TiffTags.LONG
    tags |= {324: (pointer, offsets), 325: (pointer, counts)}
    tags |= {259: (TiffTags.SHORT, _CODES[compression]), 34675: (TiffTags.UNDEFINED, icc)}
    if dpi is not None:
        per_inch = (TiffTags.SHORT, 2)
        tags |= {282: (TiffTags.RATIONAL, dpi), 283: (TiffTags.RATIONAL, dpi), 296: per_inch}
    for tag, (kind, value) in tags.items():
        directory.tagtype[tag] = kind
        directory[tag] = value
    start = file.tell() + file.tell() % 2  # directories start at even offsets
    file.seek(start)
    file.write(directory.tobytes(start))
    file.seek(8 if big else 4)
    file.write(struct.pack("<Q" if big else "<I", start))
    file.seek(0, io.SEEK_END)


def _tags(width: int, height: int, channels: int, bits: int) -> dict[int, tuple[int, Any]]:
    """Return the tags of the picture's form: number to type and value."""
    short, long = TiffTags.SHORT, TiffTags.LONG
    tags: dict[int, tuple[int, Any]] = {
        256: (long, width),
        257: (long, height),
        258: (short, (bits,) * channels),
        262: (short, 2),  # RGB
        277: (short, channels),
        284: (short, 1),  # channels side by side
        317: (short, 2),  # horizontal differencing
        322: (long, TILE),
        323: (long, TILE),
    }
    if channels == 4:
        tags[338] = (short, 2)  # alpha, not multiplied
    return tags


def _write_tiles(
    file: BinaryIO, rows: Rows, width: int, height: int, compression: str
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Write all tiles, row by row; return where each starts and how many bytes it has."""
    offsets, counts = [], []
    for top in range(0, height, TILE):
        band = rows(top, min(height, top + TILE))
        for left in range(0, width, TILE):
            data = _compressed(_differences(_tile(band, left)), compression)
            offsets.append(file.tell())
            counts.append(len(data))
            file.write(data)
    return tuple(offsets), tuple(counts)


def _tile(band: npt.NDArray[np.uint8 | np.uint16], left: int) -> npt.NDArray[np.uint8 | np.uint16]:
    """Cut a tile; beyond the picture's edge its last pixels repeat, which costs the least bytes."""
    part = band[:, left : left + TILE]
    missing = ((0, TILE - part.shape[0]), (0, TILE - part.shape[1]), (0, 0))
    return np.pad(part, missing, mode="edge")


def _differences(tile: npt.NDArray[np.uint8 | np.uint16]) -> bytes:
    """Replace each sample by its difference to the one on the left, modulo its range (predictor 2)."""
    differences = tile.copy()
    differences[:, 1:] -= tile[:, :-1]
    return differences.astype(differences.dtype.newbyteorder("<"), copy=False).tobytes()


def _compressed(data: bytes, compression: str) -> bytes:
    if compression == "deflate":
        return zlib.compress(data, 6)
    # Pillow's libtiff has the LZW coder: one row of bytes is one strip, whose bytes are what we want.
    encoded = io.BytesIO()
    Image.frombytes("L", (len(data), 1), data).save(encoded, "TIFF", compression="tiff_lzw")
    with Image.open(encoded, formats=["TIFF"]) as strip:
        tags = strip.tag_v2  # type: ignore[attr-defined]  # a TIFF has it
        start, length = tags[273][0], tags[279][0]
    return encoded.getvalue()[start : start + length]
