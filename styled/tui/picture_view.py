"""A widget that shows a prepared picture: half blocks or ASCII, centred, only changed rows repainted."""

from __future__ import annotations

from rich.color import Color
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from styled.tui.line_view import LineView
from styled.tui.lines import Line, Run
from styled.tui.snapshot import Picture


class PictureView(LineView):
    """The newest frame of a job (or a text in its place)."""

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:  # noqa: A002  # Textual's name
        super().__init__(id=id, classes=classes)
        self._picture: Picture | None = None

    @property
    def picture(self) -> Picture | None:
        """What is shown now."""
        return self._picture

    def show_picture(self, picture: Picture | None, otherwise: str, title: Line) -> None:
        """Show ``title``, and below it ``picture``, or the words ``otherwise`` if there is none."""
        if picture is not None and picture.blocks:
            if picture is not self._picture or self._lines != (title,):
                self._picture = picture
                self._lines = (title,)
                if self.size.width:
                    self._replace(self._make_strips())
            return
        self._picture = None
        if picture is not None:
            self.show([title, *(((" " * self._indent(len(text)), ""), (text, "")) for text in picture.text)])
        else:
            self.show([title, ((otherwise, "muted"),)])

    def _indent(self, cells: int) -> int:
        return max(0, (self.size.width - cells) // 2)

    def _make_strips(self) -> list[Strip]:
        strips = super()._make_strips()
        if self._picture is not None:
            strips += [self._run_strip(row) for row in self._picture.blocks[: self.size.height - 1]]
        return strips

    def _run_strip(self, row: tuple[Run, ...]) -> Strip:
        cells = sum(run.cells for run in row)
        indent = self._indent(cells)
        segments = [Segment(" " * indent, self._style(""))] if indent else []
        segments += [_segment(run) for run in row]
        rest = self.size.width - indent - cells
        if rest > 0:
            segments.append(Segment(" " * rest, self._style("")))
        return Strip(segments).adjust_cell_length(self.size.width, self._style(""))


def _segment(run: Run) -> Segment:
    if run.top == run.bottom:
        return Segment(" " * run.cells, Style(bgcolor=Color.from_rgb(*run.bottom)))
    return Segment("▀" * run.cells, Style(color=Color.from_rgb(*run.top), bgcolor=Color.from_rgb(*run.bottom)))
