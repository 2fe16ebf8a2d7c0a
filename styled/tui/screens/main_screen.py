"""The main screen: status, queue, picture, losses, log; one widget tree for every size of terminal."""

from __future__ import annotations

from functools import partial
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container
from textual.events import Resize
from textual.widgets import Input

from styled.job import Job, JobState
from styled.store.queries import Order
from styled.tui.cells.lines import Line, inert
from styled.tui.model.queue_index import Group
from styled.tui.model.snapshot import ORDERS, Focus, Snapshot, View
from styled.tui.panes.applies_line import applies_line
from styled.tui.panes.headings import heading
from styled.tui.panes.job_lines import job_lines, no_frame_words
from styled.tui.panes.loss_lines import loss_lines, plot_columns, term_word, trouble_line
from styled.tui.panes.node_lines import node_lines
from styled.tui.panes.status_lines import event_lines
from styled.tui.panes.why_lines import job_reason_lines, pair_key, pair_lines
from styled.tui.screens.add_screen import AddScreen
from styled.tui.screens.compare_screen import CompareScreen
from styled.tui.screens.detail_screen import DetailScreen, Page
from styled.tui.screens.ended_jobs import EndedFound, find_ended
from styled.tui.screens.job_screen import JobScreen
from styled.tui.screens.order_screen import Target, look_again
from styled.tui.screens.pair_window import Choice, PairWindow
from styled.tui.widgets.background import in_background
from styled.tui.widgets.keys_line import KeysLine
from styled.tui.widgets.line_view import LineView
from styled.tui.widgets.picture_view import PictureView
from styled.tui.widgets.queue_table import QueueTable

_ORDER_OF: dict[str, Order] = {"NAME": "name", "JOB": "newest"}
"""Column to the order that a click on its head sorts in."""

MIN_COLUMNS, MIN_ROWS = 60, 16
PANELS = ("queue", "picture", "losses", "events", "job", "nodes")


class MainScreen(JobScreen):
    """The screen people leave open."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("a", "add", "add", id="main.add", tooltip="Add a job: choose a content and styles in a file browser."),
        Binding(
            "enter",
            "detail",
            "detail",
            id="main.detail",
            key_display="enter",
            tooltip="Open the job: picture, frames, settings, log. Of a folder's jobs, show each, or one row again.",
        ),
        *JobScreen.BINDINGS,
        Binding(
            "slash",
            "filter",
            "filter",
            id="main.filter",
            key_display="/",
            tooltip="Show only jobs with a word in their name, number or reason; a state's name shows that state.",
        ),
        Binding(
            "escape",
            "clear",
            "clear",
            show=False,
            id="main.clear",
            tooltip="Clear what was set last: enlarged panel, selection, marked job, filter.",
        ),
        Binding("l", "detail_log", "log", show=False, id="main.log", tooltip="Open the job's log."),
        Binding(
            "c",
            "compare",
            "compare",
            show=False,
            id="main.compare",
            tooltip="Pick the job; then, on another one, compare their results.",
        ),
        Binding(
            "X",
            "remove_ended",
            "remove ended",
            show=False,
            id="main.remove-ended",
            tooltip="Remove all jobs that are done, failed or cancelled and match the filter; asks first.",
        ),
        Binding(
            "s",
            "sort",
            "sort",
            show=False,
            id="main.sort",
            tooltip="Sort the queue: as it runs, newest first, by name.",
        ),
        Binding(
            "z", "freeze", "freeze", show=False, id="main.freeze", tooltip="Stop and go on with updating the screen."
        ),
        *(
            Binding(
                str(number),
                f"enlarge('{panel}')",
                f"panel {panel}",
                show=False,
                id=f"main.panel-{number}",
                tooltip=f"Enlarge the {panel} panel, or put it back.",
            )
            for number, panel in enumerate(PANELS, 1)
        ),
    ]
    HORIZONTAL_BREAKPOINTS = [(0, "-tiny"), (MIN_COLUMNS, "-narrow"), (110, "-wide")]  # noqa: RUF012  # not ClassVar in the toolkit
    VERTICAL_BREAKPOINTS = [(0, "-low"), (MIN_ROWS, "-short"), (24, "-medium"), (36, "-tall")]  # noqa: RUF012

    def __init__(self) -> None:
        super().__init__()
        self._order = 0
        self._filter = ""
        self._opened: tuple[str, ...] = ()
        """Keys of the groups that are open."""
        self._enlarged: str | None = None
        self._shown_job: str | None = None

    def compose(self) -> ComposeResult:
        """Lay out the widgets; where they stand is the style sheet's."""
        glyphs = self.shell.glyphs
        yield LineView(id="too-small")
        yield LineView(id="status")
        yield LineView(id="applies")
        with Container(id="panels"):
            yield QueueTable(glyphs, id="queue")
            yield PictureView(id="picture")
            yield LineView(id="losses")
            yield LineView(id="nodes")
            yield LineView(id="job")
            yield LineView(id="events")
        yield LineView(id="event")
        yield Input(id="filter", placeholder="a word, or a state: failed", compact=True)
        yield KeysLine(id="keys")

    def on_mount(self) -> None:
        """Start with the keys on the queue."""
        self.mode = self.shell.first_mode
        self.query_one("#filter").display = False
        self.query_one(QueueTable).focus()
        self.draw_clock()

    # -- snapshots -------------------------------------------------------------------------------------------

    def job_id(self) -> str | None:
        """Return the id of the job under the cursor."""
        return self.query_one(QueueTable).job_id

    @property
    def is_surprised(self) -> bool:
        """Whether the cursor's row has just become another job by itself."""
        return self.query_one(QueueTable).surprises

    def targets(self) -> list[Target]:
        """Return what is selected, else what the cursor is on: of a group all its jobs."""
        table = self.query_one(QueueTable)
        found = []
        for key in table.targets():
            number = table.number_of(key)
            found.append(Target(key, f"{number:04d}" if number is not None else key, table.state_of(key)))
        return found

    def states_in_view(self) -> frozenset[JobState | None]:
        """Return the states of what a command would act on."""
        return self.query_one(QueueTable).states_in_view()

    def wanted_view(self) -> View:
        """Ask for what is visible at this size."""
        table = self.query_one(QueueTable)
        picture = self.query_one(PictureView).size
        losses = self.query_one("#losses").size
        offset, limit = table.wanted()
        return View(
            offset=offset,
            limit=limit,
            filter=self._filter,
            order=ORDERS[self._order],
            opened=self._opened,
            # The first row is asked for by its place until somebody moves, so that the screen follows whatever runs.
            job=None if table.follows else table.job_id,
            canvas=self.shell.canvas(picture.width, max(0, picture.height - 1), self.mode),
            frame=self.frame,
            term=self.shell.term,
            plot_columns=plot_columns(losses.width, losses.height - 1, self.shell.glyphs),
        )

    def show_snapshot(self, snapshot: Snapshot) -> None:
        """Draw a snapshot; each panel repaints only what changed."""
        table = self.query_one(QueueTable)
        table.show_queue(snapshot, self._empty_words())
        focus = self.focus_now
        if snapshot.view != self.wanted_view():
            self.look_again()  # the cursor moved, or the size became known, while this snapshot was made
        if self._shown_job != table.job_id:
            self._shown_job = table.job_id
            self.frame = None
        self.draw_clock()
        self._draw_picture(focus)
        self._draw_losses(focus)
        self._draw_events(snapshot)
        self._draw_nodes(snapshot)
        job = self.query_one("#job", LineView)
        glyphs = self.shell.glyphs
        title = heading("5 job", job.size.width, glyphs)
        job.show([title, *job_lines(focus, snapshot.memory, job.size.width - 1, glyphs, snapshot.memory_history)])
        self.refresh_keys()

    def draw_clock(self) -> None:
        """Draw the status row, and below it the event line: both depend on the time."""
        app = self.shell
        status = self.query_one("#status", LineView)
        status.show([app.status(status.size.width)])
        self._draw_applies()
        event = self.query_one("#event", LineView)
        event.show([app.event_line(with_happenings=not self.query_one("#events").display)])
        too_small = self.query_one("#too-small", LineView)
        too_small.show(
            [
                ((f"styled needs {MIN_COLUMNS} x {MIN_ROWS} cells;", "strong"),),
                ((f"this terminal has {self.size.width} x {self.size.height}.", ""),),
                (("Enlarge it, or q quits.", ""),),
            ]
        )

    def _draw_applies(self) -> None:
        """Show what filters, sorts, holds or selects; without any of it the row belongs to the queue."""
        table, view = self.query_one(QueueTable), self.query_one("#applies", LineView)
        line = applies_line(
            self.shell.snapshot,
            self._filter,
            ORDERS[self._order],
            len(table.selected()),
            ranged=table.selection.range_from is not None,
            cells=self.size.width,
            glyphs=self.shell.glyphs,
        )
        view.display = bool(line)
        view.show([line])

    def _empty_words(self) -> tuple[str, ...]:
        if self._filter:
            return (f"Nothing matches {inert(self._filter)!r}.", "esc clears the filter.")
        inbox = inert(str(self.shell.root.inbox))
        return (
            "The queue is empty. Drop a photo and a painting into the inbox:",
            f"  {inbox}",
            "  NAME.content.jpg and NAME.style.jpg, or a folder NAME",
            "  with content.jpg and style.jpg.  Or: styled add PHOTO PAINTING",
        )

    def _draw_picture(self, focus: Focus | None) -> None:
        view = self.query_one(PictureView)
        glyphs = self.shell.glyphs
        text, extra, words = "2 picture", "", ""
        picture = focus.picture if focus is not None else None
        if self.mode == "off":
            words = "off (t shows it)"
        elif focus is not None and picture is None:
            words = no_frame_words(focus.job)
        elif focus is not None and picture is not None:
            of = f" of {focus.frames[-1]}" if self.frame is not None and focus.frames else ""
            text, extra = f"2 {picture.caption}{of}", f"{picture.width}x{picture.height}"
        view.show_picture(picture, words, heading(text, view.size.width - 1, glyphs, extra=extra))

    def _draw_losses(self, focus: Focus | None) -> None:
        view = self.query_one("#losses", LineView)
        glyphs = self.shell.glyphs
        term = self.shell.term
        text = "3 losses"
        if focus is not None:
            name = inert(focus.job.title, ascii_only=not glyphs.unicode)
            text += f"  {focus.job.number:04d} {name}"
        rows = view.size.height - 1
        memory = self.shell.snapshot.memory if self.shell.snapshot is not None else None
        row, cells = self.query_one(QueueTable).row, view.size.width
        lines: list[Line] = []
        if focus is not None:
            lines += [trouble_line(focus, ascii_only=not glyphs.unicode)] if focus.trouble else []
            lines += job_reason_lines(focus.job, cells - 1, glyphs)
        elif row is not None and not isinstance(row, Job | Group):
            text = f"3 {inert(row.name, ascii_only=not glyphs.unicode)}"
            lines += pair_lines(row, cells - 1, glyphs)
        if len(lines) > rows:
            lines = [*lines[: max(0, rows - 1)], (("enter shows all of it", "key"),)]
        below = rows - len(lines)
        plotted = loss_lines(focus, memory, (cells, below), glyphs, term) if below > 0 else []
        extra = f"log10 of {term_word(term)}" if focus is not None and focus.progress is not None else ""
        view.show([heading(text, cells, glyphs, extra=extra), *lines, *plotted])

    def _draw_events(self, snapshot: Snapshot) -> None:
        view = self.query_one("#events", LineView)
        if not view.display:
            return
        glyphs = self.shell.glyphs
        rows = max(0, view.size.height - 1)
        lines = event_lines(snapshot.happenings, rows, ascii_only=not glyphs.unicode)
        view.show([heading("4 events", view.size.width - 1, glyphs), *lines])

    def _draw_nodes(self, snapshot: Snapshot) -> None:
        """Draw the machines of a cluster; their panel is there as soon as one is known."""
        self.query_one("#panels").set_class(bool(snapshot.nodes) and self._enlarged is None, "-nodes")
        view = self.query_one("#nodes", LineView)
        glyphs, cells = self.shell.glyphs, view.size.width
        version = snapshot.daemon.version if snapshot.daemon is not None else ""
        lines = node_lines(snapshot.nodes, snapshot.index.numbers, version, cells - 1, glyphs)
        view.show([heading("6 nodes", cells - 1, glyphs), *lines])

    # -- actions -----------------------------------------------------------------------------------------------

    @on(QueueTable.Moved)
    def _moved(self) -> None:
        self.frame = None
        self.look_again()
        if self.shell.snapshot is not None:
            self.show_focus_only()

    def show_focus_only(self) -> None:
        """Redraw what belongs to the job under the cursor; its own figures follow with the next snapshot."""
        focus = self.focus_now
        self._draw_picture(focus)
        self._draw_losses(focus)
        self._draw_applies()
        self.refresh_keys()

    def on_resize(self, _event: Resize) -> None:
        """Ask for pictures and plots of the new size."""
        self.call_after_refresh(self._resized)

    def _resized(self) -> None:
        self.look_again()
        if self.shell.snapshot is not None:
            self.show_snapshot(self.shell.snapshot)

    def action_filter(self) -> None:
        """Open the filter."""
        field = self.query_one("#filter", Input)
        field.display = True
        field.value = self._filter
        field.focus()

    @on(Input.Changed, "#filter")
    def _filter_changed(self, event: Input.Changed) -> None:
        if self.query_one("#filter").display:
            self._set_filter(event.value)

    @on(Input.Submitted, "#filter")
    def _filter_done(self) -> None:
        self.query_one("#filter").display = False
        self.query_one(QueueTable).focus()

    def _set_filter(self, text: str) -> None:
        self._filter = text.strip()
        self.query_one(QueueTable).action_to(0)
        self.look_again()

    def action_clear(self) -> None:
        """Clear the first of: the open filter, the enlarged panel, the selection, the marked job, the filter."""
        field = self.query_one("#filter", Input)
        if field.display:
            field.value = ""
            self._filter_done()
            self._set_filter("")
        elif self._enlarged is not None:
            self.action_enlarge(self._enlarged)
        elif self.query_one(QueueTable).selection:
            self.query_one(QueueTable).clear_selection()
        elif self.query_one(QueueTable).picked is not None:
            self.query_one(QueueTable).pick(None)
        elif self._filter:
            self._set_filter("")

    def action_sort(self) -> None:
        """Sort in the next order."""
        self._order = (self._order + 1) % len(ORDERS)
        self._draw_applies()
        self.look_again()

    @on(QueueTable.HeadClicked)
    def _head_clicked(self, event: QueueTable.HeadClicked) -> None:
        """Sort by the column where there is such an order; a second click sorts as the queue runs again."""
        order = _ORDER_OF.get(event.column, "queue")
        self._order = ORDERS.index("queue" if order == ORDERS[self._order] else order)
        self._draw_applies()
        self.look_again()

    def action_freeze(self) -> None:
        """Stop updating, or go on."""
        self.shell.toggle_freeze()

    def action_enlarge(self, panel: str) -> None:
        """Give one panel the whole screen, or put it back."""
        if panel == "nodes" and not (self.shell.snapshot and self.shell.snapshot.nodes):
            self.shell.show_message(
                "No node is known: jobs are painted on this machine, or none was placed yet.", "warn"
            )
            return
        panels = self.query_one("#panels")
        for name in PANELS:
            self.query_one(f"#{name}").remove_class("-enlarged")
        self._enlarged = None if self._enlarged == panel else panel
        panels.set_class(self._enlarged is not None, "-one")
        if self._enlarged is not None:
            self.query_one(f"#{panel}").add_class("-enlarged")
        self.call_after_refresh(self._resized)

    def action_compare(self) -> None:
        """Pick the job under the cursor, or compare it with the one picked before."""
        table = self.query_one(QueueTable)
        row = table.row
        if not isinstance(row, Job):
            self.shell.show_message("Select a job first.", "warn")
        elif table.picked is None or table.picked == row.id:
            table.pick(row.id if table.picked is None else None)
            if table.picked is not None:
                self.shell.show_message(f"{row.number:04d} marked; select another job and press c", "")
        else:
            screen = CompareScreen(table.picked, row.id)
            table.pick(None)
            self.app.push_screen(screen, lambda _: self._resized())

    def action_add(self) -> None:
        """Open the screen that adds a job."""
        if not self._refused("be added"):
            self.app.push_screen(AddScreen(self.shell.root), self._added)

    def _added(self, name: str | None) -> None:
        if name:
            self.shell.show_message(f"{name} added; it will be queued in a few seconds", "good")
        self._resized()

    def action_remove_ended(self) -> None:
        """Remove all ended jobs that the filter leaves, after a question."""
        if not self._refused("be removed"):
            in_background(self, "ended", partial(find_ended, self.shell.root, self._filter))

    @on(EndedFound)
    def _ended_found(self, found: EndedFound) -> None:
        if found.trouble:
            self.shell.show_message(found.trouble, "bad")
        elif not found.ids:
            self.shell.show_message("No job here has ended.", "warn")
        else:
            self._ask_first(found.question(), *found.requests(), summary="removed")

    def action_detail(self) -> None:
        """Open the job under the cursor."""
        self._open_detail(None)

    def action_detail_log(self) -> None:
        """Open the log of the job under the cursor."""
        self._open_detail("log")

    def _open_detail(self, page: Page | None) -> None:
        table = self.query_one(QueueTable)
        row = table.row
        if isinstance(row, Job):
            self.app.push_screen(DetailScreen(table, page), lambda _: self._resized())
        elif isinstance(row, Group):
            self._open_group(row)
        elif row is not None:
            window = PairWindow(row, self.shell.glyphs, readonly=self.shell.options.readonly)
            target = Target(pair_key(row), row.name, None)
            self.app.push_screen(window, lambda choice: self._pair_chosen(choice, target))

    def _open_group(self, group: Group) -> None:
        """Show the jobs of a group as rows, or as one again."""
        others = tuple(key for key in self._opened if key != group.key)
        self._opened = others if group.is_open else (*others, group.key)
        self.look_again()

    def _pair_chosen(self, choice: Choice | None, target: Target) -> None:
        if choice is None or self._refused("be moved"):
            return
        if choice == "retry":
            self.shell.ask(look_again(target))
        else:
            self.remove_after_asking([target])
