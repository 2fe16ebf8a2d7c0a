"""Adds a job: a file browser with previews chooses a content and styles, a few keys the settings."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, cast

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.events import Resize
from textual.message import Message
from textual.screen import Screen

from styled.config import load_config
from styled.errors import StyledError
from styled.root import Root
from styled.tui.cells.lines import Line, inert
from styled.tui.model.snapshot import Canvas, Picture
from styled.tui.panes.headings import heading
from styled.tui.panes.new_job import NewJob
from styled.tui.screens.edit_screen import NewSettingsScreen
from styled.tui.widgets.background import in_background
from styled.tui.widgets.file_list import FileList
from styled.tui.widgets.keys_line import KeysLine
from styled.tui.widgets.line_view import LineView
from styled.tui.widgets.picture_view import PictureView

if TYPE_CHECKING:
    from styled.tui.shell import Shell


class AddScreen(Screen[str]):
    """Ends with the name of the pair it put into the inbox, or with nothing.

    Args:
        root: whose inbox.
        folder: where to look first.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(
            "enter,l,right",
            "choose",
            "choose",
            id="add.choose",
            key_display="enter",
            tooltip="Open the folder; or take the image as content, then as style.",
        ),
        Binding("a", "add", "add", id="add.add", tooltip="Copy the images into the inbox: the job is queued."),
        Binding("escape,q", "back", "back", id="add.back", key_display="esc", tooltip="Go back without adding."),
        Binding("c", "content", "content", id="add.content", tooltip="Take the image as the content."),
        Binding("s", "style", "style", id="add.style", tooltip="Take the image as a style too, or no longer."),
        Binding(
            "m",
            "mask",
            "mask",
            show=False,
            id="add.mask",
            tooltip="Take the image as the mask, or no longer; the preview shows its regions.",
        ),
        Binding(
            "p", "preset", "preset", id="add.preset", tooltip="Choose the next preset: draft, balanced, fine, print."
        ),
        Binding("z", "size", "size", id="add.size", tooltip="Choose the next size (long side of the result, px)."),
        Binding("n", "steps", "steps", id="add.steps", tooltip="Choose the next number of steps."),
        Binding(
            "e",
            "settings",
            "settings",
            id="add.settings",
            tooltip="Type any settings: steps, frame interval, layers, a preset, init=job:9 to start from that picture.",
        ),
    ]

    class PreviewDrawn(Message, bubble=False):
        """The image under the cursor was drawn, or could not be."""

        def __init__(self, path: Path, picture: Picture | None, words: str) -> None:
            super().__init__()
            self.path, self.picture, self.words = path, picture, words

    class MaskRead(Message, bubble=False):
        """The mask of a choice was read: its regions as a picture, or none, and which style is where."""

        def __init__(self, job: NewJob, canvas: Canvas, picture: Picture | None, words: Line) -> None:
            super().__init__()
            self.job, self.canvas, self.picture, self.words = job, canvas, picture, words

    class Configured(Message, bubble=False):
        """The settings that jobs start from were read, or could not be."""

        def __init__(self, values: Mapping[str, Any], trouble: str) -> None:
            super().__init__()
            self.values, self.trouble = values, trouble

    class Estimated(Message, bubble=False):
        """What the job will take was worked out, or could not be."""

        def __init__(self, job: NewJob, words: Line, *, is_timed: bool, has_measured: bool) -> None:
            super().__init__()
            self.job, self.words, self.is_timed, self.has_measured = job, words, is_timed, has_measured

    class Added(Message, bubble=False):
        """The pair is in the inbox, or could not be put there."""

        def __init__(self, name: str, trouble: str) -> None:
            super().__init__()
            self.name, self.trouble = name, trouble

    def __init__(self, root: Root, folder: Path | None = None) -> None:
        super().__init__()
        self._root = root
        self._folder = folder or _current_folder(root)
        self.new_job = NewJob()
        self._said: Line = ()
        self._planned: NewJob | None = None
        self._plan: Line = ()
        self._is_measuring = False
        self._adding = False
        self._mask: AddScreen.MaskRead | None = None
        """Of the choice and the canvas as they are, or as they were a moment ago."""

    @property
    def shell(self) -> Shell:
        """The app, with its own type."""
        return cast("Shell", self.app)

    def compose(self) -> ComposeResult:
        """Lay out browser, preview and choice."""
        with Horizontal(id="browser"):
            yield FileList(self._folder, self.shell.glyphs, id="files")
            yield PictureView(id="preview")
        yield LineView(id="choice")
        yield LineView(id="event")
        yield KeysLine(id="keys")

    def on_mount(self) -> None:
        """Give the list the keys; read the configuration."""
        self.query_one(FileList).focus()
        in_background(self, "configured", self._read_config)

    def _read_config(self) -> Configured:
        """Read what jobs start from; runs on a thread."""
        try:
            return self.Configured(load_config(self._root.config).job, "")
        except StyledError as error:
            return self.Configured({}, str(error))

    def on_add_screen_configured(self, message: Configured) -> None:
        """Show the settings as they will be."""
        self.new_job.configured = message.values
        if message.trouble:
            self._said = ((f" {inert(message.trouble, ascii_only=not self.shell.glyphs.unicode)}", "bad"),)
        self._changed()

    def on_resize(self, _event: Resize) -> None:
        """Draw for the new size."""
        self.call_after_refresh(self._look_at_mask)
        self.call_after_refresh(self._moved)
        self.call_after_refresh(self._draw)

    # -- preview ------------------------------------------------------------------------------------------------

    @on(FileList.Moved)
    def _moved(self) -> None:
        entry = self.query_one(FileList).entry
        if entry is None or entry.is_folder:
            self._show_preview(None, "")
            return
        if entry.path == self.new_job.mask and self._mask is not None and self._mask.picture is not None:
            self._show_preview(self._mask.picture, "")
            return
        canvas = self._canvas()
        if canvas.wanted:
            in_background(self, "preview", lambda: self._preview(entry.path, canvas))

    def _canvas(self) -> Canvas:
        size = self.query_one(PictureView).size
        return self.shell.canvas(size.width - 1, max(0, size.height - 1), self.shell.first_mode)

    def _preview(self, path: Path, canvas: Canvas) -> PreviewDrawn:
        """Draw an image; runs on a thread."""
        from styled.tui.reading.pictures import draw

        try:
            return self.PreviewDrawn(path, draw(path, canvas, caption=path.name), "")
        except StyledError as error:
            return self.PreviewDrawn(path, None, error.message)
        except OSError as error:
            return self.PreviewDrawn(path, None, f"{path.name}: {error.strerror}")

    def on_add_screen_preview_drawn(self, message: PreviewDrawn) -> None:
        """Show the preview, unless the cursor has moved on, or the mask's regions are there."""
        entry = self.query_one(FileList).entry
        if entry is None or entry.path != message.path:
            return
        if entry.path == self.new_job.mask and self._mask is not None and self._mask.picture is not None:
            return
        self._show_preview(message.picture, message.words)

    def _show_preview(self, picture: Picture | None, words: str) -> None:
        view = self.query_one(PictureView)
        size = f"{picture.width}x{picture.height}" if picture is not None else ""
        is_mask = self._mask is not None and picture is not None and picture is self._mask.picture
        title = picture.caption if picture is not None and is_mask else "preview"
        glyphs = self.shell.glyphs
        words = inert(words, ascii_only=not glyphs.unicode)
        view.show_picture(picture, words, heading(title, view.size.width - 1, glyphs, extra=size))

    # -- mask ---------------------------------------------------------------------------------------------------

    def _look_at_mask(self) -> None:
        """Read the mask of the choice, unless that was done for it and for this size of the screen."""
        if self.new_job.mask is None:
            self._mask = None
            return
        job, canvas = self.new_job.copy(), self._canvas()
        if self._mask is not None and self._mask.canvas == canvas and _same_images(self._mask.job, job):
            return
        self._mask = self.MaskRead(job, canvas, None, ())
        in_background(self, "mask", partial(self._read_mask, job, canvas))

    def _read_mask(self, job: NewJob, canvas: Canvas) -> MaskRead:
        """Find the regions of a mask; runs on a thread."""
        from styled.tui.reading.mask_reading import read_mask

        return self.MaskRead(job, canvas, *read_mask(job, canvas))

    def on_add_screen_mask_read(self, message: MaskRead) -> None:
        """Show what was understood of the mask, unless something else was chosen meanwhile."""
        if self._mask is None or self._mask.canvas != message.canvas or not _same_images(self._mask.job, message.job):
            return
        self._mask = message
        self._moved()
        self._draw()

    # -- choice -------------------------------------------------------------------------------------------------

    def _changed(self) -> None:
        """Draw the choice, and work out again what it will take."""
        self._look_at_mask()
        if self.new_job != self._planned:
            self._planned, self._plan = self.new_job.copy(), ()
            if self.new_job.is_whole:
                in_background(self, "plan", partial(self._estimate, self._planned, may_measure=False))
        self._draw()

    def _estimate(self, job: NewJob, *, may_measure: bool) -> Estimated:
        """Work out what a job will take; runs on a thread."""
        from styled.tui.reading.estimate import estimate  # loads NumPy, which the first screen must not wait for

        words, is_timed = estimate(job, may_measure=may_measure)
        return self.Estimated(job, words, is_timed=is_timed, has_measured=may_measure)

    def on_add_screen_estimated(self, message: Estimated) -> None:
        """Show it, unless something else was chosen meanwhile; measure this machine if nobody has."""
        if message.has_measured:
            self._is_measuring = False
        if message.job != self.new_job:
            if message.has_measured and self.new_job.is_whole:  # its time is known now
                in_background(self, "plan", partial(self._estimate, self.new_job.copy(), may_measure=False))
            return
        self._plan = message.words
        if not message.is_timed:
            self._plan = (*self._plan, ("   measuring this machine for the time...", "muted"))
            if not self._is_measuring:
                self._is_measuring = True
                in_background(self, "measure", partial(self._estimate, message.job, may_measure=True))
        self._draw()

    def _draw(self) -> None:
        view = self.query_one("#choice", LineView)
        cells = view.size.width
        glyphs = self.shell.glyphs
        known = ((inert(text, ascii_only=not glyphs.unicode), tone) for text, tone in self._plan)
        plan: Line = (("plan      ", "muted"), *known)
        content, style, *settings = self.new_job.lines(cells, glyphs)
        mask = self.new_job.mask_line(self._mask.words if self._mask is not None else (), cells, glyphs)
        title = heading("new job", cells, glyphs)
        view.show([title, content, style, mask, *settings, plan, self.new_job.ready_line()])
        self.query_one(FileList).mark(self.new_job.marks())
        self.query_one("#event", LineView).show([self._said])

    def _image(self) -> Path | None:
        entry = self.query_one(FileList).entry
        return entry.path if entry is not None and not entry.is_folder else None

    def action_choose(self) -> None:
        """Open the folder, or take the image as what is still missing."""
        entry = self.query_one(FileList).entry
        if entry is None:
            return
        if entry.is_folder:
            self.query_one(FileList).open(entry.path)
        elif self.new_job.content is None:
            self.action_content()
        else:
            self.action_style()

    def action_content(self) -> None:
        """Take the image as the content."""
        image = self._image()
        if image is not None:
            self.new_job.content = image
            self._changed()

    def action_style(self) -> None:
        """Take the image as a style, or no longer."""
        image = self._image()
        if image is not None:
            self.new_job.toggle_style(image)
            self._changed()

    def action_mask(self) -> None:
        """Take the image as the mask, or no longer."""
        image = self._image()
        if image is not None:
            self.new_job.toggle_mask(image)
            self._changed()
            self._moved()  # it is shown in false colours, or no longer

    def action_preset(self) -> None:
        """Choose the next preset."""
        self.new_job.next_preset()
        self._changed()

    def action_size(self) -> None:
        """Choose the next size."""
        self.new_job.next_size()
        self._changed()

    def action_steps(self) -> None:
        """Choose the next number of steps."""
        self.new_job.next_steps()
        self._changed()

    def action_settings(self) -> None:
        """Type settings."""

        def typed(settings: dict[str, Any] | None) -> None:
            if settings is not None:
                self.new_job.preset = settings.pop("preset", None)
                self.new_job.own = settings
                self._changed()

        self.app.push_screen(NewSettingsScreen(self.new_job, self._root, self.shell.glyphs), typed)

    def action_add(self) -> None:
        """Copy the images into the inbox, on a thread: they may be large."""
        content = self.new_job.content
        if content is None or not self.new_job.styles or self._adding:
            return
        self._adding = True
        self._said = ((" copying into the inbox...", "muted"),)
        self._draw()
        in_background(self, "add", partial(self._drop, content, self.new_job.copy()))

    def _drop(self, content: Path, job: NewJob) -> Added:
        """Put the pair into the inbox; runs on a thread."""
        from styled.inbox.add import add_pair  # loads NumPy, which the first screen must not wait for

        try:
            config = load_config(self._root.config)
            name = add_pair(self._root, content, job.styles, mask=job.mask, settings=job.settings, config=config)
            return self.Added(name, "")
        except StyledError as error:
            return self.Added("", str(error))

    def on_add_screen_added(self, message: Added) -> None:
        """Go back and report it; or stay and show why not."""
        self._adding = False
        if message.trouble:
            self._said = ((f" {inert(message.trouble, ascii_only=not self.shell.glyphs.unicode)}", "bad"),)
            self._draw()
        else:
            self.dismiss(message.name)

    def action_back(self) -> None:
        """Go back without adding."""
        self.dismiss("")


def _same_images(one: NewJob, other: NewJob) -> bool:
    return (one.content, one.styles, one.mask) == (other.content, other.styles, other.mask)


def _current_folder(root: Root) -> Path:
    try:
        return Path.cwd()
    except FileNotFoundError:  # it was deleted
        return root.path
