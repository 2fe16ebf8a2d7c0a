"""The one preparation of a job's images: worker, ``styled run``, ``stylize`` and ``styled score`` read them here.

Each image is shrunk once, from the decoded file to the size that the finest scale needs. ``styled.sizing.scales`` computes
which that is, so that a plan counts the same pixels without reading any.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np

from styled import gpus, images, vgg19
from styled.engine import colour
from styled.engine.initial_picture import cut_to_aspect
from styled.engine.objective.regions import Region, beneath, covers_of
from styled.job import input_titles
from styled.settings import Settings
from styled.sizing import memory_use
from styled.sizing.input_sizes import PIXEL_BYTES, InputSizes, is_recoloured
from styled.sizing.memory_limit import BEFORE_TENSORFLOW_BYTES, budget
from styled.sizing.scales import Scale, content_size, plan_scales, style_size

_FLAT = 6.0
"""Standard deviation of a part's luminances, levels: what has its colours has no strokes that anybody sees."""


class Files(NamedTuple):
    """A job's images, open, each with its name."""

    content: tuple[BinaryIO, str]
    styles: tuple[tuple[BinaryIO, str], ...]
    mask: tuple[BinaryIO, str] | None
    init: tuple[BinaryIO, str] | None


def check_memory(files: Files, settings: Settings) -> None:
    """Refuse a job that ``memory_limit`` cannot hold whatever this machine is best at, before anything is decoded.

    Raises:
        ImageError: one of the headers cannot be read.
        SettingsError: the result would be too thin for the network.
        DoesNotFit: nothing fits; it says what would.
    """
    allowed = budget(settings, on_gpu=False)
    if not allowed.is_strict:
        return
    decoding = _Decoding(settings, allowed.bytes)
    content = decoding.add(*files.content, _content_size(settings))
    scales = plan_scales(*content, settings)
    styles = []
    for style in files.styles:
        decoding.add(*style, _style_size(scales[-1], settings))
        styles.append(decoding.size_of_file)
    if files.mask is not None:
        decoding.add_mask(*files.mask)
    init = None if files.init is None else decoding.add(*files.init, _content_size(settings))
    # Where there is a GPU the limit is on its memory, which TensorFlow's libraries are not in: the engine looks at it.
    to_paint = (
        0.0
        if gpus.devices()
        else memory_use.least_limit(
            scales,
            vgg19.up_to(vgg19.deepest({*settings.content_layers, *settings.style_layers})),
            settings,
            inputs=InputSizes(content, tuple(styles), None if files.mask is None else content, init),
            precision="bfloat16" if settings.precision == "auto" else settings.precision,
        )
    )
    to_decode, name = max(decoding.needs)
    if max(to_paint, to_decode) > allowed.bytes:
        finest = f"{scales[-1].width}x{scales[-1].height}"
        what = f"{finest} needs" if to_paint > to_decode else f"decoding {name} needs"
        raise memory_use.refusal(what, max(to_paint, to_decode), allowed.bytes)


class _Decoding:
    """Adds up what it takes to decode one image after another, from their headers."""

    def __init__(self, settings: Settings, limit_bytes: float) -> None:
        self._max_pixels, self._limit_bytes = settings.max_pixels, limit_bytes
        self._held = float(BEFORE_TENSORFLOW_BYTES)
        self.needs: list[tuple[float, str]] = []
        """The bytes of the process while an image is decoded, and its file's name, which another's may be too."""
        self.size_of_file = 0, 0
        """Width and height of the image added last, px."""

    def add(self, file: BinaryIO, name: str, size: Callable[[int, int], tuple[int, int]]) -> tuple[int, int]:
        """Count an image that is decoded to ``size`` of its own; return what that is, px.

        Raises:
            DoesNotFit: it takes more than the limit to open it. What it takes to go on is not known then, and may be more.
        """
        to_open = self._held + images.opening_bytes(file, max_pixels=self._max_pixels)
        if to_open > self._limit_bytes:
            raise memory_use.refusal(f"decoding {name} needs", to_open, self._limit_bytes)
        need = images.decoding_need(file, name, max_pixels=self._max_pixels, size=size)
        self.size_of_file = need.header.width, need.header.height
        self.needs.append((self._held + need.bytes, name))
        pixels = need.size[0] * need.size[1]
        if need.header.has_alpha:  # what is transparent is filled in a copy
            self.needs.append((self._held + (2 * PIXEL_BYTES + 1) * pixels, name))
        self._held += PIXEL_BYTES * pixels
        return need.size

    def add_mask(self, file: BinaryIO, name: str) -> None:
        """Count a mask, which is decoded at its full size, and of which only its regions are kept."""
        before = self._held
        width, height = self.add(file, name, lambda width, height: (width, height))
        reading = self._held + images.MASK_BYTES_PX * min(width * height, images.MOST_MASK_PIXELS)
        self.needs.append((reading, name))
        self._held = before


def load_content(source: Path | BinaryIO, settings: Settings, *, name: str = "") -> images.Loaded:
    """Read a content image, no larger than the result; what is transparent is filled, see :mod:`styled.images.cut_out`.

    Raises:
        ImageError: it cannot be used.
        SettingsError: the result would be too thin for the network; the advice says which size would do.
    """
    loaded = _load_picture(source, settings, name)
    plan_scales(*loaded.size, settings)
    return images.with_more_of_it(loaded)


def load_start(source: Path | BinaryIO, content: images.Loaded, settings: Settings, *, name: str = "") -> images.Loaded:
    """Read an image to start from, opaque, no larger than the result, and of the content's shape: its middle, if it has another.

    What is in it keeps its shape so. As of a mask, up to 3 % of its length are not cut off.

    Raises:
        ImageError: it cannot be used.
    """
    found = _load_picture(source, settings, name)
    loaded = images.opaque(found)
    if content.alpha is not None:  # nobody sees what is there
        loaded = dataclasses.replace(loaded, remarks=found.remarks)
    rows, columns = content.pixels.shape[:2]
    middle = cut_to_aspect(loaded.pixels, columns / rows)
    if all(have - cut <= max(1.0, 0.03 * have) for have, cut in zip(loaded.pixels.shape, middle.shape, strict=True)):
        return loaded
    width, height = loaded.size
    remark = f"it has {width}x{height} px, another shape than the content's: only its middle is started from"
    middle = np.ascontiguousarray(middle)  # else all of it would be held
    return dataclasses.replace(loaded, pixels=middle, remarks=(*loaded.remarks, remark))


def _load_picture(source: Path | BinaryIO, settings: Settings, name: str) -> images.Loaded:
    return images.load(source, name=name, size=_content_size(settings), max_pixels=settings.max_pixels)


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
    loaded = images.load(source, name=name, max_pixels=settings.max_pixels, is_mask=True)
    height, width = content.pixels.shape[:2]
    images.check_mask(loaded.info, content.info)
    found = images.find_regions(loaded.pixels, loaded.alpha, styles)
    picture = found.picture()
    rows, columns = picture.shape[:2]
    step = max(1, rows // height, columns // width)
    regions = covers_of(found, width, height)
    remarks = (
        *(f"mask: {remark}" for remark in loaded.remarks),
        *found.remarks,
        *_of_colours(regions, content, settings),
    )
    return Mask(tuple(regions), remarks, np.ascontiguousarray(picture[::step, ::step]))


def _of_colours(regions: Sequence[Region], content: images.Loaded, settings: Settings) -> Iterator[str]:
    """Yield where a style gets the colours of a part of the photo that hardly has several."""
    if not is_recoloured(settings) or settings.style_weight == 0.0:
        return
    painted = sorted(region.style for region in regions if region.style is not None)
    for index, title in zip(painted, input_titles(len(painted))[1:], strict=True):
        if colour.luminances(beneath(content.pixels, regions, index)).std() < _FLAT:
            yield (
                f"the photo beneath {title} is nearly one colour, and so is what is painted there: "
                "preserve_color = 'luminance' keeps its strokes"
            )


def load_style(source: Path | BinaryIO, scale: Scale, settings: Settings, *, name: str = "") -> images.Loaded:
    """Read a style image, no larger than a scale needs it, and opaque; arguments and errors as :func:`load_styles`."""
    size = _style_size(scale, settings)
    return images.opaque(images.load(source, name=name, size=size, max_pixels=settings.max_pixels))


def _content_size(settings: Settings) -> Callable[[int, int], tuple[int, int]]:
    return functools.partial(content_size, settings=settings)


def _style_size(scale: Scale, settings: Settings) -> Callable[[int, int], tuple[int, int]]:
    def shrunk(width: int, height: int) -> tuple[int, int]:
        wanted = style_size(width, height, scale, settings.style_scale)
        # One that is enlarged stays as it is until then.
        return wanted if wanted[0] < width else (width, height)

    return shrunk
