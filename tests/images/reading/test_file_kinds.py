"""What is no image is refused by what it is, under its own name, with what to do."""

from __future__ import annotations

import base64
import bz2
import gzip
import io
import lzma
import plistlib
import struct
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from styled import images
from styled.errors import UnreadableImage
from styled.images.reading.file_kinds import HEAD_BYTES, foreign_kind

PHOTO = Image.fromarray(np.arange(48 * 64 * 3, dtype=np.uint32).astype(np.uint8).reshape(48, 64, 3))


def zipped() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("photo.jpg", b"x")
    return file.getvalue()


def tarred() -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("photo.jpg"))
    return file.getvalue()


def box(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I4s", 8 + len(content), kind) + content


SVG = b"<svg xmlns='http://www.w3.org/2000/svg' width='8' height='8'/>"
PLIST = plistlib.dumps({"NSURLNameKey": "IMG_1.HEIC", "NSURLFileSizeKey": 3}, fmt=plistlib.FMT_BINARY)

KINDS = [
    ("error.jpg", b"\n<!-- x -->\n<!DOCTYPE html><html><head><title>404</title>", "a web page", "save the picture"),
    ("error.jpg", b"\xef\xbb\xbf<HTML><body>Not found", "a web page", "save the picture"),
    ("error.jpg", "<html>\n<p>f\xfcr".encode("utf-16"), "a web page", "save the picture"),
    ("error.png", b'{"error": "rate limit"}', "JSON", "error message"),
    ("error.png", b'<?xml version="1.0"?><Error><Code>AccessDenied</Code></Error>', "an XML document", "error message"),
    ("scan.png", b"%PDF-1.7\n%\xe2\xe3", "a PDF", "pdftoppm"),
    ("drawing.png", b"%!PS-Adobe-3.0 EPSF-3.0", "a PostScript", "Export"),
    ("clip.jpg", box(b"ftyp", b"isom\0\0\2\0isomiso2avc1mp41"), "an MP4 video", "frame"),
    ("clip.jpg", box(b"ftyp", b"qt  \0\0\2\0qt  ") + box(b"wide", b""), "a QuickTime video", "live photo"),
    ("clip.jpg", box(b"moov", b"x" * 40), "a QuickTime video", "frame"),
    ("clip.jpg", b"RIFF\0\0\1\0AVI LIST", "an AVI video", "frame"),
    ("clip.jpg", b"\x1aE\xdf\xa3\x93B\x82\x88matroska", "a Matroska or WebM video", "frame"),
    ("raw.jpg", box(b"ftyp", b"crx \0\0\0\1crx isom"), "a camera's raw file", "raw converter"),
    ("photos.jpg", gzip.compress(b"x"), "a gzip archive", "Unpack"),
    ("photos.jpg", bz2.compress(b"x"), "a bzip2 archive", "Unpack"),
    ("photos.jpg", lzma.compress(b"x"), "an xz archive", "Unpack"),
    ("photos.jpg", zipped(), "a ZIP archive", "Unpack"),
    ("photos.jpg", tarred(), "a tar archive", "Unpack"),
    ("photos.jpg", b"Rar!\x1a\7\1\0", "a RAR archive", "Unpack"),
    ("lfs.jpg", b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 9\n", "a Git LFS pointer", "git lfs pull"),
    (".IMG_1.HEIC.icloud", PLIST, "a placeholder", "Download Now"),
    ("link.jpg", plistlib.dumps({"URL": "https://x"}), "a property list of macOS", "picture itself"),
    ("link.jpg", b"[InternetShortcut]\r\nURL=https://x", "a link", "browser"),
    ("._photo.jpg", b"\0\5\x16\7\0\2\0\0Mac OS X", "what macOS keeps beside a file", "same name"),
    ("data.jpg", b"data:image/jpeg;base64," + base64.b64encode(b"x"), "a picture as text", "browser"),
    ("logo.png", SVG, "an SVG drawing", "Export it as PNG"),
    ("logo.png", b'<?xml version="1.0"?>\n<!-- Inkscape -->\n' + SVG, "an SVG drawing", "Export it as PNG"),
    ("logo.png", b'<?xml version="1.0"?><!DOCTYPE svg PUBLIC "x" [<!ENTITY a "b">]>' + SVG, "an SVG drawing", "Export it as PNG"),
    ("font.woff2", b"wOF2\0\1\0\0", "a font", "image"),
    ("font.ttf", b"\0\1\0\0\0\x10\1\0", "a font", "image"),
    ("table.jpg", b"PAR1\x15\0\x15\x1a" + bytes(range(200)) + b"PAR1", "a Parquet file", "PNG"),
    ("old.doc", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(500), "an old Office document", "PNG"),
    ("photo.jpg.lnk", b"L\0\0\0\1\x14\2\0\0\0\0\0\xc0", "a link of Windows", "leads to"),
    ("sound.jpg", b"\xff\xfb\x90\x64" + bytes(range(200)), "an MP3 sound", "image"),
    ("secret.jpg", b"-----BEGIN PGP MESSAGE-----\n\nhQEM", "an encrypted message", "Decrypt"),
    ("photo.jxl", b"\xff\x0a\xfa\x7f", "a JPEG XL image", "djxl"),
    ("photo.jxl", b"\0\0\0\x0cJXL \r\n\x87\n", "a JPEG XL image", "djxl"),
    ("art.tif", b"8BPS\0\1" + b"\0" * 6, "a Photoshop document", "Export"),
    ("art.psb", b"8BPS\0\2" + b"\0" * 6, "a Photoshop document", "Export"),
    ("art.png", b"gimp xcf v011\0", "a GIMP document", "Export"),
    ("sky.tif", b"\x76\x2f\x31\x01\2\0\0\0", "an OpenEXR image", "Tone-map"),
    ("sky.jpg", b"#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n", "a Radiance HDR image", "Tone-map"),
    ("skin.png", b"DDS |\0\0\0", "a DDS texture", "Export"),
    ("photo.wdp", b"II\xbc\1\x20\0\0\0", "a JPEG XR image", "Export"),
    ("photo.jpg", b"II*\0\x10\0\0\0CR\2\0", "a camera's raw file", "raw converter"),
    ("photo.jpg", b"FUJIFILMCCD-RAW 0201", "a camera's raw file", "raw converter"),
    ("photo.jpg", b"IIRO\x08\0\0\0", "a camera's raw file", "raw converter"),
    ("photo.jpg", b"IIU\0\x18\0\0\0", "a camera's raw file", "raw converter"),
    ("photo.jpg", b"FOVb\0\0\3\0", "a camera's raw file", "raw converter"),
    ("stars.tif", b"SIMPLE  =                    T", "a FITS image", "16 bits"),
    ("array.png", b"\x93NUMPY\1\0v\0", "a NumPy array", "stylize"),
    ("photo.png", b"Dear all, here is the photo.\n", "a text", "image file"),
    ("photo.png", b"\0" * 5000, "nothing but zeros", "again"),
    ("photo.png", b"", "empty", "again"),
    ("photo.xmp.jpg", b"<?xpacket begin='' id=''?><x:xmpmeta/>", "an XMP sidecar", "describes"),
    ("photo.jpg", b"\x7fELF\2\1\1", "a program", "image"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "data", "what", "advice"), KINDS, ids=[f"{k[2]}-{n}" for n, k in enumerate(KINDS)])
def test_it_is_named_by_its_first_bytes(tmp_path: Path, name: str, data: bytes, what: str, advice: str) -> None:
    (tmp_path / name).write_bytes(data)
    with pytest.raises(UnreadableImage) as caught:
        images.load(tmp_path / name)
    assert caught.value.message.startswith(f"{name} is {what}")
    assert advice in caught.value.advice
    with pytest.raises(UnreadableImage, match="the content image is"):
        images.load(io.BytesIO(data or b"\0" * 99), name="the content image")


@pytest.mark.parametrize("suffix", ["tga", "pcx", "sgi", "qoi", "ico", "ppm", "pgm", "pbm", "mpo", "jp2", "j2k"])
def test_what_pillow_reads_well_is_taken(tmp_path: Path, suffix: str) -> None:
    photo = {"pgm": PHOTO.convert("L"), "pbm": PHOTO.convert("1")}.get(suffix, PHOTO)
    photo.save(tmp_path / f"a.{suffix}", **({"sizes": [(48, 48)]} if suffix == "ico" else {}))
    loaded = images.load(tmp_path / f"a.{suffix}")
    assert loaded.info.width == (48 if suffix == "ico" else 64)
    if suffix not in {"ico", "mpo", "jp2", "j2k"}:
        np.testing.assert_array_equal(loaded.pixels, np.asarray(photo.convert("RGB")))


def test_a_tga_is_known_by_its_footer_too(tmp_path: Path) -> None:
    PHOTO.save(tmp_path / "a.tga")
    (tmp_path / "a.tga").rename(tmp_path / "a.jpg")
    np.testing.assert_array_equal(images.load(tmp_path / "a.jpg").pixels, np.asarray(PHOTO))


@pytest.mark.parametrize(("kind", "kept"), [("JPEG", 8), ("PNG", 12), ("TIFF", 12), ("WEBP", 14), ("BMP", 10)])
@pytest.mark.filterwarnings("ignore::UserWarning")  # Pillow also warns about what it then refuses
def test_a_header_that_is_cut_off_is_told_as_such(tmp_path: Path, kind: str, kept: int) -> None:
    file = io.BytesIO()
    PHOTO.save(file, kind)
    (tmp_path / "a.dat").write_bytes(file.getvalue()[:kept])
    with pytest.raises(UnreadableImage, match=r"a\.dat (begins as a|is truncated|cannot be decoded)"):
        images.load(tmp_path / "a.dat")


def test_a_jpeg_of_12_bits_is_named(tmp_path: Path) -> None:
    PHOTO.save(tmp_path / "a.jpg")
    data = bytearray((tmp_path / "a.jpg").read_bytes())
    data[data.index(b"\xff\xc0") + 4] = 12
    (tmp_path / "a.jpg").write_bytes(data)
    with pytest.raises(UnreadableImage, match="a JPEG of 12 bits"):
        images.load(tmp_path / "a.jpg")


@given(st.binary(max_size=600))
def test_any_bytes_have_a_kind_or_none(head: bytes) -> None:
    kind = foreign_kind(head)
    assert kind is None or kind.what


@pytest.mark.parametrize("filler", [b"<!---->", b"<!-- ", b"<?xml ", b" ", b"{", b"<"])
def test_long_beginnings_of_texts_take_no_time(filler: bytes) -> None:
    """A pattern that tries all ways to part comments would not end within the suite's time limit."""
    assert foreign_kind((filler * HEAD_BYTES)[: HEAD_BYTES - 1] + b"!") is not None


def test_readers_that_are_not_installed_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pi_heif.as_plugin", None)
    (tmp_path / "a.heic").write_bytes(box(b"ftyp", b"heic\0\0\0\0mif1heic"))
    with pytest.raises(UnreadableImage, match="a HEIC image") as caught:
        images.load(tmp_path / "a.heic")
    assert "pip install pi-heif" in caught.value.advice
