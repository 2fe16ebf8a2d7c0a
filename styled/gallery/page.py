"""The page: a grid of cards, and for each job a template that the script opens in a dialog. Pure."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from styled.gallery.detail import detail
from styled.gallery.markup import Markup, join, raw, relative_url, tag
from styled.gallery.showing import Showing, day
from styled.version import __version__


def page(showings: Sequence[Showing], *, without_result: int, written_at: float) -> Markup:
    """Return the whole document.

    Args:
        showings: in the order they appear.
        without_result: how many jobs are left out.
        written_at: Unix seconds.
    """
    cards = [_card(showing) for showing in showings]
    templates = [tag("template", detail(showing), data_job=showing.exhibit.folder.id) for showing in showings]
    body = tag(
        "body",
        _bar(len(showings)),
        tag("main", tag("ul", *cards, id="cards") if cards else _empty()),
        _foot(without_result, written_at),
        tag("dialog", id="detail", aria_labelledby="title", tabindex=-1),
        *templates,
        raw("script", _asset("gallery.js")),
    )
    return join(Markup("<!DOCTYPE html>\n"), tag("html", _head(), body, lang="en"), Markup("\n"))


def _head() -> Markup:
    # The page runs its own script and style and shows pictures beside it; nothing else, whatever a name says.
    # 'self' does not cover file: in every browser, hence both.
    policy = (
        f"default-src 'none'; img-src 'self' file: data:; style-src '{_digest('gallery.css')}'; "
        f"script-src '{_digest('gallery.js')}'; base-uri 'none'; form-action 'none'"
    )
    return tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=policy),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("meta", name="referrer", content="no-referrer"),
        tag("title", "styled: results"),
        tag("link", rel="icon", href="data:,"),
        raw("style", _asset("gallery.css")),
    )


def _bar(count: int) -> Markup:
    orders = [("newest", "newest first"), ("oldest", "oldest first"), ("name", "by name")]
    return tag(
        "header",
        tag("h1", "styled"),
        tag("output", f"{count} result{'' if count == 1 else 's'}", id="count", aria_live="polite"),
        tag(
            "div",
            tag("input", type="search", id="search", placeholder="Search  /", aria_label="Search names and settings"),
            tag(
                "select", *[tag("option", text, value=value) for value, text in orders], id="order", aria_label="Order"
            ),
            class_="tools",
            hidden=True,  # of no use without the script, which shows it
        ),
    )


def _card(showing: Showing) -> Markup:
    exhibit, thumbnail = showing.exhibit, showing.thumbnail
    picture = tag(
        "img",
        src=relative_url(exhibit.folder.id, thumbnail.path),
        width=thumbnail.width,
        height=thumbnail.height,
        alt="",  # the name below says it
        loading="lazy",
        decoding="async",
    )
    size = f"{showing.result.width}×{showing.result.height}"
    steps = f" · {exhibit.last.step} steps" if exhibit.last else ""
    link = tag(
        "a",
        tag("span", picture, class_="frame"),
        tag("span", exhibit.title, class_="name"),
        tag("span", f"{size}{steps}", class_="facts"),
        # Without the script a card still opens its picture.
        href=relative_url(exhibit.folder.id, showing.result.path),
        data_job=exhibit.folder.id,
    )
    changed = [f"{name}={value}" for name, value, differs in exhibit.settings() if differs]
    return tag(
        "li",
        link,
        data_name=exhibit.title.casefold(),
        data_at=f"{exhibit.finished_at:.3f}",
        data_search=" ".join([exhibit.title, exhibit.folder.id, *changed]).casefold(),
    )


def _empty() -> Markup:
    return tag(
        "p", "No results yet. Drop a pair into the inbox, and write this page again when it is painted.", class_="empty"
    )


def _foot(without_result: int, written_at: float) -> Markup:
    left_out = (
        f" {without_result} job{'' if without_result == 1 else 's'} without a result left out."
        if without_result
        else ""
    )
    return tag(
        "footer",
        f"Written on {day(written_at)} by styled {__version__}; write it again with: ",
        tag("code", "styled gallery"),
        f".{left_out}",
    )


@cache
def _asset(name: str) -> str:
    return "\n" + Path(__file__).with_name(name).read_text(encoding="utf-8")


def _digest(name: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(_asset(name).encode()).digest()).decode()
