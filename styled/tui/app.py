"""The terminal UI's app: its clock, its thread that reads, its requests, its end."""

from __future__ import annotations

import os
import shlex
import signal
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import ClassVar, Literal, cast

from textual.app import App
from textual.binding import Binding, BindingType
from textual.drivers.linux_driver import LinuxDriver
from textual.message import Message
from textual.screen import Screen

from styled import memory
from styled.daemon.process.service import replace_silent, start_detached
from styled.errors import StyledError
from styled.job import JobState
from styled.memory import MemorySample
from styled.root import Root
from styled.settings import nearest
from styled.tui import theme
from styled.tui.cells.glyphs import ASCII, CONSOLE, UNICODE
from styled.tui.cells.lines import Line, Tone, inert
from styled.tui.hangup_watch import HangupWatch
from styled.tui.model.history import TERMS, Term
from styled.tui.model.snapshot import PICTURE_MODES, Canvas, PictureMode, Pulse, Snapshot, View
from styled.tui.options import Options
from styled.tui.panes.status_lines import event_lines, status_line
from styled.tui.reading.poller import Poller
from styled.tui.reading.pulse import PulseTaker
from styled.tui.reading.requests import Answer, Request, Requests, Toggle
from styled.tui.screens.add_screen import AddScreen
from styled.tui.screens.compare_screen import CompareScreen
from styled.tui.screens.detail_screen import DetailScreen
from styled.tui.screens.job_screen import JobScreen
from styled.tui.screens.main_screen import MainScreen
from styled.tui.suspension import go_on_after_any_stop
from styled.tui.widgets.background import post
from styled.tui.widgets.file_list import FileList
from styled.tui.widgets.line_view import TONE_CLASSES
from styled.tui.widgets.pager import Pager
from styled.tui.widgets.palette import Palette, offer_commands
from styled.tui.widgets.question import Notice, Question
from styled.tui.widgets.queue_table import QueueTable

BLURRED_S = 5.0
"""Seconds between two looks while the terminal has no focus, as it reports."""
SILENT_S = 6.0
"""No snapshot for this long: the disk hangs, and the status row shows it."""
REFUSALS_SHOWN = 10
"""In the window that lists them; all are in the daemon's log."""
SAID_S = 10.0
"""How long an answer stays in the event line."""

_ASCII_KEYS = {"↑": "up", "↓": "down", "←": "left", "→": "right", "⏎": "enter", "⇥": "tab", "⌫": "backspace"}


class StyledApp(App[None]):
    """Shows one root.

    Args:
        root: what to show.
        options: from the command line.
        start_daemon: start a daemon if none answers.
        clock: Unix seconds; tests freeze it.
        measure: returns the memory.
        pulse: returns whether the daemon answers; None asks it.
    """

    CSS_PATH = "styled.tcss"
    COMPONENT_CLASSES: ClassVar[set[str]] = TONE_CLASSES
    TITLE = "styled"
    ENABLE_COMMAND_PALETTE = False  # ours draws with ASCII too, and offers what the keys do
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(
            "ctrl+p",
            "command_palette",
            "commands",
            id="app.palette",
            key_display="^p",
            tooltip="All commands, by name.",
        ),
        Binding("question_mark,f1", "help", "help", id="app.help", key_display="?", tooltip="This list of keys."),
        Binding(
            "ctrl+z",
            "suspend_process",
            "to the background",
            show=False,
            id="app.suspend",
            key_display="^z",
            tooltip="Go to the background of the shell; fg comes back.",
        ),
        Binding("q", "quit", "quit", id="app.quit", tooltip="Leave; the daemon and its jobs run on."),
    ]

    class SnapshotReady(Message, bubble=False):
        """The poller has looked."""

        def __init__(self, snapshot: Snapshot) -> None:
            super().__init__()
            self.snapshot = snapshot

        def can_replace(self, message: Message) -> bool:
            """Only the newest counts."""
            return isinstance(message, StyledApp.SnapshotReady)

    class Answered(Message, bubble=False):
        """The daemon has answered a request."""

        def __init__(self, answer: Answer) -> None:
            super().__init__()
            self.answer = answer

    def __init__(
        self,
        root: Root,
        options: Options = Options(),  # noqa: B008  # frozen
        *,
        start_daemon: bool = True,
        clock: Callable[[], float] = time.time,
        measure: Callable[[], MemorySample | None] = memory.sample,
        pulse: Callable[[], Pulse] | None = None,
    ) -> None:
        super().__init__(ansi_color=True if options.no_colour else None)
        self._choose_theme(options)
        self.set_class(options.ascii or options.plain_font, "-ascii")
        self.root = root
        self.options = options
        self.glyphs = ASCII if options.ascii else CONSOLE if options.plain_font else UNICODE
        self.snapshot: Snapshot | None = None
        self.term: Term = "total"
        self.lost_terminal = False
        self._start_daemon = start_daemon
        self._clock = clock
        self._frozen = False
        self._said: tuple[float, Line] | None = None
        interval = max(options.refresh_s, 2.0) if options.slow else options.refresh_s
        self._pulse_taker = PulseTaker(root, self._hurry, clock=clock) if pulse is None else None
        pulse = pulse or (lambda: self._pulse_taker.pulse)  # type: ignore[union-attr]  # it was made just above
        self._poller = Poller(root, self._publish, interval=interval, clock=clock, measure=measure, pulse=pulse)
        self._is_starting = False
        self._interval = interval
        self._requests = Requests(root, self._answered)
        self._hangup_watch: HangupWatch | None = None

    def _choose_theme(self, options: Options) -> None:
        own, of_terminal = (theme.LIGHT, theme.ANSI_LIGHT) if options.light else (theme.DARK, theme.ANSI_DARK)
        is_few = options.no_colour or self.console.color_system == "standard"
        chosen = of_terminal if is_few else own
        self.register_theme(chosen)
        self.ansi_color = is_few or self.ansi_color
        self.theme = chosen.name

    @property
    def first_mode(self) -> PictureMode:
        """How pictures are drawn at first: half blocks need colours and Unicode."""
        if self.options.kitty and self.no_kitty == "":
            return "kitty"
        few_colours = self.console.color_system not in {"256", "truecolor"}
        plain = not self.glyphs.blocks or self.options.slow or self.options.no_colour or few_colours
        return "ascii" if plain else "blocks"

    @property
    def no_kitty(self) -> str:
        """Why real pictures cannot be drawn here, as far as is known without asking the terminal; empty if not."""
        if os.environ.get("TMUX") or os.environ.get("STY"):
            return "not inside tmux or screen"
        if self.console.color_system != "truecolor" or self.options.no_colour:
            return "only with COLORTERM=truecolor and colours"
        return "" if self.glyphs.blocks else "not with ASCII"

    @property
    def picture_modes(self) -> tuple[PictureMode, ...]:
        """The ways to draw pictures that the key goes through."""
        can_kitty = self.options.kitty and not self.no_kitty
        can = {"kitty": can_kitty, "blocks": self.glyphs.blocks}
        return tuple(mode for mode in PICTURE_MODES if can.get(mode, True))

    def get_theme_variable_defaults(self) -> dict[str, str]:
        """Name the tones' colours for the style sheet, which is read before a theme is chosen."""
        return theme.TONE_COLOURS

    def canvas(self, columns: int, rows: int, mode: PictureMode) -> Canvas:
        """Return a canvas of that size for this terminal's colours."""
        few_colours = self.console.color_system != "truecolor"
        return Canvas(columns, rows, mode, few_colours=few_colours, on_light=self.options.light)

    # -- life --------------------------------------------------------------------------------------------------

    def get_default_screen(self) -> Screen[object]:
        """Start on the main screen."""
        return cast("Screen[object]", MainScreen())

    def on_mount(self) -> None:
        """Begin to look."""
        self._map_keys()
        self._watch_terminal()
        if isinstance(self._driver, LinuxDriver):
            go_on_after_any_stop(self._driver)
            self.app_resume_signal.subscribe(self, self._resumed)
        self._poller.start()
        if self._pulse_taker is not None:
            self._pulse_taker.start()
        if self.options.kitty and self.no_kitty:
            self.show_message(f"No real pictures: {self.no_kitty}; characters instead.", "warn")
        self.set_interval(1.0, self._tick)
        if self._start_daemon:
            self._run_daemon(start_detached, "")

    def _map_keys(self) -> None:
        """Give actions the keys of ``[tui] keys``; a name that no action has is said, with the nearest."""
        known = known_keys()
        for name in self.options.keys:
            if name not in known:
                self.show_message(
                    f"[tui] keys: no action is called {name!r}; did you mean {nearest(name, known)!r}?", "warn"
                )
        self.set_keymap({name: key for name, key in self.options.keys.items() if name in known})

    def on_unmount(self) -> None:
        """Let the threads go."""
        self._poller.stop()
        if self._pulse_taker is not None:
            self._pulse_taker.stop()
        if self._hangup_watch is not None and not self.lost_terminal:  # else it sees to it that the program ends
            self._hangup_watch.release()

    def _watch_terminal(self) -> None:
        """End when the terminal goes away: by SIGHUP, or, where that is ignored, by its hang-up."""
        if self.is_headless or self._loop is None or sys.__stdin__ is None:
            return
        loop = self._loop
        for number in (signal.SIGHUP, signal.SIGTERM):
            loop.add_signal_handler(number, self._terminal_lost if number == signal.SIGHUP else self.exit)

        def lost() -> None:
            with suppress(RuntimeError):  # SIGHUP came first, and the loop has ended already
                loop.call_soon_threadsafe(self._terminal_lost)

        self._hangup_watch = HangupWatch(sys.__stdin__.fileno(), lost)
        self._hangup_watch.start()

    def _resumed(self, _app: App[object]) -> None:
        """Draw all again: the shell has written on the terminal meanwhile."""
        self.refresh(layout=True)
        self.on_app_focus()

    def _terminal_lost(self) -> None:
        self.lost_terminal = True
        self.exit()

    def _run_daemon(self, start: Callable[[Root], int], done: str) -> None:
        """Start a daemon on a thread; ``done`` is said when it answers, or the error that it ended with."""
        self._is_starting = True

        def run() -> None:
            answer = Answer(done, "good")
            try:
                start(self.root)
            except (StyledError, OSError) as error:
                answer = Answer(f"no daemon: {error}", "bad")
            finally:
                self._is_starting = False
            if self._pulse_taker is not None:
                self._pulse_taker.hurry()
            if answer.text:
                self._answered(answer)

        threading.Thread(target=run, name="styled-start", daemon=True).start()

    @property
    def daemon_trouble(self) -> Literal["", "silent", "gone"]:
        """Whether a daemon is missing, or does not answer, and none is being started."""
        if self.snapshot is None or self._is_starting:
            return ""
        return self.snapshot.daemon_trouble(self._clock())

    def start_daemon(self) -> None:
        """Start a daemon in the place of one that is gone; of one that does not answer, ask first."""
        if self.daemon_trouble == "gone":
            self._run_daemon(start_detached, "The daemon is running.")
            return
        if self.daemon_trouble != "silent":
            self.show_message("The daemon is running.", "")
            return

        def answered(yes: bool | None) -> None:
            if yes:
                self._run_daemon(replace_silent, "The daemon is running.")

        self.push_screen(
            Question(
                "End the daemon, and start another?",
                "It does not respond. What is being painted goes on from its last checkpoint.",
            ),
            answered,
        )

    # -- snapshots -----------------------------------------------------------------------------------------------

    def look(self, view: View) -> None:
        """Ask the poller for another view."""
        self._poller.look(view)

    def _publish(self, snapshot: Snapshot) -> None:
        self._post(self.SnapshotReady(snapshot))

    def _hurry(self) -> None:
        self._poller.hurry()

    def _answered(self, answer: Answer) -> None:
        self._hurry()
        self._post(self.Answered(answer))

    def _post(self, message: Message) -> None:
        """Post from another thread, as long as there is a loop to take it."""
        loop = self._loop
        if loop is not None and self.is_running:
            post(self, loop, message)

    def on_styled_app_snapshot_ready(self, message: SnapshotReady) -> None:
        """Draw the newest snapshot on the screen in front."""
        if self._frozen:
            return
        self.snapshot = message.snapshot
        screen = self.job_screen
        if screen is not None and screen.is_ready:
            screen.show_snapshot(message.snapshot)

    @property
    def job_screen(self) -> JobScreen | None:
        """The screen that shows jobs, in front or behind a question."""
        return next((screen for screen in reversed(self.screen_stack) if isinstance(screen, JobScreen)), None)

    def _tick(self) -> None:
        screen = self.job_screen
        if screen is not None and screen.is_ready and not self._frozen:
            screen.draw_clock()

    def on_app_blur(self) -> None:
        """Look rarely while nobody does."""
        self._set_interval(max(self._interval, BLURRED_S))

    def on_app_focus(self) -> None:
        """Look at once and often again."""
        self._set_interval(self._interval)
        self._poller.hurry()
        if self._pulse_taker is not None:
            self._pulse_taker.hurry()

    def _set_interval(self, seconds: float) -> None:
        self._poller.set_interval(seconds)
        if self._pulse_taker is not None:
            self._pulse_taker.set_interval(seconds)

    # -- words ------------------------------------------------------------------------------------------------------

    def status(self, cells: int) -> Line:
        """Return the status row."""
        line = status_line(self.snapshot, self._clock(), cells, self.glyphs, is_starting=self._is_starting)
        if self._frozen:
            return (line[0], (" FROZEN (z goes on) ", "warn"), *line[1:])
        if self.snapshot is not None and self._clock() - self.snapshot.taken_at > SILENT_S:
            age = int(self._clock() - self.snapshot.taken_at)
            return (line[0], (f" NO NEWS from the disk for {age}s ", "bad"), *line[1:])
        return line

    def event_line(self, *, with_happenings: bool = True) -> Line:
        """Return what was answered lately, what is wrong, or else the newest thing that happened."""
        if self._said is not None and self._clock() - self._said[0] < SAID_S:
            return self._said[1]
        if self.snapshot is None:
            return ()
        if self.snapshot.trouble:
            return ((" " + self._words(self.snapshot.trouble), "bad"),)
        if self.daemon_trouble and self.options.readonly:
            return ((f" The daemon does not work here now: styled daemon{self._root_flag()} starts it.", "warn"),)
        if self.daemon_trouble:
            key = self.options.keys.get("app.start-daemon", "U")
            words = {
                "gone": f" The daemon is not running, so nothing is painted. {key} starts it.",
                "silent": f" The daemon does not respond. {key} ends it and starts another.",
            }[self.daemon_trouble]
            return ((words, "warn"),)
        daemon = self.snapshot.daemon
        if daemon is not None and daemon.words:
            return ((" " + self._words(daemon.words), "warn"),)
        if not with_happenings:
            return ()
        lines = event_lines(self.snapshot.happenings, 1, ascii_only=not self.glyphs.unicode)
        return lines[0] if lines else ()

    def farewell(self) -> str:
        """Return what to print after leaving: that the daemon runs on, and how to stop it."""
        snapshot = self.snapshot
        daemon = snapshot.daemon if snapshot is not None else None
        if snapshot is None or daemon is None or snapshot.daemon_trouble(self._clock()) == "gone":
            return f"No daemon runs here. Start it with: styled daemon{self._root_flag()}"
        if snapshot.daemon_trouble(self._clock()):
            return f"The daemon (pid {daemon.pid}) does not respond. See {self.root.log}."
        waiting = snapshot.counts.get(JobState.WAITING, 0)
        running = snapshot.counts.get(JobState.RUNNING, 0)
        counts = f"{running} running, {waiting} waiting"
        return f"styled runs on (pid {daemon.pid}, {counts}). Stop it with: styled stop{self._root_flag()}"

    def _root_flag(self) -> str:
        """Return what a command typed here needs to mean this root."""
        return "" if Root.at() == self.root else f" --root {shlex.quote(str(self.root.path))}"

    def show_message(self, text: str, tone: Tone, *, whole: bool = False) -> None:
        """Show a text in the event line for a while; ``whole`` keeps paths as they are."""
        words = inert(text, ascii_only=not self.glyphs.unicode) if whole else self._words(text)
        self._said = (self._clock(), ((" " + words, tone),))
        screen = self.job_screen
        if screen is not None and screen.is_ready:
            screen.draw_clock()

    def _words(self, text: str) -> str:
        """Return a message safe to print, paths below the root without the root: the row is short."""
        return inert(text.replace(f"{self.root.path}/", ""), ascii_only=not self.glyphs.unicode)

    def ask(self, *requests: Request | Toggle, summary: str = "") -> None:
        """Ask the daemon; the answer appears in the event line, for several ``summary`` with their number."""
        self._requests.send(*requests, summary=summary)

    def on_styled_app_answered(self, message: Answered) -> None:
        """Show how a request ended; a refusal that is too long for the row in a window, whole."""
        answer = message.answer
        self.show_message(answer.text, answer.tone)
        if answer.tone == "bad" and len(answer.text) >= self.size.width:
            self.push_screen(Notice("That was not done:", self._words(answer.text)))
        if answer.refusals:
            shown = [inert(one, ascii_only=not self.glyphs.unicode) for one in answer.refusals[:REFUSALS_SHOWN]]
            more = len(answer.refusals) - len(shown)
            self.push_screen(Notice(answer.text, *shown, *([f"and {more} more"] if more else [])))

    # -- actions ------------------------------------------------------------------------------------------------------

    def next_term(self) -> None:
        """Go on to the next loss term."""
        self.term = TERMS[(TERMS.index(self.term) + 1) % len(TERMS)]

    def toggle_freeze(self) -> None:
        """Stop updating the screen, or go on."""
        self._frozen = not self._frozen
        self._poller.hurry()
        if self.job_screen is not None:
            self.job_screen.draw_clock()

    def main_view(self) -> View:
        """Return what the main screen would ask for."""
        main = next(screen for screen in self.screen_stack if isinstance(screen, MainScreen))
        return main.wanted_view()

    def action_help(self) -> None:
        """Show the keys of the screen in front."""
        from styled.tui.screens.help_screen import HelpScreen

        if not isinstance(self.screen, HelpScreen):
            self.push_screen(HelpScreen(self.screen))

    def action_help_quit(self) -> None:
        """Show how to leave, to users who press ctrl+c."""
        self.show_message("q leaves; the daemon and its jobs run on.", "")

    def action_command_palette(self) -> None:
        """Offer every key's action by name."""
        if not isinstance(self.screen, Palette):
            offer_commands(self, self.glyphs)

    def get_key_display(self, binding: Binding) -> str:
        """Show keys by characters that the terminal has."""
        shown = super().get_key_display(binding)
        if self.glyphs.blocks:
            return shown
        return "".join(_ASCII_KEYS.get(character, character) for character in shown)


def known_keys() -> set[str]:
    """Return the name of every action that a key can be chosen for."""
    places = (StyledApp, MainScreen, DetailScreen, CompareScreen, AddScreen, QueueTable, Pager, FileList)
    bindings = (binding for place in places for binding in place.BINDINGS)
    return {binding.id for binding in bindings if isinstance(binding, Binding) and binding.id is not None}
