"""The folders of one root, by name. Everything lies under it, so that every rename is atomic."""

from __future__ import annotations

import os
import shlex
from dataclasses import dataclass
from pathlib import Path

_MOST_LINKS = 40
"""Followed one after another, as Linux does."""


@dataclass(frozen=True, slots=True)
class Root:
    """A root: the folder in which ``inbox/`` and ``evolution/`` lie."""

    path: Path
    """Absolute."""

    @classmethod
    def at(cls, path: str | os.PathLike[str] | None = None) -> Root:
        """Return the root at ``path``, else at ``$STYLED_ROOT``, else at the current folder."""
        return cls(_current_folder() / (path or os.environ.get("STYLED_ROOT") or ""))

    @property
    def is_made(self) -> bool:
        """Whether it is a root: one of ``inbox/``, ``evolution/``, ``.styled/`` or ``styled.toml`` is there, as a link too."""
        marks = {"inbox", "evolution", self.state.name, self.config.name}
        try:
            # By their names: looking at inbox/ would ask its file server, which may hang.
            return any(entry.name in marks for entry in self.path.iterdir())
        except (FileNotFoundError, NotADirectoryError):
            return False
        except PermissionError:  # a folder to go through, not to read
            return os.path.lexists(self.state)

    @property
    def command_to_make_it(self) -> str:
        """What to type where it is not made."""
        return f"styled init {shlex.quote(str(self.path))}"

    @property
    def inbox(self) -> Path:
        """Where users drop pairs."""
        return self._followed("inbox")

    @property
    def rejected(self) -> Path:
        """Where pairs go that can never become a job, each with its ``REASON.txt``."""
        return self.inbox / "rejected"

    @property
    def evolution(self) -> Path:
        """Where each job has its folder."""
        return self._followed("evolution")

    def link_to_nothing(self, name: str) -> str:
        """Return what ``inbox`` or ``evolution`` is a link to, if it is one and that is not there; else an empty text."""
        path = self.path / name
        return os.path.realpath(path) if _is_link(path) and not path.exists() else ""

    def strangers_link(self, name: str) -> bool:
        """Return whether ``inbox`` or ``evolution`` is a link that is not followed, because another user has made it."""
        path = self.path / name
        return _is_link(path) and self._followed(name) == path

    def _followed(self, name: str) -> Path:
        """Return the folder of a name; where the root's owner has put a link in its place, what that leads to.

        What lies inside is never followed, nor a link that anybody else has made.
        """
        path = self.path / name
        if not _is_link(path):
            return path
        try:
            owners = {0, os.geteuid(), self.path.stat().st_uid}
            is_trusted = path.lstat().st_uid in owners
        except OSError:
            return path
        return _led_to(path) if is_trusted else path

    def make_state(self) -> None:
        """Make the root and its ``.styled/``, which is its owner's alone from the first moment."""
        self.path.mkdir(parents=True, exist_ok=True)
        self.state.mkdir(mode=0o700, exist_ok=True)

    def close_state(self) -> None:
        """Close a ``.styled/`` that was open to others: an older version's, another program's. For the lock's holder."""
        status = self.state.stat()
        if status.st_mode & 0o077 and status.st_uid == os.geteuid():
            self.state.chmod(0o700)

    @property
    def state(self) -> Path:
        """Where the daemon keeps what is its own."""
        return self.path / ".styled"

    @property
    def database(self) -> Path:
        """The SQLite store."""
        return self.state / "queue.db"

    @property
    def lock(self) -> Path:
        """Held by the one daemon of this root for its whole life."""
        return self.state / "lock"

    @property
    def socket(self) -> Path:
        """The control socket."""
        return self.state / "control.sock"

    @property
    def log(self) -> Path:
        """The daemon's log: JSON lines, rotated."""
        return self.state / "daemon.log"

    @property
    def metrics(self) -> Path:
        """The daemon's figures for Prometheus."""
        return self.state / "metrics.prom"

    @property
    def hold(self) -> Path:
        """Why the queue is held; there while it is, for a database that is made again."""
        return self.state / "hold"

    @property
    def config(self) -> Path:
        """The settings of this root, if the user made any."""
        return self.path / "styled.toml"


def _is_link(path: Path) -> bool:
    """Return whether a path is a link, without asking the file server of what is mounted there: it may hang."""
    try:
        os.readlink(path)  # noqa: PTH115  # Path.readlink makes a path of it, which nobody needs
    except OSError:
        return False
    return True


def _led_to(path: Path) -> Path:
    """Return where a link leads in the end; what is there is not asked."""
    for _ in range(_MOST_LINKS):
        if not _is_link(path):
            break
        path = path.parent / path.readlink()
    return Path(os.path.realpath(path.parent)) / path.name


def _current_folder() -> Path:
    """Return the current folder; one that has been removed as the shell still calls it: no root is there."""
    try:
        return Path.cwd()
    except FileNotFoundError:
        return Path(os.environ.get("PWD") or os.sep)
