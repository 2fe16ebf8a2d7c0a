"""Decoding a file to upright 8-bit sRGB pixels, in strips, so that a huge picture is in memory twice and not more."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np
from PIL import Image, ImageFile

from styled.images.colour import ToSrgb, alpha_of, to_srgb
from styled.images.decoding_memory import decoding_bytes
from styled.images.fitting import fit
from styled.images.metadata import carried_exif
from styled.images.opening import (
    DRAFTED,
    MAX_BYTES,
    MAX_PIXELS,
    PILLOW_ERRORS,
    ImageInfo,
    info,
    open_file,
    open_image,
    orientation,
    shown,
)
from styled.images.reading import pixel_shape
from styled.images.reading.info_keys import REMARKS
from styled.images.reading.transparency import is_invisible, refuse_blank
from styled.images.reading.wholeness import check_pixels
from styled.images.resizing import Pixels, resize

_STRIP_PIXELS = 1_000_000

_DRAFTED_FROM = 4_000_000
"""Pixels: decoding fewer takes less than 50 ms."""

_GAP = 2
"""Decoders and box filters shrink to no less than this times the size wanted; Lanczos does the rest, unseen."""


_FEW_LEVELS = 16
"""Of a mask's 16 bits up to which they are numbers of areas, and no shades."""

_SEEN = 64
"""Alpha from which a pixel's colour counts where colours are compared: below, it may be rounded to anything."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """A decoded image."""

    pixels: Pixels
    """uint8, shape (H, W, 3), sRGB, upright. Where alpha is 0 the file's colour means nothing: the mean colour stands there,
    or what :mod:`styled.images.cut_out` has filled it with."""
    alpha: Pixels | None
    """uint8, shape (H, W); None when the picture is opaque."""
    info: ImageInfo
    """Of the file: its width and height are larger than those of ``pixels`` when ``long_side`` shrank it."""
    exif: bytes
    """What describes the photo (camera, time, place, author), to be given to ``save``; empty when there is none."""
    remarks: tuple[str, ...] = ()
    """For the user: what was guessed, or done to the picture, that one may not expect; each one line, without the file's name."""
    is_cut_out: bool = False
    """A part of some size was transparent, and was filled, see :mod:`styled.images.cut_out`."""

    @property
    def size(self) -> tuple[int, int]:
        """Width and height before it was shrunk, upright, px."""
        return self.info.width, self.info.height


def load(
    source: Path | BinaryIO,
    *,
    name: str = "",
    max_bytes: int = MAX_BYTES,
    max_pixels: int = MAX_PIXELS,
    long_side: int | None = None,
    size: Callable[[int, int], tuple[int, int]] | None = None,
    is_mask: bool = False,
) -> Loaded:
    """Decode an image: JPEG, PNG, WebP, TIFF, BMP, GIF (its first frame) and what else ``opening.FORMATS`` names.

    EXIF orientation is applied, colour profiles are converted to sRGB; grey, palette, CMYK, 16 bits and alpha are
    understood. Peak memory is what :func:`~styled.images.decoding_memory.decoding_bytes` says.

    Args:
        source: the file's path, or its bytes.
        name: what it is called in errors; by default a path by its own name.
        max_bytes: limit on the size of the file of that path.
        max_pixels: limit on width x height in the header, checked before decoding.
        long_side: shrink to this long side at most, px, while decoding, which saves memory; None keeps the size.
        size: in its place: returns the width and height to shrink to, given those of the upright picture, px.
        is_mask: levels that are no more than numbers of areas stay apart: 0, 1 and 2 of 16 bits are all black otherwise.

    Raises:
        UnreadableImage: not an image, truncated, damaged, or with numbers that are no colours.
        ImageTooLarge: above a limit.
    """
    with ExitStack() as stack:
        if isinstance(source, Path):
            name = name or source.name
            source = stack.enter_context(open_file(source, max_bytes=max_bytes))
        image = stack.enter_context(open_image(source, name, max_pixels=max_pixels))
        header = info(image)
        turn = orientation(image)
        width, height = _wanted(header, long_side, size)
        factor = _drafted(image, header, (height, width) if turn in pixel_shape.TURNED else (width, height))
        check_pixels(source)
        image.load()
        frames = _frames(image)
        spread = _spread(image) if is_mask else None
        pixels, alpha, remarks = _upright(image, turn, factor, shown(name), spread)
        remarks = [*image.info[REMARKS], *filter(None, [frames, pixel_shape.remark(image)]), *remarks]
        exif = carried_exif(image)
        image.close()  # what was decoded goes here, not at the end of this function
    if _is_one_colour(pixels, alpha):
        # A logo, say: what it shows is in its transparency alone.
        remarks.append(f"all of it{'' if alpha is None else ' that is not transparent'} is one colour")
    pixels = _resize_within(pixels, alpha, width, height)
    alpha = None if alpha is None else resize(alpha, width, height)
    if alpha is not None:
        _fill_transparent(pixels, alpha)
    return Loaded(pixels, alpha, header, exif, tuple(remarks))


class DecodingNeed(NamedTuple):
    """What it takes to decode an image."""

    header: ImageInfo
    size: tuple[int, int]
    """Width and height that it is shrunk to, px."""
    bytes: int
    """That :func:`load` would hold at most."""


def decoding_need(
    file: BinaryIO, name: str, *, max_pixels: int, size: Callable[[int, int], tuple[int, int]]
) -> DecodingNeed:
    """Return what it takes to decode an image; arguments and errors as :func:`load`.

    Args:
        file: at its start, where it is left.
        name: for the errors.
        max_pixels: limit on width x height in the header.
        size: as for :func:`load`.
    """
    with open_image(file, name, max_pixels=max_pixels) as image:
        header = info(image)
        wanted = size(header.width, header.height)
        factor = _drafted(image, header, wanted[::-1] if orientation(image) in pixel_shape.TURNED else wanted)
        needed = decoding_bytes(image, header, factor, wanted)
    file.seek(0)
    return DecodingNeed(header, wanted, needed)


def _drafted(image: ImageFile.ImageFile, header: ImageInfo, stored: tuple[int, int]) -> int:
    """Prepare an opened image for the size ``stored``, in the file's own order; return by what its strips are shrunk."""
    if image.format in DRAFTED and header.width * header.height > _DRAFTED_FROM:
        # libjpeg decodes at 1/2, 1/4 or 1/8 almost for free. Smaller ones are shrunk as all others are: a JPEG's
        # pixels in an array then give the same picture as the JPEG.
        image.draft(None, (_GAP * stored[0], _GAP * stored[1]))
    return max(1, min(have // (_GAP * want) for have, want in zip(image.size, stored, strict=True)))


def _wanted(
    header: ImageInfo, long_side: int | None, size: Callable[[int, int], tuple[int, int]] | None
) -> tuple[int, int]:
    """Return width and height of the result; arguments as :func:`load`."""
    if size is not None:
        return size(header.width, header.height)
    if long_side is not None:
        return fit(header.width, header.height, long_side, upscale=False)
    return header.width, header.height


def _frames(image: ImageFile.ImageFile) -> str:
    """Return what is to be said of an image with several pictures; of a phone's, the others belong to the first."""
    if image.format in {"MPO", "TIFF", "ICO"}:
        return ""
    try:
        count = getattr(image, "n_frames", 1)
    except PILLOW_ERRORS:
        return "the first of several frames, of which some are damaged"
    return f"the first of {count} frames" if count > 1 else ""


def _is_one_colour(pixels: Pixels, alpha: Pixels | None) -> bool:
    """Return whether no channel of what is seen has more than two levels' difference: what a codec makes of one colour."""
    low, high = np.full(3, 255), np.zeros(3, np.int64)
    for row in range(len(pixels)):  # most are done with the first
        seen = pixels[row] if alpha is None else pixels[row][alpha[row] >= _SEEN]
        if len(seen):
            low, high = np.minimum(low, seen.min(axis=0)), np.maximum(high, seen.max(axis=0))
            if (high - low).max() > 2:
                return False
    return bool((high >= low).all())


def _spread(image: ImageFile.ImageFile) -> Pixels | None:
    """Return a level of 8 bits for each of 16 bits, as far apart as they can be; None where there are not few of them."""
    if not image.mode.startswith("I;16") and (image.mode, image.format) != ("I", "PPM"):  # PPM's are 0..65535 too
        return None
    there = np.flatnonzero(np.bincount(np.asarray(image).ravel(), minlength=65536))
    if len(there) > _FEW_LEVELS:
        return None
    levels = np.zeros(65536, np.uint8)
    levels[there] = np.linspace(0, 255, len(there)).astype(np.uint8)
    return levels


def _upright(
    image: ImageFile.ImageFile, turn: int, factor: int, name: str, spread: Pixels | None
) -> tuple[Pixels, Pixels | None, list[str]]:
    """Convert a decoded image strip by strip, shrunk by a whole ``factor``, straight to its upright place.

    With ``spread`` its levels of 16 bits become those.

    Raises:
        UnreadableImage: all of it is transparent, and of one colour; or there is no known white.
    """
    remarks = []
    is_opaque = not image.has_transparency_data
    if not is_opaque and is_invisible(image):
        refuse_blank(image, name)
        remarks.append("every pixel is transparent: the transparency is not used")
        is_opaque = True
    convert, note = to_srgb(image, with_alpha=not is_opaque)
    if spread is not None:
        convert = _spreading(spread, None if is_opaque else alpha_of(image))
    plane: Image.Image | None = None if is_opaque else getattr(image, "alpha_plane", None)
    remarks += [note] if note else []
    width, height = -(-image.width // factor), -(-image.height // factor)
    shape = (width, height) if turn in pixel_shape.TURNED else (height, width)
    upright = np.empty((*shape, 3), np.uint8)
    alpha = None if is_opaque else np.empty(shape, np.uint8)
    stored = _as_stored(upright, turn)
    stored_alpha = None if alpha is None else _as_stored(alpha, turn)
    for top, bottom in _strips(image.width, image.height, factor):
        box = (0, top, image.width, bottom)
        strip = convert(image.crop(box))
        if plane is not None:
            strip.putalpha(plane.crop(box))
        strip_pixels = np.asarray(strip.reduce(factor) if factor > 1 else strip)
        rows = slice(top // factor, top // factor + len(strip_pixels))
        stored[rows] = strip_pixels[..., :3]
        if stored_alpha is not None:
            stored_alpha[rows] = strip_pixels[..., 3]
    if alpha is not None and alpha.min() == 255:
        alpha = None
    return upright, alpha, remarks


def _spreading(levels: Pixels, alpha: ToSrgb | None) -> ToSrgb:
    """Return what gives each number of a strip its level, with the strip's alpha if it has any."""

    def convert(strip: Image.Image) -> Image.Image:
        colours = Image.fromarray(levels[np.asarray(strip)]).convert("RGB")
        if alpha is not None:
            colours.putalpha(alpha(strip))
        return colours

    return convert


def _strips(width: int, height: int, factor: int) -> Iterator[tuple[int, int]]:
    """Yield top and bottom of strips; all but the last are whole multiples of ``factor`` high."""
    rows = max(1, _STRIP_PIXELS // width // factor) * factor
    for top in range(0, height, rows):
        yield top, min(height, top + rows)


def _as_stored(upright: Pixels, turn: int) -> Pixels:
    """Return a view on ``upright`` in the file's own order of rows and columns (EXIF orientation 1..8)."""
    if turn in pixel_shape.TURNED:
        transposed = upright.swapaxes(0, 1)
        return {5: transposed, 6: transposed[::-1], 7: transposed[::-1, ::-1], 8: transposed[:, ::-1]}[turn]
    return {1: upright, 2: upright[:, ::-1], 3: upright[::-1, ::-1], 4: upright[::-1]}[turn]


def _resize_within(pixels: Pixels, alpha: Pixels | None, width: int, height: int) -> Pixels:
    if alpha is None or pixels.shape[:2] == (height, width):
        return resize(pixels, width, height)
    # Through Pillow's RGBA, which weighs each colour by its alpha: hidden colours must not bleed in.
    both = Image.fromarray(np.dstack([pixels, alpha]))
    return np.asarray(both.resize((width, height), Image.Resampling.LANCZOS))[..., :3].copy()


def _fill_transparent(pixels: Pixels, alpha: Pixels) -> None:
    """Give fully transparent pixels the mean visible colour: files hold black there, which the network would see."""
    hidden = alpha == 0
    if not hidden.any() or hidden.all():
        return
    # Whole numbers, row by row: exact, and no copy of the picture in another dtype.
    total = np.zeros(3, np.int64)
    for row, cover in zip(pixels, alpha, strict=True):
        total += cover.astype(np.int64) @ row.astype(np.int64)
    pixels[hidden] = np.rint(total / alpha.sum(dtype=np.int64)).astype(np.uint8)
