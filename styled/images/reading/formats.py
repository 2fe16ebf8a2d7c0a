"""From an open file to the reader that knows it, by its first bytes; what is no image is refused by what it is."""

from __future__ import annotations

from typing import BinaryIO

from PIL import Image, ImageFile

from styled.errors import UnreadableImage
from styled.images.reading.file_kinds import HEAD_BYTES, foreign_kind, heif_brand
from styled.images.reading.info_keys import NCLX, REMARKS
from styled.images.reading.isobmff import nclx_of

FORMATS = ("JPEG", "PNG", "WEBP", "TIFF", "BMP", "GIF", "AVIF", "JPEG2000", "PPM", "QOI", "ICO", "SGI")
"""Of Pillow, told apart by their bytes. It knows more, but some of those run programs (EPS starts Ghostscript)."""

KNOWN = "Known are JPEG, PNG, WebP, TIFF, BMP, GIF, AVIF, HEIC, JPEG 2000, PPM, QOI, ICO, SGI, PCX and TGA."
"""For whoever gave something else."""

_TIFF_MARKS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_TGA_FOOTER = b"TRUEVISION-XFILE.\0"


def open_format(file: BinaryIO, name: str) -> ImageFile.ImageFile:
    """Read the header of an image with the reader for its format.

    Args:
        file: at its start.
        name: for the errors, printable.

    Raises:
        UnreadableImage: it is something else, and the message says what.
        UnidentifiedImageError: nobody knows it.
        Exception: what readers raise on damaged headers, see ``opening.PILLOW_ERRORS``.
    """
    head = file.read(HEAD_BYTES)
    kind = foreign_kind(head)
    if kind is not None:
        raise UnreadableImage(f"{name} is {kind.what}", kind.advice)
    file.seek(0)
    image = _open(file, name, head)
    image.info.setdefault(REMARKS, [])
    if head[4:8] == b"ftyp" and image.format in {"AVIF", "HEIF"}:
        image.info[NCLX] = nclx_of(file)
    return image


def _open(file: BinaryIO, name: str, head: bytes) -> ImageFile.ImageFile:
    # Each reader is loaded when the first file of its kind comes: most processes see JPEGs and PNGs only.
    if head.startswith(b"\x89PNG"):
        from styled.images.reading.png_reading import open_png

        return open_png(file)
    if head.startswith(_TIFF_MARKS):
        from styled.images.reading.tiff_reading import open_tiff

        return open_tiff(file, name)
    if heif_brand(head) and b"avif" not in head[8:64]:
        return _open_heif(file, name)
    return Image.open(file, formats=[*FORMATS, *_weakly_marked(file, name, head)])


def _open_heif(file: BinaryIO, name: str) -> ImageFile.ImageFile:
    try:
        from pi_heif.as_plugin import HeifImageFile
    except ImportError as error:
        raise UnreadableImage(
            f"{name} is a HEIC image, and what reads those is not installed here",
            "Install it (pip install pi-heif), or export the photo as JPEG.",
        ) from error
    # Its own class, not Pillow's list of readers: that is the whole program's.
    image: ImageFile.ImageFile = HeifImageFile(file)
    return image


def _weakly_marked(file: BinaryIO, name: str, head: bytes) -> list[str]:
    """Return formats whose mark is too short to try them on anything: PCX by its header, TGA by its footer or name."""
    if head[:1] == b"\n" and head[1:2] in b"\0\2\3\4\5" and head[2:3] in b"\0\1" and head[3:4] in b"\1\2\4\x08":
        return ["PCX"]
    file.seek(0, 2)
    file.seek(max(0, file.tell() - len(_TGA_FOOTER)))
    has_footer = file.read() == _TGA_FOOTER
    file.seek(0)
    return ["TGA"] if has_footer or name.lower().endswith((".tga", ".vda", ".icb", ".vst")) else []
