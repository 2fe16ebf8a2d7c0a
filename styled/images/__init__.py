"""Pictures in and out: what may be opened, decoding to sRGB, resizing, encoding with how it was made.

Files are 8-bit sRGB once decoded: uint8, shape (H, W, 3), RGB, upright. Pictures being painted are float32,
shape (H, W, 3), RGB, sRGB-encoded, 0..255.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from styled.images.checking import Checker as Checker
    from styled.images.checking import check as check
    from styled.images.cut_out import on_level as on_level
    from styled.images.cut_out import opaque as opaque
    from styled.images.cut_out import with_more_of_it as with_more_of_it
    from styled.images.decoding import Loaded as Loaded
    from styled.images.decoding import decoding_need as decoding_need
    from styled.images.decoding import load as load
    from styled.images.decoding_memory import opening_bytes as opening_bytes
    from styled.images.fitting import fit as fit
    from styled.images.in_memory import ImageLike as ImageLike
    from styled.images.in_memory import is_image_like as is_image_like
    from styled.images.in_memory import source_of as source_of
    from styled.images.mask import MASK_BYTES_PX as MASK_BYTES_PX
    from styled.images.mask import MOST_MASK_PIXELS as MOST_MASK_PIXELS
    from styled.images.mask import Regions as Regions
    from styled.images.mask import find_regions as find_regions
    from styled.images.metadata import read_metadata as read_metadata
    from styled.images.opening import MAX_BYTES as MAX_BYTES
    from styled.images.opening import MAX_PIXELS as MAX_PIXELS
    from styled.images.opening import MAX_RESULT_PIXELS as MAX_RESULT_PIXELS
    from styled.images.opening import ImageInfo as ImageInfo
    from styled.images.opening import check_mask as check_mask
    from styled.images.opening import check_shape as check_shape
    from styled.images.opening import open_file as open_file
    from styled.images.opening import probe as probe
    from styled.images.resizing import AnyPicture as AnyPicture
    from styled.images.resizing import resize as resize
    from styled.images.saving import save as save
    from styled.images.saving import whole_numbers as whole_numbers

_MODULES = {
    "Checker": "checking",
    "check": "checking",
    "on_level": "cut_out",
    "opaque": "cut_out",
    "with_more_of_it": "cut_out",
    "Loaded": "decoding",
    "decoding_need": "decoding",
    "load": "decoding",
    "opening_bytes": "decoding_memory",
    "ImageLike": "in_memory",
    "is_image_like": "in_memory",
    "source_of": "in_memory",
    "MASK_BYTES_PX": "mask",
    "MOST_MASK_PIXELS": "mask",
    "Regions": "mask",
    "check_mask": "opening",
    "check_shape": "opening",
    "find_regions": "mask",
    "read_metadata": "metadata",
    "MAX_BYTES": "opening",
    "MAX_PIXELS": "opening",
    "MAX_RESULT_PIXELS": "opening",
    "ImageInfo": "opening",
    "open_file": "opening",
    "probe": "opening",
    "AnyPicture": "resizing",
    "fit": "fitting",
    "resize": "resizing",
    "save": "saving",
    "whole_numbers": "saving",
}
"""Public names, resolved when first used: the checking child and the daemon, which only check, never load NumPy."""


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{_MODULES[name]}"), name)
    globals()[name] = value
    return value
