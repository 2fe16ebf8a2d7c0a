"""What characters the terminal reads. File names are UTF-8 whatever it is: else ``café`` would be another folder, and lost.

The locale decides, as for every program: the first of ``LC_ALL``, ``LC_CTYPE`` and ``LANG`` that is set, and ``C`` where none
is. Python hides the C locale from its programs (PEP 538 sets ``LC_CTYPE=C.UTF-8``, PEP 540 switches to UTF-8), so the
environment is read as this process was started with it, before the interpreter changed it.
"""

from __future__ import annotations

import codecs
import locale
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TextIO

_LOCALE = ("LC_ALL", "LC_CTYPE", "LANG")
_PLAIN_FONTS = ("linux", "vt", "ansi", "cons25", "sun")
"""What the names of terminals begin with whose fonts have 256 or 512 characters, or fewer: no braille, no half blocks."""

_IN_ASCII = {
    "×": "x", "…": "...", "–": "-", "—": "-", "─": "-", "━": "#", "│": "|", "►": ">", "·": ".", "✓": "+", "✗": "x", "½": "/",
    "○": "o", "▌": ">", "└": "+", "┴": "+", "▼": "v", "▲": "^", "“": '"', "”": '"', "‘": "'", "’": "'", "\u00a0": " ", "²": "2",
    "▀": "#", "█": "#",
}  # fmt: skip
"""Characters that this program writes, for terminals that cannot show them."""

_ERRORS = "styled-in-ascii"
_ASCII = "styled_ascii"


def use_utf8() -> None:
    """Begin this process again in Python's UTF-8 mode if the locale has another character set; children inherit it.

    What is written to a terminal has the locale's character set all the same.
    """
    if sys.getfilesystemencoding() != "utf-8":
        os.environ["PYTHONUTF8"] = "1"
        os.execv(sys.executable, [sys.executable, "-X", "utf8", *sys.orig_argv[1:]])  # noqa: S606  # this program again
    if not speaks_utf8():
        _write_as_terminals_read(sys.stdout, sys.stderr)


def speaks_utf8(started_with: Mapping[str, str] | None = None) -> bool:
    """Return whether the terminal's locale is one of UTF-8.

    Args:
        started_with: the environment before the interpreter changed it; None reads this process'.
    """
    before = _started_with() if started_with is None else started_with
    name = next((before[key] for key in _LOCALE if before.get(key)), "C")
    character_set = name.partition(".")[2].partition("@")[0].lower().replace("-", "")
    if character_set or name in ("C", "POSIX"):
        return character_set == "utf8"
    # A name without a character set, as de_DE: its own, unless it is not installed and the interpreter took C.UTF-8.
    was_replaced = os.environ.get("LC_CTYPE") != before.get("LC_CTYPE")
    # Not the encoding of a stream: that is UTF-8 in Python's UTF-8 mode, which file names need in every locale.
    return not was_replaced and codecs.lookup(locale.getencoding()).name == "utf-8"


def has_plain_font() -> bool:
    """Return whether the terminal's font has no more than letters and lines, as that of the Linux console."""
    return os.environ.get("TERM", "").startswith(_PLAIN_FONTS)


def _started_with() -> Mapping[str, str]:
    """Return what this process was started with of the locale's variables."""
    try:
        entries = Path("/proc/self/environ").read_bytes().split(b"\0")
    except OSError:  # another system: what the interpreter made of it is all there is
        return os.environ
    found = (os.fsdecode(entry).partition("=") for entry in entries)
    return {name: value for name, _, value in found if name in _LOCALE}


def _write_as_terminals_read(*streams: TextIO) -> None:
    of_locale = codecs.lookup(locale.getencoding()).name
    if of_locale in ("utf-8", "ascii"):  # UTF-8 is what the interpreter made of it: the locale itself is C
        of_locale = _ASCII
    codecs.register(_ascii_by_another_name)
    codecs.register_error(_ERRORS, _in_ascii)
    for stream in streams:
        if stream.isatty():
            stream.reconfigure(encoding=of_locale, errors=_ERRORS)  # type: ignore[attr-defined]  # a real stream has it


def _ascii_by_another_name(name: str) -> codecs.CodecInfo | None:
    """Find ASCII under our own name for it: a stream in "ascii" is taken for a mistake by click, and written to in UTF-8."""
    if name != _ASCII:
        return None
    ascii_ = codecs.lookup("ascii")
    return codecs.CodecInfo(
        ascii_.encode,
        ascii_.decode,
        ascii_.streamreader,
        ascii_.streamwriter,
        ascii_.incrementalencoder,
        ascii_.incrementaldecoder,
        name=_ASCII,
    )


def _in_ascii(error: UnicodeError) -> tuple[str, int]:
    """Replace what cannot be encoded by what looks like it, and letters by a question mark."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    part = error.object[error.start : error.end]
    return "".join(_IN_ASCII.get(character, "?") for character in part), error.end
