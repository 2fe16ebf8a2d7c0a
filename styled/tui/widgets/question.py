"""Small windows: a question before something is done that cannot be undone, and a notice too long for a row."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen

from styled.tui.cells.lines import Line, wrap
from styled.tui.widgets.line_view import LineView

_CELLS = 52


class _Window(ModalScreen[bool]):
    """A few lines in a frame in the middle of the screen."""

    def __init__(self, lines: list[Line]) -> None:
        super().__init__()
        self._lines = lines

    def compose(self) -> ComposeResult:
        """Lay out the frame."""
        with Vertical(classes="window"):
            yield LineView(classes="window-text")

    def on_mount(self) -> None:
        """Write the lines."""
        view = self.query_one(LineView)
        view.styles.height = len(self._lines)
        view.styles.width = _CELLS
        view.show(self._lines)

    def action_answer(self, answer: bool) -> None:  # Textual passes it by position
        """End with the answer."""
        self.dismiss(answer)


class Question(_Window):
    """Asks yes or no; anything but ``y`` is No."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "answer(True)", "yes", id="question.yes"),
        Binding("n,escape,enter,q", "answer(False)", "no", id="question.no"),
    ]

    def __init__(self, question: str, explanation: str) -> None:
        super().__init__(
            [
                *(((text, "strong"),) for text in wrap(question, _CELLS)),
                *(((text, ""),) for text in wrap(explanation, _CELLS)),
                ((" ", ""),),
                (("y", "key"), (" yes    ", ""), ("n", "key"), (" no (also esc, enter)", "")),
            ]
        )


class Notice(_Window):
    """Shows a text until a key is pressed."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,enter,q,y,space", "answer(False)", "close", id="notice.close"),
    ]

    def __init__(self, title: str, *texts: str) -> None:
        super().__init__(
            [
                *(((row, "strong"),) for row in wrap(title, _CELLS)),
                *(((row, ""),) for text in texts for row in wrap(text, _CELLS)),
                ((" ", ""),),
                (("esc", "key"), (" closes this", "")),
            ]
        )
