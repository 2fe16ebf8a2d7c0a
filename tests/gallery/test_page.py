"""Names in the page stay what they are."""

from __future__ import annotations

import importlib
from urllib.parse import unquote, urljoin

import pytest
from hypothesis import given
from hypothesis import strategies as st

from styled.gallery.page import relative_url
from tests.gallery.reader import Reader

plain = st.text(st.characters(exclude_categories=("Cs", "Cc")))
page = importlib.import_module("styled.gallery.page")


@given(text=plain, value=plain)
def test_text_and_attributes_come_back_as_they_were(text: str, value: str) -> None:
    """Whatever a name holds, it is one element with one attribute and that text."""
    reader = Reader()
    reader.feed(page.environment().from_string('<p title="{{ value }}">{{ text }}</p>').render(text=text, value=value))
    reader.close()
    assert reader.tags == [("p", {"title": value})]
    assert reader.text == text


def test_a_script_cannot_be_ended_from_inside(monkeypatch: pytest.MonkeyPatch, tmp_path: object) -> None:
    monkeypatch.setattr(page, "_TEMPLATES", tmp_path)
    (tmp_path / "own.js").write_text("x = '</SCRIPT>'")  # type: ignore[operator]
    with pytest.raises(ValueError, match="script"):
        page.asset(tmp_path / "own.js", "script")


@given(name=plain.filter(lambda text: text.strip("./") and "/" not in text))
def test_a_name_stays_one_part_of_the_path(name: str) -> None:
    """No name leads elsewhere: not with ``?`` or ``#``, not with a scheme."""
    url = urljoin("file:///evolution/index.html", relative_url([name, "result.png"]))
    assert url.startswith("file:///evolution/")
    assert unquote(url) == f"file:///evolution/{name}/result.png"
