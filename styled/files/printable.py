"""Names as text that can be printed or stored anywhere."""

from __future__ import annotations

import os
import unicodedata
from urllib.parse import quote, unquote_to_bytes

_MOVES_TEXT = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""Characters that reorder what a terminal shows: ``gpj.exe`` reads as ``exe.jpg``."""


def is_hostile(name: str) -> bool:
    """Return whether a name could do harm where it is printed, or is not text: control characters, not UTF-8."""
    return not name.isprintable() and any(
        unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp") or character in _MOVES_TEXT for character in name
    )


def is_text(name: str) -> bool:
    """Return whether a name from a disk is UTF-8, so that it can be stored as it is."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def encoded(path: str) -> str:
    """Return any path as text that JSON can hold, whatever bytes are in it: percent-encoded."""
    return quote(os.fsencode(path))


def decoded(text: str) -> str:
    """Return the path that :func:`encoded` was given."""
    return os.fsdecode(unquote_to_bytes(text))


def escaped(name: str) -> str:
    r"""Return a name that is safe to print anywhere: what is not plain text becomes ``\xNN`` or ``\uNNNN``."""
    return "".join(_visible(character) if is_hostile(character) else character for character in as_unicode(name))


def as_unicode(text: str) -> str:
    r"""Return a text in which what is no UTF-8 of a file's name is ``\xNN``: JSON cannot hold it otherwise."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def _visible(character: str) -> str:
    code = ord(character)
    return f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}"


def one_line(text: str, most: int) -> str:
    """Return a text of somebody else's as one line: blanks for what cannot be printed, at most ``most`` characters."""
    return "".join(character if character.isprintable() else " " for character in text).strip()[:most]


def reason_of(error: Exception) -> str:
    """Return what an error says of its cause: for one of the system without the path, which the caller names."""
    return (isinstance(error, OSError) and error.strerror) or str(error)
