"""The live page and its parts: the templates of this folder and the gallery's, filled in. Pure.

Jinja2 escapes whatever is put into a template. Each part is an element of the page that is replaced when it has changed.
"""

from __future__ import annotations

from pathlib import Path

from markupsafe import Markup

from styled.gallery import page as gallery
from styled.version import __version__
from styled.web.look import Seen

_TEMPLATES = Path(__file__).parent / "templates"

PARTS = ("state", "now", "queue", "results")
"""Elements of the page, by their id and the name of their template."""


def parts_of(seen: Seen) -> dict[str, str]:
    """Return the parts of the page as HTML, by the id of their element."""
    templates = gallery.environment(_TEMPLATES)
    return {name: templates.get_template(f"{name}.html").render(seen=seen) for name in PARTS}


def live_page() -> str:
    """Return the page, whose parts are empty until the first message."""
    return (
        gallery.environment(_TEMPLATES)
        .get_template("live.html")
        .render(version=__version__, style=_style(), script=_script())
    )


def live_policy() -> str:
    """Return the content security policy of the live page: its own script, style and pictures, and its stream."""
    return _policy(_style(), _script(), "connect-src 'self'")


def gallery_policy() -> str:
    """Return that of the gallery's page, whoever has written the file: no script but this version's is run."""
    return _policy(gallery.style(), gallery.script(), "")


def _policy(style: str, script: str, more: str) -> str:
    sources = [
        "default-src 'none'", "img-src 'self' data:", f"style-src '{gallery.csp_hash(style)}'",
        f"script-src '{gallery.csp_hash(script)}'", more, "base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'",
    ]  # fmt: skip
    return "; ".join(filter(None, sources))


def _style() -> Markup:
    return gallery.style() + gallery.asset(_TEMPLATES / "live.css", "style")


def _script() -> Markup:
    return gallery.asset(_TEMPLATES / "live.js", "script")
