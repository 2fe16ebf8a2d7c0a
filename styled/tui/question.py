"""A question that must be answered before something that cannot be undone is done. The answer at hand is No."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen

from styled.tui.line_view import LineView
from styled.tui.lines import Line, wrap

_CELLS = 52


class Question(ModalScreen[bool]):
    """Asks yes or no; anything but ``y`` is No."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "answer(True)", "yes", id="question.yes"),
        Binding("n,escape,enter,q", "answer(False)", "no", id="question.no"),
    ]

    def __init__(self, question: str, explanation: str) -> None:
        super().__init__()
        self._question = question
        self._explanation = explanation

    def compose(self) -> ComposeResult:
        """Lay out the question."""
        with Vertical(id="question"):
            yield LineView(id="question-text")

    def on_mount(self) -> None:
        """Write the question and its two answers."""
        lines: list[Line] = [((text, "strong"),) for text in wrap(self._question, _CELLS)]
        lines += [((text, ""),) for text in wrap(self._explanation, _CELLS)]
        lines += [((" ", ""),), (("y", "key"), (" yes    ", ""), ("n", "key"), (" no (also esc, enter)", ""))]
        view = self.query_one("#question-text", LineView)
        view.styles.height = len(lines)
        view.styles.width = _CELLS
        view.show(lines)

    def action_answer(self, answer: bool) -> None:  # Textual passes it by position
        """End with the answer."""
        self.dismiss(answer)
