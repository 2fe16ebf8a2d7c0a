"""``frames/``: the picture becoming itself, one JPEG every so many steps."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from styled import images
from styled.files import durable
from styled.images import AnyPicture
from styled.job_folder import JobFolder

_STRIP = 256
"""Rows that are rounded at once: the whole of a large picture would be held once more."""

_FRAME = re.compile(r"(\d{6,})\.jpg")


def write_frame(folder: JobFolder, step: int, picture: AnyPicture, frame_size: int) -> Path:
    """Write ``frames/000120.jpg`` for step 120, whole or not at all.

    Args:
        folder: the job's folder.
        step: after which the picture was taken.
        picture: shape (H, W, 3), RGB, 0..255.
        frame_size: the frame's long side at most, px; a smaller picture stays as it is.

    Returns:
        The frame's path.

    Raises:
        DiskFull: no space.
    """
    frame = at_most(picture, frame_size)
    height, width = frame.shape[:2]
    folder.frames.mkdir(exist_ok=True)
    durable.require_space(folder.frames, width * height * 3)  # a JPEG is smaller, and never larger
    path = folder.frames / f"{step:06d}.jpg"
    images.save(frame, path, quality=90)
    return path


def at_most(picture: AnyPicture, frame_size: int) -> AnyPicture:
    """Return a picture as it is in a frame: shape (h, w, 3), h and w at most ``frame_size`` px; a smaller one as it is.

    One that is made smaller has whole numbers before, as a JPEG has: less than half of the time, and a quarter of the bytes.
    """
    height, width = picture.shape[:2]
    size = images.fit(width, height, frame_size, upscale=False)
    if size == (width, height):
        return picture
    pixels = np.empty(picture.shape, np.uint8)
    for top in range(0, height, _STRIP):
        strip = slice(top, top + _STRIP)
        pixels[strip] = images.whole_numbers(picture[strip], 8)
    return images.resize(pixels, *size)


def frames(folder: JobFolder) -> list[tuple[int, Path]]:
    """Return step and path of each frame, by step; empty when there are none yet."""
    if not folder.frames.is_dir():
        return []
    found = ((_FRAME.fullmatch(path.name), path) for path in folder.frames.iterdir())
    return sorted((int(match[1]), path) for match, path in found if match)
