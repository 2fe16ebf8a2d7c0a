"""Painting inside the calling process, for Python programs: :func:`stylize`, also known as ``styled.stylize``."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image

from styled import images
from styled.engine.iterate import Iterate
from styled.errors import Diverged
from styled.painting import load_content, load_style
from styled.settings import INIT_WORDS, Settings, settings_from

ImageLike = str | os.PathLike[str] | Image.Image | npt.NDArray[np.uint8]
"""A path, a PIL image, or a uint8 array of shape (H, W), (H, W, 3) or (H, W, 4)."""


def stylize(
    content: ImageLike,
    styles: ImageLike | Sequence[ImageLike],
    *,
    init: ImageLike = "recolored",
    mask: ImageLike | None = None,
    progress: Callable[[Iterate], None] | None = None,
    **settings: Any,
) -> Image.Image:
    """Paint ``content`` in the style of ``styles``.

    Args:
        content: the photo.
        styles: one painting, or several.
        init: ``recolored``, ``content``, ``noise``, ``style``, or an image to start from.
        mask: an image with a colour for each style, dark to bright: where each is painted; one more, the darkest,
            stays the photo.
        progress: called after each step.
        **settings: any setting of the README's table, for example ``size=512, steps=200``.

    Returns:
        The picture, mode RGB, or RGBA when the content has transparency.

    Raises:
        SettingsError: a setting has an unknown name or a wrong value.
        ImageError: an image cannot be used.
        WeightsError: the weights cannot be had.
        Diverged: the loss is no longer finite.
    """
    from styled.engine import device  # TensorFlow, seconds
    from styled.engine.engine import paint

    device.prepare()

    word = init if isinstance(init, str) and init in INIT_WORDS else None
    wanted = settings_from({**settings, "init": word or "image"})
    inputs = _read(content, styles, None if word else init, mask, wanted)
    for iterate in paint(inputs.content.pixels, inputs.styles, wanted, init=inputs.init, mask=inputs.mask):
        if progress is not None:
            progress(iterate)
    if iterate.stopped_by == "diverged":
        raise Diverged(f"the loss is no longer finite after step {iterate.step}")
    picture = Image.fromarray(np.rint(iterate.picture()).astype(np.uint8))
    if inputs.content.alpha is not None:
        picture.putalpha(Image.fromarray(images.resize(inputs.content.alpha, *picture.size)))
    return picture


class _Inputs(NamedTuple):
    content: images.Loaded
    styles: list[npt.NDArray[np.uint8]]
    init: npt.NDArray[np.uint8] | None
    mask: npt.NDArray[np.uint8] | None


def _read(
    content: ImageLike,
    styles: ImageLike | Sequence[ImageLike],
    init: ImageLike | None,
    mask: ImageLike | None,
    settings: Settings,
) -> _Inputs:
    several = [styles] if isinstance(styles, (str, os.PathLike, Image.Image, np.ndarray)) else list(styles)
    with tempfile.TemporaryDirectory(prefix="styled-") as folder:
        path = Path(folder) / "image.tif"
        return _Inputs(
            load_content(_as_file(content, path), settings),
            [load_style(_as_file(style, path), settings).pixels for style in several],
            None if init is None else load_content(_as_file(init, path), settings).pixels,
            None if mask is None else images.load(_as_file(mask, path)).pixels,
        )


def _as_file(image: ImageLike, path: Path) -> Path:
    """Return the path of an image. One in memory becomes a file at ``path``: so all are decoded alike."""
    if isinstance(image, (str, os.PathLike)):
        return Path(image)
    picture = Image.fromarray(image) if isinstance(image, np.ndarray) else image
    picture.save(path, "TIFF", icc_profile=picture.info.get("icc_profile"), exif=picture.getexif())
    return path
