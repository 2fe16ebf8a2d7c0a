"""Which files a node may send, and how large each may be."""

from __future__ import annotations

import re

from styled.settings import Settings

FRAME = re.compile(r"frames/\d{6,9}\.jpg")
RESULTS = frozenset({"result.png", "result.tif", "result.jpg"})
SLOTS = ("a.npz", "b.npz")

MOST_LOG = 64 * 2**20
"""Bytes of one attempt's log that are kept."""

_HEAD_BYTES = 64 * 2**20
"""Of any file, beside its pixels: metadata, profiles, headers."""

_RESULT_BYTES_PX = 8
"""Most that a result takes: three channels of 16 bits, and a little that no compression saves."""

_CHECKPOINT_BYTES_PX = 4096
"""Most that a checkpoint takes: a hundred pairs of L-BFGS in bfloat16, and the picture."""

_TIMELAPSE_BYTES = 512 * 2**20


def most_bytes(name: str, settings: Settings) -> int | None:
    """Return how large a file may be, whatever the node says of its picture; None for one that no node may send.

    Args:
        name: its path in the job's folder.
        settings: the job's: they bound the picture.
    """
    pixels = settings.size * settings.size
    if FRAME.fullmatch(name):
        return 3 * settings.frame_size**2 + _HEAD_BYTES
    if name in RESULTS:
        return pixels * _RESULT_BYTES_PX + _HEAD_BYTES
    if name in {f"checkpoint/{slot}" for slot in SLOTS}:
        return pixels * _CHECKPOINT_BYTES_PX + _HEAD_BYTES
    if name == "regions.png":
        return pixels * 4 + _HEAD_BYTES
    return _TIMELAPSE_BYTES if name == "evolution.webp" else None
