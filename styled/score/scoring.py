"""``styled score``: all figures about one result. Loads TensorFlow when it is called."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec
import numpy as np
import numpy.typing as npt

from styled import images, tensorflow_import
from styled.errors import SettingsError
from styled.painting.inputs import load_content, load_style
from styled.score.artefacts import Artefacts, artefacts
from styled.score.structure import gradient_ssim, luminance_ssim
from styled.score.texture import colour_distance, texture_distance
from styled.score.verdict import verdict
from styled.settings import Settings
from styled.sizing.scales import Scale, style_size

Pixels = npt.NDArray[np.uint8]

LEAST_PX = 32
"""A shorter side has too few pixels for windows, blocks and borders."""


class Score(msgspec.Struct, frozen=True, kw_only=True):
    """What :func:`score` found. Less is better, but for the two SSIM."""

    width: int
    height: int
    """The size that was scored at, px."""
    objective: dict[str, float]
    """The weighted losses: ``total``, ``content``, ``style``, ``tv``, and each layer's, by ``style.block3_conv1`` ..."""
    held_out: dict[str, float]
    """Relative Gram distance to the style at layers that were not optimised; 0 at the style itself."""
    texture: float
    """Sliced Wasserstein distance of patches to the style, levels of 0..255."""
    colour: float
    """Sliced Wasserstein distance of colours to the style, levels of 0..255."""
    luminance_ssim: float
    """Structural similarity to the photo, -1..1, of luminances."""
    gradient_ssim: float
    """The same of edges."""
    artefacts: Artefacts
    verdict: str
    """Which of the artefacts are seen, in words."""
    remarks: tuple[str, ...] = ()
    """What keeps the figures from being compared with those of other results."""


def score(result: Path, content: Path, styles: Sequence[Path], settings: Settings) -> Score:
    """Judge a result.

    Args:
        result: the picture.
        content: its photo.
        styles: its paintings, in the order of ``settings.style_weights``.
        settings: the objective; ``size`` is the size to score at, at most: a smaller result stays as it is, with a remark.

    Raises:
        ImageError: an image cannot be used.
        SettingsError: the result is too small, or its shape is not the photo's.
        WeightsError: VGG19's weights cannot be had.
    """
    loaded = images.load(result, long_side=settings.size, max_pixels=settings.max_pixels)
    height, width = loaded.pixels.shape[:2]
    _check_size(width, height)
    _check_shape(width, height, images.probe(content, max_pixels=settings.max_pixels))
    # At one size, so that of both the same place stands in what is transparent.
    of_photo = load_content(content, msgspec.structs.replace(settings, size=max(width, height)))
    filled = images.with_more_of_it(loaded)
    picture, photo = filled.pixels, of_photo.pixels
    if of_photo.alpha is not None and (loaded.alpha is None or filled.is_cut_out != of_photo.is_cut_out):
        # A JPEG is laid on white; and where only one of the two has a texture to be filled with, both are.
        photo = images.on_level(photo, of_photo.alpha, 255)
        picture = picture if loaded.alpha is None else images.on_level(picture, loaded.alpha, 255)
    scale = Scale(width, height, 1)
    paintings = [_at_scale(load_style(style, scale, settings), scale, settings) for style in styles]
    found = score_pixels(picture, images.resize(photo, width, height), paintings, settings)
    return msgspec.structs.replace(found, remarks=(*_of_size(max(width, height), settings.size), *_of_mask(result)))


def score_pixels(picture: Pixels, photo: Pixels, paintings: Sequence[Pixels], settings: Settings) -> Score:
    """Judge a picture (H, W, 3) by a photo of the same size and paintings at the scale of their strokes."""
    tensorflow_import.load_tensorflow()
    from styled.engine.engine import prepared
    from styled.engine.objective import held_out
    from styled.engine.objective.style_weights import style_weights

    weights = held_out.scoring_weights(settings)
    shares = style_weights(settings, len(paintings))
    asked_for = prepared(paintings, photo, settings)
    damage = artefacts(picture, photo, paintings)
    return Score(
        width=picture.shape[1],
        height=picture.shape[0],
        objective=held_out.objective_terms(picture, photo, asked_for, settings, weights),
        held_out=dict(held_out.held_out_distances(picture, asked_for, settings, weights)),
        texture=texture_distance(picture, paintings, shares),
        colour=colour_distance(picture, paintings, shares),
        luminance_ssim=luminance_ssim(picture, photo),
        gradient_ssim=gradient_ssim(picture, photo),
        artefacts=damage,
        verdict=verdict(damage),
    )


def _check_size(width: int, height: int) -> None:
    if min(height, width) < LEAST_PX:
        raise SettingsError(f"the result has {width}x{height} px", f"Give one of at least {LEAST_PX} px a side.")


def _check_shape(width: int, height: int, photo: images.ImageInfo) -> None:
    if not 0.9 < width / height * photo.height / photo.width < 1.1:
        raise SettingsError(
            f"the result has {width}x{height} px, the content {photo.width}x{photo.height}: another shape",
            "Give the content that it was painted from, after the result.",
        )


def _of_size(long_side: int, size: int) -> tuple[str, ...]:
    if long_side >= size:
        return ()
    return (
        f"the result is smaller than --size {size}, and figures depend on the size: "
        f"to compare it with larger ones, score those with --size {long_side}",
    )


def _of_mask(result: Path) -> tuple[str, ...]:
    inputs = (images.read_metadata(result) or {}).get("inputs")
    # Anybody may have written into the file.
    if not isinstance(inputs, dict) or not any(name.partition(".")[0] == "input/mask" for name in inputs):
        return ()
    return ("the result was painted with a mask: losses, and distances to the style, are measured as if without one",)


def _at_scale(painting: images.Loaded, scale: Scale, settings: Settings) -> Pixels:
    return images.resize(painting.pixels, *style_size(*painting.size, scale, settings.style_scale))
