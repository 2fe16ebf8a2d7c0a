"""The one preparation of a job's images: worker, ``styled run``, ``stylize`` and ``styled score`` read them here.

Each image is shrunk once, from the decoded file to the size that the finest scale needs. ``styled.sizing.scales`` computes
which that is, so that a plan counts the same pixels without reading any.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

from styled import images
from styled.settings import Settings
from styled.sizing.scales import Scale, content_size, plan_scales, style_size


def load_content(source: Path | BinaryIO, settings: Settings, *, name: str = "") -> images.Loaded:
    """Read a content image, no larger than the result.

    Raises:
        ImageError: it cannot be used.
    """

    def shrunk(width: int, height: int) -> tuple[int, int]:
        return content_size(width, height, settings)

    return images.load(source, name=name, size=shrunk, max_pixels=settings.max_pixels)


def load_styles(
    sources: Sequence[Path | BinaryIO],
    content: images.Loaded,
    settings: Settings,
    *,
    names: Sequence[str] = (),
) -> tuple[images.Loaded, ...]:
    """Read the style images of a content, no larger than its finest scale needs them.

    Args:
        sources: the images.
        content: the content image as :func:`load_content` returns it.
        settings: of the job.
        names: what the images are called in errors; paths have names of their own.

    Raises:
        ImageError: one cannot be used.
        SettingsError: the result would be too thin for the network.
    """
    height, width = content.pixels.shape[:2]
    finest = plan_scales(width, height, settings)[-1]
    return tuple(
        load_style(source, finest, settings, name=name)
        for source, name in zip(sources, names or [""] * len(sources), strict=True)
    )


def load_style(source: Path | BinaryIO, scale: Scale, settings: Settings, *, name: str = "") -> images.Loaded:
    """Read a style image, no larger than a scale needs it; arguments and errors as :func:`load_styles`."""

    def shrunk(width: int, height: int) -> tuple[int, int]:
        wanted = style_size(width, height, scale, settings.style_scale)
        # One that is enlarged stays as it is until then.
        return wanted if wanted[0] < width else (width, height)

    return images.load(source, name=name, size=shrunk, max_pixels=settings.max_pixels)
