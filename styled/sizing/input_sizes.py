"""How much memory the images hold that a job paints from, at their sizes. Arithmetic over measured constants."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from styled import vgg19
from styled.settings import Settings
from styled.sizing.scales import Scale, piece_length, style_size

PIXEL_BYTES = 4.0
"""A decoded picture: RGB of 8 bits, and alpha."""

FLOAT_BYTES = 12.0
"""The same in float32, without alpha."""

RESIZED_BYTES = 3.0
"""A decoded picture at the size that a scale needs: RGB of 8 bits."""

LOOKED_AT_BYTES = 16.0
"""More of the piece of a style that the network looks at: in float32, and a copy of its bytes."""

DETAIL_BYTES = 20.0
"""More of the style whose detail is measured: a channel in float32, that channel made smaller and larger again, with copies."""

Size = tuple[int, int]
"""Width and height, px."""


class InputSizes(NamedTuple):
    """The images of a job."""

    content: Size
    """As it is decoded: no larger than the result."""
    styles: tuple[Size, ...] = ()
    """As their files have them; each is decoded to what the finest scale needs."""
    mask: Size | None = None
    """As it is decoded; None without one."""
    init: Size | None = None
    """Of the picture to start from, as it is decoded; None where ``init`` is a word."""

    @property
    def regions(self) -> int:
        """How many regions a mask may have; 0 without one."""
        return 0 if self.mask is None else len(self.styles) + 1

    def held_bytes(self, finest: Scale, settings: Settings) -> float:
        """Return what is held from the first step to the last.

        Args:
            finest: the last scale.
            settings: ``style_scale`` and ``preserve_color`` are used.
        """
        # A recoloured style is one of float32, beside the one that was decoded.
        of_style = PIXEL_BYTES + (FLOAT_BYTES if is_recoloured(settings) else 0.0)
        styles = sum(_pixels(_decoded(size, finest, settings)) for size in self.styles)
        pictures = [size for size in (self.content, self.init) if size is not None]
        mask = 0.0 if self.mask is None else _pixels(self.mask) * (PIXEL_BYTES + 4.0 * self.regions)
        return PIXEL_BYTES * sum(map(_pixels, pictures)) + of_style * styles + mask

    def of_scale_bytes(self, scale: Scale) -> float:
        """Return what is held besides while a scale is painted: the cover of each region, by the layers' strides."""
        strides = {layer.stride for layer in vgg19.BY_NAME.values()}
        return scale.pixels * self.regions * 4.0 * (1.0 + sum(1.0 / stride**2 for stride in strides))

    def looking_bytes(self, scale: Scale, scales: Sequence[Scale], settings: Settings, *, on_gpu: bool) -> float:
        """Return what is held besides while the styles are looked at, before a scale's first step.

        All are resized before the first is looked at: by ``style_scale`` each may have 400 times the picture's pixels.

        Args:
            scale: that is painted.
            scales: all, coarse to fine.
            settings: ``style_scale`` and ``preserve_color`` are used.
            on_gpu: return what is held there, which is no more than a piece of one.
        """
        of_piece = LOOKED_AT_BYTES * self.largest_style(scale, settings)
        if on_gpu or not self.styles:
            return of_piece
        wanted = [style_size(*size, scale, settings.style_scale) for size in self.styles]
        decoded = [_decoded(size, scales[-1], settings) for size in self.styles]
        resized = sum(_pixels(new) for new, old in zip(wanted, decoded, strict=True) if new != old)
        # The first scale begins with no enlarged picture, whose detail would be missing.
        of_detail = 0.0 if scale == scales[0] else DETAIL_BYTES * max(map(_pixels, wanted))
        return (FLOAT_BYTES if is_recoloured(settings) else RESIZED_BYTES) * resized + max(of_piece, of_detail)

    def largest_style(self, scale: Scale, settings: Settings) -> int:
        """Return the pixels of the largest piece of a style at a scale; 0 without styles."""
        sizes = [style_size(*size, scale, settings.style_scale) for size in self.styles]
        return max((_of_piece(*size) for size in sizes), default=0)


def is_recoloured(settings: Settings) -> bool:
    """Return whether the styles get the content's colours before they are looked at: its tints, and its brightness."""
    return settings.preserve_color in {"linear", "histogram"}


def _decoded(size: Size, finest: Scale, settings: Settings) -> Size:
    """Return the size that a style is decoded to: what the finest scale needs, or its own if that is smaller."""
    return min(style_size(*size, finest, settings.style_scale), size)


def _of_piece(width: int, height: int) -> int:
    return min(width, height) * piece_length(width, height)


def _pixels(size: Size) -> int:
    return size[0] * size[1]
