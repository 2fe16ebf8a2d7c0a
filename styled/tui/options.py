"""Options of the command line for the terminal UI. Imports nothing heavy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Options:
    """How the terminal UI looks and what it may do."""

    readonly: bool = False
    """Hide and refuse whatever changes the queue."""
    ascii: bool = False
    """Draw with ASCII only."""
    plain_font: bool = False
    """The terminal's font has letters and lines, but no braille and no blocks, as the Linux console's."""
    light: bool = False
    """The terminal is light, not dark."""
    no_colour: bool = False
    """``NO_COLOR`` is set."""
    slow: bool = False
    """A slow link: fewer, smaller updates."""
    mouse: bool = False
    """Take mouse events; off keeps the terminal's own selection."""
    refresh_s: float = 0.5
    """Seconds between two looks at the disk, 0.25..60."""
    kitty: bool = False
    """Draw real pictures, by kitty's protocol."""
    keys: Mapping[str, str] = field(default_factory=dict)
    """Binding id to key, from ``[tui] keys`` in styled.toml."""
