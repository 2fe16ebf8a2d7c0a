"""Opening a TIFF: the first page that is a picture, by Pillow where it reads that layout right, else by tifffile.

Pillow has a fixed list of layouts, and takes some that are not on it for others: 16 bits plane by plane, 16 bits where 0 is
white, 12 bits. tifffile reads all of TIFF 6.0 and what came after, with the codecs of imagecodecs.
"""

from __future__ import annotations

import ctypes
import functools
import logging
import struct
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFile, UnidentifiedImageError
from tifffile import TiffFile, TiffPage

from styled.errors import UnreadableImage
from styled.images.reading import float_levels
from styled.images.reading.file_kinds import RAW
from styled.images.reading.info_keys import REMARKS

# It logs what it finds odd about a file; without a handler of the program's own that would go to standard error.
logging.getLogger("tifffile").addHandler(logging.NullHandler())

Array = npt.NDArray[Any]

_PILLOW_CODECS = frozenset({1, 2, 3, 4, 5, 6, 7, 8, 32773, 32946})
"""None, CCITT, LZW, JPEG, deflate and PackBits: those of libtiff as Pillow's wheels have it."""
_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB, _PALETTE, _MASK, _CMYK, _YCBCR, _LAB, _ICC_LAB = 0, 1, 2, 3, 4, 5, 6, 8, 9
_RAW_PHOTOMETRIC = frozenset({32803, 34892})  # a colour filter array, and linear raw (DNG 1.6)
_RAW_CODECS = frozenset({34713, 32767, 32769, 65535, 65000})  # Nikon, Sony, packed, Pentax, Kodak
_REDUCED = 1
_TRANSPARENCY_MASK = 4
_MOST_PAGES = 1000
_FLOAT_ROWS = 64
"""Rows of floating point numbers that are converted at once."""
_COLOURS = {_WHITE_IS_ZERO: 1, _BLACK_IS_ZERO: 1, _RGB: 3, _CMYK: 4, _YCBCR: 3, _LAB: 3, _ICC_LAB: 3}
"""Channels by photometric interpretation."""
_MODES = {
    _WHITE_IS_ZERO: "L", _BLACK_IS_ZERO: "L", _RGB: "RGB", _CMYK: "CMYK", _YCBCR: "RGB", _LAB: "LAB", _ICC_LAB: "LAB"
}  # fmt: skip
_COLOUR_CODECS = frozenset({6, 7, 33003, 33005, 33007, 34712, 34887, 34892, 34933, 34934, 22610, 50001, 50002, 52546})
"""Codecs that give RGB whatever the photometric interpretation is."""
_WHOLE_NUMBERS = frozenset({1, 4})  # unsigned, and "undefined", which is written for unsigned
_PILLOW_16 = frozenset({(_BLACK_IS_ZERO, 1), (_RGB, 3), (_RGB, 4), (_CMYK, 4)})
"""Photometric interpretation and channels of 16 bits that Pillow reads."""
_CURVE, _PRIMARIES, _PROFILE = 301, 319, 34675
"""Tags: TransferFunction, PrimaryChromaticities and InterColorProfile."""
_SRGB_PRIMARIES = np.array([0.64, 0.33, 0.30, 0.60, 0.15, 0.06])
_SRGB_MIDDLE = 0.216
"""The light of the middle level."""
_FLOAT = 3
_FLOAT_PHOTOMETRIC = frozenset({_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB})
"""Photometric interpretations of which floating point numbers are read: of the others nobody writes any."""
_ASSOCIATED, _UNASSOCIATED = 1, 2
_DAMAGED = (ValueError, LookupError, TypeError, AttributeError, ArithmeticError, RuntimeError, OSError, struct.error)
"""What tifffile raises on damaged directories."""


def open_tiff(file: BinaryIO, name: str) -> ImageFile.ImageFile:
    """Read the directories of a TIFF and open its first whole picture.

    Raises:
        UnreadableImage: a camera's raw file, or a layout that is not read; the message names it.
        Exception: what Pillow and tifffile raise on damaged files.
    """
    _silence_libtiff()
    page, number, pages = _first_picture(file, name)
    file.seek(0)
    remarks = [f"the first of {pages} pages"] if pages > 1 else []
    image = None
    is_linear = page is not None and _is_linear(page)
    if page is None or (number is not None and not is_linear and _is_for_pillow(page)):
        image = _by_pillow(file, number or 0)
    if image is None:
        if page is None:
            raise UnidentifiedImageError
        _refuse_what_is_not_read(page, name)
        file.seek(0)
        image = TiffLayout(file, page, name, is_linear=is_linear)
    if page is not None and _PROFILE not in page.tags and _has_own_colours(page):
        remarks.append("its tags name primaries or a curve that are not used; colours are taken as sRGB")
    image.info[REMARKS] = remarks
    return image


@functools.cache
def _silence_libtiff() -> None:
    """Have Pillow's libtiff print nothing: what is wrong with a file is in the error that is raised."""
    for line in Path("/proc/self/maps").read_text(errors="replace").splitlines():
        path = line.partition("/")[1] + line.partition("/")[2]
        if "/libtiff" in path:
            library = ctypes.CDLL(path)  # it is loaded: this is the same one
            for handler in ("TIFFSetErrorHandler", "TIFFSetErrorHandlerExt", "TIFFSetWarningHandler"):
                getattr(library, handler)(None)


def _by_pillow(file: BinaryIO, number: int) -> ImageFile.ImageFile | None:
    try:
        image = Image.open(file, formats=["TIFF"])
        if number:
            image.seek(number)
    except UnidentifiedImageError:
        return None
    return image


def _first_picture(file: BinaryIO, name: str) -> tuple[TiffPage | None, int | None, int]:
    """Return the page to read, its number in the main chain (None: it hangs below one), and how many pictures there are.

    A page of None means that tifffile makes nothing of the file.
    """
    try:
        tiff = TiffFile(file, name="image.tif")
        pages = [_page(tiff, number) for number in range(min(len(tiff.pages), _MOST_PAGES))]
        below = [sub for page in pages for sub in _below(page)]
        is_raw = any(map(_is_raw, [*pages, *below]))
        whole = [(page, number) for number, page in enumerate(pages) if _is_picture(page)]
        hidden = [page for page in below if _is_picture(page)]
    except _DAMAGED:
        return None, None, 0
    if is_raw:
        raise UnreadableImage(f"{name} is {RAW.what}", RAW.advice)
    if whole:
        return *whole[0], len(whole)
    if hidden:
        return hidden[0], None, len(hidden)
    return (pages[0], 0, 1) if pages else (None, None, 0)


def _page(tiff: TiffFile, number: int) -> TiffPage:
    page = tiff.pages[number]
    return page if isinstance(page, TiffPage) else page.aspage()


def _below(page: TiffPage) -> list[TiffPage]:
    """Return the pages that a page's tag SubIFDs points to."""
    if not page.subifds:
        return []
    return [_page_of(sub) for sub in page.pages or () if sub is not None]


def _page_of(page: Any) -> TiffPage:
    return page if isinstance(page, TiffPage) else page.aspage()


def _is_raw(page: TiffPage) -> bool:
    return page.photometric in _RAW_PHOTOMETRIC or page.compression in _RAW_CODECS or page.is_dng


def _is_picture(page: TiffPage) -> bool:
    """Return whether a page is neither a thumbnail nor a mask."""
    return not page.subfiletype & (_REDUCED | _TRANSPARENCY_MASK) and page.photometric != _MASK


def _bits(page: TiffPage) -> tuple[int, ...]:
    """Return the bits of each channel."""
    value = page.tags.valueof(258, default=1)
    return (int(value),) if isinstance(value, int) else tuple(map(int, value))


def _is_for_pillow(page: TiffPage) -> bool:
    """Return whether Pillow reads a layout right, if it takes it at all."""
    bits = set(_bits(page))
    if page.compression not in _PILLOW_CODECS or page.sampleformat not in _WHOLE_NUMBERS:
        return False
    if page.planarconfig != 1 and page.samplesperpixel > 1:
        return page.photometric not in _COLOURS or page.photometric == _YCBCR  # of two planes it makes garbage
    if bits <= {1, 2, 4, 8}:
        return True
    return bits == {16} and page.planarconfig == 1 and (page.photometric, page.samplesperpixel) in _PILLOW_16


def _is_linear(page: TiffPage) -> bool:
    """Return whether more than 8 bits of a page must reach its profile's curve: reduced before, its shadows have no levels."""
    colours = _COLOURS.get(page.photometric)
    is_plain = page.photometric in _FLOAT_PHOTOMETRIC and page.sampleformat in _WHOLE_NUMBERS and max(_bits(page)) > 8
    profile = _profile(page)
    return bool(is_plain and colours and profile and float_levels.has_steep_shadows(profile, colours))


def _profile(page: TiffPage) -> bytes | None:
    """Return the colour profile of a page: empty if it has none, None if its tag is of another type than bytes."""
    value = page.tags.valueof(_PROFILE, default=b"")
    return value if isinstance(value, bytes) else None


def _has_own_colours(page: TiffPage) -> bool:
    """Return whether a page's tags name other primaries than those of sRGB, or another curve (TIFF 6.0, section 20).

    They are not converted: programs wrote those of the screen that they ran on, and viewers do not look at them.
    """
    primaries, curve = page.tags.get(_PRIMARIES), page.tags.get(_CURVE)
    try:
        if primaries is not None and primaries.count == 6:
            numbers = np.array(primaries.value, np.float64).reshape(6, 2)
            if np.abs(numbers[:, 0] / numbers[:, 1] - _SRGB_PRIMARIES).max() > 0.01:
                return True
        if curve is not None and 16 <= curve.count <= 3 * 65536:
            levels = np.ravel(curve.value)
            first = (
                levels[: len(levels) // 3] if len(levels) % 3 == 0 else levels
            )  # of three channels, or the one of all
            return bool(abs(first[len(first) // 2] / 65535 - _SRGB_MIDDLE) > 0.03)
    except _DAMAGED:
        return False  # the picture itself may be well
    return False


def _refuse_what_is_not_read(page: TiffPage, name: str) -> None:
    """Refuse a page that has no defined white or black, or is of a kind that nobody has asked for yet."""
    bits = set(_bits(page))
    is_float = page.sampleformat == _FLOAT and page.photometric in _FLOAT_PHOTOMETRIC
    if not is_float and (page.sampleformat not in _WHOLE_NUMBERS or max(bits) > 16):
        kinds = {2: "signed whole", 3: "floating point", 5: "complex", 6: "complex"}
        kind = kinds.get(page.sampleformat, "whole")
        raise UnreadableImage(
            f"{name} is a TIFF of {max(bits)}-bit {kind} numbers, without a known white",
            "Export it with 8 or 16 bits per channel.",
        )
    colours = _COLOURS.get(page.photometric)
    is_readable = colours is not None and page.samplesperpixel >= colours and len(bits) == 1 and page.imagedepth == 1
    if not is_readable or (page.photometric == _YCBCR and page.compression not in _COLOUR_CODECS):
        photometric = str(getattr(page.photometric, "name", page.photometric)).lower()
        codec = str(getattr(page.compression, "name", page.compression)).lower()
        raise UnreadableImage(
            f"{name} is a TIFF of a rare layout: {photometric}, {page.samplesperpixel} x {max(bits)} bits, {codec}",
            "Export it as an RGB or grey TIFF or PNG with 8 or 16 bits per channel.",
        )


class TiffLayout(ImageFile.ImageFile):
    """A page that tifffile decodes: 8 bits, mode L, RGB, CMYK or LAB, its alpha beside it; or grey alone of 16, mode I;16."""

    format = "TIFF"
    format_description = "TIFF"

    def __init__(self, file: BinaryIO, page: TiffPage, name: str, *, is_linear: bool) -> None:
        self._page, self._name, self._is_linear = page, name, is_linear
        self.alpha_plane: Image.Image | None = None
        """Mode L, once loaded; None when there is none."""
        super().__init__(file)

    def _open(self) -> None:
        page = self._page
        self._mode = _MODES[page.photometric]
        self._size = (page.imagewidth, page.imagelength)
        self.tile = []
        extra = page.extrasamples[:1] if page.extrasamples else ()
        self._alpha = extra[0] if extra and extra[0] in (_ASSOCIATED, _UNASSOCIATED) else 0
        is_whole = page.sampleformat in _WHOLE_NUMBERS and not self._is_linear
        if is_whole and self._mode == "L" and not self._alpha and max(_bits(page)) > 8:
            self._mode = "I;16"  # as Pillow has it: a mask's levels may be numbers of areas
        if (profile := _profile(page)) != b"":
            self.info["icc_profile"] = profile
        if isinstance(packet := page.tags.valueof(700), bytes):
            self.info["xmp"] = packet
        value = page.tags.valueof(274, default=1)
        self.stored_orientation = value if value in range(1, 9) else 1
        """How the stored picture must be turned, as EXIF counts it."""
        if (dpi := _dpi(page)) is not None:
            self.info["dpi"] = dpi

    @property
    def layout_px(self) -> int:
        """The bytes of a pixel while it is decoded: for whole numbers all of it in one array, and as levels; floating point numbers twice, their levels, and Pillow's own."""
        page = self._page
        if page.sampleformat != _FLOAT and not self._is_linear:
            return 16
        return 2 * int(page.samplesperpixel) * max(_bits(page)) // 8 + 8

    def getexif(self) -> Image.Exif:
        """Return the tags of the page; none of a big-endian BigTIFF, which Pillow does not read."""
        if self._exif is None:
            self._exif = Image.Exif()
            tiff = self._page.parent.tiff
            if self.fp is not None and not (tiff.is_bigtiff and tiff.byteorder == ">"):
                self._exif.bigtiff, self._exif.endian = tiff.is_bigtiff, tiff.byteorder
                self._exif.load_from_fp(self.fp, self._page.offset)
        return self._exif

    @property
    def has_transparency_data(self) -> bool:
        """Whether there is an alpha channel, in ``alpha_plane`` once loaded."""
        return self._alpha != 0

    def load(self) -> Any:
        """Decode all strips or tiles, each straight into its place."""
        if self._im is None:
            colours = _COLOURS[self._page.photometric]
            if self._page.sampleformat == _FLOAT or self._is_linear:
                planes = self._levels_of_floats(colours)
                colours = len(planes) - bool(self._alpha)
                self._mode = "L" if colours == 1 else "RGB"
            else:
                planes = _decoded(self._page, colours, self._alpha, 65535 if self._mode == "I;16" else 255)
            bands = [Image.fromarray(planes[channel]) for channel in range(len(planes))]
            if self._alpha:
                self.alpha_plane = bands.pop()
            self.im = (bands[0] if colours == 1 else Image.merge(self._mode, bands)).im
        return Image.Image.load(self)

    def _levels_of_floats(self, colours: int) -> Array:
        """Return floating point numbers, or whole ones of a linear profile, as planes of sRGB's levels: uint8, (channels, H, W).

        Raises:
            UnreadableImage: which of them is white cannot be known.
        """
        numbers = _numbers(self._page, colours, self._alpha)
        profile = self.info.pop("icc_profile", b"")  # the levels are sRGB's
        if profile and not float_levels.is_usable(profile, colours):
            self.info[REMARKS].append("the colour profile cannot be used; colours are taken as sRGB")
            profile = b""
        if self._is_linear:
            white = float(2 ** min(_bits(self._page)) - 1)
            meaning = float_levels.Meaning(0.0, white, "profile", "")
        else:
            meaning = self._meaning(numbers, colours, has_profile=bool(profile))
        if meaning.remark:
            self.info[REMARKS].append(meaning.remark)
        channels = 3 if meaning.kind == "profile" else colours
        opaque = meaning.white if self._is_linear or _has_far_over(numbers[..., colours:]) else 1.0
        planes = np.empty((channels + bool(self._alpha), *numbers.shape[:2]), np.uint8)
        for top in range(0, len(numbers), _FLOAT_ROWS):
            rows = slice(top, top + _FLOAT_ROWS)
            part = numbers[rows]
            if self._alpha:
                share = part[..., colours:].astype(np.float32) / np.float32(opaque)
                share = np.clip(np.nan_to_num(share), 0.0, 1.0)
                planes[channels, rows] = np.rint(share[..., 0] * 255.0)
                if self._alpha == _ASSOCIATED:
                    part = part[..., :colours] / np.maximum(share, 1e-6)
            part = part[..., :colours]
            if self._page.photometric == _WHITE_IS_ZERO:
                part = meaning.white + meaning.black - part
            planes[:channels, rows] = np.moveaxis(float_levels.levels_of(part, meaning, profile), -1, 0)
        return planes

    def _meaning(self, numbers: Array, colours: int, *, has_profile: bool) -> float_levels.Meaning:
        """Decide what floating point numbers mean; errors as :func:`float_levels.meaning_of`."""
        return float_levels.meaning_of(
            float_levels.range_of(row[..., :colours] for row in numbers),
            self._name,
            is_grey=colours == 1,
            has_profile=has_profile,
            limits=_float_limits(self._page),
        )


def _numbers(page: TiffPage, colours: int, alpha: int) -> Array:
    """Return the numbers of a page's colours and alpha as they are stored: shape (H, W, channels)."""
    whole = np.asarray(page.asarray(maxworkers=1))
    size = page.imagelength, page.imagewidth
    if page.planarconfig != 1:
        whole = np.moveaxis(whole.reshape(page.samplesperpixel, *size), 0, -1)
    numbers: Array = whole.reshape(*size, page.samplesperpixel)[..., : colours + bool(alpha)]
    return numbers


def _has_far_over(alpha: Array) -> bool:
    """Return whether floating point alpha is beyond 0..1: then it has the white of the colours."""
    parts = (alpha[top : top + _FLOAT_ROWS] for top in range(0, len(alpha), _FLOAT_ROWS))
    return any(bool((np.isfinite(part) & (part > float_levels.FAR_OVER)).any()) for part in parts)


def _float_limits(page: TiffPage) -> tuple[float, float] | None:
    """Return the numbers that a file names as its smallest and largest, where they say what is black and white."""
    low, high = (page.tags.valueof(code) for code in (340, 341))
    try:
        low, high = (float(np.max(value)) for value in (0.0 if low is None else low, high))
    except (TypeError, ValueError):
        return None
    return (low, high) if np.isfinite(high - low) and high > low else None


def _decoded(page: TiffPage, colours: int, alpha: int, white: int) -> Array:
    """Return the colours and alpha of a page as planes, shape (channels, H, W): uint8, or uint16 where ``white`` is 65535."""
    channels = colours + bool(alpha)
    planes = np.zeros((channels, page.imagelength, page.imagewidth), np.uint8 if white == 255 else np.uint16)
    if alpha == _ASSOCIATED and page.planarconfig != 1:
        whole = np.asarray(page.asarray(maxworkers=1)).reshape(page.samplesperpixel, *planes.shape[1:])
        planes[:] = np.moveaxis(_levels(np.moveaxis(whole[:channels], 0, -1), page, colours, alpha, white), -1, 0)
        return planes
    for data, (plane, _, top, left, _), (_, height, width, _) in page.segments(maxworkers=1):
        if data is None:
            continue  # a hole: black, as its writer meant it
        part = data[0, :height, :width]
        if page.planarconfig == 1:
            levels = np.moveaxis(_levels(part[..., :channels], page, colours, alpha, white), -1, 0)
            planes[:, top : top + height, left : left + width] = levels[
                :, : page.imagelength - top, : page.imagewidth - left
            ]
        elif plane < channels:
            levels = _levels(part, page, colours, 0, white, first=plane)[..., 0]
            planes[plane, top : top + height, left : left + width] = levels[
                : page.imagelength - top, : page.imagewidth - left
            ]
    return planes


def _levels(part: Array, page: TiffPage, colours: int, alpha: int, white: int, *, first: int = 0) -> Array:
    """Scale whole numbers to 0..``white`` by their bits; shape (h, w, channels), of which the first is channel ``first``."""
    most = 2 ** min(_bits(page)) - 1
    if page.photometric in {_LAB, _ICC_LAB}:
        return _lab_bytes(part, page, first)
    levels: npt.NDArray[np.float32] = part.astype(np.float32) * np.float32(white / most)
    if alpha == _ASSOCIATED:
        share = np.maximum(part[..., colours:].astype(np.float32) / most, 1e-6)
        levels[..., :colours] = np.minimum(levels[..., :colours] / share, white)
    if page.photometric == _WHITE_IS_ZERO and first < colours:
        levels[..., :colours] = white - levels[..., :colours]
    return np.rint(levels, out=levels).astype(np.uint8 if white == 255 else np.uint16)


def _lab_bytes(part: Array, page: TiffPage, first: int) -> npt.NDArray[np.uint8]:
    """Return L*a*b* as Pillow keeps it: L* of 0..100 as 0..255, a* and b* with 128 for 0.

    CIELab has signed a* and b*, ICCLab has them moved by half (TIFF 6.0, section 23; Adobe TechNote 3, "ICC L*a*b*").
    """
    bits = min(_bits(page))
    result = np.empty(part.shape, np.uint8)
    for index in range(part.shape[-1]):
        levels = part[..., index].astype(np.int64)
        channel = first + index
        if channel == 0 or channel > 2:
            most = 65280 if bits == 16 and page.photometric == _ICC_LAB and channel == 0 else 2**bits - 1
            result[..., index] = np.clip(np.rint(levels * 255.0 / most), 0, 255)
            continue
        if page.photometric == _LAB:
            levels = (levels + 2 ** (bits - 1)) % 2**bits  # as signed, then moved
        result[..., index] = np.clip(np.rint(levels / 2 ** (bits - 8)), 0, 255)
    return result


def _dpi(page: TiffPage) -> tuple[float, float] | None:
    """Return the resolution across and down, None if it is not given."""
    across, down = (page.tags.valueof(code) for code in (282, 283))
    try:
        return across[0] / across[1], down[0] / down[1]
    except (TypeError, LookupError, ZeroDivisionError):
        return None
