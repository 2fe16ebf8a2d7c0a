"""Settings typed for a job: checked at each key, with the time and the memory that the job will then take."""

from __future__ import annotations

import shlex
from abc import abstractmethod
from collections.abc import Mapping
from functools import partial
from typing import Any, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.message import Message
from textual.screen import ModalScreen
from textual.widgets import Input

from styled.errors import SettingsError, StyledError
from styled.job import Job
from styled.presets import expanded, layered
from styled.root import Root
from styled.settings import parse_assignment, settings_from, whole_values
from styled.store.reader import StoreReader
from styled.tui.cells.glyphs import Glyphs
from styled.tui.cells.lines import Line, inert, plain, wrap
from styled.tui.panes.new_job import NewJob
from styled.tui.widgets.background import in_background
from styled.tui.widgets.line_view import LineView
from styled.tui.widgets.settings_suggester import SettingsSuggester

_ROWS = 5
_OFFERED = ("size", "steps", "style_weight")
_OFFERED_NEW = ("size", "steps", "frame_every", "init")


def assignment(name: str, value: object) -> str:
    """Return a setting as one would type it into the field."""
    if isinstance(value, dict):
        value = "{" + ",".join(f"{key}={one}" for key, one in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        value = "[" + ",".join(map(str, value)) + "]"
    return shlex.quote(f"{name}={str(value).lower() if isinstance(value, bool) else value}")


def changes_of(text: str, before: Mapping[str, Any], offered: str = "") -> dict[str, Any]:
    """Return what is typed and differs from the settings of before.

    Args:
        text: assignments apart by spaces: ``size=1024 init=noise``; a value with a space in quotes.
        before: the settings that it is laid over, setting to plain value; what is missing is at its default.
        offered: what stood in the field at first. Beside a preset that is typed, what is left of it is not the user's.

    Raises:
        SettingsError: a word is no assignment, a setting is unknown, or a value not allowed.
    """
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise SettingsError("a quotation mark is missing", "Close it.") from error
    first = shlex.split(offered)
    if any(parse_assignment(word)[0] == "preset" and word not in first for word in words):
        words = [word for word in words if word not in first]
    typed = dict(parse_assignment(word) for word in words)
    known = whole_values(before)
    settings_from(layered(known, typed))
    # What stands beside a preset wins over it: it is a change also where it is what the job has, but the preset has not.
    of_preset = expanded({"preset": typed["preset"]}) if "preset" in typed else {}
    # And a preset that the job has already is a change where the job has other settings than it.
    is_other_preset = any(known[name] != value for name, value in of_preset.items())
    return {
        name: value
        for name, value in typed.items()
        if known[name] != value or of_preset.get(name, value) != value or (name == "preset" and is_other_preset)
    }


class SettingsScreen(ModalScreen[dict[str, Any] | None]):
    """Ends with the settings to change, or None on escape.

    Args:
        before: the settings that they are laid over, as plain values; what is missing is at its default.
        typed: what stands in the field at first.
        title: what will be done, for the first line.
        needs_change: the same settings again are nothing to do.
        root: whose jobs a picture may begin as.
    """

    class Estimated(Message, bubble=False):
        """What the job will take."""

        def __init__(self, text: str, line: Line) -> None:
            super().__init__()
            self.text = text
            """That was typed."""
            self.line = line

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "close", "back", id="edit.close")]

    def __init__(
        self, before: Mapping[str, Any], typed: str, title: str, glyphs: Glyphs, *, needs_change: bool, root: Root
    ) -> None:
        super().__init__()
        self._before = whole_values(before)
        self._first = typed
        self._title = title
        self._glyphs = glyphs
        self._needs_change = needs_change
        self._root = root
        self._estimating = False
        self._outcome: Line = ()

    def compose(self) -> ComposeResult:
        """Lay out the field between the title and what comes of it."""
        with Vertical(classes="window edit"):
            yield LineView(classes="window-text")
            yield Input(compact=True, suggester=SettingsSuggester(self._root))
            yield LineView(id="edit-outcome", classes="window-text")

    def on_mount(self) -> None:
        """Offer the settings that are changed most."""
        title, outcome = self.query(LineView)
        title.styles.height, outcome.styles.height = 1, _ROWS
        field = self.query_one(Input)
        field.value = self._first
        field.focus()
        field.cursor_position = len(field.value)
        self.call_after_refresh(self._draw)

    def on_resize(self) -> None:
        """Draw for the new size."""
        self.call_after_refresh(self._draw)

    @on(Input.Changed)
    def _typed(self) -> None:
        self._outcome = ()
        self._draw()
        self._estimate()

    @on(Input.Submitted)
    def _chosen(self, event: Input.Submitted) -> None:
        try:
            changes = changes_of(event.value, self._before, self._first)
        except SettingsError:
            return  # it stands there
        if changes or not self._needs_change:
            self.dismiss(changes)

    def action_close(self) -> None:
        """Change nothing."""
        self.dismiss(None)

    def _estimate(self) -> None:
        """Have a thread find out what the job will take, one at a time: the last that was typed counts."""
        text = self.query_one(Input).value
        try:
            changes = changes_of(text, self._before, self._first)
        except SettingsError:
            return
        if not self._estimating:
            self._estimating = True
            in_background(self, "estimate", partial(self._estimated, text, layered(self._before, changes)))

    def _estimated(self, text: str, settings: Mapping[str, Any]) -> Estimated:
        """Estimate; runs on a thread."""
        from styled.store.starting_job import (
            with_resolved_init,  # loads NumPy, which the first screen must not wait for
        )

        try:
            with StoreReader.open(self._root) as queue:
                settings = with_resolved_init(settings, queue, self._root.evolution)
            line = self.estimated(settings)
        except (StyledError, OSError) as error:
            line = ((inert(str(error)), "bad"),)
        return self.Estimated(text, line)

    @abstractmethod
    def estimated(self, settings: Mapping[str, Any]) -> Line:
        """Return what the job will take; runs on a thread.

        Raises:
            StyledError: it cannot be painted so.
        """

    def on_settings_screen_estimated(self, message: Estimated) -> None:
        """Show it, if nothing else was typed meanwhile."""
        self._estimating = False
        if message.text == self.query_one(Input).value:
            self._outcome = message.line
            self._draw()
        else:
            self._estimate()

    def _draw(self) -> None:
        title, outcome = self.query(LineView)
        ascii_only = not self._glyphs.unicode
        title.show([((inert(self._title, ascii_only=ascii_only), "strong"),)])
        cells = max(20, outcome.size.width)
        try:
            changes = changes_of(self.query_one(Input).value, self._before, self._first)
        except SettingsError as error:
            rows = wrap(inert(str(error), ascii_only=ascii_only), cells)[:_ROWS]
            outcome.show([((row, "bad"),) for row in rows])
            return
        words = ", ".join(f"{name} = {value}" for name, value in changes.items()) or "the same settings"
        lines: list[Line] = [((row, ""),) for row in wrap(inert(words, ascii_only=ascii_only), cells)[: _ROWS - 3]]
        said = self._outcome or (("estimating...", "muted"),)
        tone = said[0][1]
        lines += [
            ((row, tone),) for row in wrap(inert(plain(said), ascii_only=ascii_only), cells)[: _ROWS - 1 - len(lines)]
        ]
        enter = "enter" if changes or not self._needs_change else ""
        keys: Line = (
            (enter, "key"),
            (" does it    " if enter else "", ""),
            ("right", "key"),
            (" completes    ", ""),
            ("esc", "key"),
            (" goes back", ""),
        )
        outcome.show([*lines[: _ROWS - 1], keys])


class EditScreen(SettingsScreen):
    """Changes the settings of a job, or those of a new one with its images.

    Args:
        job: whose settings.
        root: whose job, for its images, and for those that a picture may begin as.
        title: what will be done, for the first line.
        needs_change: the same settings again are nothing to do.
    """

    def __init__(self, job: Job, root: Root, title: str, glyphs: Glyphs, *, needs_change: bool) -> None:
        values = whole_values(job.settings)
        typed = "".join(f"{name}={values[name]} " for name in _OFFERED)
        super().__init__(job.settings, typed, title, glyphs, needs_change=needs_change, root=root)
        self._job = job
        self._folder = root.evolution / job.id

    def estimated(self, settings: Mapping[str, Any]) -> Line:
        """Return what the job will take with its own images."""
        from styled.tui.reading.estimate import estimated  # loads NumPy, which the first screen must not wait for

        job = self._job
        line, _ = estimated(
            self._folder / job.content,
            [self._folder / style for style in job.styles],
            settings_from(settings),
            may_measure=False,
            has_mask=job.mask is not None,
        )
        return line


class NewSettingsScreen(SettingsScreen):
    """The settings of a job that is put together, over those configured for all.

    Args:
        job: as far as it is put together.
        root: where it will be.
    """

    def __init__(self, job: NewJob, root: Root, glyphs: Glyphs) -> None:
        values = whole_values(job.resolved)
        shown = {name: values[name] for name in _OFFERED_NEW} | job.settings
        typed = "".join(f"{assignment(name, value)} " for name, value in shown.items())
        title = "Settings; init=job:9 starts from that picture"
        super().__init__(layered(job.configured), typed, title, glyphs, needs_change=False, root=root)
        self._new_job = job.copy()

    def estimated(self, settings: Mapping[str, Any]) -> Line:
        """Return what the job will take, once its images are chosen."""
        from styled.tui.reading.estimate import estimated

        job = self._new_job
        if job.content is None:
            settings_from(settings)
            return (("(nothing is known of its time before its content is chosen)", "muted"),)
        line, _ = estimated(
            job.content, job.styles, settings_from(settings), may_measure=False, has_mask=job.mask is not None
        )
        return line
