"""Painting inside the calling process, for Python programs and notebooks: ``styled.stylize`` and ``styled.paint``."""

from __future__ import annotations

import io
import os
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image

from styled import images, tensorflow_import
from styled.engine import iterate as engine_iterate
from styled.errors import Diverged, RemarkWarning
from styled.images import ImageLike
from styled.job import joined_remarks
from styled.painting.inputs import Mask, load_content, load_mask, load_start, load_styles
from styled.painting.remarks import remarks_on
from styled.settings import INIT_WORDS, Settings, settings_from


@dataclass(frozen=True, slots=True)
class Iterate(engine_iterate.Iterate):
    """The state of a painting after one step: its losses, its step, and its picture on request.

    A notebook shows its picture: ``display(iterate)``.
    """

    alpha: npt.NDArray[np.uint8] | None = None
    """The content's transparency, shape (H, W); None when it is opaque. ``picture()`` has none, ``image()`` has it."""

    remarks: tuple[str, ...] = ()
    """What was done to the images and settings, or not done with them, that one may not expect: colours that were guessed,
    a setting without effect. The same in every iterate, and ``remarks`` of the picture's ``info``."""

    def image(self) -> Image.Image:
        """Return the picture, mode RGB, or RGBA when the content has transparency.

        Valid until the next iterate is asked for; the last one's stays.
        """
        picture = Image.fromarray(np.rint(self.picture()).astype(np.uint8))
        picture.info["remarks"] = self.remarks
        if self.alpha is not None:
            picture.putalpha(Image.fromarray(images.resize(self.alpha, *picture.size)))
        return picture

    def _repr_png_(self) -> bytes:
        """Return the picture as a PNG: what IPython asks for."""
        file = io.BytesIO()
        self.image().save(file, "PNG")
        return file.getvalue()


def paint(
    content: ImageLike,
    styles: ImageLike | Sequence[ImageLike],
    *,
    init: ImageLike = "recolored",
    mask: ImageLike | None = None,
    **settings: Any,
) -> Iterator[Iterate]:
    """Paint ``content`` in the style of ``styles``, one step each time the next iterate is asked for.

    ::

        for iterate in styled.paint("photo.jpg", "painting.jpg", size=512):
            if iterate.step % 50 == 0:
                display(iterate)  # or iterate.image().save("frame.png")
        iterate.image().save("result.png")

    Leave the loop to end sooner; the iterate at hand keeps its picture. Images and settings are read, and their errors
    raised, at the call; what does not fit together is an error of the first step.

    Args:
        content: the photo, see :data:`styled.images.in_memory.ImageLike`.
        styles: one painting, or several.
        init: ``recolored``, ``content``, ``noise``, ``style``, or an image to start from, which is cut to the content's shape.
        mask: an image with a colour for each style, dark to bright: where each is painted; one more, the darkest,
            stays the photo.
        **settings: any setting of the README's table, for example ``size=512, steps=200``.

    Yields:
        One :class:`Iterate` after each step; the one with ``last`` set has the result.

    Raises:
        SettingsError: a setting has an unknown name or a wrong value.
        ImageError: an image cannot be used.
        WeightsError: the weights cannot be had; on the first step, as what follows.
        DoesNotFit: there is not enough memory.
        Diverged: the loss is no longer finite; the iterate before has the last good picture.

    Warns:
        RemarkWarning: once, at the call, if there are remarks.
    """
    return _paint(content, styles, init, mask, settings)


def stylize(
    content: ImageLike,
    styles: ImageLike | Sequence[ImageLike],
    *,
    init: ImageLike = "recolored",
    mask: ImageLike | None = None,
    progress: Callable[[Iterate], bool | np.bool_ | None] | None = None,
    **settings: Any,
) -> Image.Image:
    """Paint ``content`` in the style of ``styles`` and return the picture.

    The network and what was compiled for a shape are kept for the next call; nothing else is.

    Args:
        content: as in :func:`paint`, like all that is not named here.
        styles: one painting, or several.
        init: what to start from.
        mask: where each style is painted.
        progress: called after each step; if it returns False, NumPy's too (not None or 0), painting ends with the picture as it is.
        **settings: any setting of the README's table.

    Returns:
        The picture, mode RGB, or RGBA when the content has transparency. ``info["remarks"]`` has a line for each thing that
        was done to the images or settings, or not done with them, that one may not expect.

    Raises:
        StyledError: as :func:`paint`.

    Warns:
        RemarkWarning: as :func:`paint`.
    """
    every = 0 if progress is None else 1  # nobody sees the others
    for iterate in _paint(content, styles, init, mask, settings, picture_every=every):
        if progress is not None and _plain(progress(iterate)) is False and not iterate.last:
            break  # not at the last one: the loop ends by itself, with an error if the loss was no number
    return iterate.image()


def _paint(
    content: ImageLike,
    styles: ImageLike | Sequence[ImageLike],
    init: ImageLike,
    mask: ImageLike | None,
    settings: Mapping[str, Any],
    *,
    picture_every: int = 1,
) -> Iterator[Iterate]:
    """Do what :func:`paint` does, called by a function that is called by the user: the warning names that line."""
    word = init if isinstance(init, str) and init in INIT_WORDS else None
    wanted = settings_from({**{name: _plain(value) for name, value in settings.items()}, "init": word or "image"})
    inputs = _read(content, styles, None if word else init, mask, wanted)
    remarks = joined_remarks(
        remarks_on(inputs.content, inputs.styles, wanted, inputs.mask.remarks if inputs.mask else None, inputs.init)
    )
    if remarks:
        warnings.warn("; ".join(remarks), RemarkWarning, stacklevel=3)
    return _iterates(inputs, wanted, remarks, picture_every)


class _Inputs(NamedTuple):
    content: images.Loaded
    styles: tuple[images.Loaded, ...]
    init: images.Loaded | None
    mask: Mask | None


def _iterates(inputs: _Inputs, settings: Settings, remarks: tuple[str, ...], picture_every: int) -> Iterator[Iterate]:
    tensorflow_import.load_tensorflow()
    from styled.engine.engine import paint
    from styled.engine.network import device

    device.prepare()
    try:
        for each in paint(
            inputs.content.pixels,
            [style.pixels for style in inputs.styles],
            settings,
            style_sizes=[style.size for style in inputs.styles],
            init=None if inputs.init is None else inputs.init.pixels,
            mask=inputs.mask and inputs.mask.regions,
            picture_every=picture_every,
        ):
            values = {field.name: getattr(each, field.name) for field in fields(each)}
            yield Iterate(**values, alpha=inputs.content.alpha, remarks=remarks)
            if each.stopped_by == "diverged":
                raise Diverged(f"the loss is no longer finite after step {each.step}")
    finally:
        device.give_back_freed_memory()


def _read(
    content: ImageLike,
    styles: ImageLike | Sequence[ImageLike],
    init: ImageLike | None,
    mask: ImageLike | None,
    settings: Settings,
) -> _Inputs:
    several: list[Any] = [styles] if images.is_image_like(styles) or not _is_several(styles) else list(styles)  # type: ignore[arg-type]
    names = ["the style image"] if len(several) == 1 else [f"style image {n}" for n in range(1, len(several) + 1)]

    source, name = _source(content, "the content image")
    photo = load_content(source, settings, name=name)
    paintings = [_source(style, name) for style, name in zip(several, names, strict=True)]
    start, start_name = (None, "") if init is None else _source(init, "the image to start from")
    return _Inputs(
        photo,
        load_styles([each for each, _ in paintings], photo, settings, names=[name for _, name in paintings]),
        None if start is None else load_start(start, photo, settings, name=start_name),
        None if mask is None else _mask(mask, len(paintings), photo, settings),
    )


def _source(image: ImageLike, name: str) -> tuple[Path | BinaryIO, str]:
    """Return what to read, and what to call it in errors: a path by its own name."""
    source = images.source_of(image, name)
    return source, source.name if isinstance(source, Path) else name


def _mask(mask: ImageLike, styles: int, photo: images.Loaded, settings: Settings) -> Mask:
    source, name = _source(mask, "the mask")
    return load_mask(source, styles, photo, settings, name=name)


def _is_several(styles: object) -> bool:
    return hasattr(styles, "__iter__") and not isinstance(styles, (bytes, bytearray, memoryview, Mapping))


def _plain(value: object) -> object:
    """Return a setting as TOML would give it: NumPy's numbers and truths as Python's, a path as text."""
    if isinstance(value, np.generic):
        return value.item()
    return os.fspath(value) if isinstance(value, os.PathLike) else value
