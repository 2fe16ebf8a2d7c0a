"""What a screen may ask of the program around it."""

from __future__ import annotations

from typing import Literal, Protocol

from styled.root import Root
from styled.tui.cells.glyphs import Glyphs
from styled.tui.cells.lines import Line, Tone
from styled.tui.model.history import Term
from styled.tui.model.snapshot import Canvas, PictureMode, Snapshot, View
from styled.tui.options import Options
from styled.tui.reading.requests import Request, Toggle


class Shell(Protocol):
    """The running application, as its screens know it: :class:`styled.tui.app.StyledApp`."""

    root: Root
    options: Options
    glyphs: Glyphs
    snapshot: Snapshot | None
    term: Term

    @property
    def first_mode(self) -> PictureMode:
        """How pictures are drawn at first."""

    @property
    def picture_modes(self) -> tuple[PictureMode, ...]:
        """The ways to draw pictures that the key goes through."""

    def canvas(self, columns: int, rows: int, mode: PictureMode) -> Canvas:
        """Return a canvas of that size for this terminal's colours."""

    def main_view(self) -> View:
        """Return what the main screen would ask for."""

    def look(self, view: View) -> None:
        """Ask the poller for another view."""

    def status(self, width: int) -> Line:
        """Return the status line."""

    def event_line(self, *, with_happenings: bool = True) -> Line:
        """Return what was answered lately, what is wrong, or else the newest thing that happened."""

    def show_message(self, text: str, tone: Tone, *, whole: bool = False) -> None:
        """Show a text in the event line for a while; ``whole`` keeps paths as they are."""

    def ask(self, *requests: Request | Toggle, summary: str = "") -> None:
        """Ask the daemon; the answer appears in the event line, for several ``summary`` with their number."""

    @property
    def daemon_trouble(self) -> Literal["", "silent", "gone"]:
        """Whether a daemon is missing, or does not answer, and none is being started."""

    def start_daemon(self) -> None:
        """Start a daemon in the place of one that is gone or does not answer."""

    def next_term(self) -> None:
        """Go on to the next loss term."""

    def toggle_freeze(self) -> None:
        """Stop updating the screen, or go on."""
