"""What a file is that is no image to be painted, by its first bytes: so that a refusal can advise.

Only standard marks ("magic numbers") count, never a name: phones, browsers and programs name files wrongly every day.
"""

from __future__ import annotations

import re
from typing import NamedTuple

HEAD_BYTES = 4096
"""Read of a file to see what it is; a tar has its mark at 257, a web page may begin with comments."""


class FileKind(NamedTuple):
    """What a file is, in words that follow "is", and what its user can do."""

    what: str
    advice: str


_EXPORT = "Export it as PNG or JPEG from the program that made it."
_ARCHIVE = "Unpack it, and give the images in it."
_TAKE_OUT = "Export the picture in it as PNG."
_VIDEO = "Save one of its frames as an image."
_RAW = "Develop it in a raw converter, and export it as TIFF or JPEG."
_COPY = "Copy or download it again."

WEB_PAGE = FileKind(
    "a web page, not an image",
    "The download failed, or saved the page around the picture: save the picture itself.",
)
RAW = FileKind("a camera's raw file", _RAW)
JPEG_XL = FileKind(
    "a JPEG XL image that was not made of a JPEG", "Convert it: djxl photo.jxl photo.png, or export it as PNG or JPEG."
)
ZEROS = FileKind("nothing but zeros where an image begins", "It was not written to its end: copy or download it again.")
ICLOUD = FileKind(
    "a placeholder, the picture itself is in iCloud", "Open it on the Mac, or choose Download Now there; then copy it."
)

_MARKS: tuple[tuple[bytes, FileKind], ...] = (
    (b"8BPS", FileKind("a Photoshop document", "Export a copy as PNG, TIFF or JPEG.")),
    (b"%PDF", FileKind("a PDF document", "Export its page or picture as PNG, for example with pdftoppm -png.")),
    (b"%!PS", FileKind("a PostScript document", _EXPORT)),
    (b"\xc5\xd0\xd3\xc6", FileKind("an EPS drawing", _EXPORT)),
    (b"gimp xcf", FileKind("a GIMP document", "Export it as PNG.")),
    (b"\x76\x2f\x31\x01", FileKind("an OpenEXR image, of high dynamic range", "Tone-map it, and export it as PNG or TIFF with 8 or 16 bits.")),
    (b"#?RADIANCE", FileKind("a Radiance HDR image", "Tone-map it, and export it as PNG or TIFF with 8 or 16 bits.")),
    (b"#?RGBE", FileKind("a Radiance HDR image", "Tone-map it, and export it as PNG or TIFF with 8 or 16 bits.")),
    (b"DDS ", FileKind("a DDS texture", _EXPORT)),
    (b"\xabKTX", FileKind("a KTX texture", _EXPORT)),
    (b"II\xbc", FileKind("a JPEG XR image", _EXPORT)),
    (b"\xff\x0a", JPEG_XL), (b"\0\0\0\x0cJXL ", JPEG_XL),
    (b"FLIF", FileKind("a FLIF image", _EXPORT)),
    (b"BPG\xfb", FileKind("a BPG image", _EXPORT)),
    (b"AT&TFORM", FileKind("a DjVu document", _EXPORT)),
    (b"\x8aMNG", FileKind("an MNG animation", _EXPORT)),
    (b"\x8bJNG", FileKind("a JNG image", _EXPORT)),
    (b"icns", FileKind("a macOS icon", _EXPORT)),
    (b"SDPX", FileKind("a DPX film frame", _EXPORT)),
    (b"XPDS", FileKind("a DPX film frame", _EXPORT)),
    (b"\x80\x2a\x5f\xd7", FileKind("a Cineon film frame", _EXPORT)),
    (b"\x59\xa6\x6a\x95", FileKind("a Sun raster image", _EXPORT)),
    (b"\xd7\xcd\xc6\x9a", FileKind("a WMF drawing", _EXPORT)),
    (b"SIMPLE  =", FileKind("a FITS image", "Scale its values, and export it as PNG or TIFF with 16 bits.")),
    (b"\x93NUMPY", FileKind("a NumPy array", "Load it in Python, and give the array to styled.stylize().")),
    (b"\x89HDF", FileKind("an HDF5 file", _TAKE_OUT)),
    (b"BLENDER", FileKind("a Blender document", "Render it to a PNG.")),
    (b"\x06\x06\xed\xf5", FileKind("an InDesign document", _EXPORT)),
    (b"FUJIFILMCCD-RAW", RAW), (b"FOVb", RAW), (b"\0MRM", RAW), (b"IIU\0", RAW), (b"IIRO", RAW), (b"IIRS", RAW),
    (b"MMOR", RAW), (b"II\x1a\0\0\0HEAPCCDR", RAW), (b"II*\0\x10\0\0\0CR", RAW),
    (b"PK\x03\x04", FileKind("a ZIP archive, or a document made of one", _ARCHIVE)),
    (b"PK\x05\x06", FileKind("an empty ZIP archive", _ARCHIVE)),
    (b"\x1f\x8b", FileKind("a gzip archive", _ARCHIVE)),
    (b"BZh", FileKind("a bzip2 archive", _ARCHIVE)),
    (b"\xfd7zXZ\0", FileKind("an xz archive", _ARCHIVE)),
    (b"\x28\xb5\x2f\xfd", FileKind("a Zstandard archive", _ARCHIVE)),
    (b"7z\xbc\xaf\x27\x1c", FileKind("a 7-Zip archive", _ARCHIVE)),
    (b"Rar!", FileKind("a RAR archive", _ARCHIVE)),
    (b"\x1aE\xdf\xa3", FileKind("a Matroska or WebM video", _VIDEO)),
    (b"FLV\x01", FileKind("a Flash video", _VIDEO)),
    (b"\x30\x26\xb2\x75", FileKind("a Windows Media video", _VIDEO)),
    (b"\0\0\x01\xba", FileKind("an MPEG video", _VIDEO)),
    (b"\0\0\x01\xb3", FileKind("an MPEG video", _VIDEO)),
    (b"OggS", FileKind("an Ogg video or sound", _VIDEO)),
    (b"ID3", FileKind("an MP3 sound", "Give an image.")),
    (b"fLaC", FileKind("a FLAC sound", "Give an image.")),
    (b"\x7fELF", FileKind("a program", "Give an image.")),
    (b"SQLite format 3\0", FileKind("a database", "Give an image.")),
    (b"wOFF", FileKind("a font", "Give an image.")), (b"wOF2", FileKind("a font", "Give an image.")),
    (b"OTTO", FileKind("a font", "Give an image.")), (b"\0\x01\0\0\0", FileKind("a font", "Give an image.")),
    (b"PAR1", FileKind("a Parquet file", _TAKE_OUT)),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", FileKind("an old Office document, or a database of thumbnails", _TAKE_OUT)),
    (b"L\0\0\0\x01\x14\x02\0", FileKind("a link of Windows, not the picture", "Give the file that it leads to.")),
    (b"\xff\xfb", FileKind("an MP3 sound", "Give an image.")), (b"\xff\xf3", FileKind("an MP3 sound", "Give an image.")),
    (b"\0\x05\x16\x07", FileKind("what macOS keeps beside a file (AppleDouble), not the picture", "Give the file of the same name without ._ in front.")),
    (b"bplist00", ICLOUD),
)  # fmt: skip
"""First bytes to what it is."""

_BOXES = {
    b"heic": "HEIC", b"heix": "HEIC", b"heim": "HEIC", b"heis": "HEIC", b"hevc": "HEIC", b"hevx": "HEIC",
    b"mif1": "HEIF", b"msf1": "HEIF", b"mif2": "HEIF", b"avif": "AVIF", b"avis": "AVIF",
}  # fmt: skip
"""Brands of ISO/IEC 14496-12 files that are pictures."""

_RIFFS = {
    b"AVI ": FileKind("an AVI video", _VIDEO),
    b"WAVE": FileKind("a WAV sound", "Give an image."),
    b"ACON": FileKind("an animated cursor", _EXPORT),
    b"CDR": FileKind("a CorelDRAW document", _EXPORT),
}

_TEXTS: tuple[tuple[str, FileKind], ...] = (
    (r"version https://git-lfs", FileKind("a Git LFS pointer, not the picture", "Fetch the picture first: git lfs pull.")),
    (r"(<svg\b|<svg:svg\b|<(\?xml|!--|!doctype svg)(?s:.*)<(svg:)?svg\b)", FileKind("an SVG drawing", "Export it as PNG, in the size that you want.")),
    (r"(<\?xml[^>]*>\s*)?(<!--(?:(?!-->).)*-->\s*)*<(!doctype html|html|head|body|title|script|meta)\b", WEB_PAGE),
    (r"(<\?xml[^>]*>\s*)?<!doctype plist", FileKind("a property list of macOS: a link, a setting or a placeholder", "Give the picture itself.")),
    (r"(<\?xpacket|<x:xmpmeta)", FileKind("an XMP sidecar, not the picture", "Give the picture that it describes.")),
    (r"<\?xml", FileKind("an XML document", "If it was downloaded, it is an error message: save the picture itself.")),
    (r"\[internetshortcut\]", FileKind("a link to a web page", "Open it in a browser, and save the picture itself.")),
    (r"data:image/", FileKind("a picture as text (a data URL)", "Open it in a browser, and save the picture itself.")),
    (r"[{\[]\s*(\"|\]|\})", FileKind("JSON text, not an image", "If it was downloaded, it is an error message: save the picture itself.")),
    (r"-----begin pgp", FileKind("an encrypted message", "Decrypt it first.")),
    (r"(#define \w+_width|/\* xpm)", FileKind("an X11 bitmap", _EXPORT)),
)  # fmt: skip
"""Beginnings of texts, in lower case, white space left out."""

_VIDEO_BOXES = frozenset({b"moov", b"mdat", b"wide", b"skip", b"free", b"pnot"})


def foreign_kind(head: bytes) -> FileKind | None:
    """Return what a file is, if it is known to be no image that is read here; None if it may be one.

    Args:
        head: its first bytes, :data:`HEAD_BYTES` if it has as many.
    """
    if head.startswith(b"\0" * 64) and not head.strip(b"\0"):
        return ZEROS
    for mark, kind in _MARKS:
        if head.startswith(mark):
            return kind
    if head[:4] in {b"RIFF", b"RIFX"} and head[8:12] != b"WEBP":
        return next((kind for mark, kind in _RIFFS.items() if head[8:].startswith(mark)), None)
    return _of_offsets(head) or _of_boxes(head) or _of_text(head)


def heif_brand(head: bytes) -> str:
    """Return ``HEIC``, ``HEIF`` or ``AVIF`` for a file of that family, else an empty text."""
    return _BOXES.get(head[8:12], "") if head[4:8] == b"ftyp" else ""


def _of_offsets(head: bytes) -> FileKind | None:
    """Recognise what has its mark further in."""
    if head[257:262] == b"ustar":
        return FileKind("a tar archive", _ARCHIVE)
    if head[128:132] == b"DICM":
        return FileKind("a DICOM image", "Export it as PNG or TIFF with 8 or 16 bits.")
    if head[40:44] == b" EMF":
        return FileKind("an EMF drawing", _EXPORT)
    if head[8:12] in {b"IIII", b"MMMM"} and head[:4] in {b"IIII", b"MMMM", b"II*\0", b"MM\0*"}:
        return RAW  # Phase One
    if head[:2] == b"MZ" and b"This program" in head[:512]:
        return FileKind("a program", "Give an image.")
    is_transport = len(head) > 376 and head[0] == head[188] == head[376] == 0x47
    return FileKind("an MPEG video", _VIDEO) if is_transport else None


def _of_boxes(head: bytes) -> FileKind | None:
    """Recognise files of boxes, ISO/IEC 14496-12: videos, and Canon's raw files."""
    if head[4:8] in _VIDEO_BOXES:
        return FileKind("a QuickTime video", _VIDEO)
    if head[4:8] != b"ftyp" or heif_brand(head):
        return None
    if head[8:12] == b"crx ":
        return RAW
    if head[8:12] in {b"jp2 ", b"jpx ", b"jxl "}:
        return None
    size = min(int.from_bytes(head[:4], "big"), len(head))
    compatible = {head[at : at + 4] for at in range(16, size - 3, 4)}
    if compatible & _BOXES.keys() and head[8:12] not in {b"isom", b"mp41", b"mp42", b"qt  "}:
        return None  # an unknown brand that lists one of these as compatible
    kind = "a QuickTime video" if head[8:12] == b"qt  " else "an MP4 video"
    return FileKind(kind, _VIDEO + " Phones save one beside each live photo: the picture has the same name.")


def _of_text(head: bytes) -> FileKind | None:
    text = _decoded(head)
    if text is None:
        return None
    start = text.lstrip("\ufeff \t\r\n").lower()
    for pattern, kind in _TEXTS:
        if re.match(pattern, start, re.DOTALL):
            return kind
    # Portable anymaps begin as text does; they have a mark of their own.
    return None if re.match(r"p[1-7f][\s#]", start) else FileKind("a text, not an image", "Give an image file.")


def _decoded(head: bytes) -> str | None:
    """Return the head as text, None if it is none."""
    if head[:2] in {b"\xff\xfe", b"\xfe\xff"}:
        try:
            return head[: len(head) // 2 * 2].decode("utf-16")
        except UnicodeDecodeError:
            return None
    try:
        text = head.decode("utf-8")
    except UnicodeDecodeError as error:
        if error.start < len(head) - 3:
            return None
        text = head[: error.start].decode("utf-8")  # a character was cut in two
    return None if re.search(r"[\x00-\x08\x0e-\x1f]", text) else text
