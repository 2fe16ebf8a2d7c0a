"""Images that a program has in memory, or open: made into the bytes of a file, so that all are decoded alike."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt
from PIL import Image

from styled.errors import ImageTooLarge, UnreadableImage
from styled.images.opening import MAX_BYTES, PILLOW_ERRORS, shown

ImageLike = str | os.PathLike[str] | BinaryIO | Image.Image | npt.NDArray[np.uint8] | npt.NDArray[np.floating[Any]]
"""A path, a file open for reading bytes, a PIL image of any mode, or an array: uint8, 0..255, or of floats, 0..1, of
shape (H, W), (H, W, 1), (H, W, 3) or (H, W, 4), RGB and sRGB-encoded, the fourth channel alpha."""

_ADVICE = (
    "Give a path, a file opened in mode 'rb', a PIL image, or a NumPy array: uint8 0..255 or floats 0..1, "
    "of shape (H, W), (H, W, 1), (H, W, 3) or (H, W, 4)."
)

_AS_FILE = {
    "1": "1", "L": "L", "P": "P", "LA": "LA", "RGB": "RGB", "RGBA": "RGBA", "CMYK": "CMYK", "LAB": "LAB", "I;16": "I;16",
    "I": "I", "F": "F", "La": "LA", "RGBa": "RGBA", "PA": "RGBA",
}  # fmt: skip
"""Pillow's modes to those a TIFF can hold without loss; of the others (HSV, YCbCr, RGBX) RGB is made."""


def is_image_like(value: object) -> bool:
    """Return whether a value is of a kind that may be one image, and not a list of them."""
    return isinstance(value, (str, os.PathLike, Image.Image, np.ndarray)) or hasattr(value, "read")


def source_of(image: object, name: str, *, max_bytes: int = MAX_BYTES) -> Path | BinaryIO:
    """Return an image as a path or as the bytes of a file, for :func:`styled.images.load`.

    Args:
        image: an :data:`ImageLike`.
        name: what it is called in errors.
        max_bytes: limit on what is read from an open file.

    Raises:
        UnreadableImage: it is none of these.
        ImageTooLarge: an open file has more bytes.
    """
    if isinstance(image, (str, os.PathLike)):
        path = os.fspath(image)
        return Path(path if isinstance(path, str) else os.fsdecode(path))
    if isinstance(image, np.ndarray):
        return _encoded(_from_array(image, name), name)
    if isinstance(image, Image.Image):
        return _encoded(image, name)
    if hasattr(image, "read"):
        return _from_file(image, name, max_bytes)
    raise UnreadableImage(f"{name} cannot be {_kind(image)}", _ADVICE)


def _from_file(file: Any, name: str, max_bytes: int) -> BinaryIO:
    """Read an open file from where it stands to its end."""
    try:
        data = file.read(max_bytes + 1)
    except (OSError, ValueError, TypeError) as error:  # ValueError: it is closed; TypeError: it takes no size
        raise UnreadableImage(f"{name} cannot be read: {shown(str(error))}", _ADVICE) from error
    if not isinstance(data, (bytes, bytearray, memoryview)):
        raise UnreadableImage(f"{name} is a file that gives {_kind(data)}, not bytes", "Open it in mode 'rb'.")
    if len(data) > max_bytes:
        raise ImageTooLarge(f"{name} has more than {max_bytes / 1e6:.0f} MB", "Export it smaller.")
    if not data:
        raise UnreadableImage(f"{name} is a file with nothing to read", "Open it again, or go to its start: seek(0).")
    return io.BytesIO(data)


def _from_array(array: npt.NDArray[Any], name: str) -> Image.Image:
    shape = array.shape
    if len(shape) not in {2, 3} or (len(shape) == 3 and shape[2] not in {1, 3, 4}):
        raise UnreadableImage(f"{name} is an array of shape {shape}", _ADVICE)
    if 0 in shape:
        raise UnreadableImage(f"{name} is an array without pixels: its shape is {shape}", _ADVICE)
    if np.ma.is_masked(array):
        raise UnreadableImage(f"{name} is an array with masked values", "Give them a colour: array.filled(0).")
    if array.dtype.kind == "f":
        array = _from_floats(array, name)
    elif array.dtype != np.uint8:
        raise UnreadableImage(f"{name} is an array of {array.dtype}", _ADVICE)
    return Image.fromarray(np.ascontiguousarray(array[..., 0] if shape[2:] == (1,) else array))


def _from_floats(array: npt.NDArray[Any], name: str) -> npt.NDArray[np.uint8]:
    low, high = float(array.min()), float(array.max())  # NaN if there is one
    if not (low >= -1e-3 and high <= 1.0 + 1e-3):  # what resampling and rounding leave beyond is cut off
        advice = "Divide by 255." if 1.0 < high <= 256.0 else "Scale it."
        raise UnreadableImage(
            f"{name} is an array of {array.dtype} with values from {low:g} to {high:g}, where 0..1 is meant", advice
        )
    return np.rint(np.clip(array.astype(np.float64), 0.0, 1.0) * 255.0).astype(np.uint8)


def _encoded(image: Image.Image, name: str) -> BinaryIO:
    """Return a PIL image as the bytes of a TIFF, with its colour profile and its EXIF, by which it is turned."""
    file = io.BytesIO()
    if image.mode.startswith("I;16"):  # of its byte orders Pillow converts none right
        image = _in_own_order(image)
    try:
        if "transparency" in image.info:  # a palette's or a colour's, which a TIFF cannot hold
            plain = image.convert("LA" if image.mode in {"1", "L"} else "RGBA")
        else:
            mode = _AS_FILE.get(image.mode, "RGB")
            plain = image if mode == image.mode else image.convert(mode)
        dpi = image.info.get("dpi")
        plain.save(
            file,
            "TIFF",
            **({"dpi": dpi} if dpi else {}),
            icc_profile=image.info.get("icc_profile"),
            exif=image.getexif(),
        )
    except PILLOW_ERRORS as error:
        reason = shown(str(error)) or type(error).__name__
        raise UnreadableImage(f"{name}, a PIL image of mode {image.mode}, cannot be used: {reason}", _ADVICE) from error
    file.seek(0)
    return file


def _in_own_order(image: Image.Image) -> Image.Image:
    turned = Image.fromarray(np.asarray(image).astype(np.uint16))
    turned.info = image.info
    turned.getexif().update(image.getexif())
    return turned


def _kind(value: object) -> str:
    kind = type(value).__name__
    return f"an {kind}" if kind[:1].lower() in "aeiou" else f"a {kind}"
