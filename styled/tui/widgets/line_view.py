"""A widget that shows lines of spans and repaints only the cells that changed.

Over SSH every repainted cell costs bytes, so each pane hands over its whole text on every update and this
widget finds the difference: first the rows, then in each row the stretch between the first and the last
segment that differ.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest

from rich.segment import Segment
from rich.style import Style
from textual.events import Resize
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

from styled.tui.cells.lines import Line, fit_line

TONES = ("strong", "muted", "accent", "good", "bad", "warn", "cursor", "key")
TONE_CLASSES = {f"tone--{tone}" for tone in TONES}
"""The app has them. As component classes of each view they cost eight styles more per view whenever a screen is
styled anew, at each change of its size: two thirds of that time."""


class LineView(Widget):
    """Lines of spans, one per row; what does not fit is cut. Its app has :data:`TONE_CLASSES` as component classes."""

    DEFAULT_CSS = """
    LineView { height: 1; }
    """
    ALLOW_SELECT = False

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:  # noqa: A002  # Textual's name
        super().__init__(id=id, classes=classes)
        self._lines: tuple[Line, ...] = ()
        self._strips: list[Strip] = []
        self._tones: dict[str, Style] = {}
        """Styles by tone; asking the toolkit costs half a millisecond each time."""

    @property
    def lines(self) -> tuple[Line, ...]:
        """What is shown now."""
        return self._lines

    def show(self, lines: Sequence[Line]) -> None:
        """Show ``lines`` from now on."""
        new = tuple(lines)
        if new == self._lines and self._strips:
            return
        self._lines = new
        if self.size.width:
            self._replace(self._make_strips())

    def on_resize(self, _event: Resize) -> None:
        """Draw again for the new width."""
        self._strips = self._make_strips()
        self.refresh()

    def notify_style_update(self) -> None:
        """Draw again in the new colours."""
        super().notify_style_update()
        self._tones.clear()
        if self._strips and self.is_attached:
            self._strips = self._make_strips()

    def render_line(self, y: int) -> Strip:
        """Return row ``y``."""
        if y < len(self._strips):
            return self._strips[y]
        return Strip.blank(self.size.width, self.rich_style)

    def _make_strips(self) -> list[Strip]:
        return [self._strip(line) for line in self._lines[: self.size.height]]

    def _strip(self, line: Line) -> Strip:
        cells = self.size.width
        segments = []
        for text, tone in fit_line(line, cells):
            segments.append(Segment(text, self._style(tone)))
        return Strip(segments, cells)

    def _style(self, tone: str) -> Style:
        found = self._tones.get(tone)
        if found is None:
            found = self.rich_style
            if tone:
                found += self.app.get_component_styles(f"tone--{tone}").partial_rich_style
            self._tones[tone] = found
        return found

    def _replace(self, new: list[Strip]) -> None:
        old, self._strips = self._strips, new
        regions = []
        for y, (before, after) in enumerate(zip_longest(old, new)):
            if before is None or after is None:
                regions.append(Region(0, y, self.size.width, 1))
            elif (changed := changed_cells(before, after)) is not None:
                regions.append(Region(changed[0], y, changed[1] - changed[0], 1))
        if regions:
            self.refresh(*regions)


def changed_cells(before: Strip, after: Strip) -> tuple[int, int] | None:
    """Return the first cell and the cell after the last in which two strips differ, None if they are equal."""
    old, new = list(before), list(after)
    if old == new:
        return None
    start = 0
    for one, other in zip(old, new, strict=False):
        if one != other:
            break
        start += one.cell_length
    end = max(before.cell_length, after.cell_length)
    if before.cell_length == after.cell_length:
        for one, other in zip(reversed(old), reversed(new), strict=False):
            if one != other or end - one.cell_length <= start:
                break
            end -= one.cell_length
    return start, end
