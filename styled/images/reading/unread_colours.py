"""What files say of their colours and their readers pass over: profiles in a GIF, an icon, or a JPEG that lacks a part of one; numbers in BMP, HEIF and AVIF.

Not that of a QOI: it has a byte for linear light (QOI 1.0), but Pillow writes it into all of its files, and viewers show those as sRGB.
"""

from __future__ import annotations

import io
from typing import Any, BinaryIO, cast

from PIL import ImageFile

from styled.images.reading.bmp_colours import colours_of
from styled.images.reading.info_keys import CALIBRATED, CICP, NCLX, REMARKS
from styled.images.reading.isobmff import nclx_of

_DAMAGED = "the colour profile is damaged; colours are taken as sRGB"
_MOST_PROFILE = 16 * 2**20
"""Bytes; those of displays and presses with tables have some millions."""
_MOST_ICON = 16 * 2**20
"""Bytes of a PNG in an icon: its largest has 256x256 px."""

_GIF_PROFILE = b"ICCRGBG1012"
"""Identifier of the application extension (ICC.1:2001-04, annex B, "Embedding ICC profiles in GIF files")."""
_MOST_BLOCKS = 200_000
"""Blocks of up to 255 bytes that are looked at before a GIF's first picture: 51 MB."""
_EXTENSION, _APPLICATION = b"\x21", b"\xff"


def add_colours(file: BinaryIO, image: ImageFile.ImageFile) -> None:
    """Give ``image.info`` what the reader of an image has passed over.

    Args:
        file: of the image; left where it was.
        image: opened.
    """
    at = file.tell()
    match image.format:
        case "BMP":
            _add_bmp(file, image)
        case "GIF":
            _add_profile(_gif_profile(file), image)
        case "ICO":
            _add_icon(file, image)
        case "AVIF" | "HEIF":
            image.info[NCLX] = nclx_of(file)
        case "JPEG" | "MPO" | "TIFF":
            _check_profile(image)
    file.seek(at)


def _add_profile(profile: bytes | None, image: ImageFile.ImageFile) -> None:
    """Give it a profile; None where there is one that cannot be read, empty where there is none."""
    if profile:
        image.info["icc_profile"] = profile
    elif profile is None:
        image.info[REMARKS].append(_DAMAGED)


def _check_profile(image: ImageFile.ImageFile) -> None:
    """Remark a profile that Pillow gives as None, as some of its parts are missing; or not as bytes, as its tag has another type."""
    if "icc_profile" in image.info and not isinstance(image.info["icc_profile"], bytes):
        del image.info["icc_profile"]
        image.info[REMARKS].append(_DAMAGED)


def _add_bmp(file: BinaryIO, image: ImageFile.ImageFile) -> None:
    found = colours_of(file)
    if found.profile:
        image.info["icc_profile"] = found.profile
    if found.primaries:
        image.info[CALIBRATED] = (*found.primaries, found.gamma)
    if found.remark:
        image.info[REMARKS].append(found.remark)


def _add_icon(file: BinaryIO, image: ImageFile.ImageFile) -> None:
    """Take over the colours of the PNG that Pillow has decoded; a BMP in an icon has none."""
    file.seek(cast(Any, image).ico.entry[0].offset)  # of the largest, which is what Pillow opens
    data = file.read(_MOST_ICON)
    if not data.startswith(b"\x89PNG"):
        return
    from styled.images.reading.png_reading import open_png

    with open_png(io.BytesIO(data)) as inside:
        for key in ("icc_profile", "gamma", "chromaticity", "srgb", CICP):
            if key in inside.info:
                image.info[key] = inside.info[key]


def _gif_profile(file: BinaryIO) -> bytes | None:
    """Return the profile of a GIF (GIF89a, 26), which stands before its first picture; None if it is not all there, or too large."""
    file.seek(10)
    flags = file.read(3)[:1]
    file.seek(13 + (3 * 2 ** ((flags[0] & 7) + 1) if flags and flags[0] & 0x80 else 0))
    blocks = 0
    while file.read(1) == _EXTENSION and blocks < _MOST_BLOCKS:
        blocks += 1
        label, size = file.read(1), file.read(1)
        name = file.read(size[0]) if size else b""
        is_profile = label == _APPLICATION and name == _GIF_PROFILE
        parts = bytearray()
        while name and (size := file.read(1)) != b"\0":
            blocks += 1
            part = file.read(size[0]) if size else b""
            if not part or blocks > _MOST_BLOCKS or len(parts) > _MOST_PROFILE:
                return None if is_profile else b""
            if is_profile:
                parts += part
        if is_profile:
            return bytes(parts) or None
    return b""
