"""The last row of the screen: the most useful keys of the moment, as many as fit."""

from __future__ import annotations

from typing import NamedTuple

from textual.dom import DOMNode
from textual.events import Click
from textual.screen import Screen

from styled.tui.cells.lines import Line, line_width
from styled.tui.widgets.line_view import LineView


class KeysLine(LineView):
    """Written from the screen's active bindings, so it can never name a key that does nothing. A click does what the key does."""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002  # Textual's name
        super().__init__(id=id)
        self._keys: list[Key] = []

    def on_mount(self) -> None:
        """Follow the bindings."""
        self.screen.bindings_updated_signal.subscribe(self, self._changed)

    def on_resize(self, _event: object) -> None:
        """Show what fits now."""
        self._changed(self.screen)

    def _changed(self, screen: Screen[object]) -> None:
        if self.is_attached and screen is self.screen and self.size.width:
            self._keys = keys_of(screen, self.size.width)
            self.show([tuple(span for key in self._keys for span in key.spans)])

    async def on_click(self, event: Click) -> None:
        """Do what the key under the pointer does."""
        end = 0
        for key in self._keys:
            end += line_width(key.spans)
            if event.x < end:
                await self.app.run_action(key.action, key.node)
                return


class Key(NamedTuple):
    """One key with its word."""

    spans: Line
    action: str
    node: DOMNode
    """Whose action it is."""


def keys_of(screen: Screen[object], cells: int) -> list[Key]:
    """Return each useful binding, as many as fit in ``cells``; the app's own (help, quit) always."""
    own: list[Key] = []
    always: list[Key] = []
    seen: set[str] = set()
    useful = getattr(screen, "useful", None)
    for active in screen.active_bindings.values():
        binding = active.binding
        word = useful(binding.action) if useful is not None else ""
        if not binding.show or not active.enabled or word is None or binding.action in seen:
            continue
        seen.add(binding.action)
        spans: Line = (
            (" " + screen.app.get_key_display(binding), "key"),
            (f" {word or binding.description} ", ""),
        )
        (always if active.node is screen.app else own).append(Key(spans, binding.action, active.node))
    room = cells - sum(line_width(key.spans) for key in always)
    shown = []
    for key in own:
        room -= line_width(key.spans)
        if room < 0:
            break
        shown.append(key)
    return [*shown, *always]
