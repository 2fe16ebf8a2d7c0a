"""The page: the templates of this folder, filled in. Pure.

Jinja2 escapes whatever is put into a template; only the script and the style, which are files of this package, are not.
"""

from __future__ import annotations

import base64
import hashlib
import json
import time
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from styled import figures
from styled.gallery.entry import GalleryEntry
from styled.gallery.loss_plot import loss_plot
from styled.gallery.views import EntryViews
from styled.version import __version__

FRAMES_MAX = 200
"""Frames that the player has, evenly chosen: at ten a second as long as anybody looks."""

_TEMPLATES = Path(__file__).parent / "templates"


def page(shown: Sequence[tuple[GalleryEntry, EntryViews]], *, without_result: int, written_at: float) -> str:
    """Return the whole document.

    Args:
        shown: jobs with their views, in the order they appear.
        without_result: how many jobs are left out.
        written_at: Unix seconds.
    """
    return (
        environment()
        .get_template("page.html")
        .render(
            shown=shown,
            without_result=without_result,
            written_at=written_at,
            version=__version__,
            style=style(),
            script=script(),
        )
    )


def relative_url(parts: Sequence[str]) -> str:
    """Return a relative URL for a path; whatever stands in the names, they stay names."""
    return "./" + "/".join(quote(part, safe="") for path in parts for part in path.split("/"))


@cache
def environment(*folders: Path) -> Environment:
    """Return what fills in templates, each value escaped: those of ``folders``, then those of this room."""
    made = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True,
        loader=FileSystemLoader([*folders, _TEMPLATES]),
    )  # fmt: skip
    made.filters |= {
        "url": relative_url,
        "day": _day,
        "json": lambda value: json.dumps(value, ensure_ascii=False, separators=(",", ":")),
        "duration": figures.duration,
        "loss": figures.loss,
        "csp_hash": csp_hash,
        "loss_plot": loss_plot,
        "player_frames": _player_frames,
        "facts": _facts,
        "settings": _setting_rows,
    }
    return made


def style() -> Markup:
    """Return the page's style."""
    return asset(_TEMPLATES / "gallery.css", "style")


def script() -> Markup:
    """Return the page's script."""
    return asset(_TEMPLATES / "gallery.js", "script")


@cache
def asset(path: Path, element: str) -> Markup:
    """Return a file that stands inside a ``style`` or ``script`` element, where nothing is escaped.

    Raises:
        ValueError: the text would end the element.
    """
    text = "\n" + path.read_text(encoding="utf-8")
    if f"</{element}" in text.lower():
        raise ValueError(f"{path.name} would end its {element} element")
    return Markup(text)  # noqa: S704  # a file of this package


def csp_hash(text: str) -> str:
    """Return how a content security policy names an inline script or style."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _day(seconds: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(seconds))


def _player_frames(entry: GalleryEntry) -> list[tuple[int, str]]:
    """Return step and URL of the frames for the player."""
    found = [(step, relative_url([entry.id, "frames", path.name])) for step, path in entry.frames]
    if len(found) <= FRAMES_MAX:
        return found
    last = len(found) - 1
    return [found[round(index * last / (FRAMES_MAX - 1))] for index in range(FRAMES_MAX)]


def _facts(shown: tuple[GalleryEntry, EntryViews]) -> list[tuple[str, str]]:
    (entry, views), job = shown, shown[0].job
    rows = [("size", f"{views.result.width} × {views.result.height} px")]
    if last := entry.last:
        rows += [
            ("steps", str(last.step)),
            ("loss", figures.loss(last.loss)),
            ("painted in", figures.duration(last.seconds)),
            ("peak memory", figures.size_of(last.memory_bytes)),
        ]
    if job and job.reason:
        rows.append(("note", job.reason))
    return rows + [("note", remark) for remark in (job.remarks if job else ())]


def _setting_rows(settings: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [(name, _value(value)) for name, value in settings.items()]


def _value(value: Any) -> str:
    match value:
        case dict():
            return ", ".join(f"{key} = {_value(each)}" for key, each in value.items())
        case list():
            return ", ".join(_value(each) for each in value) or "none"
        case bool():
            return str(value).lower()
        case float():
            return f"{value:g}"
        case _:
            return str(value)
