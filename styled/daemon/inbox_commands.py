"""What users may ask about what lies in the inbox and is no job: look at it again, or dismiss it. Durable when they return."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import Future, wait
from typing import Any, TypeVar

import structlog

from styled.errors import ControlError, NoSuchPair, NotMoved
from styled.files import durable
from styled.files.printable import escaped
from styled.inbox.claiming.second_look import dismiss_files, dismiss_rejected, put_back
from styled.inbox.intake import Inbox
from styled.inbox.names import REJECTED_FOLDER
from styled.lasting_thread import LastingThread
from styled.root import Root
from styled.store.store import Store

WAIT_S = 3.0
"""The loop waits so long for the inbox at most: a few renames take a millisecond, a dead file server for ever."""

_IN_REJECTED = f"{REJECTED_FOLDER}/"
_IN_INBOX = "inbox/"

_Result = TypeVar("_Result")


class InboxCommands:
    """Carries out users' requests about pairs.

    Args:
        root: whose inbox.
        store: gets an event for each.
        inbox: has what the last look found.
    """

    def __init__(self, root: Root, store: Store, inbox: Inbox) -> None:
        self._root = root
        self._store = store
        self._inbox = inbox
        self._thread = LastingThread("styled-inbox-commands")
        self._pending: Future[Any] | None = None
        self._log = structlog.get_logger("inbox")

    def close(self) -> None:
        """End the thread, unless a dead file server holds it."""
        self._thread.close(time.monotonic() + 1.0)

    def recheck(self, pair: str) -> Mapping[str, Any]:
        """Look at a pair again: a rejected one is moved back, an incomplete one checked now.

        Args:
            pair: the name as it is listed; ``rejected/NAME`` or ``inbox/NAME`` where there are both.

        Returns:
            ``name``, and ``to``: the paths of what was moved, relative to the inbox; empty for what was not moved.

        Raises:
            NoSuchPair: there is none of that name, or more than one.
            NotMoved: its place in the inbox is taken, or the inbox does not let it be moved.
            ControlError: the inbox does not answer.
        """
        name, paths = self._find(pair)
        moved: list[str] = []
        if paths is None:
            moved = [escaped(path) for path in self._do(lambda: put_back(self._root, name))]
            self._note("rechecked", f"{name}: back in inbox/")
        self._inbox.look_again(list(paths or ()))
        return {"name": name, "to": moved}

    def dismiss(self, pair: str, *, by: str) -> Mapping[str, Any]:
        """Move a pair that is no job out of sight, to ``inbox/dismissed/``.

        Args:
            pair: as for :meth:`recheck`.
            by: who asks, for its ``REASON.txt``.

        Returns:
            ``name``, and ``to``: its folder, relative to the root.

        Raises:
            NoSuchPair: there is none of that name, or more than one.
            NotMoved: the inbox does not let it be moved.
            ControlError: the inbox does not answer.
        """
        name, paths = self._find(pair)
        if paths is None:
            place = self._do(lambda: dismiss_rejected(self._root, name))
        else:
            # A folder first: it means all that is in it, and is removed.
            outer = sorted({path for path in paths if path.rpartition("/")[0] not in paths})
            folder_name, reason = name.rpartition("/")[2], f"dismissed by {by}"
            place = self._do(lambda: dismiss_files(self._root, folder_name, reason, outer))
        self._note("dismissed", f"{name}: moved to {escaped(place)}")
        self._inbox.look_again(())
        return {"name": name, "to": escaped(place)}

    def _find(self, pair: str) -> tuple[str, Collection[str] | None]:
        """Return the name of what is meant, and its paths in the inbox; None for what was rejected."""
        found = self._inbox.found
        name = pair.removeprefix(_IN_INBOX)
        here = [paths for each, paths in found.waiting if escaped(each) == name]
        here += [(entry.path,) for entry in found.left_alone if escaped(entry.path) == name]
        if pair.startswith(_IN_REJECTED):
            return pair.removeprefix(_IN_REJECTED), None
        is_rejected = pair == name and any(entry.name == name for entry in found.rejected)
        if is_rejected and not here:
            return name, None
        if len(here) == 1 and not is_rejected:
            return name, here[0]
        if not here:
            if pair == name and found.rejected_count > len(found.rejected):  # only the newest are listed
                return name, None
            raise NoSuchPair(f"nothing called {name[:80]!r} is incomplete, ignored or rejected")
        raise NoSuchPair(
            f"more than one thing in inbox/ is called {name[:80]!r}",
            f"Say rejected/{name[:80]} for the one that was rejected, inbox/{name[:80]} for the other.",
        )

    def _note(self, kind: str, words: str) -> None:
        self._log.info(kind, pair=words)
        self._store.note_event(kind, words)

    def _do(self, move: Callable[[], _Result]) -> _Result:
        """Do it in the thread, which a dead file server may hold, and wait for it for a moment."""
        if self._pending is not None and not self._pending.done():
            raise ControlError(_SILENT, _WHEN)
        future = self._thread.submit(move)
        self._pending = future
        wait([future], timeout=WAIT_S)
        if not future.done():
            raise ControlError(_SILENT, _WHEN)
        try:
            with durable.disk_full_at(self._root.inbox):
                return future.result()
        except OSError as error:
            raise NotMoved(
                f"it cannot be moved: {error.strerror or error}", "Check the permissions and mounts of inbox/."
            ) from error


_SILENT = f"inbox/ does not answer within {WAIT_S:g} s"
_WHEN = "Is its file server there? What was asked for is done when it answers; styled status shows it."
