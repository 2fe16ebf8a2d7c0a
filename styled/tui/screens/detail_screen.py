"""One job at full size: its picture and frames, its pictures side by side, losses, settings, log."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar, Literal

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container, Horizontal, Vertical
from textual.events import Resize
from textual.timer import Timer

from styled import figures
from styled.job import Job, JobState
from styled.tui.cells.glyphs import STATE_TONES
from styled.tui.cells.lines import Line, inert, spread, wrap
from styled.tui.model.snapshot import Canvas, Focus, Snapshot, View
from styled.tui.panes.headings import heading
from styled.tui.panes.job_lines import job_lines, no_frame_words, settings_lines
from styled.tui.panes.layer_lines import layer_lines
from styled.tui.panes.loss_lines import loss_lines, plot_columns, term_word
from styled.tui.panes.why_lines import job_reason_lines
from styled.tui.screens.job_screen import JobScreen
from styled.tui.widgets.keys_line import KeysLine
from styled.tui.widgets.line_view import LineView
from styled.tui.widgets.pager import Pager
from styled.tui.widgets.picture_view import PictureView
from styled.tui.widgets.queue_table import QueueTable
from styled.tui.widgets.tabs import Tabs

Page = Literal["picture", "sides", "losses", "settings", "log"]
PAGES: tuple[Page, ...] = ("picture", "sides", "losses", "settings", "log")
_TABS = {"picture": "picture", "sides": "before/after", "losses": "losses", "settings": "settings", "log": "log"}
_PICTURES = ("picture", "sides")
_SIDES = ("side-content", "side-style", "side-result")
_SMALL = ("small-content", "small-style")

PLAY_S = 0.5
"""Seconds a frame is shown while playing."""


class DetailScreen(JobScreen):
    """A job in full. A wide terminal shows a picture page and a text page beside each other, others one page.

    Args:
        table: the main screen's queue, to go on to the next job.
        page: what to show first; by default what matters most of a job in its state.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q", "back", "back", id="detail.back", key_display="esc", tooltip="Go back to the queue."),
        Binding("space", "play", "play", id="detail.play", tooltip="Play the frames from the first, or stop."),
        *(
            Binding(
                str(number), f"page('{page}')", page, show=False, id=f"detail.page-{number}", tooltip=f"Show {text}."
            )
            for number, (page, text) in enumerate(
                zip(
                    PAGES,
                    (
                        "the picture",
                        "content, style and result side by side",
                        "the losses, each layer's part, and the job's facts",
                        "the settings",
                        "the log",
                    ),
                    strict=True,
                ),
                1,
            )
        ),
        Binding("tab", "next_page", "page", id="detail.next-page", tooltip="Show the next page."),
        Binding("l", "page('log')", "log", show=False, id="detail.log", tooltip="Show the log."),
        Binding("J", "job_at(1)", "next job", show=False, id="detail.next", tooltip="Go to the next job of the queue."),
        Binding(
            "K",
            "job_at(-1)",
            "job before",
            show=False,
            id="detail.before",
            tooltip="Go to the job before in the queue.",
        ),
    ]
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (110, "-wide")]  # noqa: RUF012  # not ClassVar in the toolkit

    def __init__(self, table: QueueTable, page: Page | None = None) -> None:
        super().__init__()
        self._table = table
        self._job_id = table.job_id
        self._page: Page = page or first_page(table.row)
        self._picture_page: Page = self._page if self._page in _PICTURES else "picture"
        self._text_page: Page = self._page if self._page not in _PICTURES else "losses"
        self._player: Timer | None = None
        self._why_rows = 0

    def compose(self) -> ComposeResult:
        """Lay out all pages; the style sheet shows the chosen ones."""
        yield LineView(id="title")
        yield Tabs(_TABS, id="tabs")
        yield LineView(id="why")
        with Container(id="pages"):
            with Horizontal(id="page-picture"):
                yield PictureView(id="large")
                with Vertical(id="small"):
                    for name in _SMALL:
                        yield PictureView(id=name)
            with Horizontal(id="page-sides"):
                for name in _SIDES:
                    yield PictureView(id=name)
            with Container(id="page-losses"):
                yield LineView(id="losses")
                yield Pager(id="facts")
            yield Pager(id="page-settings")
            yield Pager(id="page-log")
        yield LineView(id="event")
        yield KeysLine(id="keys")

    def on_mount(self) -> None:
        """Show the first page."""
        self.mode = self.shell.first_mode
        self._turn()

    # -- snapshots ------------------------------------------------------------------------------------------------

    def job_id(self) -> str | None:
        """Return the id of the job shown."""
        return self._job_id

    def wanted_view(self) -> View:
        """Ask for this job, in the sizes of the pages that are visible."""
        offset, limit = self._table.wanted()
        main = self.shell.main_view()
        losses = self.query_one("#losses").size
        return replace(
            main,
            offset=offset,
            limit=limit,
            job=self._job_id,
            canvas=self._canvas("large"),
            frame=self.frame,
            plot_columns=plot_columns(losses.width, losses.height - 1, self.shell.glyphs),
            log=self._text_page == "log",
            sides=self._canvas(_SMALL[0] if self._picture_page == "picture" else _SIDES[0]),
            large_result=self._picture_page == "picture",
        )

    def _canvas(self, name: str) -> Canvas:
        size = self.query_one(f"#{name}", PictureView).size
        return self.shell.canvas(size.width, max(0, size.height - 1), self.mode)

    def show_snapshot(self, snapshot: Snapshot) -> None:
        """Draw the visible pages."""
        self._table.show_queue(snapshot, ())
        self.draw_clock()
        focus = self.focus_now
        if focus is None:
            if snapshot.view.job == self._job_id and not snapshot.trouble:
                self.shell.show_message("This job was removed.", "warn")
                self.action_back()
            return
        if snapshot.view != self.wanted_view():
            self.look_again()  # a size became known, or the reason took rows from the pages, while this snapshot was made
        self._draw_why(focus)
        self._draw_picture(focus)
        self._draw_sides(focus)
        self._draw_losses(focus, snapshot)
        self._draw_text(focus)
        self.refresh_keys()

    def draw_clock(self) -> None:
        """Draw the title and the event line."""
        title = self.query_one("#title", LineView)
        title.show([self._title(title.size.width)])
        self.query_one("#event", LineView).show([self.shell.event_line()])

    def _title(self, cells: int) -> Line:
        job = self.job
        if job is None:
            return ((" styled", "strong"),)
        glyphs = self.shell.glyphs
        progress = self.focus_now.progress if self.focus_now is not None else None
        start: Line = (
            (f" {job.number:04d} {inert(job.title, ascii_only=not glyphs.unicode)}  ", "strong"),
            (f"{glyphs.states[job.state]} {job.state}", STATE_TONES[job.state]),
        )
        if progress is None:
            return start
        left = f"  left {figures.duration(progress.left_seconds)}" if job.state == "running" else ""
        end = f"step {progress.step}/{progress.steps}  loss {figures.loss(progress.loss)}{left} "
        return spread(start, ((end, "muted"),), cells)

    def _draw_why(self, focus: Focus) -> None:
        """Show first why the job is not getting on, whole, on every page."""
        view = self.query_one("#why", LineView)
        lines = job_reason_lines(focus.job, self.size.width - 2, self.shell.glyphs)
        rows = min(len(lines), self.size.height // 2)
        if len(lines) != rows:
            lines = [*lines[: rows - 1], ((f"... {len(lines) - rows + 1} more lines: see the job's facts (3)", "key"),)]
        if rows != self._why_rows:
            self._why_rows = rows
            self.call_after_refresh(self.look_again)  # the pages have other sizes then
        view.styles.height = rows
        view.display = bool(rows)
        view.show(lines)

    def _draw_picture(self, focus: Focus) -> None:
        """Draw the picture large, and small beside it what it is made of."""
        view = self.query_one("#large", PictureView)
        text, extra = "1 picture", ""
        words = "off (t shows it)" if self.mode == "off" else no_frame_words(focus.job)
        if focus.picture is not None:
            of = f" of {focus.frames[-1]}" if focus.frames and focus.picture.step is not None else ""
            text += f"  {focus.picture.caption}{of}"
            extra = f"{focus.picture.width}x{focus.picture.height}"
        title = heading(text, view.size.width, self.shell.glyphs, extra=extra)
        view.show_picture(focus.picture, words, title)

    def _draw_sides(self, focus: Focus) -> None:
        glyphs = self.shell.glyphs
        for index, name in [*enumerate(_SMALL), *enumerate(_SIDES)]:
            view = self.query_one(f"#{name}", PictureView)
            if not view.size:
                continue  # of the page that is not shown
            picture = focus.sides[index] if index < len(focus.sides) else None
            text = picture.caption if picture is not None else name.partition("-")[2]
            size = f"{picture.width}x{picture.height}" if picture is not None else ""
            words = "off (t shows it)" if self.mode == "off" else "none yet"
            view.show_picture(picture, words, heading(text, view.size.width - 1, glyphs, extra=size))

    def _draw_losses(self, focus: Focus, snapshot: Snapshot) -> None:
        app = self.shell
        view = self.query_one("#losses", LineView)
        size = (view.size.width, max(0, view.size.height - 1))
        title = heading("3 losses", view.size.width, app.glyphs, extra=f"log10 of {term_word(app.term)}")
        view.show([title, *loss_lines(focus, snapshot.memory, size, app.glyphs, app.term)])
        facts = self.query_one("#facts", Pager)
        cells = facts.size.width - 1
        layers = layer_lines(focus.progress, cells, app.glyphs)
        gap: list[Line] = [((" ", ""),)] if layers else []
        facts.show_text(
            [*layers, *gap, *job_lines(focus, snapshot.memory, cells, app.glyphs, snapshot.memory_history)],
            title=heading("layers, job" if layers else "job", facts.size.width, app.glyphs),
        )

    def _draw_text(self, focus: Focus) -> None:
        glyphs = self.shell.glyphs
        settings = self.query_one("#page-settings", Pager)
        settings.show_text(
            settings_lines(focus.job, max(20, settings.size.width - 1), glyphs),
            title=heading("4 settings", settings.size.width, glyphs),
        )
        log = self.query_one("#page-log", Pager)
        cells = max(20, log.size.width - 1)
        wrapped = (wrap(inert(row, ascii_only=not glyphs.unicode), cells) for row in focus.log)
        rows: list[Line] = [((row, ""),) for rows_of_line in wrapped for row in rows_of_line]
        empty: list[Line] = [(("The log is empty.", "muted"),)]
        log.show_text(rows or empty, title=heading("5 log", log.size.width, glyphs), follow=bool(rows))

    # -- actions ----------------------------------------------------------------------------------------------------

    def _turn(self) -> None:
        """Show the chosen pages, and give the keys to the text if there is one in front."""
        self.query_one(Tabs).show_pages(self._page, {self._picture_page, self._text_page} if self._is_wide else ())
        front_is_picture = self._page in _PICTURES
        self.set_class(front_is_picture, "-picture-front")
        for page in PAGES:
            chosen = page in (self._picture_page, self._text_page)
            self.query_one(f"#page-{page}").set_class(chosen, "-chosen")
            self.query_one(f"#page-{page}").set_class(page == self._page, "-front")
        target = {"losses": "facts", "settings": "page-settings", "log": "page-log"}.get(self._page)
        self.set_focus(self.query_one(f"#{target}") if target is not None else None)
        self.call_after_refresh(self._resized)

    @property
    def _is_wide(self) -> bool:
        return self.has_class("-wide")

    @on(Tabs.Chosen)
    def _tab_chosen(self, event: Tabs.Chosen) -> None:
        self.action_page(event.page)  # type: ignore[arg-type]  # the tabs are the pages

    def on_resize(self, _event: Resize) -> None:
        """Ask for pictures of the new size."""
        self.call_after_refresh(self._resized)

    def _resized(self) -> None:
        self.look_again()
        if self.shell.snapshot is not None and self.is_ready:
            self.show_snapshot(self.shell.snapshot)

    def action_page(self, page: Page) -> None:
        """Show a page."""
        self._page = page
        if page in _PICTURES:
            self._picture_page = page
        else:
            self._text_page = page
        self._turn()

    def action_next_page(self) -> None:
        """Show the next page."""
        self.action_page(PAGES[(PAGES.index(self._page) + 1) % len(PAGES)])

    def action_job_at(self, by: int) -> None:
        """Go to another job of the queue."""
        self._stop_playing()
        self._table.action_move(by)
        if self._table.job_id is not None and self._table.job_id != self._job_id:
            self._job_id = self._table.job_id
            self.frame = None
            self.look_again()
            self.draw_clock()

    def action_play(self) -> None:
        """Play the frames from the first, or stop."""
        focus = self.focus_now
        if self._player is not None:
            self._stop_playing()
        elif focus is not None and len(focus.frames) > 1:
            self.frame = focus.frames[0]
            self.look_again()
            self._player = self.set_interval(PLAY_S, self._play_on)
        else:
            self.shell.show_message("There is nothing to play yet: fewer than two frames.", "warn")

    def _play_on(self) -> None:
        snapshot, focus = self.shell.snapshot, self.focus_now
        if focus is None or snapshot is None or snapshot.view.frame != self.frame:
            return  # the frame asked for is still being drawn: a slow link plays slower instead of skipping
        self._scrub(1)
        if self.frame is None:
            self._stop_playing()

    def _stop_playing(self) -> None:
        if self._player is not None:
            self._player.stop()
            self._player = None

    def action_older_frame(self) -> None:
        """Stop playing and show the frame before."""
        self._stop_playing()
        super().action_older_frame()

    def action_newer_frame(self) -> None:
        """Stop playing and show the frame after."""
        self._stop_playing()
        super().action_newer_frame()

    def action_back(self) -> None:
        """Go back to the queue."""
        self._stop_playing()
        self.dismiss()


def first_page(row: object) -> Page:
    """Return what matters most of a job: its images before it begins, its log where it failed, else the picture."""
    if isinstance(row, Job) and row.state in {JobState.WAITING, JobState.PAUSED} and not row.step:
        return "sides"
    return "log" if isinstance(row, Job) and row.state is JobState.FAILED else "picture"
