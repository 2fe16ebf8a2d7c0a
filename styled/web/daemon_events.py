"""The daemon's own stream of events, followed so that the page changes when the queue does and not a second later."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable

import anyio.to_thread

from styled.daemon.control.protocol import MAX_LINE, VERSION, Request, encode, short_path
from styled.errors import StyledError
from styled.root import Root
from styled.store.reader import StoreReader

AGAIN_S = 1.0
"""Between two tries to reach a daemon that does not run."""


async def follow_events(root: Root, on_change: Callable[[], None], *, again_s: float = AGAIN_S) -> None:
    """Call ``on_change`` at each event of the root's daemon, and when it comes or goes, until cancelled.

    What an event holds is not looked at: the store is the truth, and is read by who is called.

    Args:
        root: whose daemon.
        on_change: called on the event loop.
        again_s: seconds between two tries to reach it.
    """
    while True:
        with contextlib.suppress(OSError, ValueError, StyledError):
            # None there, ended, a line of no end, a store that cannot be read (which the page shows): it is tried again.
            with short_path(root.socket) as address:
                reader, writer = await asyncio.open_unix_connection(address, limit=MAX_LINE)
            try:
                since = await anyio.to_thread.run_sync(_last_event, root, abandon_on_cancel=True)
                writer.write(encode(Request(v=VERSION, id=1, op="subscribe", args={"since": since})))
                while await reader.readline():
                    on_change()
            finally:
                writer.close()
                on_change()
        await asyncio.sleep(again_s)


def _last_event(root: Root) -> int:
    with StoreReader.open(root) as reader:
        return reader.last_event()
