"""The queue on the screen: a list of any length of which only the visible stretch is ever loaded."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.events import Click, MouseScrollDown, MouseScrollUp, Resize
from textual.message import Message

from styled.job import Job, JobState
from styled.tui.cells.glyphs import Glyphs
from styled.tui.cells.lines import Line, fit_line, plain, wrap
from styled.tui.model.filter import parse_filter
from styled.tui.model.queue_index import Group, QueueIndex
from styled.tui.model.selection import Selection
from styled.tui.model.snapshot import Snapshot
from styled.tui.panes.queue_rows import Row, RowFigures, column_at, header, queue_row
from styled.tui.panes.why_lines import HOT, Pair, pair_key, pair_words
from styled.tui.widgets.line_view import LineView

PAGE = 50
"""The stretch wanted moves in steps of so many rows, so that scrolling asks the disk rarely."""

SURPRISE_S = 0.7
"""A key this soon after the followed row became another job was meant for the one before."""


class QueueTable(LineView, can_focus=True):
    """Rows of jobs and groups, then what lies in the inbox and is no job; a cursor that belongs to its job.

    Until the cursor is moved, or a key acts on its job, it is on the first row, whichever job that is: an untouched
    screen follows what runs.
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
        Binding(
            "space",
            "select",
            "select",
            show=False,
            id="queue.select",
            tooltip="Select the row, or no more: keys act on all that are selected. Of a group, all its jobs.",
        ),
        Binding(
            "V",
            "select_range",
            "select range",
            show=False,
            id="queue.range",
            tooltip="Select from here to where the cursor goes; V again ends the range.",
        ),
    ]

    class HeadClicked(Message):
        """The head of a column was clicked on."""

        def __init__(self, column: str) -> None:
            super().__init__()
            self.column = column
            """Its word: ``NAME``."""

    class Moved(Message):
        """The cursor stands on another row, or other rows are wanted, or others are selected."""

    def __init__(self, glyphs: Glyphs, *, id: str | None = None) -> None:  # noqa: A002  # Textual's name
        super().__init__(id=id)
        self._glyphs = glyphs
        self._offset = 0
        self._rows: tuple[Job | Group | None, ...] = ()
        self._index = QueueIndex()
        self._pairs: tuple[Pair, ...] = ()
        self._snapshot: Snapshot | None = None
        self._follows = True
        self._anchor: str | None = None
        self._held: str | None = None
        """The row that the cursor is kept on for a command that is being chosen."""
        self._follows_after = False
        """Whether the cursor followed before it was kept."""
        self._changed_at = -SURPRISE_S
        self._words: tuple[str, ...] = ()
        self.selection = Selection()
        self.cursor = 0
        self.top = 0
        self.picked: str | None = None
        """Id of the job picked for a comparison."""

    # -- what it shows --------------------------------------------------------------------------------------

    @property
    def length(self) -> int:
        """Rows in all: jobs and groups that match the filter, and things in the inbox."""
        return len(self._index.keys) + len(self._pairs)

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
        """Id of the job the cursor is on; on a group, of its first."""
        key = self._key_at(self.cursor)
        jobs = self._index.jobs_at(key) if key is not None else ()
        return jobs[0] if jobs else None

    @property
    def follows(self) -> bool:
        """Whether the cursor is on the first row, whichever job that is."""
        return self._follows

    @property
    def surprises(self) -> bool:
        """Whether the job under the cursor has just become another, without a key; what is selected stays what it was."""
        is_other = self._held is not None and self._held != self._anchor
        return not self.selection and (is_other or time.monotonic() - self._changed_at < SURPRISE_S)

    def hold(self) -> None:
        """Keep the cursor on its job while a command is chosen, however long that takes."""
        self._held, self._follows_after, self._follows = self._anchor, self._follows, False

    def release(self) -> None:
        """Let the cursor follow again if it did before, unless it was moved, or a command acted on its job."""
        self._follows = self._follows or self._follows_after
        self._held, self._follows_after = None, False

    def targets(self) -> tuple[str, ...]:
        """Return the keys of what a command acts on: the selection, else the row of the cursor, of a group all its jobs.

        From then on the cursor belongs to its job, and the next key is meant for it.
        """
        if chosen := self.selected():
            return chosen
        key = self._key_at(self.cursor)
        if key is None:
            return ()
        self._settle(key)
        return self._acted_on(key)

    def _settle(self, key: str | None) -> None:
        """Have the cursor belong to the row of ``key``, which somebody means."""
        self._follows, self._anchor, self._changed_at = False, key, -SURPRISE_S
        self._held, self._follows_after = None, False

    def _acted_on(self, key: str) -> tuple[str, ...]:
        """Return what a command on the row of ``key`` acts on: of a group all its jobs, of a hot folder nothing."""
        return self._index.jobs_at(key) or (() if key.startswith(f"{HOT}/") else (key,))

    def states_in_view(self) -> frozenset[JobState | None]:
        """Return the states of what a command would act on, None for pairs; the cursor stays as it is."""
        key = self._key_at(self.cursor)
        keys = self.selected() or (() if key is None else self._acted_on(key))
        return frozenset(self._index.states.get(each) for each in keys)

    def selected(self) -> tuple[str, ...]:
        """Return the keys of the jobs and pairs that are selected, in the order of the rows."""
        if not self.selection:
            return ()
        begin, end = self._range()
        ranged = {key for row in range(begin, end) if (key := self._key_at(row)) is not None}
        known = (*self._index.states, *(key for pair in self._pairs for key in self._acted_on(pair_key(pair))))
        inside = {job for key in ranged for job in self._index.jobs_at(key)} | ranged
        return tuple(key for key in known if key in self.selection.keys or key in inside)

    def state_of(self, key: str) -> JobState | None:
        """Return the state of a job as last read; None for a pair."""
        return self._index.states.get(key)

    def number_of(self, key: str) -> int | None:
        """Return the number of a job; None for a pair."""
        return self._index.numbers.get(key)

    def wanted(self) -> tuple[int, int]:
        """Return (offset, limit) of the rows that should be loaded."""
        offset = max(0, (self.top - PAGE // 2) // PAGE * PAGE)
        return offset, -(-(self.top + 2 * self.page_rows + PAGE - offset) // PAGE) * PAGE

    def show_queue(self, snapshot: Snapshot, empty: tuple[str, ...]) -> None:
        """Show a snapshot's rows; ``empty`` is the text for none."""
        self._snapshot = snapshot
        self._offset, self._rows, self._index = snapshot.view.offset, snapshot.rows, snapshot.index
        found = parse_filter(snapshot.view.filter)
        pairs: tuple[Pair, ...] = (
            *snapshot.incomplete,
            *snapshot.ignored,
            *snapshot.rejected,
            *snapshot.hot_folders,
        )
        self._pairs = tuple(pair for pair in pairs if found.takes(*pair_words(pair)))
        self._words = empty
        if self.selection:
            self.selection.keep({*self._index.states, *map(pair_key, self._pairs)})
        self._follow_anchor()
        self._draw()

    def pick(self, job_id: str | None) -> None:
        """Mark a job as picked for a comparison, or none."""
        self.picked = job_id
        self._draw()

    def _follow_anchor(self) -> None:
        """Put the cursor on its row; where that is gone, on what is in its place."""
        before = self._anchor
        if self._follows:
            self.cursor = 0
        elif before is not None:
            row = self._position(before)
            if row is None and (group := self._index.group_of.get(before)) is not None:
                row = self._position(group)
            self.cursor = row if row is not None else self.cursor
        self.cursor = max(0, min(self.cursor, self.length - 1))
        self._anchor = self._key_at(self.cursor)
        if before is not None and self._anchor != before:
            self._changed_at = time.monotonic()
        self._keep_visible()

    def _position(self, key: str) -> int | None:
        row = self._index.positions.get(key)
        if row is None:
            keys = [pair_key(pair) for pair in self._pairs]
            row = len(self._index.keys) + keys.index(key) if key in keys else None
        return row

    def _key_at(self, row: int) -> str | None:
        keys = self._index.keys
        if 0 <= row < len(keys):
            return keys[row]
        beyond = row - len(keys)
        return pair_key(self._pairs[beyond]) if 0 <= beyond < len(self._pairs) else None

    def _row_at(self, index: int) -> Row | None:
        beyond = index - len(self._index.keys)
        if beyond >= 0:
            return self._pairs[beyond] if beyond < len(self._pairs) else None
        at = index - self._offset
        return self._rows[at] if 0 <= at < len(self._rows) else None

    # -- moving -----------------------------------------------------------------------------------------------

    def action_move(self, rows: int) -> None:
        """Move the cursor by ``rows``."""
        self._go(self.cursor + rows)

    def action_page(self, pages: int) -> None:
        """Move the cursor by screens."""
        self._go(self.cursor + pages * self.page_rows)

    def action_to(self, index: int) -> None:
        """Move the cursor to a row; negative counts from the end. On the first one it follows."""
        self._go(index if index >= 0 else self.length + index)
        self._follows = index == 0

    def action_to_inbox(self) -> None:
        """Move the cursor to the first incomplete or rejected pair."""
        if self._pairs:
            self._go(len(self._index.keys))

    def _go(self, index: int) -> None:
        before = (self.cursor, self.top)
        self.cursor = max(0, min(index, self.length - 1))
        self._settle(self._key_at(self.cursor))
        self._keep_visible()
        if (self.cursor, self.top) != before:
            self._draw()
            self.post_message(self.Moved())

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
        """Move the cursor to the row clicked on; a column's head is for the screen."""
        if event.y >= 1:
            self._go(self.top + event.y - 1)
        elif self.lines:
            self.post_message(self.HeadClicked(column_at(plain(self.lines[0]), event.x)))

    def on_mouse_scroll_down(self, _event: MouseScrollDown) -> None:
        """Move down by three rows."""
        self._go(self.cursor + 3)

    def on_mouse_scroll_up(self, _event: MouseScrollUp) -> None:
        """Move up by three rows."""
        self._go(self.cursor - 3)

    # -- selecting --------------------------------------------------------------------------------------------

    def action_select(self) -> None:
        """Select the row of the cursor, or no more; end a range."""
        self._end_range()
        key = self._key_at(self.cursor)
        if key is not None:
            self.selection.toggle(self._acted_on(key))
        self._selected_others()

    def action_select_range(self) -> None:
        """Begin a range at the cursor, or end it here."""
        if self.selection.range_from is None:
            self.selection.range_from = self._key_at(self.cursor)
        else:
            self._end_range()
        self._selected_others()

    def clear_selection(self) -> None:
        """Select nothing."""
        self.selection = Selection()
        self._selected_others()

    def _end_range(self) -> None:
        chosen = self.selected()
        self.selection.range_from = None
        self.selection.keys.update(chosen)

    def _selected_others(self) -> None:
        self._draw()
        self.post_message(self.Moved())

    def _range(self) -> tuple[int, int]:
        """Return the first row of the range that is being selected, and the one after its last."""
        begun = self.selection.range_from
        start = self._position(begun) if begun is not None else None
        if start is None:
            return 0, 0
        return min(start, self.cursor), max(start, self.cursor) + 1

    def _is_selected(self, index: int) -> bool:
        if not self.selection:
            return False
        begin, end = self._range()
        key = self._key_at(index)
        if key is None or not self._acted_on(key):
            return False
        if begin <= index < end or key in self.selection.keys:
            return True
        jobs = self._index.jobs_at(key)
        return bool(jobs) and all(job in self.selection.keys for job in jobs)

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
            lines += [((f"  {row}", ""),) for text in self._words for row in _rows_of(text, cells - 3)]
        lines += [self._draw_row(index, cells, nodes=nodes) for index in shown]
        self.show(lines)

    def _draw_row(self, index: int, cells: int, *, nodes: bool) -> Line:
        row = self._row_at(index)
        at_cursor = index == self.cursor
        is_selected = self._is_selected(index)
        marks = (self._glyphs.cursor if at_cursor else " ") + (self._glyphs.selected if is_selected else " ")
        if row is None:
            return ((marks, ""), ("...", "muted"))
        line = queue_row(row, cells, self._glyphs, replace(self._known(row), nodes=nodes))
        if at_cursor:
            # One tone for the whole row: every state's colour would have to contrast with the cursor's too.
            return ((plain(fit_line(((marks, ""), *line), cells)), "cursor"),)
        return ((marks, "accent"), *line)

    def _known(self, row: Row) -> RowFigures:
        snapshot = self._snapshot
        if snapshot is None:
            return RowFigures()
        if isinstance(row, Group):
            return _of_group(row, snapshot)
        if not isinstance(row, Job):
            return RowFigures()
        return RowFigures(
            progress=snapshot.progress.get(row.id),
            left=snapshot.foreseen.get(row.id),
            picked=row.id == self.picked,
            inside=row.id in self._index.group_of,
        )


def _rows_of(text: str, cells: int) -> list[str]:
    """Return a text as rows, each begun as far to the right as the text is."""
    begin = " " * (len(text) - len(text.lstrip()))
    return [begin + row for row in wrap(text.strip(), max(8, cells - len(begin)))]


def _of_group(group: Group, snapshot: Snapshot) -> RowFigures:
    """Return a group's figures: of the running ones how far they are, and when the last will be done."""
    done, lasts = float(group.ended), 0.0
    known = group.ended < len(group.jobs)
    for job in group.jobs:
        state = snapshot.index.states.get(job)
        if state is JobState.RUNNING and (progress := snapshot.progress.get(job)) is not None:
            done += progress.step / max(progress.steps, 1)
            lasts = max(lasts, progress.left_seconds or 0.0)
        elif state is JobState.WAITING:
            left = snapshot.foreseen.get(job)
            known = known and left is not None
            lasts = max(lasts, left or 0.0)
    return RowFigures(left=lasts if known and lasts else None, share=done / len(group.jobs))
