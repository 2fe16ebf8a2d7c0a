"""The lines of logs: the daemon's are JSON, a worker's are ``key=value``. Read into fields, and put into words. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from styled.errors import DataDamaged
from styled.files.decoding import from_json

_PAIR = re.compile(r'([^\s="]+)=("(?:[^"\\]|\\.)*"|\S*)(?:\s|$)')


def fields_of(line: str) -> dict[str, Any]:
    """Return what a line of a log holds; a line of another program, a traceback for example, as its ``text``."""
    if line.startswith("{"):
        try:
            return from_json(line.encode("utf-8", "surrogateescape"), dict[str, Any])
        except DataDamaged:
            return {"text": line}
    found = dict(_PAIR.findall(line))
    if "timestamp" not in found or "event" not in found or _PAIR.sub("", line).strip():
        return {"text": line}
    return {key: _plain(value) for key, value in found.items()}


def words_of(line: str) -> list[str]:
    """Return a line for people: when, how bad, what, and the facts; then the rows of a traceback. Nothing is escaped."""
    fields = fields_of(line)
    if "text" in fields and len(fields) == 1:
        return [line]
    level, source, event = (str(fields.pop(name, "")) for name in ("level", "logger", "event"))
    exception = str(fields.pop("exception", ""))
    facts = "  ".join(f"{key}={_shown(value)}" for key, value in fields.items() if key != "timestamp" and value != "")
    what = f"{source}: {event}" if source else event
    mark = "" if level in ("info", "") else f"{level.upper()} "
    whole = f"{_moment(fields.get('timestamp'))}  {mark}{what}" + (f"  {facts}" if facts else "")
    return [whole, *(f"        {each}" for each in exception.splitlines())]


def _moment(stamp: object) -> str:
    """Return an ISO time as one of this machine's zone, to the second."""
    try:
        return f"{datetime.fromisoformat(str(stamp)).astimezone():%Y-%m-%d %H:%M:%S}"
    except (ValueError, OverflowError, OSError):
        return str(stamp)


def _shown(value: object) -> str:
    if isinstance(value, Mapping | list):
        return json.dumps(value, ensure_ascii=False)
    text = str(value)
    return f'"{text}"' if " " in text else text


def _plain(value: str) -> str:
    return value[1:-1].replace('\\"', '"').replace("\\\\", "\\") if value.startswith('"') else value
