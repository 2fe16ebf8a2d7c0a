"""Keeping the content's colours, three ways. NumPy only; images are RGB, sRGB-encoded, 0..255.

Gatys, Bethge, Hertzmann & Shechtman, "Preserving Color in Neural Artistic Style Transfer" (2016):
``linear`` and ``histogram`` recolour the style before painting, ``luminance`` paints freely and then takes the
colours of the content back.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from styled import images

Array = npt.NDArray[Any]
Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]

_LUMA = np.array([0.299, 0.587, 0.114], np.float32)
"""Rec. 601, the Y of YIQ and YCbCr, as the paper uses."""

STRETCH = 8.0
"""So many times the contrast of a photo may be made larger all over: an ordinary one needs two to six."""
_GENTLE = 2.0
"""So many times that of noise."""
_NOISE = 4.0
"""Levels that stand out half: the blocks of a JPEG of quality 60 have one or two."""
_EVEN_PX = 12
"""What is finer is detail, px."""

GREY = 6.0
"""Levels between a pixel's channels, in all but a hundredth of an image, up to which it is black and white."""

APART = 60.0
"""Levels between the mean luminances of styles up to which they are blended as they are."""

_SAMPLES = 2**16
"""Pixels that a distribution is taken from."""
_KNOTS = 256
"""Quantiles along an axis."""
_TURNS = 16
"""Sets of axes: after half as many nothing visible changes."""
_NEAR = 8.0
"""Levels between colours that count as the same."""
_AT_ONCE = 2**18
"""Pixels, or pairs of colours, at a time: a style for a print takes gigabytes in float64."""


def match_linear(style: Array, content: Array) -> Floats:
    """Give ``style`` the mean and covariance of ``content``'s colours (section 4.1, equations 4 to 6).

    Uses the symmetric square root ("3D color matching" of image analogies), which the paper found better than
    Cholesky's. A flat style (no variance in some direction) gains none there.

    Args:
        style: shape (H, W, 3).
        content: shape (h, w, 3).

    Returns:
        float32, shape (H, W, 3); may reach outside 0..255, which the feature extractor does not mind.
    """
    return _moved(style, *_linear(style, content))


def match_palette(content: Array, palette: Array) -> Floats:
    """Return :func:`match_linear` of a photo to a palette, without the noise of a photo that has hardly any contrast.

    Fog has a tenth of a painting's contrast: made as strong, the blocks of its JPEG would be a grid of tiles, and its sky
    steps. So where colours would be stretched by more than :data:`STRETCH` anywhere, what is finer than some pixels is
    stretched as far only where it stands out. Args and result as there.
    """
    matrix, source_mean, target_mean = _linear(content, palette)
    left, stretch, right = np.linalg.svd(matrix)
    if stretch[0] <= STRETCH:
        return _moved(content, matrix, source_mean, target_mean)
    height, width = content.shape[:2]
    whole = content.astype(np.float32)
    small = images.resize(whole, max(1, round(width / _EVEN_PX)), max(1, round(height / _EVEN_PX)))
    even = images.resize(small, width, height)
    fine = _pixels(whole - even)
    height_of = np.square(fine).max(axis=1, keepdims=True)
    stands_out = height_of**2 / (height_of**2 + _NOISE**4)
    gentle = (left * np.minimum(stretch, _GENTLE)) @ right
    matched = (_pixels(even) - source_mean) @ matrix.T + target_mean
    matched += stands_out * (fine @ matrix.T) + (1.0 - stands_out) * (fine @ gentle.T)
    return matched.reshape(content.shape).astype(np.float32)


def _linear(style: Array, content: Array) -> tuple[Doubles, Doubles, Doubles]:
    """Return the matrix of :func:`match_linear`, shape (3, 3), and the mean colours of both."""
    (source_mean, source), (target_mean, target) = _moments(style), _moments(content)
    return _power(target, 0.5) @ _power(source, -0.5), source_mean, target_mean


def _moved(image: Array, matrix: Doubles, source_mean: Doubles, target_mean: Doubles) -> Floats:
    """Return an image after what :func:`_linear` found, shape (H, W, 3)."""
    moved = np.empty(image.shape, np.float32)
    for strip in _strips(image):
        moved[strip] = (image[strip].astype(np.float64) - source_mean) @ matrix.T + target_mean
    return moved


def match_histogram(style: Array, content: Array) -> Floats:
    """Give ``style`` the distribution of colours that ``content`` has (section 4.2), in all three channels together.

    Channel by channel, as the paper has it, a colour's parts come from three different places of the content: a night
    photo of black, blue and lamps gets neon green. So the pixels are turned to one set of axes after another and matched
    along these, until the whole distribution agrees (Pitié, Kokaram & Dahyot, "N-dimensional probability density function
    transfer and its application to colour transfer", ICCV 2005). What is then still no colour of the content is moved to
    the nearest that is.

    Args and result as for :func:`match_linear`; the result stays in 0..255.
    """
    # A colour is moved as one, wherever it is: there are far fewer of them than pixels.
    codes, places, counts = _colours_of(style)
    colours = np.stack([codes >> 16, codes >> 8 & 255, codes & 255], axis=1).astype(np.float64)
    target = _sample(content)
    at = (np.arange(_KNOTS) + 0.5) / _KNOTS
    generator = np.random.default_rng(0)
    for _ in range(_TURNS):
        axes, _triangle = np.linalg.qr(generator.normal(size=(3, 3)))
        turned, wanted = colours @ axes, np.quantile(target @ axes, at, axis=0)
        for axis in range(3):
            turned[:, axis] = np.interp(
                turned[:, axis], _weighted_quantiles(turned[:, axis], counts, at), wanted[:, axis]
            )
        colours = turned @ axes.T
    found = _into(colours, target).astype(np.float32)
    matched = np.empty(style.shape, np.float32)
    for strip in _strips(style):
        matched[strip] = found[places[_codes(style[strip])]]
    return matched


def _colours_of(image: Array) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int32], npt.NDArray[np.int64]]:
    """Return an image's colours as numbers in order, at which place each is, of 2^24, and how many pixels have it."""
    is_there = np.zeros(2**24, np.bool_)
    for strip in _strips(image):
        is_there[_codes(image[strip])] = True
    codes = np.flatnonzero(is_there)
    places = np.zeros(2**24, np.int32)
    places[codes] = np.arange(len(codes), dtype=np.int32)
    counts = np.zeros(len(codes), np.int64)
    for strip in _strips(image):
        counts += np.bincount(places[_codes(image[strip]).ravel()], minlength=len(codes))
    return codes, places, counts


def _codes(part: Array) -> npt.NDArray[np.int32]:
    """Return each pixel's colour as one number, shape (h, w)."""
    levels = np.clip(np.rint(part), 0, 255).astype(np.int32)
    found: npt.NDArray[np.int32] = levels[..., 0] << 16 | levels[..., 1] << 8 | levels[..., 2]
    return found


def _strips(image: Array) -> list[slice]:
    """Return the rows of an image in parts of some :data:`_AT_ONCE` pixels."""
    rows = max(1, _AT_ONCE // max(1, image.shape[1]))
    return [slice(top, top + rows) for top in range(0, len(image), rows)]


def _weighted_quantiles(values: Doubles, counts: npt.NDArray[np.int64], at: Doubles) -> Doubles:
    order = np.argsort(values, kind="stable")
    counted = counts[order]
    # The middle of each value's share of the ranks, as of equal pixels.
    ranks = (np.cumsum(counted) - 0.5 * counted) / counted.sum()
    found: Doubles = np.interp(at, ranks, values[order])
    return found


def _into(colours: Doubles, target: Doubles) -> Doubles:
    """Move what is farther than :data:`_NEAR` from all colours of ``target`` (M, 3) to that distance of the nearest."""
    known = np.unique(np.rint(target / _NEAR), axis=0) * _NEAR
    # As one number each: NumPy's sorting of rows takes ten times the memory.
    rounded = [np.rint(channel / _NEAR).astype(np.int32) + 512 for channel in colours.T]
    codes, places = np.unique(rounded[0] << 20 | rounded[1] << 10 | rounded[2], return_inverse=True)
    cells = np.stack([codes >> 20, codes >> 10 & 1023, codes & 1023], axis=1) - 512.0
    moves = np.zeros_like(cells)
    rows = max(1, _AT_ONCE // len(known))
    for first in range(0, len(cells), rows):
        part = cells[first : first + rows] * _NEAR
        # |a - b|^2, shape (cells, colours)
        apart = np.square(part).sum(axis=1)[:, None] - 2.0 * part @ known.T + np.square(known).sum(axis=1)
        nearest = known[apart.argmin(axis=1)]
        distance = np.sqrt(np.maximum(apart.min(axis=1), 1e-9))[:, None]
        moves[first : first + rows] = (nearest - part) * np.maximum(0.0, 1.0 - _NEAR / distance)
    moved: Doubles = np.clip(colours + moves[places], 0.0, 255.0)
    return moved


def _sample(image: Array) -> Doubles:
    """Return pixels on an even grid, shape (N, 3): enough for a distribution."""
    if image.shape[1] == 1:
        return _pixels(image[:: max(1, round(len(image) / _SAMPLES))])
    step = max(1, round((image.shape[0] * image.shape[1] / _SAMPLES) ** 0.5))
    return _pixels(image[::step, ::step])


def with_colours_of(picture: Floats, content: Array) -> Floats:
    """Return the luminance of ``picture`` with the chrominance of ``content`` (section 4.3), within 0..255.

    Args:
        picture: float32, shape (H, W, 3).
        content: same shape.
    """
    content = content.astype(np.float32)
    luma = picture @ _LUMA - content @ _LUMA
    return np.clip(content + luma[..., None], 0.0, 255.0)


def is_grey(image: Array) -> bool:
    """Return whether an image (H, W, 3) is black and white, but for what a camera or a JPEG leaves of colour."""
    pixels = _sample(image)
    return bool(np.quantile(pixels.max(axis=1) - pixels.min(axis=1), 0.99) <= GREY)


def made_grey(picture: Floats) -> Floats:
    """Return a picture (H, W, 3) with the mean of its channels in each."""
    return np.repeat(picture.mean(axis=-1, keepdims=True, dtype=np.float32), 3, axis=-1)


def luminances(image: Array) -> Doubles:
    """Return the luminances of an image's pixels on an even grid, shape (N,), 0..255."""
    found: Doubles = _sample(image) @ _LUMA
    return found


def are_apart(styles: Sequence[Array], shares: Sequence[float]) -> bool:
    """Return whether :func:`evened` changes any; arguments as there."""
    return _apart([float(luminances(style).mean()) for style in styles], shares) > APART


def _apart(means: Sequence[float], shares: Sequence[float]) -> float:
    counted = [mean for mean, share in zip(means, shares, strict=True) if share > 0]
    return max(counted) - min(counted)


def evened(styles: Sequence[Array], shares: Sequence[float]) -> list[Array]:
    """Return styles that are to be blended, as bright and as contrasted as their mean where they are far apart.

    Of two styles one of which is pale, the moments that are half of each are best had by a picture that is white in one half
    and dark in the other. Up to :data:`APART` levels between the mean luminances styles stay as they are; from twice that
    on they have the same. Their hues stay.

    Args:
        styles: shape (H, W, 3), any size each.
        shares: of each, adding up to 1.
    """
    lumas = [luminances(style) for style in styles]
    means, spreads = [float(luma.mean()) for luma in lumas], [max(1.0, float(luma.std())) for luma in lumas]
    towards = min(1.0, _apart(means, shares) / APART - 1.0)
    if towards <= 0:
        return list(styles)
    mean, spread = (float(np.dot(each, shares)) for each in (means, spreads))
    found: list[Array] = []
    for style, own_mean, own_spread in zip(styles, means, spreads, strict=True):
        gain = (spread / own_spread) ** towards
        changed = np.empty_like(style)
        for strip in _strips(style):
            part = style[strip].astype(np.float32)
            luma = part @ _LUMA
            moved = own_mean + towards * (mean - own_mean) + gain * (luma - own_mean) - luma
            changed[strip] = np.clip(np.rint(part + moved[..., None]), 0.0, 255.0)
        found.append(changed)
    return found


def _pixels(image: Array) -> Doubles:
    return image.reshape(-1, 3).astype(np.float64)


def _moments(image: Array) -> tuple[Doubles, Doubles]:
    """Return the mean colour of an image, shape (3,), and the covariance of its colours, shape (3, 3)."""
    strips, count = _strips(image), image.shape[0] * image.shape[1]
    mean = np.add.reduce([_pixels(image[strip]).sum(axis=0) for strip in strips]) / count
    centred = (_pixels(image[strip]) - mean for strip in strips)
    covariance = np.add.reduce([part.T @ part for part in centred]) / count
    return mean, covariance


def _power(matrix: Doubles, exponent: float) -> Doubles:
    """Return a power of a symmetric positive semidefinite matrix; directions without variance give 0."""
    values, vectors = np.linalg.eigh(matrix)
    kept = values > 1e-6 * max(float(values[-1]), 1e-6)
    powers = np.where(kept, np.where(kept, values, 1.0) ** exponent, 0.0)
    result: Doubles = (vectors * powers) @ vectors.T
    return result
