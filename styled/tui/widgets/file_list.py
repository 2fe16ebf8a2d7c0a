"""The file browser's list: folders and images, with a cursor."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.events import Resize
from textual.message import Message

from styled.tui.cells.glyphs import Glyphs
from styled.tui.cells.lines import Line, cut_middle, fit_line, inert, plain
from styled.tui.panes.headings import heading
from styled.tui.reading.files import Entry, Listing, list_folder
from styled.tui.widgets.background import in_background
from styled.tui.widgets.line_view import LineView


class FileList(LineView, can_focus=True):
    """Lists a folder, read on a thread: a slow disk leaves the keys alive."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("j,down", "move(1)", "down", show=False, id="files.down"),
        Binding("k,up", "move(-1)", "up", show=False, id="files.up"),
        Binding("pagedown,ctrl+f", "page(1)", "page down", show=False, id="files.page-down"),
        Binding("pageup,ctrl+b", "page(-1)", "page up", show=False, id="files.page-up"),
        Binding("g,home", "to(0)", "first", show=False, id="files.first"),
        Binding("G,end", "to(-1)", "last", show=False, id="files.last"),
        Binding(
            "h,left,backspace", "up", "folder above", show=False, id="files.parent", tooltip="Go to the folder above."
        ),
    ]

    class Moved(Message):
        """The cursor stands on another entry."""

    class Read(Message, bubble=False):
        """A folder was read."""

        def __init__(self, listing: Listing) -> None:
            super().__init__()
            self.listing = listing

    def __init__(self, folder: Path, glyphs: Glyphs, *, id: str | None = None) -> None:  # noqa: A002  # Textual's name
        super().__init__(id=id)
        self._glyphs = glyphs
        self._wanted = folder
        self._came_from: Path | None = None
        self.listing: Listing | None = None
        self.cursor = 0
        self._top = 0
        self.chosen: dict[Path, str] = {}
        """Path to the word that marks it: ``content``, ``style``."""

    def on_mount(self) -> None:
        """Read the first folder."""
        self.open(self._wanted)

    @property
    def entry(self) -> Entry | None:
        """What the cursor is on."""
        entries = self.listing.entries if self.listing is not None else ()
        return entries[self.cursor] if self.cursor < len(entries) else None

    def open(self, folder: Path) -> None:
        """Read another folder; what is shown stays until it is read."""
        self._came_from = self.listing.folder if self.listing is not None else None
        self._wanted = folder
        in_background(self, "files", lambda: self.Read(list_folder(folder)))

    def on_file_list_read(self, message: Read) -> None:
        """Show a folder, unless another was asked for meanwhile."""
        if message.listing.folder != self._wanted:
            return
        self.listing = message.listing
        names = [entry.path for entry in message.listing.entries]
        # Coming back up, the cursor stands on the folder one was in.
        self.cursor = names.index(self._came_from) if self._came_from in names[1:] else 0
        self._draw()
        self.post_message(self.Moved())

    def action_move(self, by: int) -> None:
        """Move the cursor."""
        self._go(self.cursor + by)

    def action_page(self, pages: int) -> None:
        """Move the cursor by screens."""
        self._go(self.cursor + pages * self._rows)

    def action_to(self, index: int) -> None:
        """Go to an entry; negative counts from the end."""
        self._go(index if index >= 0 else self._length + index)

    def action_up(self) -> None:
        """Go to the folder above."""
        self.open(self._wanted.parent)

    @property
    def _rows(self) -> int:
        return max(1, self.size.height - 1)

    @property
    def _length(self) -> int:
        return len(self.listing.entries) if self.listing is not None else 0

    def _go(self, index: int) -> None:
        self.cursor = max(0, min(index, self._length - 1))
        self._draw()
        self.post_message(self.Moved())

    def on_resize(self, event: Resize) -> None:
        """Draw for the new size."""
        super().on_resize(event)
        self._draw()

    def mark(self, chosen: dict[Path, str]) -> None:
        """Mark the files that are chosen."""
        self.chosen = chosen
        self._draw()

    def _draw(self) -> None:
        cells = self.size.width
        if not cells:
            return
        self._top = max(0, min(max(self._top, self.cursor - self._rows + 1), self.cursor))
        folder = inert(str(self._wanted), ascii_only=not self._glyphs.unicode)
        lines: list[Line] = [heading(cut_middle(folder, cells - 6), cells, self._glyphs)]
        if self.listing is None:
            lines.append((("  reading...", "muted"),))
        else:
            entries = self.listing.entries[self._top : self._top + self._rows]
            lines += [self._row(index, entry, cells) for index, entry in enumerate(entries, self._top)]
            if self.listing.trouble:
                lines.append(((f"  {inert(self.listing.trouble)}", "bad"),))
            elif all(entry.is_folder for entry in self.listing.entries):
                lines.append((("  no images here", "muted"),))
        self.show(lines)

    def _row(self, index: int, entry: Entry, cells: int) -> Line:
        mark = self._glyphs.cursor if index == self.cursor else " "
        name = inert(entry.name, ascii_only=not self._glyphs.unicode) + ("/" if entry.is_folder else "")
        word = self.chosen.get(entry.path, "")
        line: Line = (
            (f"{mark} {word:<8}", "good"),
            (name, "accent" if entry.is_folder else ""),
        )
        return ((plain(fit_line(line, cells)), "cursor"),) if index == self.cursor else line
