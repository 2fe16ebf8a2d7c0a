"""A file's metadata: the photo's EXIF, carried over with care, and how styled made the picture."""

from __future__ import annotations

import json
import struct
import sys
from pathlib import Path
from typing import Any

from PIL import ExifTags, Image, ImageFile, TiffImagePlugin

from styled.errors import DataDamaged
from styled.files.decoding import from_json
from styled.images.opening import PILLOW_ERRORS, open_file, open_image
from styled.images.rights import rights_tags
from styled.version import __version__

PNG_KEYWORD = "styled"
"""Of the text chunk in which a PNG holds the metadata."""

_ASCII = b"ASCII\0\0\0"  # EXIF 2.32, UserComment: the first eight bytes name the encoding

_KEPT = frozenset({
    ExifTags.Base.ImageDescription, ExifTags.Base.Make, ExifTags.Base.Model, ExifTags.Base.DateTime,
    ExifTags.Base.Artist, ExifTags.Base.Copyright, ExifTags.Base.HostComputer, ExifTags.Base.XPTitle,
    ExifTags.Base.XPComment, ExifTags.Base.XPAuthor, ExifTags.Base.XPKeywords, ExifTags.Base.XPSubject,
})  # fmt: skip
"""Of the main directory. The rest describes how the old file was stored, or how it must be turned: results are upright."""

_DROPPED = frozenset({
    ExifTags.Base.MakerNote,  # full of offsets into the old file
    ExifTags.Base.ExifInteroperabilityOffset,
    ExifTags.Base.UserComment,  # ours, where there is no text chunk
    ExifTags.Base.ExifImageWidth, ExifTags.Base.ExifImageHeight, ExifTags.Base.ColorSpace,
})  # fmt: skip
"""Of the EXIF directory. The thumbnail goes too: it shows the photo, not the painting."""

_UNWRITABLE = (struct.error, ValueError, TypeError, KeyError, IndexError, AttributeError, ArithmeticError)
_HEADER = b"II*\0\x08\0\0\0"
_JPEG_LIMIT = 65_000  # an APP1 segment holds 65,533 bytes, "Exif" and the header among them


def carried_exif(image: ImageFile.ImageFile) -> bytes:
    """Return as EXIF what is worth carrying over of a decoded image's metadata; empty when there is none."""
    exif_ifd: dict[int, Any] = {}
    gps_ifd: dict[int, Any] = {}
    main: dict[int, Any] = {}
    try:
        found = image.getexif()
        exif_ifd, gps_ifd = found.get_ifd(ExifTags.IFD.Exif), found.get_ifd(ExifTags.IFD.GPSInfo)
        main = {int(tag): _as_written(found[tag]) for tag in _KEPT if tag in found}
    except PILLOW_ERRORS:
        exif_ifd, gps_ifd = {}, {}
    kept = Image.Exif()
    kept.update(_writable({**main, **rights_tags(image)}, None))
    exif_kept = _writable({tag: value for tag, value in exif_ifd.items() if tag not in _DROPPED}, ExifTags.IFD.Exif)
    gps_kept = _writable(gps_ifd, ExifTags.IFD.GPSInfo)
    for ifd, values in ((ExifTags.IFD.Exif, exif_kept), (ExifTags.IFD.GPSInfo, gps_kept)):
        if values:
            kept[ifd] = values
    return kept.tobytes() if len(kept) else b""


def result_exif(content: bytes, metadata: bytes | None, *, width: int, height: int, keep_gps: bool) -> Image.Exif:
    """Return the EXIF of a picture that styled writes.

    Args:
        content: of the content image, from ``Loaded.exif``.
        metadata: JSON to hold, ASCII; None when the file has a better place for it.
        width: of the picture, px.
        height: of the picture, px.
        keep_gps: keep where the photo was taken.
    """
    exif = _restored(content, keep_gps=keep_gps)
    sizes = {ExifTags.Base.ExifImageWidth: width, ExifTags.Base.ExifImageHeight: height, ExifTags.Base.ColorSpace: 1}
    exif[ExifTags.IFD.Exif] = {**exif.get(ExifTags.IFD.Exif, {}), **sizes}
    exif[ExifTags.Base.Software] = f"styled {__version__}"
    if metadata is not None:
        exif[ExifTags.IFD.Exif][ExifTags.Base.UserComment] = _ASCII + metadata
    if content and len(exif.tobytes()) > _JPEG_LIMIT:
        # How it was made is worth more than a photo's overlong description.
        return result_exif(b"", metadata, width=width, height=height, keep_gps=keep_gps)
    return exif


def encode_metadata(metadata: dict[str, Any]) -> bytes:
    """Return ``metadata`` as ASCII JSON, with the version of styled that made it."""
    return json.dumps({"styled": __version__, **metadata}, separators=(",", ":")).encode("ascii")


def read_metadata(path: Path) -> dict[str, Any] | None:
    """Return how a picture was made, as ``save`` stored it; None when it was not made by styled, or has no record.

    Of any size: only its header is read.

    Raises:
        UnreadableImage: not an image.
    """
    with (
        open_file(path, max_bytes=sys.maxsize) as file,
        open_image(file, path.name, max_pixels=sys.maxsize) as image,
    ):
        text = image.info.get(PNG_KEYWORD)
        if not isinstance(text, str):
            comment = image.getexif().get_ifd(ExifTags.IFD.Exif).get(ExifTags.Base.UserComment, b"")
            text = comment.removeprefix(_ASCII).decode("ascii", "replace") if isinstance(comment, bytes) else ""
    try:
        metadata = from_json(text, dict[str, Any])
    except DataDamaged:
        return None
    return metadata if "styled" in metadata else None


def _restored(content: bytes, *, keep_gps: bool) -> Image.Exif:
    exif = Image.Exif()
    if not content:
        return exif
    source = Image.Exif()
    source.load(content)
    for tag in (ExifTags.IFD.Exif, ExifTags.IFD.GPSInfo):
        if tag in source and (tag == ExifTags.IFD.Exif or keep_gps):
            exif[tag] = dict(source.get_ifd(tag))
    exif.update({tag: _as_written(source[tag]) for tag in _KEPT if tag in source})
    return exif


def _as_written(value: Any) -> Any:
    """Return the bytes of a text: Pillow reads them as Latin-1, whatever they are, and writes nothing but ASCII."""
    return value if not isinstance(value, str) or value.isascii() else value.encode("latin-1", "replace")


def _writable(values: dict[int, Any], group: int | None) -> dict[int, Any]:
    """Return the tags that Pillow can write again; cameras and attackers write what it cannot."""
    kept = {}
    for tag, value in values.items():
        directory = TiffImagePlugin.ImageFileDirectory_v2(_HEADER, group=group)
        try:
            directory[tag] = value
            directory.tobytes(8)
        except _UNWRITABLE:
            continue
        kept[tag] = value
    return kept
