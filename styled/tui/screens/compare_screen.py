"""Two jobs' results side by side, and the settings in which they differ."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.events import Resize

from styled import figures
from styled.settings import default_values
from styled.tui.cells.glyphs import STATE_TONES, Glyphs
from styled.tui.cells.lines import Line, inert, left
from styled.tui.model.snapshot import Canvas, Compared, Snapshot, View
from styled.tui.panes.headings import heading
from styled.tui.panes.job_lines import shown
from styled.tui.screens.job_screen import JobScreen
from styled.tui.widgets.keys_line import KeysLine
from styled.tui.widgets.line_view import LineView
from styled.tui.widgets.pager import Pager
from styled.tui.widgets.picture_view import PictureView

_VIEWS = ("compared-left", "compared-right")
_LABEL = 16


class CompareScreen(JobScreen, inherit_bindings=False):
    """Compares the results of two jobs; of one that has none yet, the newest frame.

    It has none of the keys that act on "the job": there are two.

    Args:
        jobs: ids of the two.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q", "back", "back", id="compare.back", key_display="esc", tooltip="Go back to the queue."),
        Binding(
            "t",
            "picture_mode",
            "picture",
            id="view.picture",
            tooltip="Draw the pictures as half blocks, as ASCII, or not at all.",
        ),
    ]

    def __init__(self, *jobs: str) -> None:
        super().__init__()
        self._compared_ids = jobs

    def compose(self) -> ComposeResult:
        """Lay out the two pictures above the differences."""
        with Horizontal(id="compared"):
            for name in _VIEWS:
                yield PictureView(id=name)
        yield Pager(id="differences")
        yield LineView(id="event")
        yield KeysLine(id="keys")

    def on_mount(self) -> None:
        """Give the differences the keys."""
        self.mode = self.shell.first_mode
        self.query_one(Pager).focus()

    def job_id(self) -> str | None:
        """Return None: no single job is in view."""
        return None

    def wanted_view(self) -> View:
        """Ask for both pictures in the size of one view."""
        size = self.query_one(f"#{_VIEWS[0]}", PictureView).size
        return replace(
            self.shell.main_view(),
            canvas=Canvas(),
            sides=self.shell.canvas(size.width, max(0, size.height - 1), self.mode),
            compared=self._compared_ids,
        )

    def draw_clock(self) -> None:
        """Draw the event line."""
        self.query_one("#event", LineView).show([self.shell.event_line()])

    def show_snapshot(self, snapshot: Snapshot) -> None:
        """Draw the two jobs."""
        self.draw_clock()
        if snapshot.view.compared != self._compared_ids:
            self.look_again()
            return
        if len(snapshot.compared) < len(self._compared_ids):
            self.shell.show_message("One of the two jobs was removed.", "warn")
            self.action_back()
            return
        glyphs = self.shell.glyphs
        for name, one in zip(_VIEWS, snapshot.compared, strict=True):
            view = self.query_one(f"#{name}", PictureView)
            caption = one.picture.caption if one.picture is not None else ""
            title = f"{one.job.number:04d} {inert(one.job.title, ascii_only=not glyphs.unicode)}"
            words = "off (t shows it)" if self.mode == "off" else one.trouble or "no picture yet"
            view.show_picture(one.picture, inert(words), heading(title, view.size.width - 1, glyphs, extra=caption))
        pager = self.query_one(Pager)
        lines = difference_lines(snapshot.compared, pager.size.width, glyphs)
        pager.show_text(lines, title=heading("differences", pager.size.width, glyphs))

    def on_resize(self, _event: Resize) -> None:
        """Ask for pictures of the new size."""
        self.call_after_refresh(self.look_again)

    def action_back(self) -> None:
        """Go back to the queue."""
        self.dismiss()


def difference_lines(compared: tuple[Compared, ...], cells: int, glyphs: Glyphs) -> list[Line]:
    """Return state, steps, loss and time of both jobs, then each setting that differs."""
    column = max(8, (cells - _LABEL) // 2)

    def row(label: str, values: list[str]) -> Line:
        texts = [left(inert(value, ascii_only=not glyphs.unicode), column) for value in values]
        return ((left(label, _LABEL), "muted"), *((text, "") for text in texts))

    states = [
        (left(f"{glyphs.states[one.job.state]} {one.job.state}", column), STATE_TONES[one.job.state])
        for one in compared
    ]
    lines: list[Line] = [((left("state", _LABEL), "muted"), *states)]
    lines.append(row("step", [_steps(one) for one in compared]))
    lines.append(row("loss", [figures.loss(one.progress.loss if one.progress else one.job.loss) for one in compared]))
    lines.append(
        row("painted for", [figures.duration(one.progress.seconds if one.progress else None) for one in compared])
    )
    lines.append(row("content", [one.job.input_title(one.job.content) for one in compared]))
    lines.append(row("style", [one.job.style_title for one in compared]))
    for name, default in default_values().items():
        values = [one.job.settings.get(name, default) for one in compared]
        if values[0] != values[1]:
            lines.append(row(name, [shown(value) for value in values]))
    return lines


def _steps(one: Compared) -> str:
    if one.progress is not None:
        return f"{one.progress.step}/{one.progress.steps}"
    return f"{one.job.step}/{one.job.steps}" if one.job.steps else figures.UNKNOWN
