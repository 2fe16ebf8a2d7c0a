"""The one preparation of a job's images: worker, ``styled run``, ``stylize`` and ``styled score`` read them here.

Each image is shrunk once, from the decoded file to the size that the finest scale needs. ``styled.sizing.scales`` computes
which that is, so that a plan counts the same pixels without reading any.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np

from styled import images
from styled.engine.objective.regions import Region, covers_of
from styled.settings import Settings
from styled.sizing.scales import Scale, content_size, plan_scales, style_size


def load_content(source: Path | BinaryIO, settings: Settings, *, name: str = "") -> images.Loaded:
    """Read a content image, no larger than the result.

    Raises:
        ImageError: it cannot be used.
        SettingsError: the result would be too thin for the network; the advice says which size would do.
    """
    loaded = load_picture(source, settings, name=name)
    plan_scales(*loaded.size, settings)
    return loaded


def load_picture(source: Path | BinaryIO, settings: Settings, *, name: str = "") -> images.Loaded:
    """Read an image of any shape, no larger than the result: one to start from.

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
        names: what the images are called in errors; by default paths by their own names.

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


class Mask(NamedTuple):
    """Which style goes where."""

    regions: tuple[Region, ...]
    """No larger than the content."""
    remarks: tuple[str, ...]
    """What was decided of it that its user may not expect."""
    picture: images.AnyPicture
    """The regions in false colours, uint8, shape (H, W, 3), no larger than the content; the photo's part is grey."""


def load_mask(
    source: Path | BinaryIO, styles: int, content: images.Loaded, settings: Settings, *, name: str = ""
) -> Mask:
    """Read a mask at its full size; its regions are shrunk to the content's, never its colours.

    Args:
        source: the image.
        styles: how many there are.
        content: as :func:`load_content` returns it.
        settings: of the job.
        name: as for :func:`load_styles`.

    Raises:
        ImageError: it cannot be used.
        SettingsError: its colours do not fit the styles, or its shape not the content.
    """
    loaded = images.load(source, name=name, max_pixels=settings.max_pixels)
    height, width = content.pixels.shape[:2]
    images.check_shape(loaded.info.width, loaded.info.height, content.info.width, content.info.height)
    found = images.find_regions(loaded.pixels, loaded.alpha, styles)
    picture = found.picture()
    rows, columns = picture.shape[:2]
    step = max(1, rows // height, columns // width)
    remarks = (*(f"mask: {remark}" for remark in loaded.remarks), *found.remarks)
    return Mask(tuple(covers_of(found, width, height)), remarks, np.ascontiguousarray(picture[::step, ::step]))


def load_style(source: Path | BinaryIO, scale: Scale, settings: Settings, *, name: str = "") -> images.Loaded:
    """Read a style image, no larger than a scale needs it; arguments and errors as :func:`load_styles`."""

    def shrunk(width: int, height: int) -> tuple[int, int]:
        wanted = style_size(width, height, scale, settings.style_scale)
        # One that is enlarged stays as it is until then.
        return wanted if wanted[0] < width else (width, height)

    return images.load(source, name=name, size=shrunk, max_pixels=settings.max_pixels)
