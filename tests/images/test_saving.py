from __future__ import annotations

import errno
import json
import os
import struct
import subprocess
import sys
import zlib
from pathlib import Path
from typing import Literal

import msgspec
import numpy as np
import numpy.typing as npt
import pytest
from PIL import ExifTags, Image, ImageCms

from styled import __version__, images
from styled.errors import DiskFull, ImageError, ImageTooLarge
from styled.settings import Settings

Picture = npt.NDArray[np.float32]
SUFFIXES = ["png", "jpg", "jpeg", "tif", "tiff", "webp"]


@pytest.fixture
def photo(tmp_path: Path) -> images.Loaded:
    """A photo on its side, with all that cameras write: place, thumbnail-like maker note, author, comment."""
    exif = Image.Exif()
    exif[ExifTags.Base.Make] = "Camera & Söhne".encode()  # the standard says ASCII, the world writes UTF-8
    exif[ExifTags.Base.Artist] = "Ada"
    exif[ExifTags.Base.Orientation] = 6
    exif[ExifTags.Base.Software] = "Phone 1.0"
    exif[ExifTags.IFD.Exif] = {
        ExifTags.Base.ExposureTime: 0.01,
        ExifTags.Base.DateTimeOriginal: "2026:11:22 20:15:00",
        ExifTags.Base.MakerNote: b"\x01\x02" * 100,
        ExifTags.Base.UserComment: b"ASCII\0\0\0hello",
        ExifTags.Base.ExifImageWidth: 64,
    }
    exif[ExifTags.IFD.GPSInfo] = {1: "N", 2: (52.0, 30.0, 0.0)}
    path = tmp_path / "photo.jpg"
    Image.new("RGB", (64, 48)).save(path, exif=exif)
    return images.load(path)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_picture_comes_back(tmp_path: Path, picture: Picture, suffix: str) -> None:
    path = tmp_path / f"a.{suffix}"
    images.save(picture, path)
    tolerance = 0.5 if suffix in {"png", "tif", "tiff"} else 3
    assert np.abs(images.load(path).pixels - picture).mean() <= tolerance


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_bytes_are_saved_as_well_as_floats(tmp_path: Path, picture: Picture, suffix: str) -> None:
    images.save(np.rint(picture), tmp_path / f"a.{suffix}")
    images.save(np.rint(picture).astype(np.uint8), tmp_path / f"b.{suffix}")
    assert (tmp_path / f"a.{suffix}").read_bytes() == (tmp_path / f"b.{suffix}").read_bytes()


def test_levels_are_rounded_and_clipped(tmp_path: Path) -> None:
    levels = np.array([-20, 0.49, 0.51, 254.6, 300], np.float32)
    images.save(np.repeat(levels[None, :, None], 3, axis=2), tmp_path / "a.png")
    assert images.load(tmp_path / "a.png").pixels[0, :, 0].tolist() == [0, 0, 1, 255, 255]


@pytest.mark.parametrize("suffix", ["png", "tif", "webp"])
def test_alpha_comes_back(tmp_path: Path, picture: Picture, suffix: str) -> None:
    alpha = (np.arange(48 * 64) % 256).astype(np.uint8).reshape(48, 64)
    images.save(picture, tmp_path / f"a.{suffix}", alpha=alpha)
    np.testing.assert_array_equal(images.load(tmp_path / f"a.{suffix}").alpha, alpha)  # type: ignore[arg-type]  # it has


@pytest.mark.parametrize("quality", [50, 90, 100])
@pytest.mark.parametrize("side", [40, 400, 900])
def test_a_jpeg_may_be_all_noise(tmp_path: Path, quality: int, side: int) -> None:
    noise = np.random.default_rng(side).choice([0.0, 255.0], (side, side, 3)).astype(np.float32)
    images.save(noise, tmp_path / "noise.jpg", quality=quality)
    assert images.load(tmp_path / "noise.jpg").pixels.shape == (side, side, 3)


def test_a_jpeg_has_no_alpha_and_lies_on_white(tmp_path: Path, picture: Picture) -> None:
    images.save(picture, tmp_path / "a.jpg", alpha=np.zeros((48, 64), np.uint8))
    assert images.load(tmp_path / "a.jpg").pixels.min() >= 253


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_the_srgb_profile_is_embedded(tmp_path: Path, picture: Picture, suffix: str) -> None:
    import io

    images.save(picture, tmp_path / f"a.{suffix}")
    with Image.open(tmp_path / f"a.{suffix}") as image:
        profile = ImageCms.ImageCmsProfile(io.BytesIO(image.info["icc_profile"]))
    assert "sRGB" in ImageCms.getProfileDescription(profile)


@pytest.mark.parametrize("suffix", ["png", "jpg", "tif"])
def test_pixels_per_inch_are_stored(tmp_path: Path, picture: Picture, suffix: str) -> None:
    images.save(picture, tmp_path / f"a.{suffix}", dpi=300)
    with Image.open(tmp_path / f"a.{suffix}") as image:
        assert image.info["dpi"] == pytest.approx((300, 300), abs=0.01)


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_result_says_how_it_was_made(tmp_path: Path, picture: Picture, suffix: str, bits: Literal[8, 16]) -> None:
    if bits == 16 and suffix not in {"png", "tif", "tiff"}:
        return
    settings = Settings(seed=7)
    images.save(picture, tmp_path / f"a.{suffix}", settings=settings, metadata={"job": "hafen-Ü\n"}, bits=bits)
    found = images.read_metadata(tmp_path / f"a.{suffix}")
    assert found == {
        "styled": __version__,
        "settings": json.loads(msgspec.json.encode(settings)),
        "job": "hafen-Ü\n",
    }


def test_how_a_result_above_all_limits_was_made_is_read(tmp_path: Path, picture: Picture) -> None:
    """What was: a result of more than 250 million pixels could not be delivered in another format than the job's."""
    images.save(picture, tmp_path / "a.png", metadata={"job": "large"})
    data = bytearray((tmp_path / "a.png").read_bytes())
    data[16:24] = struct.pack(">II", 50_000, 40_000)
    data[29:33] = struct.pack(">I", zlib.crc32(data[12:29]))
    (tmp_path / "a.png").write_bytes(data)
    found = images.read_metadata(tmp_path / "a.png")
    assert found is not None
    assert found["job"] == "large"


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_other_pictures_say_nothing(tmp_path: Path, picture: Picture, photo: images.Loaded, suffix: str) -> None:
    images.save(picture, tmp_path / f"a.{suffix}")
    assert images.read_metadata(tmp_path / f"a.{suffix}") is None
    assert images.read_metadata(tmp_path / "photo.jpg") is None


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_the_photos_exif_is_carried_over_upright_and_without_its_place(
    tmp_path: Path, picture: Picture, photo: images.Loaded, suffix: str
) -> None:
    images.save(picture, tmp_path / f"a.{suffix}", exif=photo.exif, settings=Settings())
    with Image.open(tmp_path / f"a.{suffix}") as image:
        exif = image.getexif()
        details = exif.get_ifd(ExifTags.IFD.Exif)
        assert exif[ExifTags.Base.Make].encode("latin-1").decode() == "Camera & Söhne"
        assert exif[ExifTags.Base.Artist] == "Ada"
        assert exif.get(ExifTags.Base.Orientation, 1) == 1
        assert exif[ExifTags.Base.Software] == f"styled {__version__}"
        assert details[ExifTags.Base.DateTimeOriginal] == "2026:11:22 20:15:00"
        assert float(details[ExifTags.Base.ExposureTime]) == pytest.approx(0.01)
        assert ExifTags.Base.MakerNote not in details
        assert (details[ExifTags.Base.ExifImageWidth], details[ExifTags.Base.ExifImageHeight]) == (64, 48)
        assert not exif.get_ifd(ExifTags.IFD.GPSInfo)
    assert images.read_metadata(tmp_path / f"a.{suffix}") is not None


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_the_place_is_kept_when_asked_for(tmp_path: Path, picture: Picture, photo: images.Loaded, suffix: str) -> None:
    images.save(picture, tmp_path / f"a.{suffix}", exif=photo.exif, keep_gps=True)
    with Image.open(tmp_path / f"a.{suffix}") as image:
        assert image.getexif().get_ifd(ExifTags.IFD.GPSInfo)[1] == "N"


def test_exif_goes_round_any_number_of_times(tmp_path: Path, picture: Picture, photo: images.Loaded) -> None:
    images.save(picture, tmp_path / "a.tif", exif=photo.exif)
    images.save(picture, tmp_path / "b.png", exif=images.load(tmp_path / "a.tif").exif)
    with Image.open(images_path := tmp_path / "b.png") as image:
        assert image.getexif()[ExifTags.Base.Artist] == "Ada"
    assert images.load(images_path).exif == images.load(tmp_path / "a.tif").exif


def test_exif_too_long_for_a_jpeg_gives_way_to_the_settings(tmp_path: Path, picture: Picture) -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.ImageDescription] = "x" * 65_000
    Image.new("RGB", (4, 4)).save(tmp_path / "long.png", exif=exif)
    images.save(picture, tmp_path / "a.jpg", exif=images.load(tmp_path / "long.png").exif, settings=Settings())
    assert images.read_metadata(tmp_path / "a.jpg") is not None


def test_a_missing_or_unknown_suffix_is_refused(tmp_path: Path, picture: Picture) -> None:
    for name in ("picture", "picture.bmp", "picture.eps"):
        with pytest.raises(ImageError, match=name):
            images.save(picture, tmp_path / name)
    assert list(tmp_path.iterdir()) == []


def test_16_bits_are_refused_where_there_are_8(tmp_path: Path, picture: Picture) -> None:
    for suffix in ("jpg", "webp"):
        with pytest.raises(ImageError, match="8 bits"):
            images.save(picture, tmp_path / f"a.{suffix}", bits=16)


def test_a_side_too_long_for_the_format_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ImageTooLarge, match="65501"):
        images.save(np.zeros((1, 65_501, 3), np.uint8), tmp_path / "a.jpg")
    with pytest.raises(ImageTooLarge, match="16384"):
        images.save(np.zeros((16_384, 1, 3), np.uint8), tmp_path / "a.webp")


def test_alpha_of_another_size_is_a_mistake(tmp_path: Path, picture: Picture) -> None:
    with pytest.raises(ValueError, match="alpha has shape"):
        images.save(picture, tmp_path / "a.png", alpha=np.zeros((2, 2), np.uint8))


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_full_disk_keeps_the_old_file(
    tmp_path: Path, picture: Picture, monkeypatch: pytest.MonkeyPatch, suffix: str
) -> None:
    path = tmp_path / f"a.{suffix}"
    path.write_bytes(b"old")

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(DiskFull):
        images.save(picture, path)
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.processes
@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_a_huge_picture_is_written_in_strips(tmp_path: Path, suffix: str) -> None:
    """24 million pixels in 16 bits are 144 MB; writing them takes less than 60.

    By a limit on what the process has for itself: its peak also has pages of files, which come and go.
    """
    script = (
        "import resource, sys; from pathlib import Path; import numpy as np; from styled import images\n"
        "picture = np.full((4000, 6000, 3), 7, np.uint8)\n"
        "images.save(picture[:8, :8], Path(sys.argv[1]), bits=16)\n"
        "status = Path('/proc/self/status').read_text()\n"
        "limit = int(status.partition('VmData:')[2].split()[0]) * 1024 + 60_000_000\n"
        "resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))\n"
        "images.save(picture, Path(sys.argv[1]), bits=16)"
    )
    command = [sys.executable, "-c", script, str(tmp_path / f"a.{suffix}")]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
