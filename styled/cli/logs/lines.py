"""The lines of logs as commands print them."""

from __future__ import annotations

import json

from styled.cli.wrapping import wrapped
from styled.files.log_lines import fields_of, words_of
from styled.files.printable import escaped


def text_of(line: str, columns: int | None = None) -> str:
    """Return a line for people, with a traceback below it; what a terminal would obey is escaped.

    Args:
        line: of a log.
        columns: wrapped to so many, None: not at all.
    """
    first, *traceback = words_of(line)
    if fields_of(line) == {"text": line}:
        return escaped(line)
    return "\n".join([*wrapped(escaped(first), columns), *map(escaped, traceback)])


def json_of(line: str) -> str:
    """Return a line as one JSON object, in ASCII."""
    return json.dumps(fields_of(line), default=str)
