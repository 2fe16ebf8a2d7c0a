"""A long, thin style in pieces, whose moments are averaged: a scroll as a heap of pictures."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import tensorflow as tf

from styled.sizing.scales import piece_length, style_pieces

Tensor = Any


def pieces(style: Tensor, dtype: Any) -> Iterator[Tensor]:
    """Yield a style (1, H, W, 3) in pieces along its long side, in ``dtype``, one after another.

    All have one shape, so that one graph does for them: where the length is no multiple of their number they overlap by a
    pixel or so. One that is not long is its only piece.
    """
    height, width = style.shape[1:3]
    count, length, long = style_pieces(width, height), max(height, width), piece_length(width, height)
    for index in range(count):
        start = round(index * (length - long) / max(1, count - 1))
        part = slice(start, start + long)
        yield tf.cast(style[:, part] if height > width else style[:, :, part], dtype)


def mean_moments(style: Tensor, dtype: Any, moments_of: Callable[[Tensor], Mapping[str, Tensor]]) -> dict[str, Tensor]:
    """Return the mean over a style's pieces of what ``moments_of`` finds in each, by layer; arguments as :func:`pieces`."""
    sums: dict[str, Tensor] = {}
    count = 0
    for piece in pieces(style, dtype):
        found = moments_of(piece)
        # Added at once: a scroll has many pieces, and the moments of each take megabytes.
        sums = {name: sums[name] + moments for name, moments in found.items()} if sums else dict(found)
        count += 1
    return sums if count == 1 else {name: total / float(count) for name, total in sums.items()}
