"""The one place where stored or sent bytes become values: whatever is wrong with them is :class:`DataDamaged`.

A flipped bit, a hostile client or an older version can make bytes that are not UTF-8, nested too deeply, numbers that
no column holds, texts that no path may have. Each of these raises another exception somewhere below; a caller that knew
only some of them was ended by the others.
"""

from __future__ import annotations

import codecs
import math
import os
import tomllib
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from styled.errors import DataDamaged, SettingsError
from styled.files.untrusted import NOT_A_FILE, open_regular

_T = TypeVar("_T")

_SMALLEST, _LARGEST = -(2**63), 2**63 - 1
"""Of the integers that SQLite holds."""

_DIGITS = bytes(b"0"[0] if byte in b"0123456789" else b" "[0] for byte in range(256))
"""Translates every digit to 0, and all else to a space."""

_PIECE = 2**20
"""Bytes read at once of a file that is longer than its size was, as one that grows."""

_SHOWN = 200
"""Characters of a decoder's complaint that are shown: it may quote what it read."""


def from_json(data: bytes | bytearray | str, kind: type[_T]) -> _T:
    """Decode JSON into a value of type ``kind``.

    Raises:
        DataDamaged: not UTF-8, not JSON, nested too deeply, of another type; an integer of more than 64 bits, a number
            that is not finite, a text with a NUL.
    """
    try:
        raw = data.encode() if isinstance(data, str) else data
        # Only these can hold what msgspec takes and we do not. Losses come by millions, and walking each takes long.
        if b"\\u0000" in raw or b"0" * 19 in raw.translate(_DIGITS):
            _check(msgspec.json.decode(raw))
        return msgspec.json.decode(raw, type=kind)
    # ValueError: UnicodeDecodeError, a surrogate in a text, a number of thousands of digits. SettingsError: settings that
    # are allowed each, but not together.
    except (msgspec.MsgspecError, ValueError, OverflowError, RecursionError, SettingsError) as error:
        raise DataDamaged(str(error)[:_SHOWN] or type(error).__name__) from error


def from_toml(data: bytes | str) -> dict[str, Any]:
    """Decode TOML. A mark of the byte order in front, as editors on Windows write it, is passed over; UTF-16 has one.

    Raises:
        DataDamaged: not UTF-8, not TOML (both with the line), nested too deeply; an integer of more than 64 bits, a number
            that is not finite, a text with a NUL (these with the key).
    """
    try:
        values = tomllib.loads(data if isinstance(data, str) else _text(data))
        _check(values)
        return values
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise DataDamaged(f"it is not UTF-8 text (line {line})") from error
    except RecursionError as error:
        raise DataDamaged("it is nested too deeply") from error
    except ValueError as error:  # also a number of thousands of digits
        raise DataDamaged(str(error)[:_SHOWN]) from error


def _text(data: bytes) -> str:
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return data.decode("utf-16")
    return data.decode("utf-8-sig")


def read_json(path: Path, kind: type[_T], *, most: int = 16 * 2**20) -> _T:
    """Read a file of at most ``most`` bytes and decode it.

    Raises:
        DataDamaged: as :func:`from_json`; longer, or no regular file.
        OSError: it is not there or cannot be read.
    """
    return from_json(read_file(path, most=most), kind)


def read_file(path: Path, *, most: int) -> bytes:
    """Read a file whole. A FIFO or a device in its place does not block.

    Raises:
        DataDamaged: more than ``most`` bytes, or no regular file.
        OSError: it is not there or cannot be read.
    """
    try:
        descriptor = open_regular(path, follow_links=True)
    except OSError as error:
        if error.errno in NOT_A_FILE:
            raise DataDamaged("it is no regular file") from error
        raise
    with os.fdopen(descriptor, "rb") as file:
        # Not read(most + 1): that takes memory for all of it first, however short the file is.
        data = file.read(min(most, os.fstat(descriptor).st_size) + 1)
        while len(data) <= most and (more := file.read(_PIECE)):
            data += more
    if len(data) > most:
        raise DataDamaged(f"it is longer than {most} bytes")
    return data


def _check(plain: Any) -> None:
    left = [("", plain)]
    while left:
        key, value = left.pop()
        what = ""
        match value:
            case dict():
                left += [(name, part) for name, inner in value.items() for part in (name, inner)]
            case list():
                left += [(key, inner) for inner in value]
            case str():
                what = "a text has a NUL in it" if "\0" in value else ""
            case int():
                what = "" if _SMALLEST <= value <= _LARGEST else "an integer has more than 64 bits"
            case float():
                what = "" if math.isfinite(value) else "a number is not finite"
        if what:
            raise ValueError(f"{key}: {what}" if key else what)
