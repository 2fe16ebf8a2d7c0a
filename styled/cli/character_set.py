"""File names are UTF-8 whatever the locale: under another one a job called ``café`` would be another folder, and lost."""

from __future__ import annotations

import codecs
import locale
import os
import sys
from typing import TextIO


def use_utf8() -> None:
    """Begin this process again in Python's UTF-8 mode if the locale has another character set; children inherit it.

    What is written to a terminal has the locale's character set all the same.
    """
    if sys.getfilesystemencoding() != "utf-8":
        os.environ["PYTHONUTF8"] = "1"
        os.execv(sys.executable, [sys.executable, "-X", "utf8", *sys.orig_argv[1:]])  # noqa: S606  # this program again
    if sys.flags.utf8_mode:
        _write_as_terminals_read(sys.stdout, sys.stderr)


def _write_as_terminals_read(*streams: TextIO) -> None:
    of_locale = codecs.lookup(locale.getencoding()).name
    if of_locale in ("utf-8", "ascii"):  # without a locale there is nothing to go by, and most terminals read UTF-8
        return
    for stream in streams:
        if stream.isatty():
            stream.reconfigure(encoding=of_locale, errors="replace")  # type: ignore[attr-defined]  # a real stream has it
