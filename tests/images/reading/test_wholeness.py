"""Files of the right size of which a part was never written: made from whole ones, in every format."""

from __future__ import annotations

import io
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from styled import images
from styled.errors import ImageTooLarge, UnreadableImage
from styled.images.reading import wholeness
from styled.images.reading.wholeness import doubt

FORMATS: dict[str, dict[str, Any]] = {
    "JPEG": {"quality": 90},
    "progressive": {"quality": 90, "progressive": True},
    "PNG": {},
    "WEBP": {"quality": 90},
    "lossless": {"lossless": True},
    "AVIF": {},
    "GIF": {},
    "BMP": {},
    "PPM": {},
    "TIFF": {},
}
_CALLED = {"progressive": "JPEG", "lossless": "WEBP"}
PLAIN = ("BMP", "PPM", "TIFF")


@cache
def whole(kind: str) -> bytes:
    rng = np.random.default_rng(0)
    picture = np.clip(np.cumsum(rng.normal(0, 8, (100, 120, 3)), axis=1) + 128, 1, 255).astype(np.uint8)
    file = io.BytesIO()
    Image.fromarray(picture).save(file, _CALLED.get(kind, kind), **FORMATS[kind])
    return file.getvalue()


def zeroed(data: bytes, share: float) -> bytes:
    kept = int(len(data) * share)
    return data[:kept] + bytes(len(data) - kept)


def loaded(data: bytes) -> images.Loaded:
    return images.load(io.BytesIO(data), name="it")


@pytest.mark.parametrize("share", [0.5, 0.9, 0.985])
@pytest.mark.parametrize("kind", sorted(FORMATS.keys() - set(PLAIN)))
def test_a_picture_whose_end_is_zeros_is_cut_off(kind: str, share: float) -> None:
    """What was: most of these decoded, half of them grey or black."""
    with pytest.raises(UnreadableImage, match="truncated"):
        loaded(zeroed(whole(kind), share))


@pytest.mark.parametrize("kind", ["JPEG", "progressive"])
def test_a_jpeg_without_its_end_mark_is_read_with_a_remark_if_every_row_is_there(kind: str) -> None:
    data = whole(kind)
    np.testing.assert_array_equal(loaded(data[:-2]).pixels, loaded(data).pixels)
    assert loaded(data[:-2]).remarks == ("it has no end mark, as if it were cut off; every row is there",)
    with pytest.raises(UnreadableImage, match="truncated"):
        loaded(data[:-40])


def test_only_who_decodes_a_jpeg_without_its_end_mark_has_its_rows_compared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was: readers of headers decoded it twice, and before its number of pixels was known to be allowed."""
    path = tmp_path / "a.jpg"
    path.write_bytes(whole("JPEG")[:-40])
    with pytest.raises(UnreadableImage, match="truncated"):
        images.load(path)
    monkeypatch.setattr(wholeness, "_decoded", None)
    assert (images.probe(path).width, images.probe(path).height) == (120, 100)
    with pytest.raises(ImageTooLarge, match="120x100"):
        images.load(path, max_pixels=119 * 100)


@pytest.mark.parametrize("kept", [18, 20, 21])
def test_a_jpeg_that_ends_with_its_first_segment_is_told_as_one(kept: int) -> None:
    """What was: ``cannot identify image file <_io.BytesIO object at …>``."""
    with pytest.raises(UnreadableImage, match="it begins as a JPEG image, but its header is damaged, cut off"):
        loaded(whole("JPEG")[:kept])


@pytest.mark.parametrize("kind", sorted(FORMATS))
@pytest.mark.parametrize("behind", [b"", b"\0\0\0\x18ftypmp42" + bytes(range(1, 256)) * 9], ids=["nothing", "an MP4"])
def test_a_whole_file_gives_no_doubt(tmp_path: Path, kind: str, behind: bytes) -> None:
    path = tmp_path / "a"
    path.write_bytes(whole(kind) + behind)
    with path.open("rb") as file:
        assert doubt(file, _CALLED.get(kind, kind)) == ""
    np.testing.assert_array_equal(loaded(path.read_bytes()).pixels, loaded(whole(kind)).pixels)


@pytest.mark.parametrize(
    ("kind", "change", "words"),
    [
        ("JPEG", lambda data: data[:-2], "it has no end mark"),
        ("PNG", lambda data: data[:-12], "it has no end mark"),
        ("JPEG", lambda data: data + bytes(9000), "its last 9,000 bytes are zeros"),
        ("BMP", lambda data: zeroed(data, 0.5), "bytes are zeros"),
        ("PPM", lambda data: zeroed(data, 0.5), "bytes are zeros"),
        ("TIFF", lambda data: zeroed(data, 0.5), "bytes are zeros"),
    ],
)
def test_what_may_be_missing_is_a_doubt(tmp_path: Path, kind: str, change: Any, words: str) -> None:
    path = tmp_path / "a"
    path.write_bytes(change(whole(kind)))
    with path.open("rb") as file:
        assert words in doubt(file, kind)


def test_a_hole_in_a_file_is_a_doubt(tmp_path: Path) -> None:
    path = tmp_path / "a"
    with path.open("wb") as file:
        file.write(whole("BMP")[:54])
        file.seek(2**20)
        file.write(b"end")
    with path.open("rb") as file:
        assert "never written" in doubt(file, "BMP")
