"""From whatever a file holds to 8-bit sRGB, with alpha if it has any: colour profiles, grey, palettes, CMYK, 16 bits."""

from __future__ import annotations

import functools
import io
import struct
from collections.abc import Callable

import numpy as np
from PIL import ExifTags, Image, ImageCms, ImageFile

from styled.errors import UnreadableImage
from styled.images import cmyk, encodings
from styled.images.encodings import ADOBE_GAMMA, ADOBE_RGB, Encoding, by_h273
from styled.images.opening import PILLOW_ERRORS
from styled.images.reading.info_keys import CALIBRATED, CICP, NCLX

_COLOUR_SPACES = {"L": "GRAY", "RGB": "RGB", "CMYK": "CMYK", "LAB": "Lab"}
"""Pillow's mode to the name of the colour space in a profile's header."""

_GENERIC_INKS = "the CMYK image has no colour profile; its colours are those of a generic offset press (ISO 12647-2)"

ToSrgb = Callable[[Image.Image], Image.Image]
"""Converts a picture or a strip of it to mode RGB, or RGBA if the file has alpha."""


@functools.cache
def srgb_profile() -> bytes:
    """Return the ICC profile of sRGB, to embed."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    # Its date of creation (ICC.1:2010, table 17) would be now: two runs must give the same bytes.
    profile[24:36] = struct.pack(">6H", 2000, 1, 1, 0, 0, 0)
    return bytes(profile)


def to_srgb(image: ImageFile.ImageFile, *, with_alpha: bool = True) -> tuple[ToSrgb, str]:
    """Plan the conversion of an opened image.

    Returns:
        The conversion, and a note for the user: empty, or what was done to the colours, or why they may be off.

    Raises:
        UnreadableImage: the numbers in the file have no known white, so they are not a picture yet.
    """
    mode = image.mode
    if mode == "F" or (mode == "I" and image.format != "PPM"):  # PPM's I is 0..65535; others may mean anything
        raise UnreadableImage(
            f"the image holds {'floating point' if mode == 'F' else '32-bit'} numbers without a known white",
            "Export it with 8 or 16 bits per channel.",
        )
    base = _base_mode(mode)
    transform, note = _transform(image, base)
    alpha = alpha_of(image) if with_alpha else None

    def convert(strip: Image.Image) -> Image.Image:
        colour = transform(_eight_bit(strip).convert(base))
        if alpha is not None:
            colour.putalpha(alpha(strip))
        return colour

    return convert, note


def alpha_of(image: ImageFile.ImageFile) -> ToSrgb | None:
    """Return what gives the alpha of a strip, mode L; None when the file has none, or has it beside its colours."""
    if not image.has_transparency_data or getattr(image, "alpha_plane", None) is not None:
        return None
    transparent = image.info.get("transparency")
    if image.mode.startswith("I;16") and isinstance(transparent, int):

        def of_levels(strip: Image.Image) -> Image.Image:
            return Image.fromarray(np.where(np.asarray(strip) == transparent, np.uint8(0), np.uint8(255)))

        return of_levels
    return lambda strip: _eight_bit(strip).convert("RGBA").getchannel("A")


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
    encoding, note = _encoding(image, base)
    if encoding is not None and not encoding.is_srgb:
        return lambda strip: encodings.to_srgb(encoding, strip.convert("RGB")), note
    profile, of_profile = _profile(image, base)
    note = "; ".join(filter(None, [note, of_profile]))
    if profile is None and base == "LAB":
        profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB"))
    if profile is None:
        if base == "CMYK":
            return cmyk.to_srgb, "; ".join(filter(None, [note, _GENERIC_INKS]))
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


def _encoding(image: ImageFile.ImageFile, base: str) -> tuple[Encoding | None, str]:
    """Return how the colours are described by numbers where those go before a profile, or there is none; and a note."""
    if base not in {"RGB", "L"}:
        return None, ""
    numbers = image.info.get(CICP) or _cicp_of_profile(image.info.get("icc_profile") or b"")
    if numbers:
        return by_h273(*numbers)
    if image.info.get("icc_profile"):
        return None, ""
    if isinstance(nclx := image.info.get(NCLX), tuple):
        return by_h273(*nclx)
    if isinstance(calibrated := image.info.get(CALIBRATED), tuple):
        return _calibrated(calibrated)
    if "gamma" in image.info and "srgb" not in image.info:
        return _png_encoding(image)
    if base == "RGB" and _is_adobe_rgb(image):
        return Encoding(ADOBE_RGB, ADOBE_GAMMA), "colours were converted from Adobe RGB, which its EXIF names"
    return None, ""


def _cicp_of_profile(profile: bytes) -> tuple[int, int] | None:
    """Return the numbers of H.273 in a profile of high dynamic range (ICC.1:2022, 9.2.17): its curves end far above white."""
    count = int.from_bytes(profile[128:132], "big")
    for entry in range(min(count, 100)):
        tag = profile[132 + 12 * entry : 144 + 12 * entry]
        if tag[:4] == b"cicp":
            at = int.from_bytes(tag[4:8], "big")
            found = profile[at + 8 : at + 10]
            return (found[0], found[1]) if len(found) == 2 and found[1] in {16, 18} else None
    return None


def _png_encoding(image: ImageFile.ImageFile) -> tuple[Encoding | None, str]:
    """Return the colours of the chunks gAMA and cHRM; nothing where that is sRGB but for its rounding."""
    gamma = image.info["gamma"]
    white_first = image.info.get("chromaticity")
    primaries = encodings.PRIMARIES[1]
    if isinstance(white_first, tuple) and len(white_first) == 8 and _is_plausible(white_first):
        primaries = (*white_first[2:], *white_first[:2])
    if not 0.2 <= gamma <= 1.2:
        return None, f"its gamma of {gamma:g} is not plausible; colours are taken as sRGB"
    is_usual = abs(gamma * 2.2 - 1) < 0.05
    encoding = Encoding(primaries, 13 if is_usual else 1.0 / gamma)
    if encoding.is_srgb:
        return None, ""
    return encoding, f"colours were converted by its gamma of {gamma:g}" + (
        "" if primaries == encodings.PRIMARIES[1] else " and its primaries"
    )


def _calibrated(numbers: tuple[float, ...]) -> tuple[Encoding | None, str]:
    """Return the colours of a BMP's header; nothing where they are sRGB's but for its rounding."""
    *primaries, gamma = numbers
    if not _is_plausible((*encodings.D65, *primaries)):
        return None, "the primaries in its header are not plausible; colours are taken as sRGB"
    encoding = Encoding((*primaries, *encodings.D65), 13 if abs(gamma / 2.2 - 1) < 0.05 else gamma)
    if encoding.is_srgb:
        return None, ""
    return encoding, f"colours were converted by the primaries and the gamma of {gamma:.3g} in its header"


def _is_plausible(chromaticity: tuple[float, ...]) -> bool:
    """Return whether x and y of white, red, green and blue span a triangle with the white in it."""
    (xw, yw), *corners = zip(chromaticity[::2], chromaticity[1::2], strict=True)
    turns = []
    for (x1, y1), (x2, y2) in zip(corners, [*corners[1:], corners[0]], strict=True):
        turns.append((x2 - x1) * (yw - y1) - (y2 - y1) * (xw - x1))
    return min(turns) > 1e-4 and min(chromaticity[1::2]) > 1e-3


def _is_adobe_rgb(image: ImageFile.ImageFile) -> bool:
    """Return whether EXIF declares Adobe RGB, as cameras write it (DCF 2.0, 5.2): uncalibrated, and interoperability R03."""
    if image.format == "PNG" and "exif" not in image.info:
        return False
    try:
        exif = image.getexif()
        space = exif.get_ifd(ExifTags.IFD.Exif).get(ExifTags.Base.ColorSpace)
        index = exif.get_ifd(ExifTags.IFD.Interop).get(1)
    except PILLOW_ERRORS:
        return False  # damaged EXIF: the picture itself may be well
    return space == 2 or (space == 0xFFFF and str(index or "").startswith("R03"))
