"""``frames/``: the picture becoming itself, one JPEG every so many steps."""

from __future__ import annotations

import re
from pathlib import Path

from styled import images
from styled.evolution.folder import JobFolder
from styled.files import durable
from styled.images import AnyPicture

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
    height, width = picture.shape[:2]
    width, height = images.fit(width, height, frame_size, upscale=False)
    folder.frames.mkdir(exist_ok=True)
    durable.require_space(folder.frames, width * height * 3)  # a JPEG is smaller, and never larger
    path = folder.frames / f"{step:06d}.jpg"
    images.save(images.resize(picture, width, height), path, quality=90)
    return path


def frames(folder: JobFolder) -> list[tuple[int, Path]]:
    """Return step and path of each frame, by step; empty when there are none yet."""
    if not folder.frames.is_dir():
        return []
    found = ((_FRAME.fullmatch(path.name), path) for path in folder.frames.iterdir())
    return sorted((int(match[1]), path) for match, path in found if match)
