"""A picture as terminal cells: half blocks with two colours each, or an ASCII ramp. Pure, no Textual.

A cell is about twice as high as it is wide, so one cell holds two square pixels, one above the other.
Pictures are shrunk in linear light (sRGB decoded first): averaging encoded values darkens fine detail.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import numpy.typing as npt
from PIL import Image

from styled.tui.cells.colours import LINEAR, to_256
from styled.tui.cells.lines import Run

ASCII_RAMP = " .:-=+*#%@"
"""From dark to bright, for a dark background."""
LIGHT_RAMP = ASCII_RAMP[::-1]
"""The same for a light background."""

_LEVEL_STEP = 8
# Colours are rounded to this many levels: neighbouring cells then share a colour more often, and each
# change of colour costs about 38 bytes over SSH. 32 levels a channel show no bands at this size.

Pixels = npt.NDArray[np.uint8]
"""uint8, shape (height, width, 3), sRGB."""


def fit_cells(picture_width: int, picture_height: int, columns: int, rows: int) -> tuple[int, int]:
    """Return the largest (columns, rows) inside the given ones that keep the picture's aspect; at least (1, 1)."""
    if picture_width <= 0 or picture_height <= 0 or columns <= 0 or rows <= 0:
        return (1, 1)
    scale = min(columns / picture_width, 2 * rows / picture_height)
    return (
        min(columns, max(1, round(picture_width * scale))),
        min(rows, max(1, round(picture_height * scale / 2))),
    )


def shrink(picture: Image.Image, width: int, height: int) -> Pixels:
    """Shrink a picture to ``width`` x ``height`` px by area, in linear light; uint8 (height, width, 3)."""
    small = picture.convert("RGB")
    # First by a whole factor in encoded values: cheap, and close enough with 8 px or more left per result.
    factor = min(small.width // (8 * width), small.height // (8 * height))
    if factor > 1:
        small = small.reduce(factor)
    linear = LINEAR[np.asarray(small)]
    planes = [
        np.asarray(Image.fromarray(linear[..., channel]).resize((width, height), Image.Resampling.BOX))
        for channel in range(3)
    ]
    return _encode(np.stack(planes, axis=-1))


def half_blocks(
    picture: Image.Image, columns: int, rows: int, *, few_colours: bool = False
) -> tuple[tuple[Run, ...], ...]:
    """Draw a picture into exactly ``columns`` x ``rows`` cells of two pixels each, as rows of runs.

    Args:
        picture: of any size and mode.
        columns: cells.
        rows: cells.
        few_colours: use the 256 colours of older terminals only.
    """
    pixels = shrink(picture, columns, 2 * rows)
    if few_colours:
        rounded = to_256(pixels).astype(np.int16)
    else:
        rounded = np.minimum((pixels.astype(np.int16) + _LEVEL_STEP // 2) // _LEVEL_STEP * _LEVEL_STEP, 255)
    return tuple(_runs(rounded[2 * row], rounded[2 * row + 1]) for row in range(rows))


def ascii_art(picture: Image.Image, columns: int, rows: int, ramp: str = ASCII_RAMP) -> tuple[str, ...]:
    """Draw a picture into ``rows`` texts of ``columns`` characters, dark to bright as in ``ramp``.

    The brightness is stretched to the whole ramp, since a dark painting would else be blank.
    """
    luma = shrink(picture, columns, rows).astype(np.float32) @ np.array([0.2126, 0.7152, 0.0722], np.float32)
    low, high = (float(value) for value in np.percentile(luma, (2.0, 98.0)))
    span = max(high - low, 24.0)  # a flat picture stays flat instead of turning into noise
    index = np.clip((luma - low) / span * len(ramp), 0, len(ramp) - 1).astype(np.intp)
    return tuple("".join(ramp[i] for i in row) for row in index)


def _runs(top: npt.NDArray[np.int16], bottom: npt.NDArray[np.int16]) -> tuple[Run, ...]:
    cells = np.concatenate([top, bottom], axis=1)  # (columns, 6)
    starts = np.flatnonzero(np.any(cells[1:] != cells[:-1], axis=1)) + 1
    edges = [0, *starts.tolist(), len(cells)]
    runs = []
    for start, end in pairwise(edges):
        values = [int(value) for value in cells[start]]
        runs.append(Run(end - start, (values[0], values[1], values[2]), (values[3], values[4], values[5])))
    return tuple(runs)


def _encode(linear: npt.NDArray[np.float32]) -> Pixels:
    """Encode linear light 0..1 as sRGB bytes."""
    value = np.clip(linear, 0.0, 1.0)
    encoded = np.where(value <= 0.0031308, value * 12.92, 1.055 * value ** (1 / 2.4) - 0.055)
    return np.rint(encoded * 255.0).astype(np.uint8)
