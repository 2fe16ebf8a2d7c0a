from __future__ import annotations

import io
import struct
import zlib
from typing import Literal

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from styled.images import png

Samples = npt.NDArray[np.uint8 | np.uint16]


def written(picture: Samples) -> bytes:
    file = io.BytesIO()
    height, width, channels = picture.shape
    bits: Literal[8, 16] = 8 if picture.dtype == np.uint8 else 16
    png.write(
        file,
        lambda top, bottom: picture[top:bottom],
        width=width,
        height=height,
        alpha=channels == 4,
        bits=bits,
    )
    return file.getvalue()


def decoded(data: bytes) -> npt.NDArray[np.int64]:
    """Decode as the specification reads, byte by byte: a second opinion, for Pillow drops the low bytes of 16."""
    position, idat = 8, b""
    while position < len(data):
        (length,) = struct.unpack(">I", data[position : position + 4])
        kind, body = data[position + 4 : position + 8], data[position + 8 : position + 8 + length]
        (checksum,) = struct.unpack(">I", data[position + 8 + length : position + 12 + length])
        assert checksum == zlib.crc32(kind + body)
        if kind == b"IHDR":
            width, height, bits, colour = struct.unpack(">IIBB", body[:10])
        elif kind == b"IDAT":
            idat += body
        position += 12 + length
    assert kind == b"IEND"
    channels = {2: 3, 6: 4}[colour]
    bpp = channels * bits // 8
    raw, stride = zlib.decompress(idat), width * bpp
    assert len(raw) == height * (stride + 1)
    above = bytearray(stride)
    rows = []
    for index in range(height):
        line = bytearray(raw[index * (stride + 1) : (index + 1) * (stride + 1)])
        unfilter(line[0], line := line[1:], above, bpp)
        rows.append(bytes(line))
        above = line
    kind_of = np.uint8 if bits == 8 else np.dtype(">u2")
    return np.frombuffer(b"".join(rows), kind_of).reshape(height, width, channels).astype(np.int64)


def unfilter(kind: int, line: bytearray, above: bytearray, bpp: int) -> None:
    for i in range(len(line)):
        a = line[i - bpp] if i >= bpp else 0
        b = above[i]
        c = above[i - bpp] if i >= bpp else 0
        p = a + b - c
        paeth = min((abs(p - a), 0, a), (abs(p - b), 1, b), (abs(p - c), 2, c))[2]
        line[i] = (line[i] + {0: 0, 1: a, 2: b, 3: (a + b) // 2, 4: paeth}[kind]) % 256


@st.composite
def pictures(draw: st.DrawFn) -> Samples:
    """Noise or something smoother, of any small shape and either depth."""
    shape = (draw(st.integers(1, 20)), draw(st.integers(1, 20)), draw(st.sampled_from([3, 4])))
    bits = draw(st.sampled_from([8, 16]))
    noise = np.random.default_rng(draw(st.integers(0, 2**32 - 1))).integers(0, 2**bits, shape).astype(f"u{bits // 8}")
    return np.cumsum(noise // 64, axis=0, dtype=noise.dtype) if draw(st.booleans()) else noise


@given(picture=pictures(), strip=st.integers(1, 400))
def test_any_picture_in_any_strips_decodes_to_itself(picture: Samples, strip: int) -> None:
    wide = picture.dtype == np.uint16
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(png, "_STRIP_BYTES", strip)
        data = written(picture)
    np.testing.assert_array_equal(decoded(data), picture)
    with Image.open(io.BytesIO(data)) as image:
        assert image.mode == {3: "RGB", 4: "RGBA"}[picture.shape[2]]
        np.testing.assert_array_equal(np.asarray(image), picture >> 8 if wide else picture)


def test_filters_make_a_smooth_picture_small() -> None:
    ramp = np.add.outer(np.arange(200), np.arange(300))[..., None] * [1, 2, 3]
    assert len(written(ramp.astype(np.uint8))) < ramp.size / 50


def test_each_of_the_three_filters_is_chosen_where_it_is_best() -> None:
    random = np.random.default_rng(0)
    across, down = random.integers(0, 256, (1, 64, 3)), random.integers(0, 256, (64, 1, 3))
    filters = set()
    for picture in (across + 0 * down, down + 0 * across, across + down):
        rows = picture.astype(np.uint8).reshape(64, -1)
        filtered = png._filtered(rows, np.zeros(rows.shape[1], np.uint8), 3)
        filters |= {filtered[index * (rows.shape[1] + 1)] for index in range(64)}
    assert filters == {1, 2, 4}


def test_a_16_bit_png_keeps_more_than_256_levels() -> None:
    levels = np.arange(4096, dtype=np.uint16).reshape(64, 64) * 16
    picture = np.repeat(levels[..., None], 3, axis=2)
    np.testing.assert_array_equal(decoded(written(picture)), picture)
