from __future__ import annotations

import functools
import io
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms, ImageOps

from styled import images
from styled.errors import ImageError, ImageTooLarge, UnreadableImage
from styled.images import decoding

Pixels = npt.NDArray[np.uint8]


@pytest.fixture
def photo(picture: npt.NDArray[np.float32]) -> Image.Image:
    return Image.fromarray(picture.astype(np.uint8))


def pixels_of(path: Path) -> Pixels:
    return images.load(path).pixels


def swapped_profile() -> bytes:
    """An sRGB profile whose red and blue primaries are swapped: colours move a lot."""
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    return profile.replace(b"rXYZ", b"tXYZ", 1).replace(b"bXYZ", b"rXYZ", 1).replace(b"tXYZ", b"bXYZ", 1)


def linear_grey_profile() -> bytes:
    """A grey profile with gamma 1 (ICC.1:2010, section 7)."""
    white = b"XYZ \0\0\0\0" + struct.pack(">3i", 63190, 65536, 54061)
    curve = b"curv\0\0\0\0" + struct.pack(">I", 0)
    tags = struct.pack(">I", 2)
    start = 128 + 4 + 2 * 12
    tags += b"wtpt" + struct.pack(">II", start, len(white))
    tags += b"kTRC" + struct.pack(">II", start + len(white), len(curve))
    body = tags + white + curve
    header = struct.pack(">I4xI4s4s4s", 128 + len(body), 0x04300000, b"mntr", b"GRAY", b"XYZ ")
    header += b"\0" * 12 + b"acsp" + b"\0" * 28 + struct.pack(">3i", 63190, 65536, 54061)
    return header.ljust(128, b"\0") + body


@pytest.mark.parametrize("suffix", ["png", "tif", "bmp", "ppm"])
def test_lossless_formats_give_the_very_pixels(tmp_path: Path, photo: Image.Image, suffix: str) -> None:
    photo.save(tmp_path / f"a.{suffix}")
    loaded = images.load(tmp_path / f"a.{suffix}")
    np.testing.assert_array_equal(loaded.pixels, np.asarray(photo), strict=True)
    assert (loaded.alpha, loaded.remarks, loaded.exif) == (None, (), b"")


@pytest.mark.parametrize("suffix", ["jpg", "webp", "avif", "jp2"])
def test_lossy_formats_come_close(tmp_path: Path, photo: Image.Image, suffix: str) -> None:
    photo.save(tmp_path / f"a.{suffix}", quality=95)
    assert np.abs(pixels_of(tmp_path / f"a.{suffix}").astype(int) - np.asarray(photo)).mean() < 3


@pytest.mark.parametrize("suffix", ["png", "tif", "webp"])
@pytest.mark.parametrize("turn", range(1, 9))
def test_every_exif_orientation_is_set_upright(tmp_path: Path, photo: Image.Image, turn: int, suffix: str) -> None:
    exif = Image.Exif()
    exif[0x0112] = turn
    path = tmp_path / f"a.{suffix}"
    photo.save(path, exif=exif, lossless=True)
    with Image.open(path) as stored:
        stored.load()
        expected = np.asarray(ImageOps.exif_transpose(stored).convert("RGB"))
    loaded = images.load(path)
    np.testing.assert_array_equal(loaded.pixels, expected)
    assert (loaded.info.height, loaded.info.width) == expected.shape[:2]


def test_a_jpeg_on_its_side_is_also_shrunk_upright(tmp_path: Path, photo: Image.Image) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    photo.resize((640, 480)).save(tmp_path / "a.jpg", exif=exif)
    loaded = images.load(tmp_path / "a.jpg", long_side=64)
    assert loaded.pixels.shape == (64, 48, 3)
    expected = np.rot90(np.asarray(photo), -1)
    assert np.abs(loaded.pixels.astype(int) - expected).mean() < 4


def test_a_colour_profile_is_converted_to_srgb(tmp_path: Path) -> None:
    Image.new("RGB", (4, 4), (255, 0, 0)).save(tmp_path / "a.png", icc_profile=swapped_profile())
    red, green, blue = pixels_of(tmp_path / "a.png")[0, 0]
    assert blue > 200
    assert red < 50
    assert green < 50


def test_a_palette_with_a_profile_is_converted_too(tmp_path: Path) -> None:
    image = Image.new("RGB", (4, 4), (255, 0, 0)).convert("P", palette=Image.Palette.ADAPTIVE)
    image.save(tmp_path / "a.png", icc_profile=swapped_profile())
    assert pixels_of(tmp_path / "a.png")[0, 0, 2] > 200


def test_a_grey_profile_is_converted_to_srgb(tmp_path: Path) -> None:
    """Half of linear light is level 188 in sRGB."""
    Image.new("L", (4, 4), 128).save(tmp_path / "a.png", icc_profile=linear_grey_profile())
    np.testing.assert_allclose(pixels_of(tmp_path / "a.png").astype(int), 188, atol=2)


def test_alpha_stays_beside_converted_colours(tmp_path: Path) -> None:
    Image.new("RGBA", (4, 4), (255, 0, 0, 77)).save(tmp_path / "a.png", icc_profile=swapped_profile())
    loaded = images.load(tmp_path / "a.png")
    assert loaded.alpha is not None
    assert np.all(loaded.alpha == 77)
    assert loaded.pixels[0, 0, 2] > 200


@pytest.mark.parametrize(
    ("profile", "note"), [(b"\0" * 200, "damaged"), (linear_grey_profile(), "is for GRAY, the image is RGB")]
)
def test_an_unusable_profile_is_passed_over_with_a_note(
    tmp_path: Path, photo: Image.Image, profile: bytes, note: str
) -> None:
    photo.save(tmp_path / "a.png", icc_profile=profile)
    loaded = images.load(tmp_path / "a.png")
    assert note in " ".join(loaded.remarks)
    np.testing.assert_array_equal(loaded.pixels, np.asarray(photo))


@pytest.mark.parametrize("mode", ["L", "1", "P", "LA", "RGBA", "PA"])
def test_grey_bilevel_palette_and_opaque_alpha_become_rgb(tmp_path: Path, photo: Image.Image, mode: str) -> None:
    image = photo.convert("P").convert(mode) if mode == "PA" else photo.convert(mode)
    path = tmp_path / ("a.tif" if mode == "PA" else "a.png")
    image.save(path)
    loaded = images.load(path)
    np.testing.assert_array_equal(loaded.pixels, np.asarray(image.convert("RGB")))
    assert loaded.alpha is None


def test_cmyk_without_a_profile_is_read_with_a_note(tmp_path: Path, photo: Image.Image) -> None:
    photo.convert("CMYK").save(tmp_path / "a.tif")
    photo.convert("CMYK").save(tmp_path / "a.jpg", quality=95)
    for name in ("a.tif", "a.jpg"):
        loaded = images.load(tmp_path / name)
        assert "CMYK" in loaded.remarks[0]
        assert np.abs(loaded.pixels.astype(int) - np.asarray(photo)).mean() < 40


def test_inks_without_a_profile_are_those_of_a_press(tmp_path: Path) -> None:
    """Full inks as libvips shows them with its generic profile (within 30 levels); its blue of cyan and magenta is no (0, 0, 255)."""
    inks = {
        (0, 0, 0, 0): (255, 255, 255), (255, 0, 0, 0): (0, 153, 228), (0, 255, 0, 0): (234, 0, 130),
        (0, 0, 255, 0): (255, 240, 0), (0, 0, 0, 255): (12, 0, 19), (0, 255, 255, 0): (231, 0, 17),
        (255, 0, 255, 0): (0, 140, 51), (255, 255, 0, 0): (28, 0, 119), (0, 0, 0, 128): (134, 133, 134),
    }  # fmt: skip
    Image.fromarray(np.array([list(inks)], np.uint8), "CMYK").save(tmp_path / "a.tif")
    np.testing.assert_allclose(pixels_of(tmp_path / "a.tif")[0].astype(int), list(inks.values()), atol=36)


def test_lab_is_read(tmp_path: Path, photo: Image.Image) -> None:
    to_lab = ImageCms.buildTransform(ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), "RGB", "LAB")
    to_lab.apply(photo).save(tmp_path / "a.tif")
    assert np.abs(pixels_of(tmp_path / "a.tif").astype(int) - np.asarray(photo)).mean() < 4


@pytest.mark.parametrize("suffix", ["png", "tif", "ppm"])
def test_16_bit_grey_is_scaled_not_clipped(tmp_path: Path, suffix: str) -> None:
    levels = np.array([[0, 200, 257, 32896, 65535]], np.uint16)
    Image.fromarray(levels).save(tmp_path / f"a.{suffix}")
    np.testing.assert_array_equal(pixels_of(tmp_path / f"a.{suffix}")[..., 0], [[0, 1, 1, 128, 255]])


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_16_bit_colour_is_read(tmp_path: Path, picture: npt.NDArray[np.float32], suffix: str) -> None:
    images.save(picture, tmp_path / f"a.{suffix}", bits=16)
    np.testing.assert_allclose(pixels_of(tmp_path / f"a.{suffix}").astype(float), picture, atol=1)


def test_numbers_without_a_known_white_are_refused(tmp_path: Path) -> None:
    Image.fromarray(np.ones((4, 4), np.int32)).save(tmp_path / "a.tif")
    with pytest.raises(UnreadableImage, match="without a known white"):
        images.load(tmp_path / "a.tif")


def test_of_a_gif_the_first_frame_is_read(tmp_path: Path) -> None:
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue")]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:])
    assert tuple(pixels_of(tmp_path / "a.gif")[0, 0]) == (255, 0, 0)


def test_a_transparent_gif_has_alpha(tmp_path: Path) -> None:
    image = Image.new("P", (8, 8), 1)
    image.putpalette([0, 0, 0, 200, 100, 50])
    image.paste(0, (0, 0, 4, 8))
    image.save(tmp_path / "a.gif", transparency=0)
    loaded = images.load(tmp_path / "a.gif")
    assert loaded.alpha is not None
    np.testing.assert_array_equal(loaded.alpha[0], [0] * 4 + [255] * 4)


def test_a_transparent_colour_of_a_png_has_alpha(tmp_path: Path) -> None:
    for mode, transparent in (("RGB", (10, 20, 30)), ("L", 10)):
        image = Image.new(mode, (8, 8), transparent)
        image.paste("white", (0, 0, 4, 8))
        image.save(tmp_path / "a.png", transparency=transparent)
        loaded = images.load(tmp_path / "a.png")
        assert loaded.alpha is not None, mode
        np.testing.assert_array_equal(loaded.alpha[0], [255] * 4 + [0] * 4)


def test_hidden_pixels_take_the_mean_colour_and_visible_ones_keep_theirs(tmp_path: Path) -> None:
    pixels = np.zeros((2, 4, 4), np.uint8)
    pixels[:, :2] = (200, 100, 50, 255)
    pixels[:, 2] = (200, 100, 50, 1)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    loaded = images.load(tmp_path / "a.png")
    np.testing.assert_array_equal(loaded.pixels, np.broadcast_to((200, 100, 50), (2, 4, 3)))
    np.testing.assert_array_equal(loaded.alpha[0], [255, 255, 1, 0])  # type: ignore[index]  # it has alpha


@pytest.mark.parametrize("long_side", [8, 40])
def test_hidden_colours_do_not_bleed_in_when_shrunk(tmp_path: Path, long_side: int) -> None:
    pixels = np.zeros((64, 64, 4), np.uint8)
    pixels[:, ::2] = (200, 100, 50, 255)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    loaded = images.load(tmp_path / "a.png", long_side=long_side)
    expected = np.broadcast_to((200, 100, 50), (long_side, long_side, 3))
    np.testing.assert_allclose(loaded.pixels.astype(int), expected, atol=2)


@pytest.mark.parametrize("suffix", ["jpg", "png", "tif"])
@pytest.mark.parametrize("long_side", [40, 100, 333, 999])
def test_shrinking_while_decoding_looks_like_shrinking_afterwards(
    tmp_path: Path, photo: Image.Image, suffix: str, long_side: int
) -> None:
    large = photo.resize((999, 701), Image.Resampling.BICUBIC)
    large.save(tmp_path / f"a.{suffix}", quality=95)
    loaded = images.load(tmp_path / f"a.{suffix}", long_side=long_side)
    width, height = images.fit(999, 701, long_side, upscale=False)
    assert loaded.pixels.shape == (height, width, 3)
    assert (loaded.info.width, loaded.info.height) == (999, 701)
    reference = large.resize((width, height), Image.Resampling.LANCZOS)
    assert np.abs(loaded.pixels.astype(int) - np.asarray(reference)).mean() < 1.5


def test_a_small_picture_is_not_enlarged(tmp_path: Path, photo: Image.Image) -> None:
    photo.save(tmp_path / "a.png")
    assert images.load(tmp_path / "a.png", long_side=1000).pixels.shape == (48, 64, 3)


@pytest.mark.parametrize("long_side", [None, 10])
@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L"])
def test_strips_leave_no_trace(
    tmp_path: Path, photo: Image.Image, monkeypatch: pytest.MonkeyPatch, mode: str, long_side: int | None
) -> None:
    image = photo.convert(mode)
    if mode == "RGBA":
        image.putalpha(photo.getchannel("R").point(lambda level: max(level, 1)))
    image.save(tmp_path / "a.png")
    whole = images.load(tmp_path / "a.png", long_side=long_side)
    monkeypatch.setattr(decoding, "_STRIP_PIXELS", 64 * 5)
    strips = images.load(tmp_path / "a.png", long_side=long_side)
    np.testing.assert_array_equal(strips.pixels, whole.pixels)
    if mode == "RGBA":
        np.testing.assert_array_equal(strips.alpha, whole.alpha)  # type: ignore[arg-type]  # it has alpha


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "tif", "bmp", "gif", "avif", "jp2", "ppm"])
@pytest.mark.parametrize("kept", [0.1, 0.5, 0.9])
@pytest.mark.filterwarnings("ignore::UserWarning")  # Pillow also warns about what it then refuses
def test_a_truncated_file_is_refused(tmp_path: Path, suffix: str, kept: float) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (100, 100, 3)).astype(np.uint8)
    path = tmp_path / f"a.{suffix}"
    Image.fromarray(noise).save(path)
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * kept)])
    with pytest.raises(UnreadableImage, match=path.name):
        images.load(path)


def test_a_bomb_is_refused_before_it_is_decoded(tmp_path: Path) -> None:
    Image.new("L", (2000, 2000)).save(tmp_path / "a.png")
    with pytest.raises(ImageTooLarge):
        images.load(tmp_path / "a.png", max_pixels=3_999_999)


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_damaged_exif_does_not_cost_the_picture(tmp_path: Path, photo: Image.Image) -> None:
    photo.save(tmp_path / "a.png", exif=b"Exif\0\0II*\0\x08\0\0\0\xff\xff" + b"\x12\x01\x63\0" * 30)
    np.testing.assert_array_equal(pixels_of(tmp_path / "a.png"), np.asarray(photo))


def test_of_a_phones_multi_picture_file_the_first_is_read(tmp_path: Path, photo: Image.Image) -> None:
    photo.save(tmp_path / "a.jpg", "MPO", save_all=True, append_images=[Image.new("RGB", (64, 48))], quality=95)
    assert images.probe(tmp_path / "a.jpg").format == "MPO"
    assert np.abs(pixels_of(tmp_path / "a.jpg").astype(int) - np.asarray(photo)).mean() < 4


@functools.cache
def seeds() -> dict[str, bytes]:
    """One good file of each format, with EXIF and a profile, to be damaged."""
    image = Image.effect_mandelbrot((60, 40), (-2, -1, 1, 1), 20).convert("RGB")
    exif = Image.Exif()
    exif[0x0112] = 6
    exif[0x010F] = "Camera"
    exif[0x8825] = {1: "N", 2: (52.0, 30.0, 0.0)}
    files = {}
    for kind in ("JPEG", "PNG", "WEBP", "TIFF", "BMP", "GIF", "AVIF", "JPEG2000", "PPM"):
        file = io.BytesIO()
        described = {"exif": exif.tobytes(), "icc_profile": swapped_profile()}
        image.save(file, kind, **(described if kind in {"JPEG", "PNG", "WEBP", "AVIF"} else {}))
        files[kind] = file.getvalue()
    return files


@settings(max_examples=300)
@given(data=st.data(), kind=st.sampled_from(["JPEG", "PNG", "WEBP", "TIFF", "BMP", "GIF", "AVIF", "JPEG2000", "PPM"]))
@pytest.mark.filterwarnings("ignore")
def test_damaged_files_are_read_or_refused_and_nothing_else(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject, kind: str
) -> None:
    """Whatever the bytes: pixels, or an error of the tree whose text is safe to print."""
    damaged = bytearray(seeds()[kind])
    for _ in range(data.draw(st.integers(1, 10))):
        # Headers are where decoders err: half of the hits go there.
        last = data.draw(st.sampled_from([min(200, len(damaged)), len(damaged)])) - 1
        damaged[data.draw(st.integers(0, last))] = data.draw(st.integers(0, 255))
    path = tmp_path_factory.mktemp("fuzz") / "image"
    path.write_bytes(damaged[: data.draw(st.integers(1, len(damaged)))] if data.draw(st.booleans()) else damaged)
    refusal = ""
    try:
        loaded = images.load(path, max_pixels=1_000_000)
    except ImageError as error:
        refusal = str(error)
    else:
        images.save(loaded.pixels, path.with_suffix(".png"), exif=loaded.exif, keep_gps=True)
    assert refusal.isprintable()


def test_a_seek_to_nowhere_is_the_images_fault(tmp_path: Path, photo: Image.Image) -> None:
    photo.save(tmp_path / "a.tif")
    data = bytearray((tmp_path / "a.tif").read_bytes())
    data[2:4] = b"\x2b\0"  # BigTIFF: the next eight bytes are read as an offset
    data[4:16] = b"\x08\0\0\0" + b"\xff" * 7 + b"\x7f"
    (tmp_path / "a.tif").write_bytes(data)
    with pytest.raises(UnreadableImage):
        images.load(tmp_path / "a.tif")


@pytest.mark.processes
def test_a_huge_picture_is_in_memory_twice_and_not_more(tmp_path: Path) -> None:
    """4 bytes a pixel for the decoder, 3 for the result: a third copy would be 3 or 4 more."""
    side = 4000
    Image.new("RGB", (side, side), (1, 2, 3)).save(tmp_path / "a.png", compress_level=1)
    script = (
        "import sys; from pathlib import Path; from styled import images, memory; images.load; images.save\n"
        "before = memory.process_peak_bytes()\n"
        "pixels = images.load(Path(sys.argv[1])).pixels\n"
        "print((memory.process_peak_bytes() - before) / (pixels.size / 3))"
    )
    run = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path / "a.png")], capture_output=True, text=True, check=True
    )
    assert 6.5 < float(run.stdout) < 8.5


@pytest.mark.processes
def test_a_huge_jpeg_is_never_whole_in_memory_when_shrunk(tmp_path: Path) -> None:
    Image.new("RGB", (4000, 4000), (1, 2, 3)).save(tmp_path / "a.jpg")
    script = (
        "import sys; from pathlib import Path; from styled import images, memory; images.load\n"
        "before = memory.process_peak_bytes()\n"
        "images.load(Path(sys.argv[1]), long_side=500)\n"
        "print((memory.process_peak_bytes() - before) / 16_000_000)"
    )
    run = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path / "a.jpg")], capture_output=True, text=True, check=True
    )
    assert float(run.stdout) < 1.5
