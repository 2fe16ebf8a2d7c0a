"""A huge photo is read without room for copies of it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

pytestmark = pytest.mark.processes

_LOAD = """
import sys
from pathlib import Path
from styled import images, memory
images.load(Path(sys.argv[1]), long_side=64)  # everything is imported
small = memory.process_peak_bytes()
loaded = images.load(Path(sys.argv[2]), long_side=int(sys.argv[3]))
print(loaded.pixels.shape[1], loaded.pixels.shape[0], memory.process_peak_bytes() - small)
"""


def _peak(tmp_path: Path, picture: Path, long_side: int) -> tuple[int, int, int]:
    tiny = tmp_path / "tiny.jpg"
    Image.new("RGB", (100, 50)).save(tiny)
    command = [sys.executable, "-c", _LOAD, str(tiny), str(picture), str(long_side)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    width, height, peak = map(int, done.stdout.split())
    return width, height, peak


def test_a_panorama_of_50_megapixels_for_a_result_of_1500(tmp_path: Path) -> None:
    """It is decoded at half its sides, in memory there is hardly more than the file has pixels, once."""
    panorama = tmp_path / "panorama.jpg"
    Image.new("RGB", (10_000, 5_000), (90, 120, 150)).save(panorama, quality=60)
    width, height, peak = _peak(tmp_path, panorama, 1500)
    assert (width, height) == (1500, 750)
    assert peak < 1.2 * 3 * 50e6


def test_at_its_full_size_there_are_the_decoders_pixels_and_ours(tmp_path: Path) -> None:
    """24 Mpx: 4 bytes a pixel in the decoder and 3 in the result, not three copies of 4."""
    photo = tmp_path / "photo.jpg"
    Image.new("RGB", (6_000, 4_000), (90, 120, 150)).save(photo, quality=60)
    width, height, peak = _peak(tmp_path, photo, 65_536)
    assert (width, height) == (6_000, 4_000)
    assert peak < 8.5 * 24e6
