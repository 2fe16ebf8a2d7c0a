"""The pages of a screen as a row: which are shown, and the key of each; a click shows one."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from textual.events import Click
from textual.message import Message

from styled.tui.cells.lines import Span, width
from styled.tui.widgets.line_view import LineView


class Tabs(LineView):
    """One row; the page in front is in brackets, so that it is seen without colours too."""

    class Chosen(Message):
        """A page was clicked on."""

        def __init__(self, page: str) -> None:
            super().__init__()
            self.page = page

    def __init__(self, pages: Mapping[str, str], *, id: str | None = None) -> None:  # noqa: A002  # Textual's name
        super().__init__(id=id)
        self._pages = pages
        """Page to its words."""
        self._ends: list[tuple[int, str]] = []
        """The cell after each page's words, and the page."""

    def show_pages(self, front: str, shown: Collection[str]) -> None:
        """Show which page is in front, and which others are shown beside it."""
        spans: list[Span] = []
        self._ends, end = [], 0
        for number, (page, words) in enumerate(self._pages.items(), 1):
            text = f"[{number} {words}]" if page == front else f" {number} {words} "
            spans.append((text, "cursor" if page == front else "strong" if page in shown else "muted"))
            end += width(text)
            self._ends.append((end, page))
        self.show([tuple(spans)])

    def on_click(self, event: Click) -> None:
        """Show the page that was clicked on."""
        page = next((page for end, page in self._ends if event.x < end), None)
        if page is not None:
            self.post_message(self.Chosen(page))
