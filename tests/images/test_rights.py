"""Creator, rights, caption and keywords of a photo are in what is carried over to its result; places are not."""

from __future__ import annotations

import io
import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import ExifTags, Image, PngImagePlugin

from styled import images

WHO, WHOSE, WHAT, WORDS = "Zoë Ōta", "© 2026 Zoë Ōta, all rights reserved", "A harbour at dusk", "harbour; dusk; boat"

XMP = f"""<?xpacket begin="" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:photoshop="http://ns.adobe.com/photoshop/1.0/"
 photoshop:City="Secretville">
<dc:creator><rdf:Seq><rdf:li>{WHO}</rdf:li></rdf:Seq></dc:creator>
<dc:rights><rdf:Alt><rdf:li xml:lang="x-default">{WHOSE}</rdf:li><rdf:li xml:lang="de">anders</rdf:li></rdf:Alt></dc:rights>
<dc:description><rdf:Alt><rdf:li xml:lang="x-default">{WHAT}</rdf:li></rdf:Alt></dc:description>
<dc:subject><rdf:Bag><rdf:li>harbour</rdf:li><rdf:li>dusk</rdf:li><rdf:li>boat</rdf:li></rdf:Bag></dc:subject>
</rdf:Description></rdf:RDF></x:xmpmeta><?xpacket end="w"?>"""
PHOTO = Image.new("RGB", (40, 30), "teal")


def iptc(*, utf8: bool, creator: str = "Zoë") -> bytes:
    """A segment APP13 (Adobe's image resource 0x0404) with the fields of IPTC-IIM."""

    def field(record: int, number: int, data: bytes) -> bytes:
        return struct.pack(">BBBH", 0x1C, record, number, len(data)) + data

    encoding = "utf-8" if utf8 else "latin-1"
    fields = field(1, 90, b"\x1b%G") if utf8 else b""
    for number, text in (
        (80, creator),
        (116, "© Zoë"),
        (120, WHAT),
        (25, "harbour"),
        (25, "dusk"),
        (90, "Secretville"),
    ):
        fields += field(2, number, text.encode(encoding))
    fields += b"\0" * (len(fields) % 2)
    resource = b"8BIM" + struct.pack(">H", 0x0404) + b"\0\0" + struct.pack(">I", len(fields)) + fields
    data = b"Photoshop 3.0\0" + resource
    return b"\xff\xed" + struct.pack(">H", len(data) + 2) + data


def carried(path: Path, tmp_path: Path, suffix: str) -> dict[str, str]:
    """What a result made of a file says."""
    loaded = images.load(path)
    result = tmp_path / f"result{suffix}"
    images.save(loaded.pixels, result, exif=loaded.exif)
    assert b"Secretville" not in result.read_bytes()
    with Image.open(result) as image:
        exif = image.getexif()
    texts = {name: exif.get(getattr(ExifTags.Base, name), "") for name in ("Artist", "Copyright", "ImageDescription")}
    found = {name: text.encode("latin-1").decode() for name, text in texts.items()}
    keywords = exif.get(ExifTags.Base.XPKeywords, b"")
    return {**found, "keywords": bytes(keywords).decode("utf-16-le").rstrip("\0")}


@pytest.mark.parametrize("result", [".png", ".jpg", ".tif", ".webp"])
@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "tif", "avif"])
def test_from_xmp(tmp_path: Path, suffix: str, result: str) -> None:
    path = tmp_path / f"a.{suffix}"
    if suffix == "png":
        text = PngImagePlugin.PngInfo()
        text.add_itxt("XML:com.adobe.xmp", XMP)
        PHOTO.save(path, pnginfo=text)
    elif suffix == "tif":
        PHOTO.save(path, tiffinfo={700: XMP.encode()})
    else:
        PHOTO.save(path, xmp=XMP.encode())
    expected = {"Artist": WHO, "Copyright": WHOSE, "ImageDescription": WHAT, "keywords": WORDS}
    assert carried(path, tmp_path, result) == expected


@pytest.mark.parametrize("utf8", [False, True])
def test_from_iptc(tmp_path: Path, utf8: bool) -> None:
    PHOTO.save(tmp_path / "a.jpg")
    data = (tmp_path / "a.jpg").read_bytes()
    (tmp_path / "a.jpg").write_bytes(data[:2] + iptc(utf8=utf8) + data[2:])
    expected = {"Artist": "Zoë", "Copyright": "© Zoë", "ImageDescription": WHAT, "keywords": "harbour; dusk"}
    assert carried(tmp_path / "a.jpg", tmp_path, ".png") == expected


def test_from_the_texts_of_a_png(tmp_path: Path) -> None:
    text = PngImagePlugin.PngInfo()
    for name, value in (("Author", "Zoë"), ("Copyright", "© Zoë"), ("Description", WHAT)):
        text.add_itxt(name, value)
    PHOTO.save(tmp_path / "a.png", pnginfo=text)
    found = carried(tmp_path / "a.png", tmp_path, ".jpg")
    assert found == {"Artist": "Zoë", "Copyright": "© Zoë", "ImageDescription": WHAT, "keywords": ""}


def test_exif_stays_where_nothing_else_is_said(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Artist] = "A. Nonymous"
    PHOTO.save(tmp_path / "a.jpg", exif=exif)
    assert carried(tmp_path / "a.jpg", tmp_path, ".jpg")["Artist"] == "A. Nonymous"


@pytest.mark.parametrize(
    "packet",
    [
        b"<x:xmpmeta",
        b"\xff\xfe\0",
        b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>',
        XMP.replace(WHO, "x" * 2_000_000).encode(),
        b"",
    ],
)
def test_a_packet_that_is_damaged_or_large_costs_nothing_else(tmp_path: Path, packet: bytes) -> None:
    PHOTO.save(tmp_path / "a.webp", lossless=True, xmp=packet)
    loaded = images.load(tmp_path / "a.webp")
    np.testing.assert_array_equal(loaded.pixels, np.asarray(PHOTO))
    assert loaded.exif == b""


def with_metadata(kind: str) -> tuple[bytes, int, int]:
    """A JPEG or PNG, and where in it the bytes of its metadata begin and end, their lengths left out."""
    written = io.BytesIO()
    if kind == "iptc":
        PHOTO.save(written, "JPEG")
        segment = iptc(utf8=True)
        data = written.getvalue()
        return data[:2] + segment + data[2:], 2 + 18, 2 + len(segment)
    exif = Image.Exif()
    exif[ExifTags.Base.Artist], exif[ExifTags.Base.Orientation] = "Zoe", 1
    exif[ExifTags.IFD.Exif] = {ExifTags.Base.ColorSpace: 0xFFFF, ExifTags.Base.UserComment: b"ASCII\0\0\0comment"}
    exif[ExifTags.IFD.GPSInfo] = {1: "N", 2: (1.0, 2.0, 3.0)}
    body = exif.tobytes()
    PHOTO.save(written, "JPEG", exif=exif)
    at = written.getvalue().index(body)
    return written.getvalue(), at + 6, at + len(body)


@settings(max_examples=150)
@given(
    st.sampled_from(["iptc", "exif"]),
    st.lists(st.tuples(st.floats(0, 0.999), st.integers(0, 255)), min_size=1, max_size=12),
)
def test_no_damage_to_metadata_costs_the_picture(kind: str, damage: list[tuple[float, int]]) -> None:
    """What the check before the claim takes must not fail as a job."""
    data, start, end = with_metadata(kind)
    damaged = bytearray(data)
    for place, byte in damage:
        damaged[start + int(place * (end - start))] = byte
    assert images.load(io.BytesIO(bytes(damaged)), name="a.jpg").pixels.size == 40 * 30 * 3


def test_an_empty_text_of_iptc(tmp_path: Path) -> None:
    """Found by the corpus (exiv2-bug447): the check took it, and its job failed."""
    written = io.BytesIO()
    PHOTO.save(written, "JPEG")
    data = written.getvalue()
    (tmp_path / "a.jpg").write_bytes(data[:2] + iptc(utf8=True, creator="") + data[2:])
    found = carried(tmp_path / "a.jpg", tmp_path, ".png")
    assert (found["Artist"], found["Copyright"]) == ("", "© Zoë")
