"""Floating point numbers of a TIFF to levels of sRGB: which number is white, and whether they are light or levels.

A profile answers both: 1 is its white (Adobe Photoshop TIFF Technical Note 3, "Floating point"), and it has the curve. Without
one the range does, where it can; what was assumed is remarked. What no range tells is refused.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from styled.errors import UnreadableImage
from styled.images import encodings

Floats = npt.NDArray[np.float32]

_OVER = 0.01
"""Share of numbers above white that resampling leaves at edges; with more of them there is light beyond white."""
FAR_OVER = 1.5
"""A number above this is no edge."""
_TYPICAL_LIGHT = 4.0
"""A median above this, white being 1, is no scene: its numbers have another white."""
_STEEP = 1e-3
"""Light of the first of 255 levels: of sRGB 3e-4, of a linear curve 4e-3, which is shown as level 13."""
_SAMPLES = 100_000
"""Numbers of a part that the median is taken of."""


class Range(NamedTuple):
    """What the numbers of a picture's colours are."""

    low: float
    high: float
    median: float
    over: float
    """Share above 1."""
    missing: float
    """Share that is no number or infinite."""


class Meaning(NamedTuple):
    """How numbers become levels."""

    black: float
    white: float
    kind: Literal["levels", "light", "profile"]
    """After black and white: sRGB's own levels as 0..1, light with 1 for white, or what the profile says."""
    remark: str
    is_bright: bool = False
    """There is light beyond white, which is tone-mapped; otherwise it is cut off."""


def range_of(parts: Iterable[npt.NDArray[Any]]) -> Range:
    """Look at all numbers of some arrays of floats."""
    low, high, count, over, missing = np.inf, -np.inf, 0, 0, 0
    medians = []
    for part in parts:
        numbers = part.ravel()
        finite = np.isfinite(numbers)
        missing += int(numbers.size - finite.sum())
        count += numbers.size
        numbers = numbers[finite]
        if numbers.size:
            low, high = min(low, float(numbers.min())), max(high, float(numbers.max()))
            over += int((numbers > 1).sum())
            medians.append((float(np.median(numbers[:: max(1, numbers.size // _SAMPLES)])), numbers.size))
    if not medians:
        return Range(0.0, 0.0, 0.0, 0.0, 1.0)
    values, weights = (np.array(each) for each in zip(*medians, strict=True))
    order = np.argsort(values)
    middle = np.searchsorted(np.cumsum(weights[order]), weights.sum() / 2)
    return Range(low, high, float(values[order][min(int(middle), len(values) - 1)]), over / count, missing / count)


def meaning_of(
    numbers: Range, name: str, *, is_grey: bool, has_profile: bool, limits: tuple[float, float] | None
) -> Meaning:
    """Decide what the numbers of a picture mean.

    Args:
        numbers: of its colours.
        name: of the file.
        is_grey: there is one channel: it may be a measurement, of heights say, as well as a picture.
        has_profile: there is a colour profile.
        limits: what the file names as black and white (TIFF tags SMinSampleValue and SMaxSampleValue), None if it does not.

    Raises:
        UnreadableImage: it cannot be known.
    """
    gone = f"; {numbers.missing:.2g} of its numbers are none, and black" if numbers.missing else ""
    if numbers.missing > 0.5:
        raise _refusal(name, "most of which are none")
    kind: Literal["levels", "profile"] = "profile" if has_profile else "levels"
    if limits is not None and limits != (0.0, 1.0):
        black, white = limits
        return Meaning(black, white, kind, f"its numbers from {black:g} to {white:g} are taken as levels{gone}")
    is_within = numbers.high <= 1.0 or (numbers.high <= FAR_OVER and numbers.over < _OVER)
    if numbers.median > _TYPICAL_LIGHT:
        if not is_grey and numbers.low >= 0.0 and numbers.high <= 255.0:
            return Meaning(0.0, 255.0, kind, f"its numbers are taken as levels of 0 to 255{gone}")
        raise _refusal(name, f"from {numbers.low:.4g} to {numbers.high:.4g}")
    if has_profile:
        bright = "" if is_within else "light beyond white was tone-mapped"
        return Meaning(0.0, 1.0, "profile", (bright + gone).removeprefix("; "), is_bright=not is_within)
    if is_grey and (not is_within or numbers.low < -0.05):
        raise _refusal(name, f"from {numbers.low:.4g} to {numbers.high:.4g}")
    if is_within:
        return Meaning(
            0.0, 1.0, "levels", f"its numbers of 0 to 1 have no colour profile and are taken as sRGB's levels{gone}"
        )
    words = f"its numbers, up to {numbers.high:.3g}, are taken as light of sRGB's colours, 1 for white, and were tone-mapped"
    return Meaning(0.0, 1.0, "light", words + gone, is_bright=True)


def levels_of(part: npt.NDArray[Any], meaning: Meaning, profile: bytes) -> npt.NDArray[np.uint8]:
    """Convert numbers of colours to sRGB's levels.

    Args:
        part: floats, shape (h, w, 1) or (h, w, 3).
        meaning: of the numbers.
        profile: the file's, where the meaning is ``profile``.

    Returns:
        uint8, shape (h, w, 1) or (h, w, 3); with a profile always (h, w, 3).
    """
    scaled = (part.astype(np.float32) - np.float32(meaning.black)) / np.float32(meaning.white - meaning.black)
    scaled = np.nan_to_num(scaled, nan=0.0, posinf=1e6, neginf=0.0)
    if meaning.kind == "levels":
        levels: npt.NDArray[np.uint8] = np.rint(np.clip(scaled, 0.0, 1.0) * 255.0).astype(np.uint8)
        return levels
    light = _by_profile(scaled, profile) if meaning.kind == "profile" else scaled
    if meaning.is_bright:
        light = encodings.rolled_off(np.maximum(light, 0.0))
    return encodings.levels_of_light(light)


def is_usable(profile: bytes, channels: int) -> bool:
    """Return whether a profile is one for so many channels."""
    space = profile[16:20]
    if space != (b"GRAY" if channels == 1 else b"RGB "):
        return False
    try:
        _by_profile(np.zeros((1, 1, channels), np.float32), profile)
    except (RuntimeError, ValueError):
        return False
    return True


def has_steep_shadows(profile: bytes, channels: int) -> bool:
    """Return whether a profile's first level of 8 bits is light enough that the shadows below it are seen: a linear one's is.

    Of 16 bits the levels between are there, and must not be dropped before the curve.
    """
    if not is_usable(profile, channels):
        return False
    return float(_by_profile(np.full((1, 1, channels), 1 / 255, np.float32), profile).mean()) > _STEEP


def _by_profile(numbers: Floats, profile: bytes) -> Floats:
    """Return linear light of sRGB's primaries, 1 for white; shape (h, w, 3)."""
    import imagecodecs

    is_grey = numbers.shape[-1] == 1
    light: Floats = imagecodecs.cms_transform(
        np.ascontiguousarray(numbers[..., 0] if is_grey else numbers),
        profile,
        _linear_srgb(),
        colorspace="gray" if is_grey else "rgb",
        outcolorspace="rgb",
        outdtype=np.float32,
        intent=int(imagecodecs.CMS.INTENT.RELATIVE_COLORIMETRIC),
        flags=int(imagecodecs.CMS.FLAGS.BLACKPOINTCOMPENSATION),
    )
    return light


@functools.cache
def _linear_srgb() -> bytes:
    import imagecodecs

    x_y = encodings.PRIMARIES[1]
    corners = [value for at in (0, 2, 4) for value in (x_y[at], x_y[at + 1], 1.0)]
    profile: bytes = imagecodecs.cms_profile("rgb", whitepoint=[*x_y[6:], 1.0], primaries=corners, gamma=1.0)
    return profile


def _refusal(name: str, numbers: str) -> UnreadableImage:
    return UnreadableImage(
        f"{name} holds floating point numbers, {numbers}: which of them is white is not known",
        "Scale them to 0..1, or export it with 8 or 16 bits per channel.",
    )
