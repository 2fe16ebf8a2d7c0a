"""From whatever a file holds to 8-bit sRGB, with alpha if it has any: colour profiles, grey, palettes, CMYK, 16 bits."""

from __future__ import annotations

import functools
import io
import struct
from collections.abc import Callable

import numpy as np
from PIL import Image, ImageCms, ImageFile

from styled.errors import UnreadableImage
from styled.images.opening import PILLOW_ERRORS

_COLOUR_SPACES = {"L": "GRAY", "RGB": "RGB", "CMYK": "CMYK", "LAB": "Lab"}
"""Pillow's mode to the name of the colour space in a profile's header."""

ToSrgb = Callable[[Image.Image], Image.Image]
"""Converts a picture or a strip of it to mode RGB, or RGBA if the file has alpha."""


@functools.cache
def srgb_profile() -> bytes:
    """Return the ICC profile of sRGB, to embed."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    # Its date of creation (ICC.1:2010, table 17) would be now: two runs must give the same bytes.
    profile[24:36] = struct.pack(">6H", 2000, 1, 1, 0, 0, 0)
    return bytes(profile)


def to_srgb(image: ImageFile.ImageFile) -> tuple[ToSrgb, str]:
    """Plan the conversion of an opened image.

    Returns:
        The conversion, and a note for the user: empty, or why the colours may be off.

    Raises:
        UnreadableImage: the numbers in the file have no known white, so they are not a picture yet.
    """
    mode = image.mode
    if mode in {"F", "I"} and image.format != "PPM":  # PPM's I is 0..65535; others may mean anything
        raise UnreadableImage(
            f"the image holds {'floating point' if mode == 'F' else '32-bit'} numbers without a known white",
            "Export it with 8 or 16 bits per channel.",
        )
    alpha = image.has_transparency_data
    base = _base_mode(mode)
    transform, note = _transform(image, base)

    def convert(strip: Image.Image) -> Image.Image:
        plain = _eight_bit(strip)
        colour = transform(plain.convert(base))
        if alpha:
            colour.putalpha(plain.convert("RGBA").getchannel("A"))
        return colour

    return convert, note


def _base_mode(mode: str) -> str:
    """Return the mode whose numbers a profile speaks of: L, RGB, CMYK or LAB."""
    if mode in {"L", "LA", "La", "1", "I", "F"} or mode.startswith("I;16"):
        return "L"
    return mode if mode in {"CMYK", "LAB"} else "RGB"


def _eight_bit(strip: Image.Image) -> Image.Image:
    if strip.mode == "I" or strip.mode.startswith("I;16"):
        # Pillow's own conversion clips at 255 instead of scaling.
        levels = np.asarray(strip).astype(np.uint32)
        return Image.fromarray(((levels * 255 + 32767) // 65535).astype(np.uint8))
    if strip.mode == "La":
        return strip.convert("LA")
    return strip.convert("RGBA") if strip.mode == "RGBa" else strip


def _transform(image: ImageFile.ImageFile, base: str) -> tuple[ToSrgb, str]:
    profile, note = _profile(image, base)
    if profile is None and base == "LAB":
        profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB"))
    if profile is None:
        if base == "CMYK":
            note = note or "the CMYK image has no colour profile; its colours are approximate"
        return lambda strip: strip.convert("RGB"), note
    try:
        # Relative with black point compensation: keeps what sRGB can show, and ink black becomes black.
        transform = ImageCms.buildTransform(
            profile,
            ImageCms.createProfile("sRGB"),
            base,
            "RGB",
            ImageCms.Intent.RELATIVE_COLORIMETRIC,
            ImageCms.Flags.BLACKPOINTCOMPENSATION,
        )
    except ImageCms.PyCMSError:
        return lambda strip: strip.convert("RGB"), "the colour profile cannot be used; colours are taken as sRGB"

    def apply(strip: Image.Image) -> Image.Image:
        return transform.apply(strip)

    return apply, note


def _profile(image: ImageFile.ImageFile, base: str) -> tuple[ImageCms.ImageCmsProfile | None, str]:
    data = image.info.get("icc_profile")
    if not data:
        return None, ""
    try:
        profile = ImageCms.ImageCmsProfile(io.BytesIO(data))
        space = profile.profile.xcolor_space.strip()
    except PILLOW_ERRORS:
        return None, "the colour profile is damaged; colours are taken as sRGB"
    if space != _COLOUR_SPACES[base]:
        return None, f"the colour profile is for {space}, the image is {image.mode}; colours are taken as sRGB"
    return profile, ""
