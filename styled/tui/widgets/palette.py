"""All commands by name: type a part of one, choose it with the arrows. Drawn with the terminal's own characters."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import ClassVar

from textual import on
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen, Screen
from textual.widgets import Input

from styled.tui.cells.glyphs import Glyphs
from styled.tui.cells.lines import Line, cut, fit_line, left, plain
from styled.tui.widgets.line_view import LineView
from styled.tui.widgets.queue_table import QueueTable

_TITLE_CELLS = 16
_KEY_CELLS = 12


@dataclass(frozen=True)
class Command:
    """One entry of the palette."""

    title: str
    key: str
    about: str
    run: Callable[[], object]
    """Returns an awaitable."""


def commands_of(screen: Screen[object]) -> list[Command]:
    """Return a command for each useful binding of ``screen`` that has a name of its own; those that move a cursor come last."""
    useful = getattr(screen, "useful", None)
    found: dict[str, Command] = {}
    # Those of the widget that has the focus are the ones that move something.
    of_screen_first = sorted(
        screen.active_bindings.values(), key=lambda active: active.node not in (screen, screen.app)
    )
    for active in of_screen_first:
        binding = active.binding
        if not binding.id or binding.id in found or binding.action == "command_palette":
            continue  # the toolkit's own keys, second keys of the same action, and this
        word = useful(binding.action) if useful is not None else ""
        if word is None:
            continue
        run = partial(screen.app.run_action, binding.action, active.node)
        title = word or binding.description
        key = screen.app.get_key_display(binding)
        found[binding.id] = Command(title, key, binding.tooltip or title.capitalize() + ".", run)
    return list(found.values())


def offer_commands(app: App[None], glyphs: Glyphs) -> None:
    """Offer the commands of the screen in front, and run the one that is chosen.

    A queue behind it changes meanwhile: its cursor stays on its job, for which the command is meant.
    """
    tables = list(app.screen.query(QueueTable))

    def chosen(command: Command | None) -> None:
        if command is not None:
            app.call_next(command.run)
        for table in tables:
            app.call_next(table.release)

    app.push_screen(Palette(commands_of(app.screen), glyphs), chosen)
    for table in tables:
        table.hold()


def matches(command: Command, text: str) -> bool:
    """Return whether every word of ``text`` is in the command's name or description."""
    about = f"{command.title} {command.about}".lower()
    return all(word in about for word in text.lower().split())


class Palette(ModalScreen[Command]):
    """Chooses one of ``commands``; ends without one on escape."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,ctrl+p", "close", "back", id="palette.close"),
        Binding("down,ctrl+n", "move(1)", "down", id="palette.down"),
        Binding("up", "move(-1)", "up", id="palette.up"),
    ]

    def __init__(self, commands: list[Command], glyphs: Glyphs) -> None:
        super().__init__()
        self._commands = commands
        self._found = commands
        self._glyphs = glyphs
        self._at = 0

    def compose(self) -> ComposeResult:
        """Lay out the field and the list."""
        with Vertical(id="palette"):
            yield Input(placeholder="Type a command", compact=True)
            yield LineView(id="palette-list")

    def on_mount(self) -> None:
        """Wait for words."""
        self.query_one(Input).focus()
        self.call_after_refresh(self._draw)

    def on_resize(self) -> None:
        """Draw for the new size."""
        self.call_after_refresh(self._draw)

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        self._found = [command for command in self._commands if matches(command, event.value)]
        self._at = 0
        self._draw()

    @on(Input.Submitted)
    def _chosen(self) -> None:
        self.dismiss(self._found[self._at] if self._found else None)

    def action_move(self, by: int) -> None:
        """Go to another entry."""
        self._at = max(0, min(self._at + by, len(self._found) - 1))
        self._draw()

    def action_close(self) -> None:
        """Choose nothing."""
        self.dismiss(None)

    def _draw(self) -> None:
        view = self.query_one("#palette-list", LineView)
        rows, cells = view.size.height, view.size.width
        first = max(0, self._at - rows + 1)
        lines: list[Line] = []
        for index, command in enumerate(self._found[first : first + rows], first):
            mark = self._glyphs.cursor if index == self._at else " "
            line: Line = (
                (f"{mark} {left(command.title, _TITLE_CELLS)}", ""),
                (left(command.key, _KEY_CELLS), "key"),
                (cut(command.about, max(0, cells - _TITLE_CELLS - _KEY_CELLS - 2)), "muted"),
            )
            lines.append(((plain(fit_line(line, cells)), "cursor"),) if index == self._at else line)
        view.show(lines or [(("  no match", "muted"),)])
