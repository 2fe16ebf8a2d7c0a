"""``evolution.mp4``: the frames as a film for phones, players and slides, with the ffmpeg of imageio-ffmpeg."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from itertools import repeat
from pathlib import Path

import numpy as np

from styled import images
from styled.errors import ImageError, StyledError
from styled.evolution.frames import frames
from styled.files import durable
from styled.files.printable import one_line
from styled.images.resizing import Pixels
from styled.job_folder import JobFolder

PER_SECOND = 25
"""Pictures a second: what every player plays."""

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
    # ffmpeg moves back in what it has written when it ends: a temporary file, then the one step that counts.
    with tempfile.TemporaryDirectory(prefix="styled-") as scratch:
        film = Path(scratch) / target.name
        try:
            ffmpeg = imageio_ffmpeg.get_ffmpeg_exe()
        except RuntimeError as error:
            raise _no_ffmpeg(str(error)) from error
        _encode(ffmpeg, _shown(pictures, size), size, film)
        with durable.replacing(target) as file, film.open("rb") as source:
            shutil.copyfileobj(source, file)
    return target


def _encode(ffmpeg: str, pictures: Iterator[Pixels], size: tuple[int, int], film: Path) -> None:
    """Have ffmpeg write the film, from raw pictures on its standard input."""
    command = [
        ffmpeg, "-hide_banner", "-loglevel", "error", "-nostdin", "-y",
        "-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{size[0]}x{size[1]}", "-r", str(PER_SECOND), "-i", "pipe:0",
        "-c:v", "libx264", "-pix_fmt", "yuv420p", "-crf", "18", "-movflags", "+faststart", str(film),
    ]  # fmt: skip
    with tempfile.TemporaryFile() as said:
        try:
            process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=said, stderr=said, bufsize=0)
        except OSError as error:
            raise _no_ffmpeg(f"{ffmpeg}: {error.strerror or error}") from error
        with process:
            assert process.stdin is not None  # noqa: S101  # a pipe was asked for
            try:
                for picture in pictures:
                    process.stdin.write(picture.tobytes())
            except BrokenPipeError:
                pass  # ffmpeg has given up: its exit code and its output are the reason
        if process.returncode != 0:
            said.seek(0)
            words = said.read().decode(errors="replace").strip().splitlines()
            reason = words[-1] if words else f"exit code {process.returncode}"
            raise StyledError(f"ffmpeg failed: {reason}", "Try --format webp.")


def _no_ffmpeg(why: str) -> StyledError:
    return StyledError(f"ffmpeg cannot be run: {one_line(why, 200)}", "Install ffmpeg, or try --format webp.")


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
