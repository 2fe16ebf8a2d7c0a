"""When two pairs are the same: equal bytes of every image and equal settings, whatever the names."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import msgspec

from styled.settings import Settings


def pair_digest(content: str, styles: Sequence[str], mask: str | None, settings: Settings) -> str:
    """Return the SHA-256, hexadecimal, of what decides the picture.

    Args:
        content: SHA-256 of the content file, hexadecimal.
        styles: those of the styles, in order.
        mask: that of the mask, if there is one.
        settings: all of them count.
    """
    decisive = [content, list(styles), mask, settings]
    return hashlib.sha256(msgspec.json.encode(decisive, order="deterministic")).hexdigest()
