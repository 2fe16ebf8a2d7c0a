"""A widget that shows a prepared picture, centred: half blocks, ASCII or real; only changed rows are repainted."""

from __future__ import annotations

import secrets
from itertools import count

from rich.color import Color
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip
from textual.widget import Widget

from styled.tui.cells.lines import Line, Run
from styled.tui.model.snapshot import Graphic, Picture
from styled.tui.widgets.line_view import LineView

_numbers = count(secrets.randbelow(0xE00000) + 0x100000)
"""Numbers of pictures in the terminal, which other programs may share: they begin anywhere."""


class PictureView(LineView):
    """The newest frame of a job (or a text in its place)."""

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:  # noqa: A002  # Textual's name
        super().__init__(id=id, classes=classes)
        self._picture: Picture | None = None
        self._number = 0
        """Of the picture in the terminal; 0 before the first."""

    @property
    def picture(self) -> Picture | None:
        """What is shown now."""
        return self._picture

    def show_picture(self, picture: Picture | None, otherwise: str, title: Line) -> None:
        """Show ``title``, and below it ``picture``, or the words ``otherwise`` if there is none."""
        if picture is not None and (picture.blocks or picture.graphic):
            if picture is not self._picture or self._lines != (title,):
                if picture.graphic is not None and picture is not self._picture:
                    self._send(picture.graphic)
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

    def _send(self, graphic: Graphic) -> None:
        from styled.tui.cells import kitty

        self._number = self._number or next(_numbers)
        _write(self, kitty.transmission(self._number, graphic.png, graphic.columns, graphic.rows))

    def on_unmount(self) -> None:
        """Have the terminal forget the picture."""
        if self._number:
            from styled.tui.cells import kitty

            _write(self, kitty.deletion(self._number))

    def _indent(self, cells: int) -> int:
        return max(0, (self.size.width - cells) // 2)

    def _make_strips(self) -> list[Strip]:
        strips = super()._make_strips()
        if self._picture is not None:
            rows = [([_segment(run) for run in row], sum(run.cells for run in row)) for row in self._picture.blocks]
            if self._picture.graphic is not None:
                rows = self._graphic_rows(self._picture.graphic)
            strips += [self._centred(segments, cells) for segments, cells in rows[: self.size.height - 1]]
        return strips

    def _graphic_rows(self, graphic: Graphic) -> list[tuple[list[Segment], int]]:
        from styled.tui.cells import kitty

        style = Style(color=Color.from_rgb(*kitty.colour(self._number)))
        return [([Segment(kitty.cells(row, graphic.columns), style)], graphic.columns) for row in range(graphic.rows)]

    def _centred(self, drawn: list[Segment], cells: int) -> Strip:
        indent = self._indent(cells)
        segments = [Segment(" " * indent, self._style(""))] if indent else []
        segments += drawn
        rest = self.size.width - indent - cells
        if rest > 0:
            segments.append(Segment(" " * rest, self._style("")))
        return Strip(segments).adjust_cell_length(self.size.width, self._style(""))


def _write(widget: Widget, sequences: str) -> None:
    """Send sequences that move and draw nothing, between two repaints."""
    driver = widget.app._driver  # noqa: SLF001  # as the toolkit's own copy_to_clipboard does
    if driver is not None:
        driver.write(sequences)


def _segment(run: Run) -> Segment:
    if run.top == run.bottom:
        return Segment(" " * run.cells, Style(bgcolor=Color.from_rgb(*run.bottom)))
    return Segment("▀" * run.cells, Style(color=Color.from_rgb(*run.top), bgcolor=Color.from_rgb(*run.bottom)))
