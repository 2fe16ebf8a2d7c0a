"""HTML that is escaped by construction: text becomes markup only by :func:`tag`, which escapes it."""

from __future__ import annotations

import html
from urllib.parse import quote


class Markup(str):
    """Text that is HTML already."""

    __slots__ = ()


Child = Markup | str | int | None
"""What may stand inside an element; None stands for nothing."""

_VOID = frozenset({"img", "input", "link", "meta"})
_EMPTY_IN_SVG = frozenset({"line", "polyline"})
"""SVG has no void elements: these are closed as in XML."""


def tag(element: str, /, *children: Child, **attributes: str | int | bool | None) -> Markup:
    """Return an element with its children.

    Args:
        element: its name.
        children: markup as it is, any other text escaped.
        attributes: a leading or trailing ``_`` is dropped and others become ``-``, so that ``class_`` and
            ``aria_label`` can be written; True gives a bare attribute, False and None none.
    """
    words = [element]
    for name, value in attributes.items():
        if value is True:
            words.append(_attribute(name))
        elif value is not False and value is not None:
            words.append(f'{_attribute(name)}="{html.escape(str(value))}"')
    if element in _EMPTY_IN_SVG:
        return Markup(f"<{' '.join(words)}/>")
    opening = f"<{' '.join(words)}>"
    return Markup(opening if element in _VOID else f"{opening}{join(*children)}</{element}>")


def join(*children: Child) -> Markup:
    """Return the children one after the other."""
    return Markup("".join(_as_markup(child) for child in children))


def raw(element: str, text: str, **attributes: str | int | bool | None) -> Markup:
    """Return a ``style`` or ``script`` element, inside which nothing is escaped.

    Raises:
        ValueError: the text would end the element.
    """
    if f"</{element}" in text.lower():
        raise ValueError(f"the text would end its {element} element")
    opening = tag(element, **attributes).removesuffix(f"</{element}>")
    return Markup(f"{opening}{text}</{element}>")


def relative_url(*parts: str) -> str:
    """Return a relative URL for a path; whatever stands in the names, they stay names."""
    return "./" + "/".join(quote(part, safe="") for path in parts for part in path.split("/"))


def _attribute(name: str) -> str:
    return name.strip("_").replace("_", "-")


def _as_markup(child: Child) -> str:
    if child is None:
        return ""
    return child if isinstance(child, Markup) else html.escape(str(child))
