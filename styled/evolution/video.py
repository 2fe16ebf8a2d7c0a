"""``evolution.mp4``: the frames as a film for phones, players and slides, with the ffmpeg of imageio-ffmpeg."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from itertools import repeat
from pathlib import Path

import numpy as np

from styled import durable, images
from styled.errors import ImageError, StyledError
from styled.evolution.folder import JobFolder
from styled.evolution.frames import frames
from styled.images.resizing import Pixels

PER_SECOND = 25
"""Pictures a second: what every player knows."""

REPEATS = 2
"""Times that each frame is shown: 12.5 frames a second, a little faster than ``evolution.webp``."""

LAST_S = 2
"""Seconds that the eye rests on the last frame."""


def write_video(folder: JobFolder) -> Path | None:
    """Write ``evolution.mp4`` (H.264) from all of the job's frames, whole or not at all.

    The last frame gives the size; smaller ones, of coarse scales, are enlarged to it. Frames that cannot be read are
    left out. One frame is in memory at a time.

    Returns:
        The film's path, or None when there are no frames.

    Raises:
        StyledError: imageio-ffmpeg is not installed, or ffmpeg failed.
        DiskFull: no space.
    """
    try:
        import imageio_ffmpeg
    except ImportError as error:
        raise StyledError("MP4 needs imageio-ffmpeg", "Install it with: pip install 'styled[video]'.") from error
    pictures = [path for _, path in frames(folder)]
    size = _size_of_last(pictures)
    if size is None:
        return None
    target = folder.path / "evolution.mp4"
    # ffmpeg writes into a path and moves back in it at the end: a temporary file, then the one step that counts.
    with tempfile.TemporaryDirectory(prefix="styled-") as scratch:
        film = Path(scratch) / target.name
        writer = imageio_ffmpeg.write_frames(
            str(film), size, fps=PER_SECOND, codec="libx264", macro_block_size=1, pix_fmt_out="yuv420p",
            output_params=["-crf", "18", "-movflags", "+faststart"], ffmpeg_log_level="error",
        )  # fmt: skip
        try:
            writer.send(None)
            for picture in _shown(pictures, size):
                writer.send(picture.tobytes())
        except OSError as error:
            raise StyledError(f"ffmpeg failed: {error}", "Try --format webp.") from error
        finally:
            writer.close()
        with durable.replacing(target) as file, film.open("rb") as source:
            while block := source.read(1 << 20):
                file.write(block)
    return target


def _shown(paths: list[Path], size: tuple[int, int]) -> Iterator[Pixels]:
    """Yield each picture of the film: uint8, shape (height, width, 3), in C order."""
    picture: Pixels | None = None
    for path in paths:
        pixels = _load(path)
        if pixels is not None:
            picture = np.ascontiguousarray(images.resize(pixels, *size))
            yield from repeat(picture, REPEATS)
    if picture is not None:
        yield from repeat(picture, LAST_S * PER_SECOND)


def _size_of_last(paths: list[Path]) -> tuple[int, int] | None:
    """Return width and height of the newest frame that can be read, each rounded down to an even number."""
    for path in reversed(paths):
        pixels = _load(path)
        if pixels is not None:
            # Colour is stored at half the width and height: H.264 as every player reads it takes even sizes only.
            return max(2, pixels.shape[1] // 2 * 2), max(2, pixels.shape[0] // 2 * 2)
    return None


def _load(path: Path) -> Pixels | None:
    try:
        return images.load(path).pixels
    except ImageError:
        return None  # cut by a power loss: the film is for the eye and can do without it
