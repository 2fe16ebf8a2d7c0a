"""Boxes of every size that a file may give them."""

from __future__ import annotations

import io
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from styled.images.reading.isobmff import Box, boxes_of, nclx_of
from styled.images.reading.wholeness import check_pixels


def boxes(data: bytes) -> list[Box]:
    return list(boxes_of(io.BytesIO(data), len(data)))


def test_a_size_of_0_reaches_to_the_end_and_one_of_1_is_64_bits_long() -> None:
    data = (
        struct.pack(">I4s2x", 10, b"ftyp") + struct.pack(">I4sQ4x", 1, b"meta", 20) + struct.pack(">I4s5x", 0, b"mdat")
    )
    assert boxes(data) == [(b"ftyp", 8, 10), (b"meta", 26, 30), (b"mdat", 38, 43)]


@pytest.mark.parametrize("size", [2, 3, 4, 5, 6, 7])
def test_a_box_smaller_than_its_head_is_none(size: int) -> None:
    assert boxes(struct.pack(">I4s", 8, b"ftyp") + struct.pack(">I4s", size, b"meta") + bytes(100)) == [(b"ftyp", 8, 8)]


@pytest.mark.parametrize("size", range(16))
def test_a_64_bit_size_counts_its_head(size: int) -> None:
    assert boxes(struct.pack(">I4sQ", 1, b"meta", size) + bytes(100)) == []


def test_a_box_that_is_cut_ends_behind_the_file() -> None:
    assert boxes(struct.pack(">I4s", 100, b"mdat")) == [(b"mdat", 8, 100)]


@given(st.lists(st.binary(max_size=20), max_size=20), st.binary(max_size=12))
def test_whatever_there_is_the_walk_ends(parts: list[bytes], tail: bytes) -> None:
    data = b"".join(struct.pack(">I4s", len(part), b"free") + part for part in parts) + tail
    found = boxes(data)
    assert all(0 <= box.start <= box.end for box in found)
    nclx_of(io.BytesIO(data))


def avif() -> bytes:
    written = io.BytesIO()
    Image.effect_noise((64, 64), 60).convert("RGB").save(written, "AVIF")
    return written.getvalue()


def test_the_last_box_without_a_size_is_checked_to_the_files_end() -> None:
    data = avif()
    last = boxes(data)[-1]
    assert last.kind == b"mdat"
    data = data[: last.start - 8] + struct.pack(">I", 0) + data[last.start - 4 :]
    check_pixels(io.BytesIO(data))
    half = (len(data) + last.start) // 2
    with pytest.raises(EOFError):
        check_pixels(io.BytesIO(data[:half] + bytes(len(data) - half)))


def test_colours_are_found_in_boxes_of_64_bits() -> None:
    data = avif()
    meta = next(box for box in boxes(data) if box.kind == b"meta")
    wide = struct.pack(">I4sQ", 1, b"meta", meta.end - meta.start + 16)
    widened = data[: meta.start - 8] + wide + data[meta.start :]
    assert nclx_of(io.BytesIO(widened)) == nclx_of(io.BytesIO(data)) is not None
