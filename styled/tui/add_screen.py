"""Adds a job: a file browser with previews chooses a content and styles, a few keys the settings."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, cast

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.events import Resize
from textual.message import Message
from textual.screen import Screen

from styled.errors import StyledError
from styled.root import Root
from styled.settings import Settings
from styled.tui.background import in_background
from styled.tui.file_list import FileList
from styled.tui.headings import heading
from styled.tui.keys_line import KeysLine
from styled.tui.line_view import LineView
from styled.tui.lines import Line, cut_middle, inert
from styled.tui.picture_view import PictureView
from styled.tui.snapshot import Canvas, Picture

if TYPE_CHECKING:
    from styled.tui.app import StyledApp

SIZES = (256, 512, 1024, 2048, 4096)
"""Long sides offered, px."""
STEPS = (50, 100, 300, 500, 1000)


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
        Binding("c", "content", "content", id="add.content", tooltip="Take the image as the content."),
        Binding("s", "style", "style", id="add.style", tooltip="Take the image as a style too, or no longer."),
        Binding("z", "size", "size", id="add.size", tooltip="Choose the next size (long side of the result, px)."),
        Binding("n", "steps", "steps", id="add.steps", tooltip="Choose the next number of steps."),
        Binding("a", "add", "add", id="add.add", tooltip="Copy the images into the inbox: the job is queued."),
        Binding("escape,q", "back", "back", id="add.back", key_display="esc", tooltip="Go back without adding."),
    ]

    class PreviewDrawn(Message, bubble=False):
        """The image under the cursor was drawn, or could not be."""

        def __init__(self, path: Path, picture: Picture | None, words: str) -> None:
            super().__init__()
            self.path, self.picture, self.words = path, picture, words

    class Added(Message, bubble=False):
        """The pair is in the inbox, or could not be put there."""

        def __init__(self, name: str, trouble: str) -> None:
            super().__init__()
            self.name, self.trouble = name, trouble

    def __init__(self, root: Root, folder: Path | None = None) -> None:
        super().__init__()
        self._root = root
        self._folder = folder or _current_folder(root)
        self.content: Path | None = None
        self.chosen_styles: list[Path] = []
        defaults = dict(zip(Settings.__struct_fields__, Settings.__struct_defaults__, strict=True))
        self._values: dict[str, int] = {"size": defaults["size"], "steps": defaults["steps"]}
        self._said: Line = ()
        self._adding = False

    @property
    def styled_app(self) -> StyledApp:
        """The app, with its own type."""
        return cast("StyledApp", self.app)

    def compose(self) -> ComposeResult:
        """Lay out browser, preview and choice."""
        with Horizontal(id="browser"):
            yield FileList(self._folder, self.styled_app.glyphs, id="files")
            yield PictureView(id="preview")
        yield LineView(id="choice")
        yield LineView(id="event")
        yield KeysLine(id="keys")

    def on_mount(self) -> None:
        """Give the list the keys."""
        self.query_one(FileList).focus()

    def on_resize(self, _event: Resize) -> None:
        """Draw for the new size."""
        self.call_after_refresh(self._moved)
        self.call_after_refresh(self._draw)

    # -- preview ------------------------------------------------------------------------------------------------

    @on(FileList.Moved)
    def _moved(self) -> None:
        entry = self.query_one(FileList).entry
        if entry is None or entry.is_folder:
            self._show_preview(None, "")
            return
        size = self.query_one(PictureView).size
        canvas = self.styled_app.canvas(size.width - 1, max(0, size.height - 1), self.styled_app.first_mode)
        if canvas.wanted:
            in_background(self, "preview", lambda: self._preview(entry.path, canvas))

    def _preview(self, path: Path, canvas: Canvas) -> PreviewDrawn:
        """Draw an image; runs on a thread."""
        from styled.tui.pictures import draw

        try:
            return self.PreviewDrawn(path, draw(path, canvas, caption=path.name), "")
        except StyledError as error:
            return self.PreviewDrawn(path, None, error.message)
        except OSError as error:
            return self.PreviewDrawn(path, None, f"{path.name}: {error.strerror}")

    def on_add_screen_preview_drawn(self, message: PreviewDrawn) -> None:
        """Show the preview, unless the cursor has moved on."""
        entry = self.query_one(FileList).entry
        if entry is not None and entry.path == message.path:
            self._show_preview(message.picture, message.words)

    def _show_preview(self, picture: Picture | None, words: str) -> None:
        view = self.query_one(PictureView)
        size = f"{picture.width}x{picture.height}" if picture is not None else ""
        view.show_picture(
            picture, inert(words), heading("preview", view.size.width - 1, self.styled_app.glyphs, extra=size)
        )

    # -- choice -------------------------------------------------------------------------------------------------

    def _draw(self) -> None:
        view = self.query_one("#choice", LineView)
        cells = view.size.width
        glyphs = self.styled_app.glyphs

        def path_line(label: str, path: Path | None) -> Line:
            text = "-" if path is None else cut_middle(inert(str(path), ascii_only=not glyphs.unicode), cells - 11)
            return ((f"{label:<10}", "muted"), (text, ""))

        more = f"  (and {len(self.chosen_styles) - 1} more)" if len(self.chosen_styles) > 1 else ""
        missing = [
            word for word, there in (("a content (c)", self.content), ("a style (s)", self.chosen_styles)) if not there
        ]
        ready: Line = (
            ((f"still needed: {' and '.join(missing)}", "warn"),)
            if missing
            else (("a", "key"), (" adds it to the queue", "good"))
        )
        style = path_line(f"style{'s' if more else ''}", self.chosen_styles[0] if self.chosen_styles else None)
        view.show(
            [
                heading("new job", cells, glyphs),
                path_line("content", self.content),
                (*style, (more, "muted")),
                (("size      ", "muted"), (f"{self._values['size']} px", ""), ("   z: next", "muted")),
                (("steps     ", "muted"), (f"{self._values['steps']}", ""), ("   n: next", "muted")),
                ready,
            ]
        )
        marks = dict.fromkeys(self.chosen_styles, "style")
        if self.content is not None:
            marks[self.content] = "content" if self.content not in marks else "both"
        self.query_one(FileList).mark(marks)
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
        elif self.content is None:
            self.action_content()
        else:
            self.action_style()

    def action_content(self) -> None:
        """Take the image as the content."""
        image = self._image()
        if image is not None:
            self.content = image
            self._draw()

    def action_style(self) -> None:
        """Take the image as a style, or no longer."""
        image = self._image()
        if image is None:
            return
        if image in self.chosen_styles:
            self.chosen_styles.remove(image)
        else:
            self.chosen_styles.append(image)
        self._draw()

    def action_size(self) -> None:
        """Choose the next size."""
        self._next("size", SIZES)

    def action_steps(self) -> None:
        """Choose the next number of steps."""
        self._next("steps", STEPS)

    def _next(self, name: str, choices: tuple[int, ...]) -> None:
        larger = [choice for choice in choices if choice > self._values[name]]
        self._values[name] = larger[0] if larger else choices[0]
        self._draw()

    def action_add(self) -> None:
        """Copy the images into the inbox, on a thread: they may be large."""
        if self.content is None or not self.chosen_styles or self._adding:
            return
        self._adding = True
        self._said = ((" copying into the inbox...", "muted"),)
        self._draw()
        content, styles, values = self.content, tuple(self.chosen_styles), dict(self._values)
        in_background(self, "add", lambda: self._drop(content, styles, values))

    def _drop(self, content: Path, styles: tuple[Path, ...], values: dict[str, int]) -> Added:
        """Put the pair into the inbox; runs on a thread."""
        from styled.queue.drop import drop  # loads NumPy, which the first screen must not wait for

        try:
            return self.Added(drop(self._root, content, styles, settings=values), "")
        except StyledError as error:
            return self.Added("", str(error))

    def on_add_screen_added(self, message: Added) -> None:
        """Go back and say so; or stay and say why not."""
        self._adding = False
        if message.trouble:
            self._said = ((f" {inert(message.trouble)}", "bad"),)
            self._draw()
        else:
            self.dismiss(message.name)

    def action_back(self) -> None:
        """Go back without adding."""
        self.dismiss("")


def _current_folder(root: Root) -> Path:
    try:
        return Path.cwd()
    except FileNotFoundError:  # it was deleted
        return root.path
