"""``evolution.webp``: the frames as one animation that any browser plays."""

from __future__ import annotations

import io
from pathlib import Path

from PIL import Image, WebPImagePlugin

from styled import images
from styled.errors import ImageError
from styled.evolution.frames import frames
from styled.files import durable
from styled.job_folder import JobFolder

FRAMES_MAX = 100
"""Frames in the animation; with SIDE_MAX this bounds the memory: 100 pictures of 4 bytes a pixel, 105 MB."""

SIDE_MAX = 512
"""Long side, px."""

_FRAME_MS = 100
_LAST_MS = 2000  # the eye wants to rest on the finished picture


def write_timelapse(folder: JobFolder) -> Path | None:
    """Write ``evolution.webp`` from the job's frames, whole or not at all.

    At most :data:`FRAMES_MAX` frames, evenly chosen, first and last among them; frames of coarse scales are
    enlarged to the size of the last. Frames that cannot be read are left out.

    Returns:
        The animation's path, or None when there are no frames.

    Raises:
        DiskFull: no space.
    """
    chosen = _evenly([path for _, path in frames(folder)])
    pictures = _pictures(chosen)
    if not pictures:
        return None
    durations = [_FRAME_MS] * (len(pictures) - 1) + [_LAST_MS]
    encoded = io.BytesIO()
    pictures[0].save(
        encoded,
        WebPImagePlugin.WebPImageFile.format,
        save_all=True,
        append_images=pictures[1:],
        duration=durations,
        loop=0,
        quality=75,
        method=2,
    )
    durable.write_bytes(folder.timelapse, encoded.getvalue())
    return folder.timelapse


def _pictures(paths: list[Path]) -> list[Image.Image]:
    """Load the frames, newest first so that the last one decides the size; return them oldest first."""
    pictures: list[Image.Image] = []
    for path in reversed(paths):
        try:
            pixels = images.load(path, long_side=SIDE_MAX).pixels
        except ImageError:
            # A frame cut by a power loss: the animation is for the eye and can do without it.
            continue
        picture = Image.fromarray(pixels)
        if pictures and picture.size != pictures[0].size:
            picture = picture.resize(pictures[0].size, Image.Resampling.BICUBIC)
        pictures.append(picture)
    return pictures[::-1]


def _evenly(paths: list[Path]) -> list[Path]:
    if len(paths) <= FRAMES_MAX:
        return paths
    last = len(paths) - 1
    return [paths[round(index * last / (FRAMES_MAX - 1))] for index in range(FRAMES_MAX)]
