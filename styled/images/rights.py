"""Who made a photo, whose it is, and what it shows: from XMP, IPTC and PNG's texts into the tags of EXIF that are carried over.

Where it was taken is left alone: IPTC and XMP have places too, and a result has one only if its user asks for it.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Iterator, Mapping
from typing import Any

from PIL import ExifTags, ImageFile, IptcImagePlugin

from styled.files.printable import one_line
from styled.images.opening import PILLOW_ERRORS

_MOST_XMP = 2**20
_MOST_TEXT = 4000
"""Characters of one text: with all four the EXIF of a JPEG still has room for the rest."""

_DC = "{http://purl.org/dc/elements/1.1/}"
_RDF = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}"
_OF_XMP = {"creator": f"{_DC}creator", "rights": f"{_DC}rights", "caption": f"{_DC}description", "keywords": f"{_DC}subject"}  # fmt: skip
_OF_IPTC = {"creator": (2, 80), "rights": (2, 116), "caption": (2, 120), "keywords": (2, 25)}
"""Datasets of IPTC-IIM 4.2."""
_OF_PNG = {"creator": "Author", "rights": "Copyright", "caption": "Description"}
_TAGS = {
    "creator": ExifTags.Base.Artist,
    "rights": ExifTags.Base.Copyright,
    "caption": ExifTags.Base.ImageDescription,
    "keywords": ExifTags.Base.XPKeywords,
}


def rights_tags(image: ImageFile.ImageFile) -> dict[int, bytes]:
    """Return EXIF tags with what an opened image's XMP, IPTC or texts say; XMP first, as what programs write last."""
    found: dict[int, bytes] = {}
    sources = (_xmp(image), _iptc(image), _png(image))
    for name, tag in _TAGS.items():
        text = next((source[name] for source in sources if source.get(name)), "")
        if text := one_line(text, _MOST_TEXT):
            # Of Windows' tag for keywords the encoding is UTF-16; the others are UTF-8 (EXIF 3.0, 4.6.2).
            found[tag] = f"{text}\0".encode("utf-16-le") if name == "keywords" else text.encode()
    return found


def _xmp(image: ImageFile.ImageFile) -> Mapping[str, str]:
    packet: Any = image.info.get("xmp") or image.info.get("XML:com.adobe.xmp") or b""
    data = packet.encode() if isinstance(packet, str) else packet
    if not isinstance(data, bytes) or not 0 < len(data) <= _MOST_XMP or b"<!" in data:
        return {}  # a packet has no document type; one that has may expand to anything
    try:
        root = ET.fromstring(data.strip(b"\0 \r\n\t"))  # noqa: S314  # no document type, no entities: see above
    except (ET.ParseError, ValueError, LookupError):
        return {}
    return {name: "; ".join(_texts(root, tag)) for name, tag in _OF_XMP.items()}


def _texts(root: ET.Element, tag: str) -> Iterator[str]:
    """Yield the texts of a property: of a list all, of languages the first, or the plain one."""
    for element in root.iter(tag):
        items = [item.text or "" for item in element.iter(f"{_RDF}li")]
        alternatives = element.find(f"{_RDF}Alt") is not None
        yield from (items[:1] if alternatives else items) if items else [element.text or ""]
        return
    for element in root.iter(f"{_RDF}Description"):  # short form: an attribute
        if tag in element.attrib:
            yield element.attrib[tag]
            return


def _iptc(image: ImageFile.ImageFile) -> Mapping[str, str]:
    if image.format not in {"JPEG", "MPO", "TIFF"}:
        return {}
    try:
        fields = IptcImagePlugin.getiptcinfo(image) or {}
    except PILLOW_ERRORS:
        return {}  # damaged: the picture itself may be well
    is_utf8 = fields.get((1, 90)) == b"\x1b%G"
    found = {}
    for name, key in _OF_IPTC.items():
        values = fields.get(key, b"")
        parts = values if isinstance(values, list) else [values]
        # Of an empty dataset Pillow gives None.
        found[name] = "; ".join(_decoded(part, is_utf8=is_utf8) for part in parts if isinstance(part, bytes))
    return found


def _decoded(data: bytes, *, is_utf8: bool) -> str:
    """Return a text of IPTC: UTF-8 where it says so or is it, else Latin-1."""
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode("utf-8", "replace") if is_utf8 else data.decode("latin-1")


def _png(image: ImageFile.ImageFile) -> Mapping[str, str]:
    if image.format != "PNG":
        return {}
    return {name: text for name, key in _OF_PNG.items() if isinstance(text := image.info.get(key), str)}
