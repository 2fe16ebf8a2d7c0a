"""Opening a PNG whatever stands beside its pixels: damaged or oversized metadata is left out, what colours mean is kept.

Follows the PNG specification, third edition (W3C, 2025). Pillow refuses the whole file where a text is too long, a checksum
of an ancillary chunk is wrong, or a chunk is too short.
"""

from __future__ import annotations

import io
import struct
import zlib
from typing import BinaryIO, NamedTuple

from PIL import Image, ImageFile

from styled.images.reading.info_keys import CICP, REMARKS

_MOST_TEXT = 2**20
"""Bytes of a text, decompressed: what Pillow takes. XMP has some thousand."""
_MOST_PROFILE = 16 * 2**20
"""Bytes of a colour profile, decompressed; those of displays and presses with tables have some millions."""
_MOST_CHUNK = 16 * 2**20
"""Bytes of any other chunk that holds no pixels."""

_LENGTHS = {b"gAMA": 4, b"cHRM": 32, b"sRGB": 1, b"pHYs": 9, b"cICP": 4}
_TEXTS = frozenset({b"tEXt", b"zTXt", b"iTXt"})
_ANIMATION = frozenset({b"acTL", b"fcTL", b"fdAT"})
"""Left out without a word: Pillow refuses a picture for an error in the animation behind it."""
_COLOURS = frozenset({b"iCCP", b"gAMA", b"cHRM", b"sRGB", b"cICP"})
_NOTED = frozenset({b"cICP", b"eXIf"})
_COLOUR_16 = b"\x10\x02"
"""Depth and colour type of IHDR."""
_TRANSPARENT_BYTES = {0: 2, 2: 6}
"""Length of tRNS by colour type; with a palette up to 256."""


class _Chunks(NamedTuple):
    """What was found in a PNG."""

    kept: list[tuple[int, int]]
    """Start and end of what is passed on."""
    dropped: set[bytes]
    """Types of chunks that are left out."""
    noted: dict[bytes, bytes]
    """The data of chunks by type: of cICP, and of eXIf, which Pillow finds too late to turn the picture if it is behind the pixels."""
    header: bytes
    """The data of IHDR."""
    profile: bytes
    """A colour profile that is larger than Pillow takes."""
    frames: int
    """Of an animation; the picture that all readers show is the first, or one of its own."""


def open_png(file: BinaryIO) -> ImageFile.ImageFile:
    """Read the header of a PNG; ``image.info`` gets :data:`CICP`, a right ``transparency`` and the remarks.

    Raises:
        Exception: what Pillow raises on damaged pixels and headers.
    """
    found = _walk(file)
    file.seek(0)
    is_whole = found.kept[0] == (0, found.kept[-1][1])
    image = Image.open(file if is_whole else io.BufferedReader(_Parts(file, found.kept)), formats=["PNG"])
    remarks = []
    if found.dropped:
        names = ", ".join(sorted(kind.decode("latin-1") for kind in found.dropped))
        colours = "; colours are taken as sRGB" if found.dropped & _COLOURS else ""
        remarks.append(f"metadata that is damaged or too large was left out ({names}){colours}")
    if found.frames > 1:
        remarks.append(f"the first of {found.frames} frames")
    image.info[REMARKS] = remarks
    if found.profile:
        image.info["icc_profile"] = found.profile
    if b"eXIf" in found.noted:
        image.info.setdefault("exif", b"Exif\0\0" + found.noted[b"eXIf"])
    if cicp := found.noted.get(b"cICP"):
        image.info[CICP] = (cicp[0], cicp[1])
    _mend_transparency(image, found.header)
    if found.header[8:10] == _COLOUR_16 and "transparency" in image.info:
        remarks.append(
            "of its 16 bits 8 are read: what differs from its transparent colour by less than a level is transparent too"
        )
    if _loses_shadows(image, found.header):
        remarks.append(
            "of its 16 bits of linear light 8 are read: its shadows have few levels, which a TIFF would keep"
        )
    return image


def _loses_shadows(image: ImageFile.ImageFile, header: bytes) -> bool:
    """Return whether there are more than 8 bits, which Pillow drops, of numbers whose shadows need them."""
    if header[8] != 16:  # the depth
        return False
    if profile := image.info.get("icc_profile"):
        from styled.images.reading import float_levels  # NumPy

        return float_levels.has_steep_shadows(profile, 1 if profile[16:20] == b"GRAY" else 3)
    return bool(image.info.get("gamma", 0.0) > _NEARLY_LINEAR and "srgb" not in image.info)


_NEARLY_LINEAR = 0.7
"""A PNG's gamma above which 8 bits have too few levels in the shadows: 1 is linear, sRGB's 0.45."""


def _mend_transparency(image: ImageFile.ImageFile, header: bytes) -> None:
    """Scale a transparent colour as Pillow scales the pixels: grey of 2 and 4 bits up, colour of 16 bits down to 8."""
    transparent = image.info.get("transparency")
    depth, colour = header[8:10]
    if colour == 0 and depth in {2, 4} and isinstance(transparent, int):
        image.info["transparency"] = transparent * 255 // (2**depth - 1)
    elif colour == 2 and depth == 16 and isinstance(transparent, tuple):
        image.info["transparency"] = tuple(level >> 8 for level in transparent)


def _walk(file: BinaryIO) -> _Chunks:
    """Look at each chunk; of those that may be left out also at what is in them."""
    end = file.seek(0, io.SEEK_END)
    kept, dropped, noted, header, profile, frames = [], set[bytes](), dict[bytes, bytes](), b"", b"", 1
    at = 8
    start = 0
    while at + 12 <= end:
        file.seek(at)
        length, kind = struct.unpack(">I4s", file.read(8))
        after = at + 12 + length
        if kind == b"IHDR":
            header = file.read(min(length, 13))
        elif (
            kind[:1].islower() and kind not in _ANIMATION and (after > end or not _is_sound(file, kind, length, header))
        ):
            if kind == b"iCCP" and not profile:
                profile = _large_profile(file, at, length)
            if kind != b"iCCP" or not profile:
                dropped.add(kind)
            if at > start:
                kept.append((start, at))
            start = after
        elif kind in _ANIMATION:
            if kind == b"acTL":
                file.seek(at + 8)
                (frames,) = struct.unpack(">I", file.read(4))
            if at > start:
                kept.append((start, at))
            start = after
        elif kind in _NOTED:
            file.seek(at + 8)
            noted[kind] = file.read(length)
        at = after
        if kind == b"IEND":
            break
    kept.append((start, end))
    return _Chunks(kept, dropped, noted, header, profile, frames)


def _large_profile(file: BinaryIO, at: int, length: int) -> bytes:
    """Return the profile of a chunk iCCP that is right and no more than too large for Pillow, else nothing."""
    if length > _MOST_CHUNK:
        return b""
    file.seek(at + 4)
    data = file.read(4 + length)
    if struct.unpack(">I", file.read(4))[0] != zlib.crc32(data):
        return b""
    _, _, rest = data[4:].partition(b"\0")
    decompressor = zlib.decompressobj()
    try:
        profile = decompressor.decompress(rest[1:], _MOST_PROFILE)
    except zlib.error:
        return b""
    return profile if decompressor.eof and rest[:1] == b"\0" else b""


def _is_sound(file: BinaryIO, kind: bytes, length: int, header: bytes) -> bool:
    """Return whether Pillow takes an ancillary chunk; the file stands at its data."""
    if length > _MOST_CHUNK or _LENGTHS.get(kind, length) != length:
        return False
    data = file.read(length)
    if struct.unpack(">I", file.read(4))[0] != zlib.crc32(data, zlib.crc32(kind)):
        return False
    if kind == b"tRNS":
        colour = header[9] if len(header) > 9 else 3
        return length == _TRANSPARENT_BYTES[colour] if colour in _TRANSPARENT_BYTES else 0 < length <= 256
    if kind == b"iCCP" or kind in _TEXTS:
        return _is_sound_text(kind, data)
    return True


def _is_sound_text(kind: bytes, data: bytes) -> bool:
    keyword, _, rest = data.partition(b"\0")
    if kind == b"tEXt":
        return len(data) < _MOST_TEXT
    if kind == b"iTXt":
        if len(rest) < 2:
            return False
        compressed, method = rest[:2]
        if not compressed:
            return len(data) < _MOST_TEXT
        parts = rest[2:].split(b"\0", 2)
        return method == 0 and len(parts) == 3 and _decompressed_fits(parts[2])
    return bool(keyword) and rest[:1] == b"\0" and _decompressed_fits(rest[1:])


def _decompressed_fits(data: bytes) -> bool:
    """Return whether zlib takes it, whole, and it is not too large."""
    decompressor = zlib.decompressobj()
    try:
        decompressor.decompress(data, _MOST_TEXT)
        return not decompressor.unconsumed_tail and decompressor.eof
    except zlib.error:
        return False


class _Parts(io.RawIOBase):
    """Some stretches of a file, one after the other, as a file."""

    def __init__(self, file: BinaryIO, parts: list[tuple[int, int]]) -> None:
        super().__init__()
        self._file, self._parts, self._at = file, parts, 0
        self._size = sum(end - start for start, end in parts)

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        self._at = max(0, base + offset)
        return self._at

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # as in typeshed but for the name of the type
        passed = 0
        for start, end in self._parts:
            inside = self._at - passed
            if inside < end - start:
                self._file.seek(start + inside)
                data = self._file.read(min(len(buffer), end - start - inside))
                buffer[: len(data)] = data
                self._at += len(data)
                return len(data)
            passed += end - start
        return 0
