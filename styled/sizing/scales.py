"""Coarse-to-fine: which sizes a picture is painted at, and how many steps each gets. Pure arithmetic.

Large strokes form where the whole motif fits into the network's receptive field, that is at coarse scales;
fine scales add texture and cost four times as much each (Gatys et al., "Controlling Perceptual Factors in
Neural Style Transfer", CVPR 2017, section 6).
"""

from __future__ import annotations

import math
from typing import NamedTuple

from styled import images, vgg19
from styled.errors import ContentTooThin
from styled.settings import LARGEST_SIZE, SMALLEST_SIZE, Settings

COARSEST_PX = 192
"""No automatic scale has a shorter long side: below it VGG19's deepest layers see a handful of cells."""

CELL_PX = 16
"""Side of a cell of the deepest layer: a style has at least one."""

STEP_RATIO = 0.6
"""Each scale of an automatic pyramid gets this many times the steps of the next coarser one."""


LONGEST_STYLE = 3.0
"""So many times as long as it is wide a style is looked at in one piece, and longer ones in several.

By its pixels alone a scroll of 19:1 would be 27 px high beside a picture of 256x171: the deeper layers would see two rows
of it, and those mostly what is beyond its border.
"""


class Scale(NamedTuple):
    """One level of the pyramid."""

    width: int
    """Pixels."""
    height: int
    """Pixels."""
    steps: int
    """Optimiser steps spent here, at least 1."""

    @property
    def pixels(self) -> int:
        """Width times height."""
        return self.width * self.height


def plan_scales(width: int, height: int, settings: Settings) -> tuple[Scale, ...]:
    """Return the scales for a content image of ``width`` x ``height`` pixels, coarse to fine.

    The last scale is the result's size. Scales of ``settings.scales`` beyond it are left out, and so are those
    where the short side (of a panorama, say) is less than one cell of the deepest layer. With fewer steps than
    scales, the finest scales are kept.

    Raises:
        ContentTooThin: even the result is too thin for the deepest layer.
    """
    deepest = vgg19.BY_NAME[vgg19.deepest({*settings.content_layers, *settings.style_layers})]
    full = images.fit(width, height, settings.size, upscale=settings.upscale)
    long_side = max(full)
    if settings.scales == "auto":
        sides = [long_side]
        while sides[0] / 2 >= COARSEST_PX:
            sides.insert(0, round(sides[0] / 2))
    else:
        sides = [side for side in settings.scales if side < long_side] + [long_side]
    if min(full) < deepest.stride:
        raise ContentTooThin(
            f"a picture of {full[0]}x{full[1]} px is too thin for {deepest.name}, which sees nothing below {deepest.stride} px",
            _size_that_would_do(width, height, settings, deepest.stride),
        )
    sizes = [images.fit(width, height, side, upscale=True) for side in sides[:-1]] + [full]
    sizes = [size for size in sizes if min(size) >= deepest.stride][-settings.steps :]
    return tuple(Scale(*size, steps) for size, steps in zip(sizes, _shares(settings.steps, len(sizes)), strict=True))


def _size_that_would_do(width: int, height: int, settings: Settings, least: int) -> str:
    """Return the advice for a picture of ``width`` x ``height`` whose short side must have ``least`` px."""
    longest, shortest = max(width, height), min(width, height)
    size = math.ceil((least - 0.5) * longest / shortest)
    while min(images.fit(width, height, size, upscale=True)) < least:  # halves are rounded to even numbers
        size += 1
    size = max(size, SMALLEST_SIZE)
    if size > LARGEST_SIZE:
        return f"No size will do: crop it to at most {LARGEST_SIZE // least} times as long as it is wide."
    if settings.upscale or size <= longest:
        return f"Choose size = {size} or larger, or leave out the deeper layers."
    return f"It is that small itself: set upscale = true and size = {size} or larger, or leave out the deeper layers."


def content_size(width: int, height: int, settings: Settings) -> tuple[int, int]:
    """Return the size that a content image of ``width`` x ``height`` is shrunk to, px: the result's, or its own."""
    return images.fit(width, height, settings.size, upscale=False)


def style_size(width: int, height: int, scale: Scale, style_scale: float) -> tuple[int, int]:
    """Return the size of a style of ``width`` x ``height`` at a scale: its pixels, times ``style_scale`` squared.

    One beyond :data:`LONGEST_STYLE` is as wide as one of that shape: its short side sets the size of its strokes.
    Never larger than the painting itself unless ``style_scale`` asks for it: an enlarged painting has no
    brush strokes to learn from, only blur. But no side is below :data:`CELL_PX`: both are raised, for its strokes keep
    their shape; of a strip that is thinner itself the short one alone, for its length would cost more than it shows.
    """
    factor = min(_style_factor(width, height, scale, style_scale), max(1.0, style_scale))
    raised = CELL_PX / min(width, height)
    if raised * max(width, height) <= max(width, height, LONGEST_STYLE * CELL_PX):
        factor = max(factor, raised)
    return max(CELL_PX, round(width * factor)), max(CELL_PX, round(height * factor))


def has_outgrown(width: int, height: int, scale: Scale, style_scale: float) -> bool:
    """Return whether a style would have to be enlarged to have the pixels of a scale; arguments as :func:`style_size`."""
    return _style_factor(width, height, scale, style_scale) > max(1.0, style_scale)


def style_pieces(width: int, height: int) -> int:
    """Return in how many pieces of equal length a style of ``width`` x ``height`` is looked at; 1: whole."""
    longest, shortest = max(width, height), min(width, height)
    return max(1, math.ceil(longest / shortest / LONGEST_STYLE - 1e-9))


def piece_length(width: int, height: int) -> int:
    """Return how long each of those pieces is along the style's long side, px; arguments as :func:`style_pieces`."""
    return -(-max(width, height) // style_pieces(width, height))


def _style_factor(width: int, height: int, scale: Scale, style_scale: float) -> float:
    pixels = min(float(width * height), LONGEST_STYLE * min(width, height) ** 2)
    return float((scale.pixels / pixels) ** 0.5 * style_scale)


def _shares(steps: int, count: int) -> list[int]:
    """Split ``steps`` over ``count`` scales by :data:`STEP_RATIO`, each at least 1, adding up exactly."""
    parts = [STEP_RATIO**index for index in range(count)]
    shares = [max(1, round(steps * part / sum(parts))) for part in parts]
    # Rounding errors go to the coarsest scale, where a step is cheapest, or come off the largest share.
    while (excess := sum(shares) - steps) != 0:
        index = shares.index(max(shares)) if excess > 0 else 0
        shares[index] -= 1 if excess > 0 else excess
    return shares
