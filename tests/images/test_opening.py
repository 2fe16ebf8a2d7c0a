from __future__ import annotations

import os
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from styled import images
from styled.errors import ImageTooLarge, UnreadableImage

PHOTO = Image.fromarray(np.arange(48 * 64 * 3, dtype=np.uint32).astype(np.uint8).reshape(48, 64, 3))


def png_header(width: int, height: int) -> bytes:
    """A PNG that promises width x height pixels and holds none."""
    data = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    header = struct.pack(">I", 13) + data + struct.pack(">I", zlib.crc32(data))
    return b"\x89PNG\r\n\x1a\n" + header + struct.pack(">I", 1000) + b"IDAT"


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "tif", "bmp", "gif", "avif", "jp2", "ppm"])
def test_every_format_is_probed_by_its_content_not_its_name(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"photo.{suffix}"
    PHOTO.save(path)
    renamed = path.rename(tmp_path / "photo.dat")
    found = images.probe(renamed)
    assert (found.width, found.height, found.has_alpha) == (64, 48, False)
    assert found.format


@pytest.mark.parametrize("suffix", ["jpg", "png", "tif", "webp"])
def test_a_photo_on_its_side_has_its_upright_size(tmp_path: Path, suffix: str) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    path = tmp_path / f"photo.{suffix}"
    PHOTO.save(path, exif=exif)
    found = images.probe(path)
    assert (found.width, found.height) == (48, 64)


@pytest.mark.parametrize(("mode", "has_alpha"), [("RGBA", True), ("LA", True), ("RGB", False), ("L", False)])
def test_alpha_is_seen(tmp_path: Path, mode: str, has_alpha: bool) -> None:
    PHOTO.convert(mode).save(tmp_path / "a.png")
    assert images.probe(tmp_path / "a.png").has_alpha is has_alpha


def test_a_decompression_bomb_is_refused_by_its_header(tmp_path: Path) -> None:
    (tmp_path / "bomb.png").write_bytes(png_header(60_000, 60_000))
    with pytest.raises(ImageTooLarge, match=r"bomb\.png has more than 250 million pixels"):
        images.probe(tmp_path / "bomb.png")


def test_a_webp_bomb_is_refused_before_its_canvas_is_made(tmp_path: Path) -> None:
    path = tmp_path / "bomb.webp"
    Image.new("RGBA", (2, 2), (1, 2, 3, 4)).save(path, lossless=True, exif=Image.Exif().tobytes() + b"\0")
    data = bytearray(path.read_bytes())
    assert data[12:16] == b"VP8X"
    data[24:30] = (16382).to_bytes(3, "little") * 2
    path.write_bytes(data)
    with pytest.raises(ImageTooLarge):
        images.probe(path, max_pixels=100_000_000)


def test_our_limit_holds_above_and_below_pillows_own(tmp_path: Path) -> None:
    """Pillow warns at 89 million pixels and refuses at 179; only our limit may count. And its own stays as it was."""
    before = Image.MAX_IMAGE_PIXELS
    (tmp_path / "panorama.png").write_bytes(png_header(30_000, 8_000))
    assert images.probe(tmp_path / "panorama.png").width == 30_000
    PHOTO.save(tmp_path / "photo.png")
    with pytest.raises(ImageTooLarge, match=r"0\.003071 million pixels \(64x48\)"):
        images.probe(tmp_path / "photo.png", max_pixels=3071)
    assert images.probe(tmp_path / "photo.png", max_pixels=3072).width == 64
    assert before == Image.MAX_IMAGE_PIXELS


def test_a_file_above_the_limit_is_not_even_opened_as_an_image(tmp_path: Path) -> None:
    (tmp_path / "big.png").write_bytes(b"x" * 2000)
    with pytest.raises(ImageTooLarge, match="the limit is"):
        images.probe(tmp_path / "big.png", max_bytes=1999)


def test_a_fifo_is_refused_and_does_not_block(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.png")
    with pytest.raises(UnreadableImage, match="not a regular file"):
        images.probe(tmp_path / "pipe.png")


@pytest.mark.parametrize("name", ["folder", "absent.png", "empty.png", "text.png", "device", "zero\0byte.png"])
def test_what_is_no_image_is_refused_with_its_name(tmp_path: Path, name: str) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "empty.png").touch()
    (tmp_path / "text.png").write_text("not an image, whatever it is called")
    (tmp_path / "device").symlink_to("/dev/zero")
    with pytest.raises(UnreadableImage, match=name.partition("\0")[0]):
        images.probe(tmp_path / name)


def test_postscript_is_refused_since_reading_it_runs_a_program(tmp_path: Path) -> None:
    PHOTO.save(tmp_path / "a.eps")
    with pytest.raises(UnreadableImage, match="a PostScript document"):
        images.probe((tmp_path / "a.eps").rename(tmp_path / "a.png"))


def test_an_escape_code_in_a_name_does_not_reach_the_message(tmp_path: Path) -> None:
    path = tmp_path / "a\x1b[31m\n.png"
    path.touch()
    with pytest.raises(UnreadableImage) as caught:
        images.probe(path)
    assert str(caught.value).isprintable()


def test_a_link_to_an_image_is_followed_when_the_user_gave_it(tmp_path: Path) -> None:
    PHOTO.save(tmp_path / "photo.png")
    (tmp_path / "link.png").symlink_to("photo.png")
    assert images.probe(tmp_path / "link.png").width == 64


def test_a_real_input_error_is_not_blamed_on_the_image(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    PHOTO.save(tmp_path / "photo.png")

    def fail(*arguments: object, **options: object) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(Image, "open", fail)
    with pytest.raises(OSError, match="Input/output"):
        images.probe(tmp_path / "photo.png")
