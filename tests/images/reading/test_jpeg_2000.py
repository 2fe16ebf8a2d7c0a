"""The colours of a JPEG 2000: profiles, inks, and colour spaces by number."""

from __future__ import annotations

import io
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageCms

from styled import images
from styled.errors import UnreadableImage

COLOUR = (200, 60, 20)
INKS = (30, 60, 90, 200)


def rgb_profile() -> bytes:
    """Return sRGB with red and blue exchanged: a profile that is used cannot be missed."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    red, blue = profile.index(b"rXYZ"), profile.index(b"bXYZ")
    profile[red : red + 4], profile[blue : blue + 4] = b"bXYZ", b"rXYZ"
    return bytes(profile)


def ink_profile(space: bytes = b"CMYK") -> bytes:
    """A profile of four inks in which cyan and no other ink absorbs light: L* is 100 without it, and 50 full (ICC.1:2022, 10.10)."""
    corners = bytes(level for index in range(16) for level in (255 if index < 8 else 128, 128, 128))
    ramp = bytes(range(256))
    table = struct.pack(">4s4xBBBx9i", b"mft1", 4, 3, 2, *(65536 * (at % 4 == 0) for at in range(9)))
    table += ramp * 4 + corners + ramp * 3
    table += bytes(-len(table) % 4)
    white = struct.pack(">4s4x3i", b"XYZ ", 63190, 65536, 54061)
    tags = struct.pack(">I4sII4sII", 2, b"A2B0", 156, len(table), b"wtpt", 156 + len(table), len(white))
    size = 128 + len(tags) + len(table) + len(white)
    header = struct.pack(">I4sI4s4s4s12s4s", size, b"", 0x02400000, b"prtr", space, b"Lab ", bytes(12), b"acsp")
    header += bytes(28) + struct.pack(">3i", 63190, 65536, 54061)
    return header + bytes(128 - len(header)) + tags + table + white


def colr(number: int | None = None, profile: bytes = b"", *, method: int | None = None) -> bytes:
    content = struct.pack(">BBB", method or (1 if number is not None else 2), 0, 0)
    content += struct.pack(">I", number) if number is not None else profile
    return struct.pack(">I4s", 8 + len(content), b"colr") + content


def write(path: Path, image: Image.Image, *boxes: bytes, **options: Any) -> Path:
    """Write a JPEG 2000 with these boxes colr in the place of Pillow's own."""
    encoded = io.BytesIO()
    image.save(encoded, "JPEG2000", irreversible=False, mct=0, **options)
    data = encoded.getvalue()
    header, old = data.index(b"jp2h") - 4, data.index(b"colr") - 4
    (length,), (old_length,) = struct.unpack_from(">I", data, header), struct.unpack_from(">I", data, old)
    new = b"".join(boxes)
    length += len(new) - old_length
    path.write_bytes(
        data[:header] + struct.pack(">I", length) + data[header + 4 : old] + new + data[old + old_length :]
    )
    return path


def square(mode: str, colour: tuple[int, ...] | int) -> Image.Image:
    image = Image.new(mode, (32, 32), colour)
    image.paste(colour if isinstance(colour, int) else tuple(level // 2 for level in colour), (0, 0, 8, 8))
    return image


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "a.jp2"


def at_centre(path: Path) -> tuple[int, ...]:
    return tuple(map(int, images.load(path).pixels[16, 16]))


@pytest.mark.parametrize("method", [2, 3])
def test_an_embedded_profile_is_converted(path: Path, method: int) -> None:
    write(path, square("RGB", COLOUR), colr(profile=rgb_profile(), method=method))
    loaded = images.load(path)
    np.testing.assert_allclose(loaded.pixels[16, 16].astype(int), COLOUR[::-1], atol=1)
    assert loaded.remarks == ()


def test_it_is_converted_beside_transparency(path: Path) -> None:
    write(path, square("RGBA", (*COLOUR, 128)), colr(profile=rgb_profile()))
    loaded = images.load(path)
    np.testing.assert_allclose(loaded.pixels[16, 16].astype(int), COLOUR[::-1], atol=1)
    assert loaded.alpha is not None
    assert loaded.alpha[16, 16] == 128


def test_a_profile_that_is_damaged_is_said(path: Path) -> None:
    for profile in (b"no profile", rgb_profile()[:200]):
        write(path, square("RGB", COLOUR), colr(profile=profile))
        assert images.load(path).remarks == ("the colour profile is damaged; colours are taken as sRGB",)
        assert at_centre(path) == COLOUR


def test_a_profile_for_another_number_of_channels_is_said(path: Path) -> None:
    write(path, square("RGB", COLOUR), colr(profile=ink_profile()))
    assert images.load(path).remarks == ("the colour profile is for CMYK, the image is RGB; colours are taken as sRGB",)


def test_four_channels_with_a_profile_of_inks_are_inks(path: Path) -> None:
    """Of the profile only cyan is seen: L* falls from 100 to 50, and the fourth channel is no transparency."""
    write(path, square("RGBA", INKS), colr(profile=ink_profile(), method=3))
    loaded = images.load(path)
    expected = 100 - 50 * INKS[0] / 255
    light = ((expected + 16) / 116) ** 3
    level = 255 * (1.055 * light ** (1 / 2.4) - 0.055)
    np.testing.assert_allclose(loaded.pixels[16, 16].astype(int), [level] * 3, atol=3)
    assert (loaded.alpha, loaded.info.has_alpha, loaded.info.mode, loaded.remarks) == (None, False, "CMYK", ())
    assert images.probe(path) == loaded.info


@pytest.mark.parametrize("number", [12, 13])
def test_inks_by_number_have_the_colours_of_their_profile(path: Path, number: int) -> None:
    """Of magenta, yellow and black the profile shows nothing; those of a press are dark."""
    write(path, square("CMYK", (0, 60, 90, 200)), colr(number), colr(profile=ink_profile(), method=3))
    assert min(at_centre(path)) > 250
    assert images.load(path).remarks == ("all of it is one colour",)


def test_a_palette_of_inks_is_refused(path: Path) -> None:
    palette = struct.pack(">HB4B8B", 2, 4, 7, 7, 7, 7, *INKS, *INKS)
    box = struct.pack(">I4s", 8 + len(palette), b"pclr") + palette
    for inks in (colr(12), colr(profile=ink_profile(), method=3)):
        write(path, square("L", 1), inks, box)
        with pytest.raises(UnreadableImage, match="a palette of inks"):
            images.probe(path)


def test_the_first_description_that_is_read_counts(path: Path) -> None:
    """15444-1, I.5.3.3: readers pass over all after the first; one that is not known is none to them."""
    for boxes, is_swapped in (
        ((colr(16), colr(profile=rgb_profile())), False),
        ((colr(profile=rgb_profile()), colr(16)), True),
        ((colr(14), colr(profile=rgb_profile())), True),
        ((colr(profile=b"vendor", method=4), colr(profile=rgb_profile())), True),
    ):
        write(path, square("RGB", COLOUR), *boxes)
        np.testing.assert_allclose(at_centre(path), COLOUR[::-1] if is_swapped else COLOUR, atol=1)


def test_the_colours_of_a_layer_are_those_of_a_picture_that_names_none(path: Path) -> None:
    """15444-2, M.11.7: a JPX may have its boxes colr in jplh, in cgrp, and none in jp2h."""
    inside = colr(profile=rgb_profile(), method=3)
    group = struct.pack(">I4s", 8 + len(inside), b"cgrp") + inside
    layer = struct.pack(">I4s", 8 + len(group), b"jplh") + group
    for own, is_swapped in (((), True), ((colr(16),), False)):
        data = write(path, square("RGB", COLOUR), *own).read_bytes()
        at = data.index(b"jp2c") - 4
        path.write_bytes(data[:at] + layer + data[at:])
        np.testing.assert_allclose(at_centre(path), COLOUR[::-1] if is_swapped else COLOUR, atol=1)


def test_srgb_grey_and_sycc_are_read_without_a_word(path: Path) -> None:
    write(path, square("RGB", COLOUR), colr(16))
    assert (at_centre(path), images.load(path).remarks) == (COLOUR, ())
    write(path, Image.linear_gradient("L").resize((32, 32)), colr(17))
    assert images.load(path).remarks == ()
    in_light = Image.merge("RGB", square("RGB", COLOUR).convert("YCbCr").split())
    write(path, in_light, colr(18))
    np.testing.assert_allclose(at_centre(path), COLOUR, atol=2)
    assert images.load(path).remarks == ()


@pytest.mark.parametrize(("number", "words"), [(21, "its colours are ROMM RGB"), (20, "e-sRGB"), (99, "(EnumCS 99)")])
def test_other_red_green_and_blue_is_taken_as_srgb_with_a_remark(path: Path, number: int, words: str) -> None:
    write(path, square("RGB", COLOUR), colr(number))
    loaded = images.load(path)
    assert tuple(loaded.pixels[16, 16]) == COLOUR
    assert [words in remark and remark.endswith("taken as sRGB") for remark in loaded.remarks] == [True]


@pytest.mark.parametrize(
    ("number", "words"), [(14, "CIELab"), (1, r"YCbCr\(1\)"), (11, "CMY"), (24, "e-sYCC"), (13, "YCCK")]
)
def test_numbers_that_are_no_red_green_and_blue_are_refused(path: Path, number: int, words: str) -> None:
    write(path, square("RGBA" if number == 13 else "RGB", (*COLOUR, 90) if number == 13 else COLOUR), colr(number))
    with pytest.raises(UnreadableImage, match=rf"a\.jp2 is a JPEG 2000 whose colours are {words}, which is not read"):
        images.probe(path)


def test_black_and_white_where_0_is_white_is_refused(path: Path) -> None:
    write(path, square("L", 255), colr(0))
    with pytest.raises(UnreadableImage, match="where 0 is white"):
        images.probe(path)


def test_a_profile_of_lab_is_refused(path: Path) -> None:
    write(path, square("RGB", COLOUR), colr(profile=ink_profile(b"Lab ")))
    with pytest.raises(UnreadableImage, match="colours are Lab"):
        images.probe(path)


def test_a_header_that_lies_about_its_size_is_an_error_or_a_picture_and_no_more(path: Path) -> None:
    data = write(path, square("RGB", COLOUR), colr(profile=rgb_profile())).read_bytes()
    at = data.index(b"colr") - 4
    for size in (0, 1, 7, 8, 11, 2**31, 2**32 - 1):
        path.write_bytes(data[:at] + struct.pack(">I", size) + data[at + 4 :])
        try:
            images.load(path)
        except UnreadableImage:
            continue


def test_a_codestream_without_boxes_is_read(tmp_path: Path) -> None:
    square("RGB", COLOUR).save(tmp_path / "a.j2k", irreversible=False)
    assert at_centre(tmp_path / "a.j2k") == COLOUR
