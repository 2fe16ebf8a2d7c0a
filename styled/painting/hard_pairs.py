"""What a pair's pixels ask for that nobody has set, in words: told before the first step."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy.typing as npt

from styled.engine import colour
from styled.engine.objective.style_weights import painted, style_weights
from styled.settings import Settings
from styled.sizing.input_sizes import is_recoloured
from styled.sizing.scales import style_pieces

Pixels = npt.NDArray[Any]

ALGORITHM = 2
"""Of how pictures are painted: kept in checkpoints. 1 was that of version 0.1.0, and is theirs that name none."""

_SHARE = 0.5
"""Of a photo: a ground."""
_WHITE, _BLACK = 235.0, 20.0
"""Luminances of grounds, from and to."""


def hard_pair_remarks(
    content: Pixels, styles: Sequence[Pixels], settings: Settings, *, is_blended: bool, init: Pixels | None = None
) -> Iterator[str]:
    """Yield what is done, or would better be set, for a pair that is not an ordinary one.

    Args:
        content: uint8, shape (H, W, 3).
        styles: same form, any size each.
        settings: of the job.
        is_blended: all styles are painted everywhere.
        init: the picture that is started from, same form; None where ``settings.init`` is a word.
    """
    # What the first step refuses in words is none of these.
    given = settings.style_weights
    is_refused = not styles or (given and (len(given) != len(styles) or sum(given) == 0))
    if is_refused or settings.style_weight == 0.0:
        return
    yield from _of_ground(content, settings)
    if _is_grey(content, styles, settings, init, is_blended=is_blended):
        yield "content and style are black and white: so is the picture"
    if _is_evened(styles, settings, is_blended=is_blended):
        yield "the styles differ much in brightness: they are blended at the one between them"


def _of_ground(content: Pixels, settings: Settings) -> Iterator[str]:
    light = colour.luminances(content)
    for word, ground in (("white", light >= _WHITE), ("black", light <= _BLACK)):
        if ground.mean() > _SHARE and settings.strength >= 0.5 and settings.preserve_color == "no":
            yield f"the photo is nearly {word}, and painted all over: strength = 0.3 keeps its ground"


def was_painted_otherwise(
    content: Pixels,
    styles: Sequence[Pixels],
    settings: Settings,
    *,
    is_blended: bool,
    algorithm: int,
    init: Pixels | None = None,
    is_cut_out: bool = False,
) -> bool:
    """Return whether an ``algorithm`` of before would paint a pair to another end.

    Args: as above, and
        algorithm: of the checkpoint.
        is_cut_out: one of the images was filled where it is transparent, which was one flat colour.
    """
    return (
        algorithm < ALGORITHM
        and (
            is_cut_out
            or settings.strength < 0.5
            or settings.preserve_color == "histogram"
            or (is_recoloured(settings) and not is_blended)  # each region had the colours of the whole photo
            or settings.style_scale < 1.0  # long styles were squeezed
            or (is_blended and 0.0 in settings.style_weights)  # what is not painted counted
            or any(style_pieces(*style.shape[1::-1]) > 1 for style in styles)
            or _is_grey(content, styles, settings, init, is_blended=is_blended)
            or _is_evened(styles, settings, is_blended=is_blended)
        )
    )


def _is_evened(styles: Sequence[Pixels], settings: Settings, *, is_blended: bool) -> bool:
    return is_blended and not is_recoloured(settings) and colour.are_apart(styles, style_weights(settings, len(styles)))


def _is_grey(
    content: Pixels, styles: Sequence[Pixels], settings: Settings, init: Pixels | None, *, is_blended: bool
) -> bool:
    given = [content] if init is None else [content, init]
    seen = painted(styles, settings, is_blended=is_blended)
    # Of a mask's regions one may lie on the few pixels that have a colour.
    has_contents_colours = is_recoloured(settings) and is_blended
    return all(map(colour.is_grey, given)) and (has_contents_colours or all(map(colour.is_grey, seen)))
