"""A long text on the screen, moved through with the keys."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.events import MouseScrollDown, MouseScrollUp, Resize

from styled.tui.cells.lines import Line
from styled.tui.widgets.line_view import LineView


class Pager(LineView, can_focus=True):
    """Lines of which as many are shown as fit."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("j,down", "scroll(1)", "down", show=False, id="pager.down"),
        Binding("k,up", "scroll(-1)", "up", show=False, id="pager.up"),
        Binding("pagedown,ctrl+f", "page(1)", "page down", show=False, id="pager.page-down"),
        Binding("pageup,ctrl+b", "page(-1)", "page up", show=False, id="pager.page-up"),
        Binding("g,home", "to_start", "start", show=False, id="pager.start"),
        Binding("G,end", "to_end", "end", show=False, id="pager.end"),
    ]

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:  # noqa: A002  # Textual's name
        super().__init__(id=id, classes=classes)
        self._title: tuple[Line, ...] = ()
        self._text: tuple[Line, ...] = ()
        self._first = 0
        self._at_end = True
        self._follow = False

    def show_text(self, text: Sequence[Line], *, title: Line | None = None, follow: bool = False) -> None:
        """Show ``text`` below ``title``, which stays; with ``follow`` its end, for as long as the reader stays there."""
        self._title = () if title is None else (title,)
        self._text = tuple(text)
        self._follow = follow
        self._stay()

    def _stay(self) -> None:
        self._move(self._last if self._follow and self._at_end else self._first)

    @property
    def _rows(self) -> int:
        return max(1, self.size.height - len(self._title))

    @property
    def _last(self) -> int:
        return max(0, len(self._text) - self._rows)

    def _move(self, first: int) -> None:
        self._first = max(0, min(first, self._last))
        self.show([*self._title, *self._text[self._first : self._first + self._rows]])

    def _scroll(self, rows: int) -> None:
        self._move(self._first + rows)
        self._at_end = self._first >= self._last

    def action_scroll(self, rows: int) -> None:
        """Move by rows."""
        self._scroll(rows)

    def action_page(self, pages: int) -> None:
        """Move by screens."""
        self._scroll(pages * max(1, self._rows - 1))

    def action_to_start(self) -> None:
        """Go to the first line."""
        self._scroll(-len(self._text))

    def action_to_end(self) -> None:
        """Go to the last line."""
        self._scroll(len(self._text))

    def on_resize(self, event: Resize) -> None:
        """Show what fits now."""
        super().on_resize(event)
        self._stay()

    def on_mouse_scroll_down(self, _event: MouseScrollDown) -> None:
        """Move down by three rows."""
        self._scroll(3)

    def on_mouse_scroll_up(self, _event: MouseScrollUp) -> None:
        """Move up by three rows."""
        self._scroll(-3)
