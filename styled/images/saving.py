"""Encoding a picture: by suffix, atomically, with sRGB profile, EXIF and how it was made."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Literal

import msgspec
import numpy as np
import numpy.typing as npt
from PIL import Image

from styled.errors import ImageError, ImageTooLarge
from styled.files import durable
from styled.images import png, tiff
from styled.images.colour import srgb_profile
from styled.images.metadata import PNG_KEYWORD, encode_metadata, result_exif
from styled.images.resizing import AnyPicture, Pixels
from styled.settings import Settings

Compression = Literal["deflate", "lzw"]

_SIDE_LIMITS = {".jpg": 65_500, ".jpeg": 65_500, ".webp": 16_383}
_STRIP_PIXELS = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class _Picture:
    """A picture on its way into a file, cut into rows of whole numbers on demand."""

    picture: AnyPicture
    alpha: Pixels | None
    bits: Literal[8, 16]
    quality: int
    dpi: float | None
    compression: Compression
    exif: Image.Exif
    metadata: bytes | None

    @property
    def size(self) -> tuple[int, int]:
        height, width = self.picture.shape[:2]
        return width, height

    def rows(self, top: int, bottom: int) -> npt.NDArray[np.uint8 | np.uint16]:
        """Return rows ``top`` to ``bottom``: uint8 or uint16, shape (rows, W, 3 or 4)."""
        colour = whole_numbers(self.picture[top:bottom], self.bits)
        if self.alpha is None:
            return colour
        return np.dstack([colour, whole_numbers(self.alpha[top:bottom], self.bits)])


def save(
    picture: AnyPicture,
    path: Path,
    *,
    alpha: Pixels | None = None,
    settings: Settings | None = None,
    metadata: dict[str, Any] | None = None,
    exif: bytes = b"",
    bits: Literal[8, 16] = 8,
    quality: int = 95,
    dpi: float | None = None,
    compression: Compression = "deflate",
    keep_gps: bool = False,
) -> None:
    """Write a picture, whole or not at all, durably. The suffix gives the format: png, jpg, jpeg, tif, tiff, webp.

    PNG and TIFF are written in strips: beyond ``picture`` they need a few MB, whatever its size.

    Args:
        picture: float32 or uint8, shape (H, W, 3), RGB, sRGB, 0..255; clipped and rounded.
        path: of the file; replaced if it exists.
        alpha: uint8, shape (H, W); JPEG has none, there the picture is laid on white.
        settings: stored in the file, all of them.
        metadata: more plain values to store; :func:`~styled.images.read_metadata` returns them.
        exif: of the content image (``Loaded.exif``), carried over: upright, without a thumbnail.
        bits: per channel; 16 for PNG and TIFF only.
        quality: of JPEG and WebP, 1..100.
        dpi: pixels per inch on paper; None records nothing.
        compression: of TIFF; some print shops take only lzw.
        keep_gps: keep in the EXIF where the content photo was taken.

    Raises:
        ImageError: unknown suffix, or 16 bits for a format that has 8.
        ImageTooLarge: JPEG ends at 65,500 px, WebP at 16,383 px a side.
        DiskFull: no space.
    """
    suffix = path.suffix.lower()
    write = _WRITERS.get(suffix)
    if write is None:
        raise ImageError(f"cannot write a picture as {path.name}", f"Choose one of {', '.join(_WRITERS)}.")
    height, width = picture.shape[:2]
    if alpha is not None and alpha.shape != (height, width):
        raise ValueError(f"alpha has shape {alpha.shape}, the picture {(height, width)}")
    if bits == 16 and suffix in _SIDE_LIMITS:
        raise ImageError(f"{suffix} has 8 bits per channel, not 16", "Write 16 bits as .png or .tif.")
    if max(width, height) > _SIDE_LIMITS.get(suffix, 2**31 - 1):
        raise ImageTooLarge(f"{width}x{height} px is too large for {suffix}", "Write it as .png or .tif.")
    stored = _stored(settings, metadata)
    in_exif = None if suffix == ".png" else stored
    whole = _Picture(
        picture=picture,
        alpha=alpha,
        bits=bits,
        quality=quality,
        dpi=dpi,
        compression=compression,
        exif=result_exif(exif, in_exif, width=width, height=height, keep_gps=keep_gps),
        metadata=stored,
    )
    with durable.replacing(path) as file:
        write(file, whole)


def whole_numbers(levels: AnyPicture, bits: Literal[8, 16]) -> npt.NDArray[np.uint8 | np.uint16]:
    """Round levels of 0..255 to uint8, or scale them to uint16 (255 is 65535)."""
    numbers: npt.NDArray[np.float32] = np.clip(levels.astype(np.float32, copy=False), 0, 255)
    if bits == 16:
        numbers *= 257
    np.rint(numbers, out=numbers)
    return numbers.astype(np.uint8) if bits == 8 else numbers.astype(np.uint16)


def _stored(settings: Settings | None, metadata: dict[str, Any] | None) -> bytes | None:
    if settings is None and metadata is None:
        return None
    of_settings = {} if settings is None else {"settings": msgspec.to_builtins(settings)}
    return encode_metadata({**of_settings, **(metadata or {})})


def _write_png(file: BinaryIO, whole: _Picture) -> None:
    width, height = whole.size
    chunks = [png.icc_chunk(srgb_profile()), png.exif_chunk(whole.exif.tobytes())]
    if whole.dpi is not None:
        chunks.append(png.dpi_chunk(whole.dpi))
    if whole.metadata is not None:
        chunks.append(png.text_chunk(PNG_KEYWORD, whole.metadata.decode("ascii")))
    png.write(
        file, whole.rows, width=width, height=height, alpha=whole.alpha is not None, bits=whole.bits, chunks=chunks
    )


def _write_tiff(file: BinaryIO, whole: _Picture) -> None:
    width, height = whole.size
    tiff.write(
        file,
        whole.rows,
        width=width,
        height=height,
        alpha=whole.alpha is not None,
        bits=whole.bits,
        compression=whole.compression,
        dpi=whole.dpi,
        icc=srgb_profile(),
        exif=whole.exif,
    )


def _write_jpeg(file: BinaryIO, whole: _Picture) -> None:
    # Not optimised: for that Pillow guesses how large the file will be, and refuses noisy pictures, which are larger.
    options = {"subsampling": 0, **({} if whole.dpi is None else {"dpi": (whole.dpi, whole.dpi)})}
    _encode(file, _assembled(whole, "RGB"), "JPEG", whole, options)


def _write_webp(file: BinaryIO, whole: _Picture) -> None:
    _encode(file, _assembled(whole, "RGB" if whole.alpha is None else "RGBA"), "WEBP", whole, {"method": 4})


def _encode(file: BinaryIO, image: Image.Image, kind: str, whole: _Picture, options: dict[str, Any]) -> None:
    # Into memory first: given a real file, Pillow's encoders lose the reason of a failed write (disk full).
    encoded = io.BytesIO()
    image.save(encoded, kind, quality=whole.quality, exif=whole.exif, icc_profile=srgb_profile(), **options)
    file.write(encoded.getbuffer())


def _assembled(whole: _Picture, mode: Literal["RGB", "RGBA"]) -> Image.Image:
    """Build Pillow's image strip by strip: the picture in 8 bits is never there twice."""
    width, height = whole.size
    image = Image.new(mode, whole.size)
    rows = max(1, _STRIP_PIXELS // width)
    for top in range(0, height, rows):
        strip = Image.fromarray(whole.rows(top, min(height, top + rows)))
        if strip.mode == "RGBA" and mode == "RGB":
            strip = Image.alpha_composite(Image.new("RGBA", strip.size, "white"), strip).convert("RGB")
        image.paste(strip, (0, top))
    return image


_WRITERS: dict[str, Callable[[BinaryIO, _Picture], None]] = {
    ".png": _write_png,
    ".jpg": _write_jpeg,
    ".jpeg": _write_jpeg,
    ".tif": _write_tiff,
    ".tiff": _write_tiff,
    ".webp": _write_webp,
}
