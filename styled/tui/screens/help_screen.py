"""The keys of a screen, written from its bindings, so that the list cannot be wrong."""

from __future__ import annotations

from typing import ClassVar, NamedTuple

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import ModalScreen, Screen

from styled.tui.cells.lines import Line, left, right, width, wrap
from styled.tui.panes.headings import heading
from styled.tui.widgets.keys_line import KeysLine
from styled.tui.widgets.line_view import LineView
from styled.tui.widgets.pager import Pager

_KEY_CELLS = 14
_OTHER_KEYS = 'Other keys: in styled.toml under [tui], by the names at the right: keys = {"job.pause" = "space"}'


class HelpScreen(ModalScreen[None]):
    """Lists the keys of the screen it was opened from."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,question_mark,f1,q", "close", "back", id="help.close", key_display="esc"),
    ]

    def __init__(self, about: Screen[object]) -> None:
        super().__init__()
        # Read now: once this screen is in front, the other's bindings are no longer active.
        self._rows = binding_rows(about)

    def compose(self) -> ComposeResult:
        """Lay out the list."""
        yield LineView(id="help-title")
        yield Pager(id="help-text")
        yield KeysLine(id="keys")

    def on_mount(self) -> None:
        """Give the list the keys."""
        self.query_one(Pager).focus()

    def on_resize(self) -> None:
        """Write the list for this width."""
        glyphs = self.app.glyphs  # type: ignore[attr-defined]  # the app is always ours
        self.query_one("#help-title", LineView).show([heading("keys", self.size.width, glyphs)])
        self.query_one(Pager).show_text(help_lines(self._rows, self.size.width - 2))

    def action_close(self) -> None:
        """Go back."""
        self.dismiss()


GROUPS = {
    "job": "The job",
    "main": "This screen",
    "detail": "This screen",
    "compare": "This screen",
    "add": "This screen",
    "view": "What is shown",
    "queue": "Moving in the queue",
    "pager": "Moving in the text",
    "files": "Moving in the files",
    "app": "Everywhere",
}
"""First part of a binding's id, and the heading it is listed under, in this order."""


class HelpRow(NamedTuple):
    """One action in the list."""

    group: str
    keys: str
    text: str
    name: str
    """For ``[tui] keys``."""


def binding_rows(screen: Screen[object]) -> list[HelpRow]:
    """Return a row for each binding that has an id, group by group."""
    found: dict[str, tuple[list[str], str]] = {}
    for active in screen.active_bindings.values():
        binding = active.binding
        if not binding.id:
            continue  # the toolkit's own
        keys, _ = found.setdefault(binding.id, ([], binding.tooltip or binding.description.capitalize() + "."))
        keys.append(screen.app.get_key_display(binding))
    order = list(GROUPS)
    rows = [
        HelpRow(name.partition(".")[0], " ".join(dict.fromkeys(keys)), text, name)
        for name, (keys, text) in found.items()
    ]
    return sorted(rows, key=lambda row: order.index(row.group) if row.group in GROUPS else len(order))


def help_lines(rows: list[HelpRow], cells: int) -> list[Line]:
    """Return the list for a screen of ``cells`` cells."""
    lines: list[Line] = []
    title = ""
    for row in rows:
        if GROUPS.get(row.group, "") != title:
            title = GROUPS.get(row.group, "")
            if lines:
                lines.append(((" ", ""),))
            lines.append(((f" {title}", "strong"),))
        room = max(10, cells - _KEY_CELLS)
        parts = wrap(row.text, room)
        if width(parts[-1]) + 2 + len(row.name) > room:
            parts.append("")  # the name gets a line of its own
        for index, part in enumerate(parts):
            lines.append(((left(f" {row.keys}" if index == 0 else "", _KEY_CELLS), "key"), (part, "")))
        lines[-1] = (*lines[-1], (right(row.name, room - width(parts[-1])), "muted"))
    return [*lines, ((" ", ""),), *(((f" {part}", "muted"),) for part in wrap(_OTHER_KEYS, max(10, cells - 1)))]
