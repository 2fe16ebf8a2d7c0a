"""How much memory the images hold that a job paints from, at their sizes. Arithmetic over measured constants."""

from __future__ import annotations

from typing import NamedTuple

from styled import vgg19
from styled.settings import Settings
from styled.sizing.scales import Scale, piece_length, style_size

PIXEL_BYTES = 4.0
"""A decoded picture: RGB of 8 bits, and alpha."""

FLOAT_BYTES = 12.0
"""The same in float32, without alpha."""

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
        of_style = PIXEL_BYTES + (FLOAT_BYTES if settings.preserve_color in {"linear", "histogram"} else 0.0)
        styles = sum(
            min(_pixels(style_size(*size, finest, settings.style_scale)), _pixels(size)) for size in self.styles
        )
        pictures = [size for size in (self.content, self.init) if size is not None]
        mask = 0.0 if self.mask is None else _pixels(self.mask) * (PIXEL_BYTES + 4.0 * self.regions)
        return PIXEL_BYTES * sum(map(_pixels, pictures)) + of_style * styles + mask

    def of_scale_bytes(self, scale: Scale) -> float:
        """Return what is held besides while a scale is painted: the cover of each region, by the layers' strides."""
        strides = {layer.stride for layer in vgg19.BY_NAME.values()}
        return scale.pixels * self.regions * 4.0 * (1.0 + sum(1.0 / stride**2 for stride in strides))

    def largest_style(self, scale: Scale, settings: Settings) -> int:
        """Return the pixels of the largest piece of a style at a scale; 0 without styles."""
        sizes = [style_size(*size, scale, settings.style_scale) for size in self.styles]
        return max((_of_piece(*size) for size in sizes), default=0)


def _of_piece(width: int, height: int) -> int:
    return min(width, height) * piece_length(width, height)


def _pixels(size: Size) -> int:
    return size[0] * size[1]
