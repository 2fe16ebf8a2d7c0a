"""A pair that is no job, in full: why, where it lies, and what can be done."""

from __future__ import annotations

from typing import ClassVar, Literal

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen

from styled.tui.cells.glyphs import Glyphs
from styled.tui.cells.lines import Line, inert
from styled.tui.model.snapshot import HotFolder
from styled.tui.panes.why_lines import Pair, pair_lines
from styled.tui.widgets.line_view import LineView

Choice = Literal["retry", "remove"]
_MOST_CELLS = 90


class PairWindow(ModalScreen[Choice | None]):
    """Shows one pair until it is closed or something is to be done with it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("r", "choose('retry')", "look again", id="pair.recheck"),
        Binding("D", "choose('remove')", "dismiss", id="pair.dismiss"),
        Binding("escape,enter,q", "close", "close", id="pair.close"),
    ]

    def __init__(self, pair: Pair, glyphs: Glyphs, *, readonly: bool) -> None:
        super().__init__()
        self._pair, self._glyphs, self._readonly = pair, glyphs, readonly

    def compose(self) -> ComposeResult:
        """Lay out the frame."""
        with Vertical(classes="window"):
            yield LineView(classes="window-text")

    def on_mount(self) -> None:
        """Write the lines for this width."""
        cells = min(_MOST_CELLS, self.app.size.width - 8)
        name = inert(self._pair.name, ascii_only=not self._glyphs.unicode)
        can_move = not self._readonly and not isinstance(self._pair, HotFolder)
        keys: Line = (("r", "key"), (" look again   ", ""), ("D", "key"), (" dismiss   ", ""))
        lines: list[Line] = [
            ((name, "strong"),),
            *pair_lines(self._pair, cells, self._glyphs),
            ((" ", ""),),
            (*(keys if can_move else ()), ("esc", "key"), (" close", "")),
        ]
        view = self.query_one(LineView)
        view.styles.height = len(lines)
        view.styles.width = cells
        view.show(lines)

    def action_choose(self, choice: Choice) -> None:
        """End with what is to be done; nothing is with a hot folder."""
        if not isinstance(self._pair, HotFolder):
            self.dismiss(choice)

    def action_close(self) -> None:
        """End without."""
        self.dismiss(None)
