"""One orientation for each picture, applied once: what EXIF, XMP and the container say, where they differ too."""

from __future__ import annotations

import base64
import io
import struct
import zlib
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
import tifffile
from PIL import Image, TiffImagePlugin
from PIL.PngImagePlugin import PngInfo

from styled import images

HEIC = base64.b64decode(
    "AAAAHGZ0eXBoZWljAAAAAG1pZjFoZWljbWlhZgAAAettZXRhAAAAAAAAACFoZGxyAAAAAAAAAABwaWN0AAAAAAAAAAAAAAAAAAAAAEZpbG9jAAAAAERAAAMA"
    "AQAAAAACDwABAAAAAAAAAMgAAgAAAAAC1wABAAAAAAAAADAAAwAAAAADBwABAAAAAAAAAOsAAABiaWluZgAAAAAAAwAAABVpbmZlAgAAAAABAABodmMxAAAA"
    "ABVpbmZlAgAAAQACAABFeGlmAAAAACppbmZlAgAAAQADAABtaW1lAGFwcGxpY2F0aW9uL3JkZit4bWwAAAAAAA5waXRtAAAAAAABAAAA4GlwcnAAAADAaXBj"
    "bwAAAHhodmNDAQNwAAAAkAAAAAAAHvAA/P34+AAADwNgAAEAGEABDAH//wNwAAADAJAAAAMAAAMAHroCQGEAAQArQgEBA3AAAAMAkAAAAwAAAwAeoDCBBZbq"
    "SSmubgIaDAgAAAMAyAAAAwAIQGIAAQAHRAHBcrAiQAAAABNjb2xybmNseAABAA0ABoAAAAAUaXNwZQAAAAAAAABgAAAAQAAAABBwaXhpAAAAAAMICAgAAAAJ"
    "aXJvdAEAAAAYaXBtYQAAAAAAAAABAAEFgQIDBIUAAAAoaXJlZgAAAAAAAAAOY2RzYwACAAEAAQAAAA5jZHNjAAMAAQABAAAB621kYXQAAADEKAGvCeDhWTai"
    "P//678n/+wv+h/qi5g8yeRf6At2/32tH/z+jGy3GC8kQ48Fpu/gWOzYE1IGhQJVt6YBAgureBe7OAyGgWSs3EJjtcbcdvq2GTA0qAB7mUGbYsf2spabAsb6b"
    "//p/acfz58//7soEN3yJqxWoaiT9ftOyPyqmwkkEES24Dg9nezuv/lgrdjvNA+VH4pdXFEOpxSYHVSxZjxKRh4wvn7MVS/7ffqruLCk//Qhgj8ea06e2aQIo"
    "+WVk/6ofPAAAAAZFeGlmAABNTQAqAAAACAACAQ4AAgAAAAJ4AAAAARIAAwAAAAEABgAAAAAAADx4OnhtcG1ldGEgeG1sbnM6eD0iYWRvYmU6bnM6bWV0YS8i"
    "PjxyZGY6UkRGIHhtbG5zOnJkZj0iaHR0cDovL3d3dy53My5vcmcvMTk5OS8wMi8yMi1yZGYtc3ludGF4LW5zIyI+PHJkZjpEZXNjcmlwdGlvbiByZGY6YWJv"
    "dXQ9IiIgeG1sbnM6dGlmZj0iaHR0cDovL25zLmFkb2JlLmNvbS90aWZmLzEuMC8iIHRpZmY6T3JpZW50YXRpb249IjgiPjwvcmRmOkRlc2NyaXB0aW9uPjwv"
    "cmRmOlJERj48L3g6eG1wbWV0YT4="
)
"""The four colours of ``CORNERS``, EXIF orientation 6, XMP orientation 8 and the box irot, encoded by pillow-heif."""

CORNERS = {"R": (250, 10, 10), "G": (10, 250, 10), "B": (10, 10, 250), "Y": (250, 250, 10)}
AS_STORED = "RGBY"
TURNED = {1: AS_STORED, 3: "YBGR", 6: "BRYG", 8: "GYRB"}
"""The colours of the corners from left to right and down, by EXIF orientation."""


def photo() -> Image.Image:
    pixels = np.empty((40, 60, 3), np.uint8)
    for at, colour in zip(np.ndindex(2, 2), CORNERS.values(), strict=True):
        pixels[20 * at[0] : 20 * at[0] + 20, 30 * at[1] : 30 * at[1] + 30] = colour
    return Image.fromarray(pixels)


def xmp(turn: int, *, is_element: bool = False) -> bytes:
    attribute, element = f' tiff:Orientation="{turn}"', f"<tiff:Orientation>{turn}</tiff:Orientation>"
    return (
        '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        '<rdf:Description rdf:about="" xmlns:tiff="http://ns.adobe.com/tiff/1.0/" xmlns:dc="http://purl.org/dc/elements/1.1/" '
        f'dc:rights="Ada"{"" if is_element else attribute}>{element if is_element else ""}</rdf:Description></rdf:RDF></x:xmpmeta>'
    ).encode()


def exif(turn: int | None) -> bytes:
    """EXIF with an orientation or without, and with a text."""
    tags = Image.Exif()
    tags[0x010E] = "a town"
    if turn is not None:
        tags[0x0112] = turn
    return tags.tobytes()


def corners(pixels: np.ndarray[Any, Any]) -> str:
    """Return the names of the colours in the four quarters of a picture."""
    height, width = pixels.shape[:2]
    found = ""
    for down in (height // 4, 3 * height // 4):
        for across in (width // 4, 3 * width // 4):
            distances = {
                name: np.abs(pixels[down, across].astype(int) - colour).sum() for name, colour in CORNERS.items()
            }
            found += min(distances, key=lambda name: distances[name])
    return found


def check(path: Path, turn: int) -> images.Loaded:
    """Check that all ways to a picture agree that it is turned so."""
    long, short = images.probe(path).width, images.probe(path).height
    size = (long, short)
    assert (long > short) == (turn in {1, 3})
    for loaded in (images.load(path), images.load(path, is_mask=True)):
        assert (corners(loaded.pixels), loaded.size) == (TURNED[turn], size)
        assert loaded.pixels.shape[1::-1] == size
    thumbnail = images.load(path, long_side=30)
    assert corners(thumbnail.pixels) == TURNED[turn]
    assert max(thumbnail.pixels.shape) == 30
    assert (thumbnail.pixels.shape[1] > thumbnail.pixels.shape[0]) == (long > short)
    with path.open("rb") as file:
        need = images.decoding_need(file, "a", max_pixels=10**6, size=lambda width, height: (width, height))
    assert need.size == size
    return images.load(path)


class TestTiff:
    """TIFF 6.0: tag 274 has the default 1, so that nothing else says how it is turned."""

    @staticmethod
    def write(path: Path, packet: Any, turn: int | None = None, *, kind: int = 1, **options: Any) -> None:
        tags = TiffImagePlugin.ImageFileDirectory_v2()
        tags.tagtype[700] = kind
        tags[700] = packet
        if turn is not None:
            tags[274] = turn
        photo().save(path, tiffinfo=tags, **options)

    @pytest.mark.parametrize("compression", ["raw", "tiff_lzw", "tiff_adobe_deflate"])
    @pytest.mark.parametrize("is_element", [False, True])
    @pytest.mark.parametrize("turn", [3, 6, 8])
    def test_xmp_without_the_tag_turns_nothing(
        self, tmp_path: Path, turn: int, is_element: bool, compression: str
    ) -> None:
        self.write(tmp_path / "a.tif", xmp(turn, is_element=is_element), compression=compression)
        check(tmp_path / "a.tif", 1)

    @pytest.mark.parametrize("turn", [1, 3, 6, 8])
    def test_the_tag_turns_it_once_whatever_xmp_says(self, tmp_path: Path, turn: int) -> None:
        for other in (1, 6, 8):
            self.write(tmp_path / "a.tif", xmp(other), turn)
            check(tmp_path / "a.tif", turn)

    def test_what_else_xmp_says_is_kept(self, tmp_path: Path) -> None:
        for is_element in (False, True):
            self.write(tmp_path / "a.tif", xmp(6, is_element=is_element))
            assert b"Ada" in check(tmp_path / "a.tif", 1).exif

    @pytest.mark.parametrize(("kind", "packet"), [(2, b"a text\0"), (3, (1, 2, 3)), (4, (1, 2)), (7, xmp(6))])
    def test_a_packet_of_another_type_does_not_keep_it_from_being_read(
        self, tmp_path: Path, kind: int, packet: Any
    ) -> None:
        tifffile.imwrite(tmp_path / "a.tif", np.asarray(photo()), extratags=[(700, kind, len(packet), packet, True)])
        check(tmp_path / "a.tif", 1)

    def test_of_the_second_page_too(self, tmp_path: Path) -> None:
        """The first is a thumbnail."""
        packet = xmp(6)
        with tifffile.TiffWriter(tmp_path / "a.tif") as tiff:
            tiff.write(np.asarray(photo().resize((6, 4))), subfiletype=1)
            tiff.write(np.asarray(photo()), extratags=[(700, 1, len(packet), packet, True)])
        check(tmp_path / "a.tif", 1)

    def test_of_what_tifffile_decodes_too(self, tmp_path: Path) -> None:
        packet = xmp(6)
        wide = np.asarray(photo()).astype(np.uint16) * 257
        tifffile.imwrite(
            tmp_path / "a.tif", np.moveaxis(wide, 2, 0), photometric="rgb", planarconfig="separate",
            extratags=[(700, 1, len(packet), packet, True)],
        )  # fmt: skip
        check(tmp_path / "a.tif", 1)


class TestContainers:
    """ISO/IEC 23008-12, 6.5.10 and 6.5.12: the boxes irot and imir turn the picture, EXIF and XMP do not."""

    @pytest.mark.parametrize("is_element", [False, True])
    @pytest.mark.parametrize("described", [None, exif(None), exif(1)], ids=["no EXIF", "EXIF without it", "EXIF of 1"])
    def test_xmp_does_not_turn_an_avif(self, tmp_path: Path, described: bytes | None, is_element: bool) -> None:
        options = {} if described is None else {"exif": described}
        photo().save(tmp_path / "a.avif", quality=95, xmp=xmp(8, is_element=is_element), **options)
        assert b"irot" not in (tmp_path / "a.avif").read_bytes()
        assert b"Ada" in check(tmp_path / "a.avif", 1).exif

    def test_nor_does_its_exif(self, tmp_path: Path) -> None:
        """Pillow makes irot of the tag: it is renamed once written."""
        tags = Image.Exif()
        tags[0x0113] = 6
        photo().save(tmp_path / "a.avif", quality=95, exif=tags.tobytes())
        data = (tmp_path / "a.avif").read_bytes()
        assert data.count(b"\x01\x13\0\x03") == 1
        (tmp_path / "a.avif").write_bytes(data.replace(b"\x01\x13\0\x03", b"\x01\x12\0\x03"))
        check(tmp_path / "a.avif", 1)

    @pytest.mark.parametrize("turn", [3, 6, 8])
    def test_its_box_turns_it_once(self, tmp_path: Path, turn: int) -> None:
        photo().save(tmp_path / "a.avif", quality=95, exif=exif(turn), xmp=xmp(3))
        assert b"irot" in (tmp_path / "a.avif").read_bytes()
        check(tmp_path / "a.avif", turn)

    @pytest.mark.parametrize(("quarters", "turn"), [(0, 1), (1, 8), (2, 3), (3, 6)])
    def test_the_box_of_a_heic_turns_it_once(self, tmp_path: Path, quarters: int, turn: int) -> None:
        """Its EXIF says 6, its XMP 8."""
        at = HEIC.index(b"irot") + 4
        (tmp_path / "a.heic").write_bytes(HEIC[:at] + bytes([quarters]) + HEIC[at + 1 :])
        check(tmp_path / "a.heic", turn)

    def test_the_exif_of_a_heic_that_its_reader_cannot_reset_turns_nothing(self, tmp_path: Path) -> None:
        """The reader looks for tag and value in the short forms of XMP only."""
        at = HEIC.index(b"irot") + 4
        data = HEIC[:at] + b"\0" + HEIC[at + 1 :]
        for old, new in ((b"\x01\x12\0\x03", b"\x01\x13\0\x03"), (b'tiff:Orientation="8"', b"tiff:Orientation>8< ")):
            assert data.count(old) == 1
            data = data.replace(old, new)
        (tmp_path / "a.heic").write_bytes(data)
        check(tmp_path / "a.heic", 1)


class TestExifFirst:
    """JPEG, PNG and WebP: EXIF where it has the tag; else XMP, which macOS turns PNGs by (XMP part 2: what is native goes first)."""

    @staticmethod
    def write(path: Path, of_exif: int | None, of_xmp: int | None, *, has_exif: bool = True) -> None:
        options: dict[str, Any] = {"exif": exif(of_exif)} if has_exif else {}
        if of_xmp is not None and path.suffix == ".png":
            options["pnginfo"] = PngInfo()
            options["pnginfo"].add_itxt("XML:com.adobe.xmp", xmp(of_xmp).decode())
        elif of_xmp is not None:
            options["xmp"] = xmp(of_xmp)
        photo().save(path, lossless=True, **options)

    @pytest.mark.parametrize("suffix", ["jpg", "png", "webp"])
    @pytest.mark.parametrize(
        ("of_exif", "of_xmp", "turn"),
        [(6, None, 6), (6, 8, 6), (6, 1, 6), (1, 8, 1), (None, 8, 8), (0, 8, 1), (9, 8, 1)],
    )
    def test_it_is_turned_once(
        self, tmp_path: Path, suffix: str, of_exif: int | None, of_xmp: int | None, turn: int
    ) -> None:
        self.write(tmp_path / f"a.{suffix}", of_exif, of_xmp)
        check(tmp_path / f"a.{suffix}", turn)

    @pytest.mark.parametrize("suffix", ["jpg", "png", "webp"])
    def test_with_no_exif_at_all(self, tmp_path: Path, suffix: str) -> None:
        self.write(tmp_path / f"a.{suffix}", None, 8, has_exif=False)
        check(tmp_path / f"a.{suffix}", 8)

    def test_the_jpeg_of_a_jpeg_xl_is_turned_once(self, tmp_path: Path) -> None:
        """Its codestream has the orientation too."""
        self.write(tmp_path / "a.jpg", 6, 8)
        (tmp_path / "a.jxl").write_bytes(imagecodecs.jpegxl_encode_jpeg((tmp_path / "a.jpg").read_bytes()))
        check(tmp_path / "a.jxl", 6)

    @pytest.mark.parametrize("turn", [1, 3, 6])
    def test_the_exif_of_a_png_counts_behind_its_pixels_too(self, tmp_path: Path, turn: int) -> None:
        """PNG, third edition, 5.6: eXIf stands before the chunks IDAT or behind them."""
        encoded = io.BytesIO()
        photo().save(encoded, "PNG")
        data = encoded.getvalue()
        chunk = b"eXIf" + exif(turn).removeprefix(b"Exif\0\0")
        at = data.index(b"IEND") - 4
        chunk = struct.pack(">I", len(chunk) - 4) + chunk + struct.pack(">I", zlib.crc32(chunk))
        (tmp_path / "a.png").write_bytes(data[:at] + chunk + data[at:])
        assert b"a town" in check(tmp_path / "a.png", turn).exif
