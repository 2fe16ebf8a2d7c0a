"""How much memory it takes to decode an opened image. Arithmetic over what Pillow's decoders were measured to hold."""

from __future__ import annotations

import math
import os
from typing import Any, BinaryIO, cast

from PIL import ImageFile

from styled.images.opening import ImageInfo
from styled.images.reading.info_keys import FROM_JPEG_XL
from styled.images.reading.jpeg_xl import size_of

_STRIPS_BYTES = 30 * 2**20
"""Strips on their way to sRGB, whatever the picture's size."""

_ONE_BYTE = frozenset({"1", "L", "P"})
"""Modes of which Pillow holds a byte a pixel; of I;16 two, of all others four."""

_COEFFICIENT_BYTES = {"L": 2, "CMYK": 8}
"""Of a pixel of a progressive JPEG, whose decoder holds all of it until the last byte; else 6."""

_BESIDE_PX = {"WEBP": 13, "AVIF": 11, "HEIF": 11, "JPEG2000": 20}
"""Bytes for each pixel that a decoder holds beside Pillow's picture: planes, canvases, numbers of 32 bits."""

_KEPT_PX = {"WEBP": 9, "AVIF": 4, "HEIF": 4}
"""What of that stays until the image is let go of."""

_JPEG_XL_PX = 12
"""Bytes for each pixel that it takes to have the JPEG back of a JPEG XL; both files come on top."""

_WITH_FILE = frozenset({"WEBP", "AVIF", "HEIF", "JPEG2000", "PPM", "GIF", "TIFF"})
"""Formats whose file, or much of it, is read before it is decoded."""


def opening_bytes(file: BinaryIO, *, max_pixels: int) -> int:
    """Return the bytes that it takes to open an image: of a JPEG XL, whose JPEG is made for that; 0 of all others.

    Args:
        file: at its start, where it is left.
        max_pixels: limit on width x height: what has more, or is damaged, is refused when it is opened, before that.
    """
    size = size_of(file)
    length = file.seek(0, os.SEEK_END)
    file.seek(0)
    if size is None or size[0] * size[1] > max_pixels:
        return 0
    return size[0] * size[1] * _JPEG_XL_PX + 2 * length


def decoding_bytes(image: ImageFile.ImageFile, header: ImageInfo, factor: int, size: tuple[int, int]) -> int:
    """Return the bytes that :func:`styled.images.load` holds at most, beside what the process has.

    Args:
        image: opened, not decoded; a JPEG's size may have been drafted.
        header: of the image.
        factor: that strips are shrunk by.
        size: of the result, px.
    """
    pixels = image.width * image.height
    held = pixels * (1 if image.mode in _ONE_BYTE else 2 if image.mode.startswith("I;16") else 4)
    whole = header.width * header.height
    if image.format in {"JPEG", "MPO"}:
        beside = whole * _COEFFICIENT_BYTES.get(image.mode, 6) if image.info.get("progressive") else 0
    elif image.format == "TIFF":
        beside = _tiff_part_bytes(image)
    else:
        beside = whole * _BESIDE_PX.get(image.format or "", 0)
    before = 0
    if image.info.get(FROM_JPEG_XL):
        before = whole * _JPEG_XL_PX + 2 * _file_bytes(image)
        beside += _file_bytes(image)
    if image.format in _WITH_FILE:
        beside += _file_bytes(image)
    channels = 4 if image.has_transparency_data else 3
    shrunk = math.ceil(image.width / factor) * math.ceil(image.height / factor)
    wanted = size[0] * size[1]
    kept = whole * _KEPT_PX.get(image.format or "", 0)
    # With alpha the picture is put together, and taken apart again, as one of four channels.
    copies = shrunk * (4 + 4 * (channels == 4)) + math.isqrt(shrunk * wanted) * 4 + wanted * (4 + channels)
    resizing = 0 if shrunk == wanted else copies
    phases = (before, held + beside, held + kept + shrunk * channels, kept + shrunk * channels + resizing)
    return max(phases) + _STRIPS_BYTES


def _tiff_part_bytes(image: ImageFile.ImageFile) -> int:
    """Return the bytes of the strips or tiles that libtiff holds while it decodes one; all are if none is compressed."""
    tags = getattr(image, "tag_v2", None)
    if tags is None:  # it is none of Pillow's, but a TiffLayout, whose module takes long to load
        return image.width * image.height * int(cast(Any, image).layout_px)
    if tags.get(259, 1) == 1:
        return 0
    bits = tags.get(258, (8,))
    bits_px = max(bits) * int(tags.get(277, 1)) if isinstance(bits, tuple) else int(bits)
    if 322 in tags:
        return int(tags[322]) * int(tags.get(323, tags[322])) * bits_px // 8
    return min(int(tags.get(278, image.height)), image.height) * image.width * bits_px // 8


def _file_bytes(image: ImageFile.ImageFile) -> int:
    file = cast(BinaryIO, image.fp)
    at = file.tell()
    end = file.seek(0, os.SEEK_END)
    file.seek(at)
    return end
