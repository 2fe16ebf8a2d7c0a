"""Opening an image file that may be anything: limits first, header next, pixels never.

The checking child imports this module and not NumPy, to start fast.
"""

from __future__ import annotations

import errno
import os
import struct
import threading
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedReader
from pathlib import Path
from typing import BinaryIO

import msgspec
from PIL import Image, ImageFile, TiffImagePlugin

from styled.errors import ImageTooLarge, SettingsError, UnreadableImage
from styled.files.printable import escaped
from styled.files.untrusted import NOT_A_FILE, open_regular
from styled.images.reading.formats import open_format
from styled.images.reading.pixel_shape import TURNED, square_size
from styled.images.reading.placeholders import placeholder_at

MAX_PIXELS = 250_000_000
"""Default limit on width x height: a 200 Mpx panorama passes."""

MAX_RESULT_PIXELS = 2_000_000_000
"""Of a result. It is our own, but is decoded like a stranger's: in a child, with a limit no poster reaches."""

MAX_BYTES = 2 * 1024**3
"""Default limit on the file."""

DRAFTED = frozenset({"JPEG", "MPO"})
"""Formats that can be decoded at a fraction of their size; MPO is what some phones make of a JPEG."""

PILLOW_ERRORS = (
    # What Pillow's decoders let out on damaged or hostile files, seen by fuzzing and in its issues.
    OSError, SyntaxError, ValueError, TypeError, LookupError, AttributeError, ArithmeticError, EOFError,
    AssertionError, RuntimeError, struct.error, zlib.error, Image.DecompressionBombError,
)  # fmt: skip

_OF_IMAGES = frozenset({None, errno.EINVAL, errno.EOVERFLOW})
"""Error numbers for which the image is to blame: Pillow's own have none, the others are seeks to where a damaged
header points."""

_ORIENTATION = 0x0112
_pillow_limit = threading.RLock()


class ImageInfo(msgspec.Struct, frozen=True, kw_only=True):
    """From the header."""

    width: int
    """Of the upright picture with square pixels, px."""
    height: int
    stored: tuple[int, int]
    """Width and height of the upright picture before its pixels were made square."""
    format: str
    """``JPEG``, ``PNG``, … as Pillow names it."""
    mode: str
    """``RGB``, ``L``, ``CMYK``, ``I;16``, … as Pillow names it."""
    has_alpha: bool
    remarks: tuple[str, ...] = ()
    """What a full check of the file has found odd."""
    doubt: str = ""
    """Why the file may not be all there yet, though it can be decoded, by a full check; empty if nothing speaks for it."""


def probe(path: Path, *, max_bytes: int = MAX_BYTES, max_pixels: int = MAX_PIXELS) -> ImageInfo:
    """Read the header only.

    Raises:
        UnreadableImage: no such file, not a regular file, or not an image of a known format.
        ImageTooLarge: more bytes or pixels than the limits.
    """
    with open_file(path, max_bytes=max_bytes) as file, open_image(file, path.name, max_pixels=max_pixels) as image:
        return info(image)


@contextmanager
def open_file(path: Path, *, max_bytes: int = MAX_BYTES, follow_symlinks: bool = True) -> Iterator[BufferedReader]:
    """Open a regular file for reading, without ever blocking on what only looks like one.

    Args:
        path: the file.
        max_bytes: limit on its size.
        follow_symlinks: whether ``path`` itself may be a symbolic link; False for untrusted folders.

    Raises:
        UnreadableImage: it does not exist, may not be read, is empty, or is no regular file.
        ImageTooLarge: more than ``max_bytes``.
    """
    name = shown(path.name or str(path))
    try:
        descriptor = open_regular(path, follow_links=follow_symlinks)
    except OSError as error:
        if error.errno in NOT_A_FILE:
            raise UnreadableImage(f"{name} is {error.strerror}", "Give an image file.") from error
        raise UnreadableImage(
            f"{name} cannot be opened: {error.strerror}", "Check its path and permissions."
        ) from error
    try:
        check_size(descriptor, name, max_bytes)
    except BaseException:
        os.close(descriptor)
        raise
    with os.fdopen(descriptor, "rb") as file:
        yield file


@contextmanager
def open_image(file: BinaryIO, name: str, *, max_pixels: int = MAX_PIXELS) -> Iterator[ImageFile.ImageFile]:
    """Read the header of an open file; Pillow's errors inside the block become :class:`UnreadableImage`.

    Args:
        file: at its start.
        name: for the errors.
        max_pixels: limit on width x height, checked before anything is decoded.

    Raises:
        UnreadableImage: not an image of a known format, truncated or damaged.
        ImageTooLarge: more than ``max_pixels``.
    """
    with readable(name), _own_limit(max_pixels):
        try:
            image = open_format(file, shown(name))
        except Image.DecompressionBombError as error:
            # More than twice the limit. For WebP Pillow looks before it makes room for the canvas, before we could.
            raise _too_large(name, "", max_pixels) from error
        except OSError as error:
            if error.errno in _OF_IMAGES or (kind := placeholder_at(file)) is None:
                raise
            raise UnreadableImage(f"{shown(name)} is {kind.what}", kind.advice) from error
        with image:
            if image.width * image.height > max_pixels:
                raise _too_large(name, f" ({image.width}x{image.height})", max_pixels)
            yield image


def info(image: ImageFile.ImageFile) -> ImageInfo:
    """Return the facts in the header of an opened image."""
    square, stored = square_size(image), image.size
    if orientation(image) in TURNED:
        square, stored = square[::-1], stored[::-1]
    return ImageInfo(
        width=square[0],
        height=square[1],
        stored=stored,
        format=image.format or "",
        mode=image.mode,
        has_alpha=image.has_transparency_data,
    )


def check_mask(mask: ImageInfo, content: ImageInfo) -> None:
    """Refuse a mask of another shape than the content's.

    One that was drawn on the content's pixels as they are stored, which are not square, lies right too.

    Raises:
        SettingsError: it has one.
    """
    if not _is_same_shape(mask.stored, content.stored):
        check_shape(mask.width, mask.height, content.width, content.height)


def check_shape(width: int, height: int, content_width: int, content_height: int) -> None:
    """Refuse a mask of another shape than the content's: stretched, its regions would lie elsewhere.

    Raises:
        SettingsError: it has one.
    """
    if not _is_same_shape((width, height), (content_width, content_height)):
        raise SettingsError(
            f"the mask has {width}x{height} px, the content {content_width}x{content_height}: another shape",
            "Give a mask of the content's width to height, of any size.",
        )


def _is_same_shape(one: tuple[int, int], other: tuple[int, int]) -> bool:
    return abs(one[0] * other[1] - one[1] * other[0]) <= 0.03 * one[1] * other[0]


def orientation(image: ImageFile.ImageFile) -> int:
    """Return how the stored picture must be turned (EXIF 1..8; 1: not at all), before it is decoded."""
    if (stored := getattr(image, "stored_orientation", None)) is not None:
        return int(stored)
    if isinstance(image, TiffImagePlugin.TiffImageFile):
        return 1  # Pillow turns TIFFs itself, and has already given the turned size
    if image.format == "HEIF":
        return 1  # libheif turns the picture by its boxes: what EXIF and XMP say is the same once more, or wrong
    if image.format == "PNG" and not ({"exif", "Raw profile type exif", "XML:com.adobe.xmp"} & image.info.keys()):
        return 1  # PngImageFile.getexif would decode the whole picture to look for it behind
    try:
        value = image.getexif().get(_ORIENTATION, 1)
    except PILLOW_ERRORS:
        return 1  # damaged EXIF: the picture itself may be well
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


@contextmanager
def readable(name: str) -> Iterator[None]:
    """Turn what Pillow raises on damaged files into :class:`UnreadableImage`; real input errors pass.

    Raises:
        UnreadableImage: damaged, truncated, or not an image.
        ImageTooLarge: the memory limit of this process was reached.
    """
    try:
        yield
    except (UnreadableImage, ImageTooLarge):
        raise
    except MemoryError as error:
        raise ImageTooLarge(
            f"{shown(name)} needs more memory to decode than is allowed", "Export it smaller."
        ) from error
    except PILLOW_ERRORS as error:
        if isinstance(error, OSError) and error.errno not in _OF_IMAGES:
            raise  # the disk, not the image
        if isinstance(error, EOFError) or "truncated" in str(error).lower():
            raise UnreadableImage(f"{shown(name)} is truncated: the file ends before the picture does") from error
        if str(error).startswith("decoder error -"):  # libtiff's, which says no more
            raise UnreadableImage(
                f"{shown(name)} is damaged, or not all there: its compressed pixels cannot be decoded",
                "Copy or download it again.",
            ) from error
        raise UnreadableImage(
            f"{shown(name)} cannot be decoded: {shown(str(error)) or type(error).__name__}"
        ) from error


def shown(text: str) -> str:
    """Return ``text`` safe for a terminal and a log: no control characters, at most 200 characters."""
    clean = escaped(text)
    return clean if len(clean) <= 200 else clean[:199] + "…"


def check_size(descriptor: int, name: str, max_bytes: int) -> None:
    """Check the size of an open file.

    Raises:
        UnreadableImage: it is empty.
        ImageTooLarge: more than ``max_bytes``.
    """
    status = os.fstat(descriptor)
    if status.st_size == 0:
        if (kind := placeholder_at(descriptor)) is not None:
            raise UnreadableImage(f"{name} is {kind.what}", kind.advice)
        raise UnreadableImage(f"{name} is empty", "The copy or the download failed: do it again.")
    if status.st_size > max_bytes:
        raise ImageTooLarge(
            f"{name} has {status.st_size / 1e6:.0f} MB, the limit is {max_bytes / 1e6:.0f} MB",
            "Export it smaller, or raise the limit (inbox.max_bytes).",
        )


def _too_large(name: str, size: str, max_pixels: int) -> ImageTooLarge:
    return ImageTooLarge(
        f"{shown(name)} has more than {max_pixels / 1e6:g} million pixels{size}",
        "Export it smaller, or raise the limit (inbox.max_pixels, and max_pixels of the job).",
    )


@contextmanager
def _own_limit(max_pixels: int) -> Iterator[None]:
    """Put our pixel limit in the place of Pillow's, which is global and no more than a warning up to twice its value."""
    with _pillow_limit, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what Pillow finds odd about an image is no news here
        before = Image.MAX_IMAGE_PIXELS
        Image.MAX_IMAGE_PIXELS = max_pixels
        try:
            yield
        finally:
            Image.MAX_IMAGE_PIXELS = before
