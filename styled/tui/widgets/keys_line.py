"""The last row of the screen: the most useful keys of the moment, as many as fit."""

from __future__ import annotations

from textual.screen import Screen

from styled.tui.cells.lines import Line, Span, line_width
from styled.tui.widgets.line_view import LineView


class KeysLine(LineView):
    """Written from the screen's active bindings, so it can never name a key that does nothing."""

    def on_mount(self) -> None:
        """Follow the bindings."""
        self.screen.bindings_updated_signal.subscribe(self, self._changed)

    def on_resize(self, _event: object) -> None:
        """Show what fits now."""
        self._changed(self.screen)

    def _changed(self, screen: Screen[object]) -> None:
        if self.is_attached and screen is self.screen and self.size.width:
            self.show([keys_of(screen, self.size.width)])


def keys_of(screen: Screen[object], cells: int) -> Line:
    """Return ``key word`` of each useful binding, as many as fit in ``cells``; the app's own (help, quit) always."""
    own: list[tuple[Span, Span]] = []
    always: list[tuple[Span, Span]] = []
    seen: set[str] = set()
    useful = getattr(screen, "useful", None)
    for active in screen.active_bindings.values():
        binding = active.binding
        word = useful(binding.action) if useful is not None else ""
        if not binding.show or not active.enabled or word is None or binding.action in seen:
            continue
        seen.add(binding.action)
        item: tuple[Span, Span] = (
            (" " + screen.app.get_key_display(binding), "key"),
            (f" {word or binding.description} ", ""),
        )
        (always if active.node is screen.app else own).append(item)
    room = cells - sum(line_width(item) for item in always)
    shown = []
    for item in own:
        room -= line_width(item)
        if room < 0:
            break
        shown.append(item)
    return tuple(span for item in (*shown, *always) for span in item)
