from __future__ import annotations

from html.parser import HTMLParser
from urllib.parse import unquote, urljoin

import pytest
from hypothesis import given
from hypothesis import strategies as st

from styled.gallery.markup import Markup, join, raw, relative_url, tag


class Reader(HTMLParser):
    """Reads markup back into what a browser would see."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


plain = st.text(st.characters(exclude_categories=("Cs", "Cc")))


@given(text=plain, value=plain)
def test_text_and_attributes_come_back_as_they_were(text: str, value: str) -> None:
    """Whatever a name holds, it is one element with one attribute and that text."""
    reader = Reader()
    reader.feed(tag("p", text, title=value))
    reader.close()
    assert reader.tags == [("p", {"title": value})]
    assert reader.text == text


def test_markup_is_not_escaped_twice() -> None:
    assert tag("p", tag("b", "<"), "&", None, 7) == "<p><b>&lt;</b>&amp;7</p>"
    assert join(Markup("<br>"), "<br>") == "<br>&lt;br&gt;"


def test_attributes_are_written_as_html_names_them() -> None:
    assert tag("input", class_="a", aria_label="b", hidden=True, disabled=False, max=None, min=0) == (
        '<input class="a" aria-label="b" hidden min="0">'
    )


def test_what_is_empty_in_svg_is_closed() -> None:
    """Unclosed, each line of a plot would swallow the rest of it."""
    assert tag("line", x1=1) == '<line x1="1"/>'


def test_a_script_cannot_be_ended_from_inside() -> None:
    assert raw("script", "a < b && c") == "<script>a < b && c</script>"
    with pytest.raises(ValueError, match="script"):
        raw("script", "x = '</SCRIPT>'")


@given(name=plain.filter(lambda text: text.strip("./") and "/" not in text))
def test_a_name_stays_one_part_of_the_path(name: str) -> None:
    """No name leads elsewhere: not with ``?`` or ``#``, not with a scheme."""
    url = urljoin("file:///evolution/index.html", relative_url(name, "result.png"))
    assert url.startswith("file:///evolution/")
    assert unquote(url) == f"file:///evolution/{name}/result.png"
