"""What decoding is said to hold at most, and what it holds."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from styled import images
from tests.deadlines import patience

WIDTH, HEIGHT = 3000, 2000

FILES: dict[str, tuple[str, dict[str, Any]]] = {
    "plain.png": ("RGB", {"compress_level": 1}),
    "alpha.png": ("RGBA", {"compress_level": 1}),
    "progressive.jpg": ("RGB", {"progressive": True, "subsampling": 0}),
    "strip.tif": ("RGB", {"compression": "tiff_lzw", "tiffinfo": {278: HEIGHT}}),
    "whole.webp": ("RGBA", {"method": 0, "quality": 50}),
}

_LOAD = """
import sys
from pathlib import Path
from styled import images, memory
images.load  # NumPy and Pillow
warm = memory.process_peak_bytes()
images.load(Path(sys.argv[1]), long_side=int(sys.argv[2]))
print(memory.process_peak_bytes() - warm)
"""


def made(folder: Path, name: str) -> Path:
    mode, options = FILES[name]
    picture = Image.linear_gradient("L").resize((WIDTH, HEIGHT))
    image = Image.merge(mode, [picture] * len(mode))
    image.save(folder / name, **options)
    return folder / name


def need(path: Path, long_side: int) -> int:
    def size(width: int, height: int) -> tuple[int, int]:
        return images.fit(width, height, long_side, upscale=False)

    with path.open("rb") as file:
        found = images.decoding_need(file, path.name, max_pixels=10**9, size=size)
        assert file.tell() == 0, "it is decoded from there"
    assert (found.header.width, found.header.height) == (WIDTH, HEIGHT)
    assert found.size == size(WIDTH, HEIGHT)
    return found.bytes


@pytest.mark.processes
@pytest.mark.parametrize(("name", "long_side"), [("alpha.png", 2000), ("progressive.jpg", 300), ("strip.tif", 300)])
def test_no_more_is_held_than_is_said(tmp_path: Path, name: str, long_side: int) -> None:
    path = made(tmp_path, name)
    done = subprocess.run(
        [sys.executable, "-c", _LOAD, str(path), str(long_side)], capture_output=True, check=True, timeout=patience(60)
    )
    held = int(done.stdout)
    said = need(path, long_side)
    assert 0.3 * said < held <= said


def test_what_decoders_hold_beside_the_picture_counts(tmp_path: Path) -> None:
    """Bytes for each pixel of a file that is shrunk to a thumbnail, beside the strips."""
    pixels = WIDTH * HEIGHT
    strips = 30 * 2**20
    found = {name: round((need(made(tmp_path, name), 100) - strips) / pixels) for name in FILES}
    assert found["plain.png"] == found["alpha.png"] == 4
    assert found["progressive.jpg"] == 6, "coefficients; the picture itself is drafted"
    assert found["strip.tif"] >= 7, "a strip of the whole picture, beside it"
    assert found["whole.webp"] >= 16


def test_a_result_as_large_as_the_file_counts(tmp_path: Path) -> None:
    path = made(tmp_path, "plain.png")
    assert need(path, WIDTH) == WIDTH * HEIGHT * (4 + 3) + 30 * 2**20
    assert need(path, WIDTH - 1) > need(path, WIDTH), "what is resized is there twice"
    assert need(path, 1) < need(path, WIDTH)


def test_the_hidden_colours_of_a_large_picture_are_filled_exactly() -> None:
    """With the mean of what is seen, in whole numbers: no copy in another dtype."""
    from styled.images.decoding import _fill_transparent

    dice = np.random.default_rng(3)
    pixels = dice.integers(0, 256, (40, 50, 3), np.uint8)
    alpha = dice.integers(0, 4, (40, 50), np.uint8) * np.uint8(85)
    wanted = np.rint(np.average(pixels.reshape(-1, 3), axis=0, weights=alpha.reshape(-1).astype(float)))
    _fill_transparent(pixels, alpha)
    np.testing.assert_array_equal(pixels[alpha == 0], np.broadcast_to(wanted, pixels[alpha == 0].shape))
