"""The queue on the screen: a list of any length of which only the visible stretch is ever loaded."""

from __future__ import annotations

from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.events import Click, MouseScrollDown, MouseScrollUp, Resize
from textual.message import Message

from styled.job import Job
from styled.messages import Progress
from styled.tui.cells.glyphs import Glyphs
from styled.tui.cells.lines import Line, fit_line, plain
from styled.tui.model.snapshot import Snapshot
from styled.tui.panes.queue_rows import Row, header, queue_row
from styled.tui.widgets.line_view import LineView

PAGE = 50
"""The stretch wanted moves in steps of so many rows, so that scrolling asks the disk rarely."""


class QueueTable(LineView, can_focus=True):
    """Rows of jobs, then what lies in the inbox and is no job; a cursor that stays on its job.

    While the cursor is on the first row it stays there, so that an untouched screen follows the running job.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("j,down", "move(1)", "down", show=False, id="queue.down", tooltip="Move the cursor down."),
        Binding("k,up", "move(-1)", "up", show=False, id="queue.up", tooltip="Move the cursor up."),
        Binding("pagedown,ctrl+f", "page(1)", "page down", show=False, id="queue.page-down"),
        Binding("pageup,ctrl+b", "page(-1)", "page up", show=False, id="queue.page-up"),
        Binding(
            "g,home",
            "to(0)",
            "first",
            show=False,
            id="queue.first",
            tooltip="Go to the first row; it follows the running job.",
        ),
        Binding("G,end", "to(-1)", "last", show=False, id="queue.last", tooltip="Go to the last row."),
        Binding(
            "i", "to_inbox", "inbox", show=False, id="queue.inbox", tooltip="Go to the incomplete and rejected pairs."
        ),
    ]

    class Moved(Message):
        """The cursor stands on another row, or other rows are wanted."""

    def __init__(self, glyphs: Glyphs, *, id: str | None = None) -> None:  # noqa: A002  # Textual's name
        super().__init__(id=id)
        self._glyphs = glyphs
        self._offset = 0
        self._jobs: tuple[Job, ...] = ()
        self._total = 0
        self._extras: tuple[Row, ...] = ()
        self._progress: dict[str, Progress] = {}
        self._foreseen: dict[str, float] = {}
        self._anchor: str | None = None
        self._words: tuple[str, ...] = ()
        self.cursor = 0
        self.top = 0
        self.picked: str | None = None
        """Id of the job picked for a comparison."""

    # -- what it shows --------------------------------------------------------------------------------------

    @property
    def length(self) -> int:
        """Rows in all: jobs that match the filter, and things in the inbox."""
        return self._total + len(self._extras)

    @property
    def page_rows(self) -> int:
        """Rows on the screen below the head."""
        return max(1, self.size.height - 1)

    @property
    def row(self) -> Row | None:
        """What the cursor is on; None if there is nothing, or it is not loaded yet."""
        return self._row_at(self.cursor)

    @property
    def job_id(self) -> str | None:
        """Id of the job the cursor is on."""
        row = self.row
        return row.id if isinstance(row, Job) else None

    def wanted(self) -> tuple[int, int]:
        """Return (offset, limit) of the rows that should be loaded."""
        offset = max(0, (self.top - PAGE // 2) // PAGE * PAGE)
        return offset, -(-(self.top + 2 * self.page_rows + PAGE - offset) // PAGE) * PAGE

    def show_queue(self, snapshot: Snapshot, empty: tuple[str, ...]) -> None:
        """Show a snapshot's rows; ``empty`` is the text for none."""
        self._offset, self._jobs, self._total = snapshot.view.offset, snapshot.jobs, snapshot.total
        self._extras = () if snapshot.view.filter else (*snapshot.incomplete, *snapshot.ignored, *snapshot.rejected)
        self._progress, self._foreseen = snapshot.progress, snapshot.foreseen
        self._words = empty
        self._follow_anchor()
        self._draw()

    def pick(self, job_id: str | None) -> None:
        """Mark a job as picked for a comparison, or none."""
        self.picked = job_id
        self._draw()

    def _follow_anchor(self) -> None:
        if self.cursor > 0 and self._anchor is not None:
            for index, job in enumerate(self._jobs):
                if job.id == self._anchor:
                    self.cursor = self._offset + index
                    break
        self.cursor = max(0, min(self.cursor, self.length - 1))
        self._remember()
        self._keep_visible()

    def _row_at(self, index: int) -> Row | None:
        if index >= self._total:
            beyond = index - self._total
            return self._extras[beyond] if beyond < len(self._extras) else None
        at = index - self._offset
        return self._jobs[at] if 0 <= at < len(self._jobs) else None

    # -- moving -----------------------------------------------------------------------------------------------

    def action_move(self, rows: int) -> None:
        """Move the cursor by ``rows``."""
        self._go(self.cursor + rows)

    def action_page(self, pages: int) -> None:
        """Move the cursor by screens."""
        self._go(self.cursor + pages * self.page_rows)

    def action_to(self, index: int) -> None:
        """Move the cursor to a row; negative counts from the end."""
        self._go(index if index >= 0 else self.length + index)

    def action_to_inbox(self) -> None:
        """Move the cursor to the first incomplete or rejected pair."""
        if self._extras:
            self._go(self._total)

    def _go(self, index: int) -> None:
        before = (self.cursor, self.top)
        self.cursor = max(0, min(index, self.length - 1))
        self._remember()
        self._keep_visible()
        if (self.cursor, self.top) != before:
            self._draw()
            self.post_message(self.Moved())

    def _remember(self) -> None:
        row = self.row
        self._anchor = row.id if isinstance(row, Job) else None

    def _keep_visible(self) -> None:
        rows = self.page_rows
        self.top = min(max(self.top, self.cursor - rows + 1), self.cursor)
        self.top = max(0, min(self.top, self.length - rows))

    def on_resize(self, event: Resize) -> None:
        """Keep the cursor on the screen and draw for the new size."""
        super().on_resize(event)
        self._keep_visible()
        self._draw()
        self.post_message(self.Moved())

    def on_click(self, event: Click) -> None:
        """Move the cursor to the row clicked on."""
        if event.y >= 1:
            self._go(self.top + event.y - 1)

    def on_mouse_scroll_down(self, _event: MouseScrollDown) -> None:
        """Move down by three rows."""
        self._go(self.cursor + 3)

    def on_mouse_scroll_up(self, _event: MouseScrollUp) -> None:
        """Move up by three rows."""
        self._go(self.cursor - 3)

    # -- drawing ----------------------------------------------------------------------------------------------

    def _draw(self) -> None:
        cells = self.size.width
        if not cells:
            return
        many = self.length > self.page_rows
        position = f"{self.cursor + 1} of {self.length}" if many else ""
        shown = range(self.top, min(self.top + self.page_rows, self.length))
        nodes = any(isinstance(row := self._row_at(index), Job) and row.node for index in shown)
        lines: list[Line] = [header(cells, position, nodes=nodes)]
        if not self.length:
            lines += [((f"  {text}", ""),) for text in self._words]
        lines += [self._draw_row(index, cells, nodes=nodes) for index in shown]
        self.show(lines)

    def _draw_row(self, index: int, cells: int, *, nodes: bool) -> Line:
        row = self._row_at(index)
        at_cursor = index == self.cursor
        mark = self._glyphs.cursor if at_cursor else " "
        if row is None:
            return ((f"{mark} ", ""), ("...", "muted"))
        picked = isinstance(row, Job) and row.id == self.picked
        progress = self._progress.get(row.id) if isinstance(row, Job) else None
        foreseen = self._foreseen.get(row.id) if isinstance(row, Job) else None
        line = queue_row(row, cells, self._glyphs, progress=progress, foreseen=foreseen, picked=picked, nodes=nodes)
        if at_cursor:
            # One tone for the whole row: every state's colour would have to contrast with the cursor's too.
            return ((plain(fit_line(((f"{mark} ", ""), *line), cells)), "cursor"),)
        return ((f"{mark} ", ""), *line)
