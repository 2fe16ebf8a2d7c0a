"""From an open file to its reader, by its first bytes; what is no image is refused by what it is."""

from __future__ import annotations

from typing import BinaryIO

from PIL import Image, ImageFile, UnidentifiedImageError

from styled.errors import UnreadableImage
from styled.images.reading.file_kinds import HEAD_BYTES, foreign_kind, heif_brand
from styled.images.reading.info_keys import FROM_JPEG_XL, REMARKS
from styled.images.reading.jpeg_xl import CONTAINER, jpeg_of
from styled.images.reading.placeholders import placeholder_at
from styled.images.reading.unread_colours import add_colours
from styled.images.reading.wholeness import with_end_mark

FORMATS = ("JPEG", "PNG", "WEBP", "TIFF", "BMP", "GIF", "AVIF", "JPEG2000", "PPM", "QOI", "ICO", "SGI")
"""Of Pillow, recognised by their bytes. Pillow has more, but some of those run programs (EPS starts Ghostscript)."""

KNOWN = "Known are JPEG (also as JPEG XL), PNG, WebP, TIFF, BMP, GIF, AVIF, HEIC, JPEG 2000, PPM, QOI, ICO, SGI, PCX and TGA."
"""Advice where it is something else."""

_TIFF_MARKS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_JPEG_2000_MARKS = (b"\0\0\0\x0cjP", b"\xff\x4f\xff\x51")
_BEGINNINGS = (
    (b"\xff\xd8\xff", "JPEG"), (b"\x89PNG", "PNG"), (b"GIF8", "GIF"), (b"RIFF", "WebP"), (b"BM", "BMP"), (b"II", "TIFF"),
    (b"MM", "TIFF"), *((mark, "JPEG 2000") for mark in _JPEG_2000_MARKS), (b"qoif", "QOI"), (b"\0\0\1\0", "ICO"),
    (b"\x01\xda", "SGI"), *((b"P" + kind, "PPM") for kind in (b"1", b"2", b"3", b"4", b"5", b"6", b"f", b"F")),
)  # fmt: skip
"""First bytes of the formats that are read, for those that cannot be."""
_NEVER_TURNED_BY_XMP = frozenset({"TIFF", "AVIF"})
"""Formats that say themselves how they are turned: tag 274, whose default is 1 (TIFF 6.0), or the boxes irot and imir (ISO/IEC 23008-12, 6.5.10 and 6.5.12)."""
_TGA_FOOTER = b"TRUEVISION-XFILE.\0"


def open_format(file: BinaryIO, name: str) -> ImageFile.ImageFile:
    """Read the header of an image with the reader for its format.

    Args:
        file: at its start.
        name: for the errors, printable.

    Raises:
        UnreadableImage: it is something else, and the message says what; or nobody knows it.
        Exception: what readers raise on damaged headers, see ``opening.PILLOW_ERRORS``.
    """
    head = file.read(HEAD_BYTES)
    is_jpeg_xl = head.startswith(CONTAINER)
    if is_jpeg_xl:
        file = jpeg_of(file, name)
        head = file.read(HEAD_BYTES)
    kind = foreign_kind(head)
    if kind is not None:
        if not head.strip(b"\0 "):  # what a placeholder holds; anything else was read, and is what it is
            kind = placeholder_at(file) or kind
        raise UnreadableImage(f"{name} is {kind.what}", kind.advice)
    file.seek(0)
    whole = with_end_mark(file, head)
    try:
        image = _open(whole, name, head)
    except UnidentifiedImageError as error:
        raise _unidentified(file, name, head) from error
    image.info.setdefault(REMARKS, [])
    image.info[FROM_JPEG_XL] = is_jpeg_xl
    if whole is not file:
        image.info[REMARKS].append("it has no end mark, as if it were cut off; every row is there")
    if image.format in _NEVER_TURNED_BY_XMP:
        _drop_xmp_orientation(image)
    add_colours(file, image)
    return image


def _open(file: BinaryIO, name: str, head: bytes) -> ImageFile.ImageFile:
    # Each reader is loaded when the first file of its kind comes: most processes see JPEGs and PNGs only.
    if head.startswith(b"\x89PNG"):
        from styled.images.reading.png_reading import open_png

        return open_png(file)
    if head.startswith(_TIFF_MARKS):
        from styled.images.reading.tiff_reading import open_tiff

        return open_tiff(file, name)
    if head.startswith(_JPEG_2000_MARKS):
        from styled.images.reading.jpeg_2000 import open_jpeg_2000

        return open_jpeg_2000(file, name)
    if heif_brand(head) and b"avif" not in head[8:64]:
        return _open_heif(file, name)
    return Image.open(file, formats=[*FORMATS, *_weakly_marked(file, name, head)])


def _drop_xmp_orientation(image: ImageFile.ImageFile) -> None:
    """Hide the orientation in XMP from Pillow: ``getexif`` takes it for EXIF's, and a TIFF is turned by that when it is decoded."""
    packet = image.info.get("xmp")
    if isinstance(packet, bytes):
        # Not the element or the attribute as a whole, of which there are many forms: of both only the name is changed.
        image.info["xmp"] = packet.replace(b"tiff:Orientation", b"tiff:orientation")
    else:
        image.info.pop("xmp", None)  # a tag of another type, on which Pillow's search fails


def _unidentified(file: BinaryIO, name: str, head: bytes) -> UnreadableImage:
    """Return the refusal of a file that no reader takes, by what it begins as."""
    begins = heif_brand(head) or next((kind for mark, kind in _BEGINNINGS if head.startswith(mark)), "")
    if not begins:
        return UnreadableImage(f"{name} is not an image of a known format", KNOWN)
    if begins == "JPEG" and (bits := _jpeg_bits(file)) not in {0, 8}:
        return UnreadableImage(
            f"{name} is a JPEG of {bits} bits", "Export it as PNG or TIFF with 16 bits, or as JPEG with 8."
        )
    return UnreadableImage(
        f"{name} begins as a {begins} image, but its header is damaged, cut off, or of a rare kind",
        "Copy or download it again, or export it again as PNG or JPEG.",
    )


def _jpeg_bits(file: BinaryIO) -> int:
    """Return the bits of a sample that a JPEG's frame header names (ITU-T T.81, B.2.2); 0 if there is none."""
    at = 2
    while True:
        file.seek(at)
        segment = file.read(5)
        if len(segment) < 5 or segment[0] != 0xFF:
            return 0
        if 0xC0 <= segment[1] <= 0xCF and segment[1] not in {0xC4, 0xC8, 0xCC}:
            return segment[4]
        at += 1 if segment[1] == 0xFF else 2 + int.from_bytes(segment[2:4], "big")


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
