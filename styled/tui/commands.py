"""The palette's commands: every action that has a key on the screen beneath."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial

from textual.app import SystemCommand
from textual.screen import Screen


def commands_of(screen: Screen[object]) -> Iterable[SystemCommand]:
    """Yield a command for each useful binding of ``screen``, named as in the help."""
    useful = getattr(screen, "useful", None)
    seen: set[str] = set()
    for active in screen.active_bindings.values():
        binding = active.binding
        if not binding.id or not binding.description or binding.id in seen:
            continue  # the toolkit's own keys, and second keys of the same action
        seen.add(binding.id)
        word = useful(binding.action) if useful is not None else ""
        if word is None or binding.action == "command_palette":
            continue
        title = word or binding.description
        key = screen.app.get_key_display(binding)
        run: Callable[[], object] = partial(screen.app.run_action, binding.action, active.node)
        yield SystemCommand(f"{title} ({key})", binding.tooltip or binding.description, run)
