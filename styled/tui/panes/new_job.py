"""A job being put together: its images, and the settings that differ from those configured for all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from rich.cells import cell_len

from styled.presets import layered, presets
from styled.settings import default_values
from styled.tui.cells.glyphs import Glyphs
from styled.tui.cells.lines import Line, Span, cut, cut_middle, inert
from styled.tui.panes.job_lines import shown

SIZES = (256, 512, 1024, 2048, 4096)
"""Long sides offered, px."""
STEPS = (50, 100, 300, 500, 1000)
_PRESETS = (None, *(preset.name for preset in presets()))
_ABOUT = {preset.name: preset.description for preset in presets()}

_LABEL_CELLS = 10


@dataclass
class NewJob:
    """What has been chosen so far."""

    content: Path | None = None
    styles: list[Path] = field(default_factory=list)
    mask: Path | None = None
    configured: Mapping[str, Any] = field(default_factory=dict)
    """Settings that every job of this root starts from."""
    preset: str | None = None
    """None leaves the settings as configured."""
    own: dict[str, Any] = field(default_factory=dict)
    """Settings chosen here, beside the preset."""

    def copy(self) -> NewJob:
        """Return the same choice, for a thread to keep."""
        return replace(self, styles=list(self.styles), own=dict(self.own))

    @property
    def is_whole(self) -> bool:
        """Whether nothing is missing."""
        return self.content is not None and bool(self.styles)

    @property
    def settings(self) -> dict[str, Any]:
        """Settings for the pair's ``job.toml``."""
        return ({} if self.preset is None else {"preset": self.preset}) | self.own

    @property
    def resolved(self) -> dict[str, Any]:
        """The settings that the job will have where they are not the defaults."""
        return layered(self.configured, self.settings)

    def value(self, name: str) -> int:
        """Return the size or the steps that the job will have."""
        return int(self.resolved.get(name, default_values()[name]))

    def next_preset(self) -> None:
        """Go on to the next preset; it replaces what was chosen beside the one before."""
        self.preset = _PRESETS[(_PRESETS.index(self.preset) + 1) % len(_PRESETS)]
        self.own = {}

    def next_size(self) -> None:
        """Go on to the next larger size, after the largest to the smallest."""
        self._next("size", SIZES)

    def next_steps(self) -> None:
        """Go on to the next larger number of steps, after the largest to the smallest."""
        self._next("steps", STEPS)

    def _next(self, name: str, choices: tuple[int, ...]) -> None:
        now = self.value(name)
        self.own[name] = next((choice for choice in choices if choice > now), choices[0])

    def toggle_style(self, image: Path) -> None:
        """Take the image as a style too, or no longer."""
        if image in self.styles:
            self.styles.remove(image)
        else:
            self.styles.append(image)

    def toggle_mask(self, image: Path) -> None:
        """Take the image as the mask, or no longer."""
        self.mask = None if self.mask == image else image

    def marks(self) -> dict[Path, str]:
        """Return the word for each chosen image."""
        words: dict[Path, str] = {}
        for word, images in (("style", self.styles), ("mask", [self.mask]), ("content", [self.content])):
            for image in images:
                if image is not None:
                    words[image] = "both" if image in words else word
        return words

    def lines(self, cells: int, glyphs: Glyphs) -> list[Line]:
        """Return the images and the settings in ``cells`` columns: four rows."""
        extra = f"  (and {len(self.styles) - 1} more)" if len(self.styles) > 1 else ""
        label, first = ("styles" if extra else "style"), (self.styles[0] if self.styles else None)
        style = _path_line(label, first, cells - cell_len(extra), glyphs)
        preset = self.preset or "as configured"
        about = f"   {_ABOUT[self.preset]}" if self.preset else ""
        return [
            _path_line("content", self.content, cells, glyphs),
            (*style, (extra, "muted")),
            (_label("preset"), (preset, ""), ("   p: next", "muted"), (about, "muted")),
            (
                _label("size"),
                (f"{self.value('size')} px", ""),
                ("   z: next", "muted"),
                ("     steps  ", "muted"),
                (f"{self.value('steps')}", ""),
                ("   n: next", "muted"),
                ("     e: ", "muted"),
                (self._others() or "all settings", "" if self._others() else "muted"),
            ),
        ]

    def _others(self) -> str:
        """Return the settings chosen beside size and steps, as one would type them."""
        return " ".join(f"{name}={shown(value)}" for name, value in self.own.items() if name not in ("size", "steps"))

    def mask_line(self, understood: Line, cells: int, glyphs: Glyphs) -> Line:
        """Return the mask, and what was understood of it."""
        if self.mask is None:
            return (_label("mask"), ("-   m: where each style is painted", "muted"))
        ascii_only = not glyphs.unicode
        name = inert(self.mask.name, ascii_only=ascii_only)
        if not understood:
            return (_label("mask"), (cut(name, cells // 2), ""), ("   reading it...", "muted"))
        words = ((inert(text, ascii_only=ascii_only), tone) for text, tone in understood)
        return (_label("mask"), *words, (f"   {name}", "muted"))

    def ready_line(self) -> Line:
        """Return what is still needed, or how to add it."""
        needs = (("a content (c)", self.content), ("a style (s)", self.styles))
        missing = [word for word, there in needs if not there]
        if missing:
            return ((f"still needed: {' and '.join(missing)}", "warn"),)
        return (("a", "key"), (" adds it to the queue", "good"))


def _label(word: str) -> Span:
    return f"{word:<{_LABEL_CELLS}}", "muted"


def _path_line(label: str, path: Path | None, cells: int, glyphs: Glyphs) -> Line:
    text = "-" if path is None else cut_middle(inert(str(path), ascii_only=not glyphs.unicode), cells - _LABEL_CELLS)
    return _label(label), (text, "")
