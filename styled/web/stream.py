"""Server-sent events: each part of the page is sent when it has changed, to as many as watch.

One thread looks for all of them, and only while somebody watches. What it finds replaces what was there: nobody has a queue of
messages, so one that reads slowly, or not at all, gets the newest state when it is ready, and costs no memory meanwhile.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import threading
from collections.abc import AsyncIterator, Callable

LOOK_S = 1.0
"""Between two looks, where the daemon reports no change before."""

ALIVE_S = 15.0
"""After which a line is sent that means nothing: who is gone is noticed by it."""

_LOG = logging.getLogger(__name__)

Parts = dict[str, str]
"""The page's parts by their element's id, as HTML."""


class Stream:
    """What the page shows now, and who waits for it to change. Its methods are for the event loop's thread.

    Args:
        look: reads the root and returns the parts; called on a thread of its own, one call at a time.
        every_s: seconds between two looks.
        alive_s: seconds between two signs of life.
        close: called on that thread when it ends.
    """

    def __init__(
        self,
        look: Callable[[], Parts],
        *,
        every_s: float = LOOK_S,
        alive_s: float = ALIVE_S,
        close: Callable[[], None] = lambda: None,
    ) -> None:
        self._look, self._every_s, self._alive_s, self._close = look, every_s, alive_s, close
        self._watchers = 0
        self._parts: Parts = {}
        self._changed_in: dict[str, int] = {}
        """The version in which each part last changed."""
        self._version = 0
        self._news = asyncio.Condition()
        self._wake = threading.Event()
        self._thread: threading.Thread | None = None
        self._ended = False

    @property
    def watchers(self) -> int:
        """How many watch."""
        return self._watchers

    def hurry(self) -> None:
        """Look now: something has changed."""
        self._wake.set()

    async def end(self) -> None:
        """End all that :meth:`messages` yields, and the looking. What hangs on a dead disk is not waited for."""
        self._ended = True
        self._wake.set()
        async with self._news:
            self._news.notify_all()

    def join(self, seconds: float) -> None:
        """Wait for the thread that looks, at most so long; after :meth:`end`."""
        if self._thread is not None:
            self._thread.join(seconds)

    async def messages(self) -> AsyncIterator[bytes]:
        """Yield the whole state, then what has changed, until the stream ends or its reader goes away."""
        self._watchers += 1
        self._start()
        seen = 0
        try:
            yield b"retry: 1000\n\n"
            while not self._ended:
                changed = {name: self._parts[name] for name, at in self._changed_in.items() if at > seen}
                seen = self._version
                if changed:
                    data = json.dumps(changed, ensure_ascii=False, separators=(",", ":"))
                    yield f"id: {seen}\nevent: parts\ndata: {data}\n\n".encode()
                    continue  # what came while that was being sent
                if not await self._has_news(seen):
                    yield b": alive\n\n"
        finally:
            self._watchers -= 1

    async def _has_news(self, seen: int) -> bool:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._alive_s), self._news:
                await self._news.wait_for(lambda: self._ended or self._version > seen)
                return True
        return False

    def _start(self) -> None:
        self._wake.set()
        if self._thread is None:
            # A thread that the end of the process does not wait for: a look may hang on a dead network disk.
            work = (asyncio.get_running_loop(),)
            self._thread = threading.Thread(target=self._run, args=work, name="styled-web-look", daemon=True)
            self._thread.start()

    def _run(self, loop: asyncio.AbstractEventLoop) -> None:
        while True:
            self._wake.clear()
            if self._ended:  # after the clearing: what wakes it for its end must not be lost
                break
            if self._watchers:
                try:
                    parts = self._look()
                except Exception as error:  # noqa: BLE001  # the thread must not end unseen
                    # A mistake of ours is shown, and logged once; the next look may be right.
                    parts = {"state": f"unexpected {type(error).__name__}"}
                    if self._parts.get("state") != parts["state"]:
                        _LOG.exception("a look failed")
                if not self._ended:
                    with contextlib.suppress(RuntimeError):  # the loop has ended meanwhile
                        asyncio.run_coroutine_threadsafe(self._publish(parts), loop)
            self._wake.wait(self._every_s if self._watchers else None)
        self._close()

    async def _publish(self, parts: Parts) -> None:
        changed = {name for name, text in parts.items() if self._parts.get(name) != text}
        if not changed:
            return
        async with self._news:
            self._version += 1
            self._parts |= parts
            self._changed_in |= dict.fromkeys(changed, self._version)
            self._news.notify_all()
